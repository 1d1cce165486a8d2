// Where the image is on the screen. Screen coordinates are CSS pixels of the canvas.

import type { Box } from "../api/types";

/** Screen pixels per image pixel. */
const MAX_SCALE = 64;

export class Viewport {
    scale = 1;
    x = 0;
    y = 0;
    width = 1;
    height = 1;
    image: [number, number] = [1, 1];
    /** What is shown as large as there is room, also when the panel changes its size; null once the user has moved it. */
    fitted: Box | null = null;
    /** Whether whoever is selected by a key or with a new image is zoomed to. */
    followsSelection = false;

    /** Screen to image. */
    toImage(sx: number, sy: number): [number, number] {
        return [(sx - this.x) / this.scale, (sy - this.y) / this.scale];
    }

    /** Image to screen. */
    toScreen([x, y]: [number, number]): [number, number] {
        return [x * this.scale + this.x, y * this.scale + this.y];
    }

    get fitting(): number {
        return Math.min(this.width / this.image[0], this.height / this.image[1]) * 0.97;
    }

    fit(box: Box = [0, 0, ...this.image]) {
        this.fitted = box;
        this.scale = Math.min(Math.min(this.width / box[2], this.height / box[3]) * 0.97, MAX_SCALE);
        this.x = this.width / 2 - (box[0] + box[2] / 2) * this.scale;
        this.y = this.height / 2 - (box[1] + box[3] / 2) * this.scale;
    }

    /** Show a box in a part of the canvas. */
    fitInto(box: Box, left: number, top: number, width: number, height: number) {
        this.fitted = null;
        this.scale = Math.min(Math.min(width / box[2], height / box[3]) * 0.94, MAX_SCALE);
        this.x = left + width / 2 - (box[0] + box[2] / 2) * this.scale;
        this.y = top + height / 2 - (box[1] + box[3] / 2) * this.scale;
    }

    /** Zoom so that the image point under (sx, sy) stays there. */
    zoomTo(scale: number, sx = this.width / 2, sy = this.height / 2) {
        const [x, y] = this.toImage(sx, sy);
        this.fitted = null;
        this.scale = Math.min(Math.max(scale, this.fitting / 4), MAX_SCALE);
        this.x = sx - x * this.scale;
        this.y = sy - y * this.scale;
    }

    pan(dx: number, dy: number) {
        this.fitted = null;
        this.x += dx;
        this.y += dy;
    }
}
