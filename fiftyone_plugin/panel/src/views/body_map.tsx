// The body from the front and from the back: where on it a pixel lies, and where it should lie.

import { type Body, findPixel, loadBody, placeAt } from "../canvas/body";
import type { Viewport } from "../canvas/viewport";
import { CHART_TO_PART, CHARTS } from "../state/labels";
import type { SurfacePoint } from "../state/people";
import type { Session } from "../state/session";
import { correctSurface, swap } from "../tools/person_edits";

/** The corner that is farthest from the pixel in question, which must stay in sight. */
function cornerAwayFrom(pixel: [number, number], viewport: Viewport) {
    const [x, y] = viewport.toScreen(pixel);
    return { [x > viewport.width / 2 ? "left" : "right"]: 8, [y > viewport.height / 2 ? "top" : "bottom"]: 8 };
}

export function BodyMap({ session, viewport }: { session: Session; viewport: Viewport }) {
    const canvas = React.useRef<HTMLCanvasElement>(null);
    const [body, setBody] = React.useState<Body | null>(null);
    const [, rerender] = React.useReducer((count: number) => count + 1, 0);
    React.useEffect(() => session.subscribeToHover(rerender), [session]);
    React.useEffect(() => {
        const onError = (error: Error) => session.set({ message: `The drawing of the body cannot be read: ${error.message}` });
        loadBody(session).then(setBody, onError);
    }, [session]);

    const hovered = session.photoHover ?? session.bodyHover;
    React.useEffect(() => {
        if (!body) return;
        const context = canvas.current!.getContext("2d")!;
        context.clearRect(0, 0, body.width, body.height);
        context.drawImage(body.picture, 0, 0);
        const pixel = hovered && findPixel(body, hovered);
        if (!pixel) return;
        for (const [width, colour] of [[5, "#000"], [2, "#ffea00"]] as const) {
            context.lineWidth = width;
            context.strokeStyle = colour;
            context.beginPath();
            context.arc(pixel[0] + 0.5, pixel[1] + 0.5, 9, 0, 7);
            context.stroke();
        }
    }, [body, hovered]);

    const placeUnder = (event: React.MouseEvent): SurfacePoint | null => {
        if (!body) return null;
        const bounds = canvas.current!.getBoundingClientRect();
        const column = Math.floor(((event.clientX - bounds.left) / bounds.width) * body.width);
        const row = Math.floor(((event.clientY - bounds.top) / bounds.height) * body.height);
        return placeAt(body, column, row);
    };
    return (
        <div className="dp-body">
            <div className="dp-drawing">
                <canvas
                    ref={canvas}
                    data-testid="dp-body"
                    width={body?.width ?? 1}
                    height={body?.height ?? 1}
                    className={session.wrongPixel ? "dp-asked" : ""}
                    style={session.wrongPixel ? cornerAwayFrom(session.wrongPixel, viewport) : {}}
                    onMouseMove={(event) => session.setHover({ bodyHover: placeUnder(event) })}
                    onMouseLeave={() => session.setHover({ bodyHover: null })}
                    onClick={(event) => {
                        const place = placeUnder(event);
                        if (!place) return;
                        if (session.wrongPixel) correctSurface(session, place);
                        else session.set({ part: CHART_TO_PART[place.chart], layer: "part" });
                    }}
                />
            </div>
            <span className="dp-dim">
                {hovered
                    ? `${CHARTS[hovered.chart]}, U ${hovered.u.toFixed(2)}, V ${hovered.v.toFixed(2)}`
                    : "front and back"}
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
