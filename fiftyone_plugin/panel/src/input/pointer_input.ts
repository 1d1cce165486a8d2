// What pointer, wheel and space bar do on the canvas: move and zoom the photo, or use the tool.

import type { Painter } from "../canvas/painter";
import type { Viewport } from "../canvas/viewport";
import type { Session } from "../state/session";
import { type Pointer, selectAt } from "../tools/tool";
import { TOOLS } from "../tools/tools";

const ZOOM_SPEED = 0.0015;
const BRUSH_SPEED = 0.002;
/** Screen pixels that a hand moves the pointer in a click. */
const CLICK_DISTANCE = 3;

export class PointerInput {
    private panning = false;
    private space = false;
    /** Whether the tool is being used. */
    private usesTool = false;
    /** The pointer that is down: what another finger does meanwhile does not count. */
    private active: number | null = null;
    private last = { x: 0, y: 0 };
    private start = this.last;
    private still = true;
    /** Removes all listeners. */
    private readonly listeners = new AbortController();

    constructor(
        private readonly element: HTMLCanvasElement,
        private readonly session: Session,
        private readonly viewport: Viewport,
        private readonly painter: Painter,
    ) {
        const { signal } = this.listeners;
        element.addEventListener("pointerdown", (event) => this.onDown(event), { signal });
        element.addEventListener("pointermove", (event) => this.onMove(event), { signal });
        element.addEventListener("pointerup", (event) => this.onUp(event), { signal });
        element.addEventListener("pointercancel", (event) => this.onUp(event), { signal });
        element.addEventListener("pointerleave", () => this.onLeave(), { signal });
        element.addEventListener("dblclick", () => this.onDouble(), { signal });
        element.addEventListener("contextmenu", (event) => TOOLS[session.tool].usesRightButton && event.preventDefault(), { signal });
        element.addEventListener("wheel", (event) => this.onWheel(event), { signal, passive: false });
        for (const type of ["keydown", "keyup"] as const) {
            window.addEventListener(type, (event) => this.onSpace(event), { signal, capture: true });
        }
        // Its keyup goes to another window.
        window.addEventListener("blur", () => this.setSpace(false), { signal });
    }

    close() {
        this.session.drawing.abandon();
        this.listeners.abort();
    }

    private pointer(event: MouseEvent): Pointer {
        const bounds = this.element.getBoundingClientRect();
        const at = this.viewport.toImage(event.clientX - bounds.left, event.clientY - bounds.top);
        return { at, pixel: 1 / this.viewport.scale, alt: event.altKey || event.button === 2, still: this.still };
    }

    private isOther({ pointerId }: PointerEvent): boolean {
        return this.active !== null && this.active !== pointerId;
    }

    private onDown(event: PointerEvent) {
        const { session } = this;
        const isRight = event.button === 2 && TOOLS[session.tool].usesRightButton;
        if (this.isOther(event) || (event.button > 1 && !isRight)) return;
        this.active = event.pointerId;
        this.start = this.last = { x: event.clientX, y: event.clientY };
        this.still = true;
        this.element.setPointerCapture(event.pointerId);
        const here = this.pointer(event);
        this.panning = event.button === 1 || this.space;
        if (this.panning) event.preventDefault();
        else if (event.ctrlKey || event.metaKey) selectAt(session, here.at);
        else {
            this.usesTool = true;
            TOOLS[session.tool].down?.(session, here);
            // What the select tool did not catch moves the photo.
            this.panning = session.tool === "select";
        }
        this.settle();
    }

    private onMove(event: PointerEvent) {
        const { session, last } = this;
        if (this.isOther(event)) return;
        this.still &&= Math.hypot(event.clientX - this.start.x, event.clientY - this.start.y) < CLICK_DISTANCE;
        const here = this.pointer(event);
        session.drawing.pointer = here.at;
        // Not movementX, which some browsers count in pixels of the screen.
        if (this.panning) this.viewport.pan(event.clientX - last.x, event.clientY - last.y);
        else if (this.usesTool) {
            const { drag } = TOOLS[session.tool];
            // Between two frames the pointer may have moved through several points.
            for (const passed of event.getCoalescedEvents?.() ?? []) drag?.(session, this.pointer(passed));
            drag?.(session, here);
        } else session.hoverPhoto(...here.at);
        this.last = { x: event.clientX, y: event.clientY };
        this.painter.redraw();
    }

    private onUp(event: PointerEvent) {
        const { session } = this;
        if (this.isOther(event)) return;
        const ends = this.usesTool && !(this.panning && session.tool !== "select");
        this.usesTool = this.panning = false;
        this.active = null;
        if (event.type === "pointercancel") session.drawing.abandon();
        else if (ends) TOOLS[session.tool].up?.(session, this.pointer(event));
        this.settle();
    }

    /** After a click: there may be something to undo now. */
    private settle() {
        this.painter.keepViewport();
        this.painter.isPanning = this.panning || this.space;
        this.session.notify();
    }

    private onLeave() {
        this.session.drawing.pointer = null;
        this.session.hoverPhoto(NaN, NaN);
        this.painter.redraw();
    }

    private onDouble() {
        TOOLS[this.session.tool].finish?.(this.session, 1 / this.viewport.scale);
        this.session.notify();
    }

    private onWheel(event: WheelEvent) {
        const { session, viewport } = this;
        event.preventDefault();
        const bounds = this.element.getBoundingClientRect();
        // Two fingers on a trackpad come as Ctrl + wheel, too.
        if (event.ctrlKey && session.tool === "brush") {
            session.setRadius(session.radius * Math.exp(-event.deltaY * BRUSH_SPEED));
        } else if (event.shiftKey) viewport.pan(-event.deltaX || -event.deltaY, event.deltaX ? -event.deltaY : 0);
        else {
            const scale = viewport.scale * Math.exp(-event.deltaY * ZOOM_SPEED);
            viewport.zoomTo(scale, event.clientX - bounds.left, event.clientY - bounds.top);
        }
        this.painter.redraw();
        if (session.wrongPixel) session.notify(); // the drawing of the body makes way
    }

    private onSpace(event: KeyboardEvent) {
        if (event.code !== "Space") return;
        if (event.type === "keyup") this.setSpace(false);
        const { activeElement } = document;
        const isOurs = this.element.closest(".dp-review")!.contains(activeElement);
        // A slider that was dragged has the focus, but no use for a space.
        if (!isOurs || activeElement!.matches("input:not([type=range]), textarea, select, button")) return;
        this.setSpace(event.type === "keydown");
        event.preventDefault();
        event.stopPropagation();
    }

    private setSpace(space: boolean) {
        this.space = space;
        this.painter.isPanning = this.panning || space;
        this.painter.redraw();
    }
}
