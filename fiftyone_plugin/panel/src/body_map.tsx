// The body from the front and from the back: where on it a pixel lies, and where it should lie.

import { CHART_COLOURS, CHART_TO_PART, CHARTS, rgb } from "./labels";
import { type SurfaceSpot, unpack } from "./people";
import { putAt, swap } from "./person_edits";
import type { Session } from "./session";
import type { Viewport } from "./viewport";

interface Body {
    /** chart, U and V of both views, side by side. */
    planes: Uint8Array[];
    width: number;
    height: number;
    picture: OffscreenCanvas;
}

async function loadBody(session: Session): Promise<Body> {
    const { views, count, height, width } = session.setup!.body;
    const bytes = await unpack(views);
    const across = count * width;
    const planes = [0, 1, 2].map(() => new Uint8Array(across * height));
    for (let view = 0; view < count; view++) {
        planes.forEach((plane, layer) => {
            for (let row = 0; row < height; row++) {
                const from = ((view * 3 + layer) * height + row) * width;
                plane.set(bytes.subarray(from, from + width), row * across + view * width);
            }
        });
    }
    const picture = new OffscreenCanvas(across, height);
    const context = picture.getContext("2d")!;
    const image = context.createImageData(across, height);
    planes[0].forEach((chart, i) => {
        if (!chart) return;
        const square = ((planes[1][i] >> 5) + (planes[2][i] >> 5)) & 1 ? 0.72 : 1;
        image.data.set([...rgb(CHART_COLOURS[chart]).map((value) => value * square), 255], 4 * i);
    });
    context.putImageData(image, 0, 0);
    return { planes, width: across, height, picture };
}

/** The pixel of the drawing nearest to a place on a chart. */
function find(body: Body, spot: SurfaceSpot): [number, number] | null {
    const [charts, u, v] = body.planes;
    let [best, least] = [-1, Infinity];
    for (let i = 0; i < charts.length; i++) {
        if (charts[i] !== spot.chart) continue;
        const away = (u[i] / 255 - spot.u) ** 2 + (v[i] / 255 - spot.v) ** 2;
        if (away < least) [best, least] = [i, away];
    }
    return best < 0 ? null : [best % body.width, Math.floor(best / body.width)];
}

/** The corner that is farthest from the pixel in question, which must stay in sight. */
function cornerFor(wrong: [number, number], view: Viewport) {
    const [x, y] = view.toScreen(wrong);
    return { [x > view.width / 2 ? "left" : "right"]: 8, [y > view.height / 2 ? "top" : "bottom"]: 8 };
}

export function BodyMap({ session, view }: { session: Session; view: Viewport }) {
    const canvas = React.useRef<HTMLCanvasElement>(null);
    const [body, setBody] = React.useState<Body | null>(null);
    const [, moved] = React.useReducer((count: number) => count + 1, 0);
    React.useEffect(() => session.subscribeToSpots(moved), [session]);
    React.useEffect(() => {
        const failed = (error: Error) => session.set({ message: `The drawing of the body cannot be read: ${error.message}` });
        loadBody(session).then(setBody, failed);
    }, [session]);

    React.useEffect(() => {
        if (!body) return;
        const context = canvas.current!.getContext("2d")!;
        context.clearRect(0, 0, body.width, body.height);
        context.drawImage(body.picture, 0, 0);
        const spot = session.spot ?? session.bodySpot;
        const at = spot && find(body, spot);
        if (!at) return;
        for (const [width, colour] of [[5, "#000"], [2, "#ffea00"]] as const) {
            context.lineWidth = width;
            context.strokeStyle = colour;
            context.beginPath();
            context.arc(at[0] + 0.5, at[1] + 0.5, 9, 0, 7);
            context.stroke();
        }
    }, [body, session.spot, session.bodySpot]);

    const spotAt = (event: React.MouseEvent): SurfaceSpot | null => {
        if (!body) return null;
        const bounds = canvas.current!.getBoundingClientRect();
        const column = Math.floor(((event.clientX - bounds.left) / bounds.width) * body.width);
        const row = Math.floor(((event.clientY - bounds.top) / bounds.height) * body.height);
        const i = row * body.width + column;
        const chart = body.planes[0][i];
        return chart ? { chart, u: body.planes[1][i] / 255, v: body.planes[2][i] / 255 } : null;
    };
    const spot = session.spot ?? session.bodySpot;
    return (
        <div className="dp-body">
            <div className="dp-drawing">
                <canvas
                    ref={canvas}
                    data-testid="dp-body"
                    width={body?.width ?? 1}
                    height={body?.height ?? 1}
                    className={session.wrong ? "dp-asked" : ""}
                    style={session.wrong ? cornerFor(session.wrong, view) : {}}
                    onMouseMove={(event) => session.setSpots({ bodySpot: spotAt(event) })}
                    onMouseLeave={() => session.setSpots({ bodySpot: null })}
                    onClick={(event) => {
                        const place = spotAt(event);
                        if (!place) return;
                        if (session.wrong) putAt(session, place);
                        else session.set({ part: CHART_TO_PART[place.chart], layer: "part" });
                    }}
                />
            </div>
            <span className="dp-dim">
                {spot ? `${CHARTS[spot.chart]}, U ${spot.u.toFixed(2)}, V ${spot.v.toFixed(2)}` : "front and back"}
            </span>
            <div className="dp-row">
                <button className="dp-button" onClick={() => swap(session, ["swap_sides"])} title="Shift+S">
                    Left ↔ right
                </button>
                <button className="dp-button" onClick={() => swap(session, ["swap_depth"])} title="Shift+F">
                    Front ↔ back
                </button>
                <button className="dp-button" onClick={() => swap(session, ["swap_sides", "swap_depth"])} title="Shift+T">
                    Turn round
                </button>
            </div>
            <div className="dp-row">
                <button className="dp-button" onClick={() => swap(session, ["swap_sides"], true)} title="Shift+L">
                    L ↔ R of the part
                </button>
                <button className="dp-button" onClick={() => swap(session, ["swap_depth"], true)} title="Shift+B">
                    F ↔ B of the part
                </button>
            </div>
        </div>
    );
}
