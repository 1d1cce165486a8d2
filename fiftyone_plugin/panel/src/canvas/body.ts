// The drawing of the body from the front and from the back, with the place on the surface of each of its pixels.

import { unpack, type SurfacePoint } from "../state/people";
import { CHART_COLOURS, rgb } from "../state/labels";
import type { Session } from "../state/session";

export interface Body {
    /** Chart, U and V of both views, side by side. */
    planes: Uint8Array[];
    width: number;
    height: number;
    picture: OffscreenCanvas;
}

export async function loadBody(session: Session): Promise<Body> {
    const { views, count, height, width: viewWidth } = session.setup!.body;
    const bytes = await unpack(views);
    const width = count * viewWidth;
    const planes = [0, 1, 2].map(() => new Uint8Array(width * height));
    for (let view = 0; view < count; view++) {
        planes.forEach((plane, layer) => {
            for (let row = 0; row < height; row++) {
                const from = ((view * 3 + layer) * height + row) * viewWidth;
                plane.set(bytes.subarray(from, from + viewWidth), row * width + view * viewWidth);
            }
        });
    }
    return { planes, width, height, picture: drawBody(planes, width, height) };
}

/** Charts in their colours, with a chequered pattern along U and V. */
function drawBody([charts, u, v]: Uint8Array[], width: number, height: number): OffscreenCanvas {
    const picture = new OffscreenCanvas(width, height);
    const context = picture.getContext("2d")!;
    const image = context.createImageData(width, height);
    charts.forEach((chart, i) => {
        if (!chart) return;
        const brightness = ((u[i] >> 5) + (v[i] >> 5)) & 1 ? 0.72 : 1;
        image.data.set([...rgb(CHART_COLOURS[chart]).map((value) => value * brightness), 255], 4 * i);
    });
    context.putImageData(image, 0, 0);
    return picture;
}

/** The pixel of the drawing nearest to a place on a chart. */
export function findPixel({ planes: [charts, u, v], width }: Body, place: SurfacePoint): [number, number] | null {
    let [nearest, least] = [-1, Infinity];
    for (let i = 0; i < charts.length; i++) {
        if (charts[i] !== place.chart) continue;
        const away = (u[i] / 255 - place.u) ** 2 + (v[i] / 255 - place.v) ** 2;
        if (away < least) [nearest, least] = [i, away];
    }
    return nearest < 0 ? null : [nearest % width, Math.floor(nearest / width)];
}

/** The place on the body at a pixel of the drawing. */
export function placeAt({ planes: [charts, u, v], width }: Body, column: number, row: number): SurfacePoint | null {
    const i = row * width + column;
    return charts[i] ? { chart: charts[i], u: u[i] / 255, v: v[i] / 255 } : null;
}
