// The body from the front and from the back: where on it a pixel lies, and where it should lie.

import { type Body, findPixel, loadBody, paintBody, placeAt } from "../canvas/body";
import type { Viewport } from "../canvas/viewport";
import { withKeys } from "../input/keymap";
import { CHART_TO_PART, CHARTS, PART_COLOURS, PARTS, personColour } from "../state/labels";
import type { SurfacePoint } from "../state/people";
import type { Session } from "../state/session";
import { correctSurface, swap } from "../tools/person_edits";
import { Legend } from "./legend";
import { useRoom } from "./use_room";

/** Width to height, and the largest width on the screen: that of the drawing's pixels. */
const SHAPE = { aspect: 732 / 480, most: 732 };

export function BodyMap({ session, viewport }: { session: Session; viewport: Viewport }) {
    const canvas = React.useRef<HTMLCanvasElement>(null);
    const drawing = React.useRef<HTMLDivElement>(null);
    const [body, setBody] = React.useState<Body | null>(null);
    const [, rerender] = React.useReducer((count: number) => count + 1, 0);
    React.useEffect(() => session.subscribeToHover(rerender), [session]);
    React.useEffect(() => {
        const onError = (error: Error) => session.set({ message: `The drawing of the body cannot be read: ${error.message}` });
        loadBody(session).then(setBody, onError);
    }, [session]);

    const isAsked = session.wrongPixel !== null;
    const { fill, contours } = session.overlay;
    const own = personColour(session.person ? session.indexOf(session.person) : 0);
    const picture = React.useMemo(
        // Lines help to find a place.
        () => body && paintBody(body, { fill, contours: contours || isAsked }, own),
        [body, fill, contours, isAsked, own],
    );
    const hovered = session.photoHover ?? session.bodyHover;
    useRoom(session, viewport, drawing, SHAPE);
    React.useEffect(() => {
        if (!body || !picture) return;
        const context = canvas.current!.getContext("2d")!;
        context.clearRect(0, 0, body.width, body.height);
        context.drawImage(picture, 0, 0);
        const pixel = hovered && findPixel(body, hovered);
        if (!pixel) return;
        for (const [width, colour] of [[5, "#000"], [2, "#ffea00"]] as const) {
            context.lineWidth = width;
            context.strokeStyle = colour;
            context.beginPath();
            context.arc(pixel[0] + 0.5, pixel[1] + 0.5, 9, 0, 7);
            context.stroke();
        }
    }, [body, picture, hovered]);

    const placeUnder = (event: React.MouseEvent): SurfacePoint | null => {
        if (!body) return null;
        const bounds = canvas.current!.getBoundingClientRect();
        const column = Math.floor(((event.clientX - bounds.left) / bounds.width) * body.width);
        const row = Math.floor(((event.clientY - bounds.top) / bounds.height) * body.height);
        return placeAt(body, column, row);
    };
    return (
        <div className="dp-body">
            <div className="dp-drawing-place">
                <div ref={drawing} className={`dp-drawing ${isAsked ? "dp-asked" : ""}`}>
                    <canvas
                        ref={canvas}
                        data-testid="dp-body"
                        width={body?.width ?? 1}
                        height={body?.height ?? 1}
                        onMouseMove={(event) => session.setHover({ bodyHover: placeUnder(event) })}
                        onMouseLeave={() => session.setHover({ bodyHover: null })}
                        onClick={(event) => {
                            const place = placeUnder(event);
                            if (!place) return;
                            if (isAsked) correctSurface(session, place);
                            else session.set({ part: CHART_TO_PART[place.chart], layer: "part" });
                        }}
                    />
                    {["front", "back"].map((view, i) => (
                        <span key={view} className="dp-view" style={{ left: `${50 * i}%` }}>
                            <strong>{view}</strong>
                            <span>{i ? "left" : "right"}</span>
                            <span>{i ? "right" : "left"}</span>
                        </span>
                    ))}
                    <span className="dp-place" data-testid="dp-place">
                        {!hovered && isAsked && "Click where the pixel belongs; Esc cancels."}
                        {hovered && `${CHARTS[hovered.chart]}, U ${hovered.u.toFixed(2)}, V ${hovered.v.toFixed(2)}`}
                    </span>
                </div>
            </div>
            <Legend session={session} />
            <div className="dp-row">
                <button className="dp-button" disabled={!session.person} onClick={() => swap(session, ["swap_sides"])} title={withKeys("{Shift+S}")}>
                    Left ↔ right
                </button>
                <button className="dp-button" disabled={!session.person} onClick={() => swap(session, ["swap_depth"])} title={withKeys("{Shift+F}")}>
                    Front ↔ back
                </button>
                <button className="dp-button" disabled={!session.person} onClick={() => swap(session, ["swap_sides", "swap_depth"])} title={withKeys("{Shift+T}")}>
                    Turn round
                </button>
            </div>
            <div className="dp-row">
                <span className="dp-dim dp-part" title="Click another one on the drawing">
                    <span className="dp-dot" style={{ background: PART_COLOURS[session.part] }} /> only {PARTS[session.part]}:
                </span>
                <button className="dp-button" disabled={!session.person} onClick={() => swap(session, ["swap_sides"], true)} title={withKeys("Left and right of that part only ({Shift+L})")}>
                    L ↔ R
                </button>
                <button className="dp-button" disabled={!session.person} onClick={() => swap(session, ["swap_depth"], true)} title={withKeys("Front and back of that part only ({Shift+B})")}>
                    F ↔ B
                </button>
            </div>
        </div>
    );
}
