// When the canvas is drawn, and at which size. The element says what was drawn last, for whoever measures.

import { drawFrame } from "./draw";
import type { Image } from "./loader";
import type { Session } from "./session";
import { ACTIONS } from "./tools";
import type { Viewport } from "./viewport";

export class Painter {
    /** Whether the pointer moves the photo, or would. */
    grabs = false;
    private readonly context: CanvasRenderingContext2D;
    private readonly observer = new ResizeObserver(() => this.resize());
    private readonly leave: (() => void)[];
    private drawn: Image | null = null;
    private waiting = 0;
    /** Milliseconds of the slowest frame of the image. */
    private slowest = 0;
    /** Who was selected when the view was last looked at. */
    private followed: string | null = null;
    /** Tells when the window moves to a screen of another density, which changes no size. */
    private density!: MediaQueryList;

    constructor(
        private readonly element: HTMLCanvasElement,
        private readonly session: Session,
        private readonly view: Viewport,
    ) {
        this.context = element.getContext("2d", { alpha: false })!;
        this.leave = [session.subscribe(this.redraw), session.subscribeToSpots(this.redraw)];
        this.observer.observe(element);
        this.watchDensity();
    }

    close() {
        for (const unsubscribe of this.leave) unsubscribe();
        this.observer.disconnect();
        this.density.removeEventListener("change", this.onDensity);
        cancelAnimationFrame(this.waiting);
    }

    readonly redraw = () => {
        this.waiting ||= requestAnimationFrame(this.frame);
    };

    /** Whoever is selected now is where the hand is: the view does not go there. */
    stay() {
        this.followed = this.session.selected;
    }

    private readonly frame = () => {
        this.waiting = 0;
        const begun = performance.now();
        const { element, session, view } = this;
        const { image, person, selected } = session;
        const isNew = image !== null && this.drawn !== image;
        if (isNew) {
            this.drawn = image;
            view.image = image.size;
            view.fit();
        }
        if (view.follows && person && (isNew || selected !== this.followed)) view.fit(person.box);
        this.stay();
        drawFrame(this.context, session, view);
        if (isNew) element.dataset.openMs = (performance.now() - session.asked).toFixed(0);
        if (session.tiles.isBehind) this.redraw();
        this.slowest = isNew ? 0 : Math.max(this.slowest, performance.now() - begun);
        element.dataset.frameMs = this.slowest.toFixed(1);
        element.dataset.sample = image?.sample ?? "";
        element.dataset.view = [view.x, view.y, view.scale].map((value) => value.toFixed(4)).join(" ");
        element.style.cursor = this.grabs ? "grab" : ACTIONS[session.tool].cursor;
    };

    private resize() {
        const { element, view } = this;
        const { width, height } = element.getBoundingClientRect();
        view.width = width;
        view.height = height;
        element.width = Math.round(width * devicePixelRatio);
        element.height = Math.round(height * devicePixelRatio);
        if (view.isWhole) view.fit();
        this.frame();
    }

    private watchDensity() {
        this.density = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
        this.density.addEventListener("change", this.onDensity);
    }

    private readonly onDensity = () => {
        this.density.removeEventListener("change", this.onDensity);
        this.watchDensity();
        this.resize();
    };
}
