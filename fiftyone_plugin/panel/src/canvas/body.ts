// The drawing of the body from the front and from the back, with the place on the surface of each of its pixels.

import { CHART_TO_PART, MASK_BIT } from "../state/labels";
import type { OverlaySettings } from "../state/overlay";
import { type Layers, type SurfacePoint, unpack } from "../state/people";
import type { Session } from "../state/session";
import { drawContours, fill, packed } from "./colours";

export interface Body {
    /** Of both views, side by side. */
    layers: Layers;
    width: number;
    height: number;
}

const NO_FILL = "#5f676e";
/** Pixels of the drawing, which is shown smaller than it is, from one stripe of the back to the next. */
const STRIPES = 16;

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
    const [charts, u, v] = planes;
    const parts = charts.map((chart) => (chart ? CHART_TO_PART[chart] + MASK_BIT : 0));
    return { layers: { parts, charts, u, v }, width, height };
}

/** The drawing in the colours that an overlay has on the photo; `own` is the selected person's colour. */
export function paintBody({ layers, width, height }: Body, { fill: kind, contours }: OverlaySettings, own: string): OffscreenCanvas {
    const picture = new OffscreenCanvas(width, height);
    const context = picture.getContext("2d")!;
    const image = context.createImageData(width, height);
    const out = new Uint32Array(image.data.buffer);
    const from = Uint32Array.from({ length: out.length }, (_, i) => i);
    // Without an overlay there are still places to point at.
    if (kind === "none") fill(out, from, width, layers, packed(NO_FILL), "mask");
    else fill(out, from, width, layers, packed(own), kind, STRIPES);
    if (contours) drawContours(out, from, width, layers);
    context.putImageData(image, 0, 0);
    return picture;
}

/** The pixel of the drawing nearest to a place on a chart. */
export function findPixel({ layers: { charts, u, v }, width }: Body, place: SurfacePoint): [number, number] | null {
    let [nearest, least] = [-1, Infinity];
    for (let i = 0; i < charts.length; i++) {
        if (charts[i] !== place.chart) continue;
        const away = (u[i] / 255 - place.u) ** 2 + (v[i] / 255 - place.v) ** 2;
        if (away < least) [nearest, least] = [i, away];
    }
    return nearest < 0 ? null : [nearest % width, Math.floor(nearest / width)];
}

/** The place on the body at a pixel of the drawing. */
export function placeAt({ layers: { charts, u, v }, width }: Body, column: number, row: number): SurfacePoint | null {
    const i = row * width + column;
    return charts[i] ? { chart: charts[i], u: u[i] / 255, v: v[i] / 255 } : null;
}
