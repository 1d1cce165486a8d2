// When the canvas is drawn, and at which size. The element's data attributes tell what was drawn last, and how fast.

import type { Box } from "../api/types";
import type { Image } from "../state/image_loader";
import type { Session } from "../state/session";
import { drawFrame, type ToolOverlay } from "./frame";
import { Tiles } from "./tiles";
import type { Viewport } from "./viewport";

/** Of a person's box, around it: in a crowd it shows who is next to whom. */
const MARGIN = 0.25;

function withMargin([x, y, w, h]: Box, [width, height]: [number, number]): Box {
    const [left, top] = [Math.max(x - MARGIN * w, 0), Math.max(y - MARGIN * h, 0)];
    return [left, top, Math.min(x + (1 + MARGIN) * w, width) - left, Math.min(y + (1 + MARGIN) * h, height) - top];
}

export class Painter {
    /** Whether the pointer moves the photo, or would. */
    isPanning = false;
    private readonly tiles = new Tiles();
    private readonly context: CanvasRenderingContext2D;
    private readonly observer = new ResizeObserver(() => this.resize());
    private readonly unsubscribers: (() => void)[];
    private drawn: Image | null = null;
    private animationFrame = 0;
    /** The slowest frame of the image. */
    private slowestMs = 0;
    /** Who was selected when the last frame was drawn. */
    private followed: string | null = null;
    /** Changes when the window moves to a screen of another density, which changes no size. */
    private density!: MediaQueryList;

    constructor(
        private readonly element: HTMLCanvasElement,
        private readonly session: Session,
        private readonly viewport: Viewport,
        private readonly tool: ToolOverlay,
    ) {
        this.context = element.getContext("2d", { alpha: false })!;
        this.unsubscribers = [session.subscribe(this.redraw), session.subscribeToHover(this.redraw)];
        this.observer.observe(element);
        this.watchDensity();
    }

    close() {
        for (const unsubscribe of this.unsubscribers) unsubscribe();
        this.observer.disconnect();
        this.density.removeEventListener("change", this.onDensity);
        cancelAnimationFrame(this.animationFrame);
    }

    readonly redraw = () => {
        this.animationFrame ||= requestAnimationFrame(this.frame);
    };

    /** Do not move the viewport to whoever is selected now: that was done by the pointer. */
    keepViewport() {
        this.followed = this.session.selected;
    }

    private readonly frame = () => {
        this.animationFrame = 0;
        const begun = performance.now();
        const { element, session, viewport } = this;
        const { image, person, possiblePerson, selected } = session;
        const isNew = image !== null && this.drawn !== image;
        if (isNew) {
            this.drawn = image;
            this.tiles.clear();
            viewport.image = image.size;
            viewport.fit();
        }
        const box = (person ?? possiblePerson)?.box;
        if (box && (isNew || selected !== this.followed)) {
            if (session.inCrowd) viewport.fit(withMargin(box, viewport.image));
            else if (viewport.followsSelection) viewport.fit(box);
        }
        this.keepViewport();
        drawFrame(this.context, session, viewport, this.tiles, this.tool);
        if (isNew) element.dataset.openMs = (performance.now() - session.requestedAt).toFixed(0);
        if (this.tiles.isStale) this.redraw();
        this.slowestMs = isNew ? 0 : Math.max(this.slowestMs, performance.now() - begun);
        element.dataset.frameMs = this.slowestMs.toFixed(1);
        element.dataset.sample = image?.sample ?? "";
        element.dataset.view = [viewport.x, viewport.y, viewport.scale].map((value) => value.toFixed(4)).join(" ");
        element.style.cursor = this.isPanning ? "grab" : this.tool.cursor;
    };

    private resize() {
        const { element, viewport } = this;
        const { width, height } = element.getBoundingClientRect();
        viewport.width = width;
        viewport.height = height;
        element.width = Math.round(width * devicePixelRatio);
        element.height = Math.round(height * devicePixelRatio);
        if (viewport.fitted) viewport.fit(viewport.fitted);
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
