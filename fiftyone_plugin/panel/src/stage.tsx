// The canvas: photo and labels, pointer and wheel.

import { drawFrame } from "./draw";
import type { Image } from "./loader";
import type { Session } from "./session";
import { abandon, ACTIONS, pointerMoved, selectAt } from "./tools";
import type { Viewport } from "./viewport";

const ZOOM_SPEED = 0.0015;
const BRUSH_SPEED = 0.002;
/** Screen pixels that a hand moves the pointer in a click. */
const STILL = 3;

export function Stage({ session, view }: { session: Session; view: Viewport }) {
    const canvas = React.useRef<HTMLCanvasElement>(null);
    const drawn = React.useRef<Image | null>(null);

    React.useEffect(() => {
        const element = canvas.current!;
        const context = element.getContext("2d", { alpha: false })!;
        let waiting = 0;
        let panning = false;
        let space = false;
        let down = false;
        let worst = 0;
        /** The pointer that is down: what another finger does meanwhile does not count. */
        let active: number | null = null;
        let last = { x: 0, y: 0 };
        let begun = last;
        let still = true;
        /** Who was selected when the view was last looked at. */
        let followed: string | null = null;

        const frame = () => {
            waiting = 0;
            const begun = performance.now();
            const { image } = session;
            const isNew = image !== null && drawn.current !== image;
            if (isNew) {
                drawn.current = image;
                view.image = image.size;
                view.fit();
            }
            if (view.follows && session.person && (isNew || session.selected !== followed)) view.fit(session.person.box);
            followed = session.selected;
            drawFrame(context, session, view);
            if (isNew && image) element.dataset.openMs = (performance.now() - session.asked).toFixed(0);
            if (session.tiles.isBehind) redraw();
            worst = isNew ? 0 : Math.max(worst, performance.now() - begun);
            element.dataset.frameMs = worst.toFixed(1);
            element.dataset.sample = image?.sample ?? "";
            element.dataset.view = [view.x, view.y, view.scale].map((value) => value.toFixed(4)).join(" ");
            element.style.cursor = panning || space ? "grab" : ACTIONS[session.tool].cursor;
        };
        const redraw = () => {
            waiting ||= requestAnimationFrame(frame);
        };
        const resize = () => {
            const { width, height } = element.getBoundingClientRect();
            view.width = width;
            view.height = height;
            element.width = Math.round(width * devicePixelRatio);
            element.height = Math.round(height * devicePixelRatio);
            if (view.isWhole) view.fit();
            frame();
        };
        const observer = new ResizeObserver(resize);
        observer.observe(element);
        /** Tells when the window moves to a screen of another density, which changes no size. */
        let density: MediaQueryList;
        const watchDensity = () => {
            density = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
            density.addEventListener("change", onDensity);
        };
        const onDensity = () => {
            density.removeEventListener("change", onDensity);
            watchDensity();
            resize();
        };
        watchDensity();
        const leave = [session.subscribe(redraw), session.subscribeToSpots(redraw)];

        const pointer = (event: MouseEvent) => {
            const bounds = element.getBoundingClientRect();
            const at = view.toImage(event.clientX - bounds.left, event.clientY - bounds.top);
            return { at, pixel: 1 / view.scale, alt: event.altKey, still };
        };
        const isOther = (event: PointerEvent) => active !== null && active !== event.pointerId;
        const onDown = (event: PointerEvent) => {
            if (isOther(event) || event.button > 1) return;
            active = event.pointerId;
            begun = last = { x: event.clientX, y: event.clientY };
            still = true;
            element.setPointerCapture(event.pointerId);
            const here = pointer(event);
            panning = event.button === 1 || space;
            if (panning) event.preventDefault();
            else if (event.ctrlKey || event.metaKey) selectAt(session, here.at);
            else {
                down = true;
                ACTIONS[session.tool].down?.(session, here);
                // What the select tool did not catch moves the photo.
                panning = session.tool === "select";
            }
            // Who is clicked is where the hand is: the view stays.
            followed = session.selected;
            session.notify(); // there may be something to undo now
        };
        const onMove = (event: PointerEvent) => {
            if (isOther(event)) return;
            still &&= Math.hypot(event.clientX - begun.x, event.clientY - begun.y) < STILL;
            const here = pointer(event);
            pointerMoved(here.at);
            // Not movementX, which some browsers count in pixels of the screen.
            if (panning) view.pan(event.clientX - last.x, event.clientY - last.y);
            else if (down) {
                const { drag } = ACTIONS[session.tool];
                // Between two frames the pointer may have moved through several points.
                for (const passed of event.getCoalescedEvents?.() ?? []) drag?.(session, pointer(passed));
                drag?.(session, here);
            } else session.hover(...here.at);
            last = { x: event.clientX, y: event.clientY };
            redraw();
        };
        const onUp = (event: PointerEvent) => {
            if (isOther(event)) return;
            const ends = down && !(panning && session.tool !== "select");
            down = panning = false;
            active = null;
            if (event.type === "pointercancel") abandon();
            else if (ends) ACTIONS[session.tool].up?.(session, pointer(event));
            followed = session.selected;
            session.notify();
        };
        const onLeave = () => {
            pointerMoved(null);
            session.hover(NaN, NaN);
            redraw();
        };
        const onWheel = (event: WheelEvent) => {
            event.preventDefault();
            const bounds = element.getBoundingClientRect();
            // Two fingers on a trackpad come as Ctrl + wheel, too.
            if (event.ctrlKey && session.tool === "brush") {
                session.setRadius(session.radius * Math.exp(-event.deltaY * BRUSH_SPEED));
            } else if (event.shiftKey) view.pan(-event.deltaX || -event.deltaY, event.deltaX ? -event.deltaY : 0);
            else {
                const scale = view.scale * Math.exp(-event.deltaY * ZOOM_SPEED);
                view.zoomTo(scale, event.clientX - bounds.left, event.clientY - bounds.top);
            }
            redraw();
        };
        const onSpace = (event: KeyboardEvent) => {
            if (event.code !== "Space") return;
            if (event.type === "keyup") space = false;
            const { activeElement } = document;
            const isOurs = element.closest(".dp-review")!.contains(activeElement);
            // A slider that was dragged has the focus, but no use for a space.
            if (!isOurs || activeElement!.matches("input:not([type=range]), textarea, select, button")) return;
            space = event.type === "keydown";
            event.preventDefault();
            event.stopPropagation();
            redraw();
        };
        const onBlur = () => {
            space = false; // its keyup goes to another window
        };
        const onDouble = () => {
            ACTIONS[session.tool].finish?.(session, 1 / view.scale);
            session.notify();
        };
        element.addEventListener("pointerdown", onDown);
        element.addEventListener("pointermove", onMove);
        element.addEventListener("pointerup", onUp);
        element.addEventListener("pointercancel", onUp);
        element.addEventListener("pointerleave", onLeave);
        element.addEventListener("dblclick", onDouble);
        element.addEventListener("wheel", onWheel, { passive: false });
        window.addEventListener("keydown", onSpace, true);
        window.addEventListener("keyup", onSpace, true);
        window.addEventListener("blur", onBlur);
        return () => {
            abandon();
            for (const unsubscribe of leave) unsubscribe();
            observer.disconnect();
            density.removeEventListener("change", onDensity);
            cancelAnimationFrame(waiting);
            window.removeEventListener("keydown", onSpace, true);
            window.removeEventListener("keyup", onSpace, true);
            window.removeEventListener("blur", onBlur);
        };
    }, [session, view]);

    return <canvas ref={canvas} className="dp-canvas" data-testid="dp-canvas" />;
}
