// Makes room for the large drawing of the body beside the person in question.

import type { Box } from "../api/types";
import type { Viewport } from "../canvas/viewport";
import type { Session } from "../state/session";
import { divide, onCanvas, type Place, placeBeside, type Rectangle, type Shape } from "./placement";

interface View {
    x: number;
    y: number;
    scale: number;
    fitted: Box | null;
}

const viewOf = ({ x, y, scale, fitted }: Viewport): View => ({ x, y, scale, fitted });
const isSame = (a: object | null, b: object | null) => JSON.stringify(a) === JSON.stringify(b);

function move({ style }: HTMLElement, place: Place | null) {
    for (const side of ["left", "top", "width"] as const) style[side] = place ? `${place[side]}px` : "";
}

/**
 * Puts the drawing, a div of this shape, over the columns while a pixel waits for its place on the body. If the person
 * leaves too little room the photo is moved, and goes back afterwards, unless the user has moved it, too.
 */
export function useRoom(session: Session, viewport: Viewport, drawing: React.RefObject<HTMLDivElement | null>, shape: Shape) {
    const [, rerender] = React.useReducer((count: number) => count + 1, 0);
    const moved = React.useRef<{ from: View; to: View; place: Place } | null>(null);
    const isAsked = session.wrongPixel !== null;

    React.useEffect(() => {
        if (!isAsked) return;
        const observer = new ResizeObserver(rerender);
        observer.observe(drawing.current!.closest(".dp-columns")!);
        return () => observer.disconnect();
    }, [isAsked, drawing]);

    React.useLayoutEffect(() => {
        const { person } = session;
        const last = moved.current;
        if (!isAsked || !person) {
            moved.current = null;
            move(drawing.current!, null);
            if (last && isSame(viewOf(viewport), last.to)) {
                Object.assign(viewport, last.from);
                if (viewport.fitted) viewport.fit(viewport.fitted); // the panel may have another size by now
                session.notify();
            }
            return;
        }
        const columns = drawing.current!.closest(".dp-columns")!;
        const { left, top, width, height } = columns.getBoundingClientRect();
        const bounds = columns.querySelector(".dp-canvas")!.getBoundingClientRect();
        const canvas = { left: bounds.left - left, top: bounds.top - top, right: bounds.right - left, bottom: bounds.bottom - top };
        const box = onCanvas(person.box, viewport);
        const seen: Rectangle = {
            left: Math.max(canvas.left + box.left, canvas.left),
            top: Math.max(canvas.top + box.top, canvas.top),
            right: Math.min(canvas.left + box.right, canvas.right),
            bottom: Math.min(canvas.top + box.bottom, canvas.bottom),
        };
        let place = placeBeside(seen, width, height, shape);
        if (!place && last && isSame(viewOf(viewport), last.to)) place = last.place;
        if (!place) {
            const division = divide(canvas, width, height, [person.box[2], person.box[3]], shape);
            const { rest } = division;
            const from = last?.from ?? viewOf(viewport);
            viewport.fitInto(person.box, rest.left - canvas.left, rest.top - canvas.top, rest.right - rest.left, rest.bottom - rest.top);
            place = division.place;
            moved.current = { from, to: viewOf(viewport), place };
            session.notify();
        }
        move(drawing.current!, place);
    });
}
