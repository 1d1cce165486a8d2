// A person's labels as a picture, drawn once for a zoom and then only moved and scaled. Zoomed out, every second,
// fourth… pixel is drawn: that is as fast as the screen is small, and outlines stay a screen pixel wide.

import { MASK_BIT, personColour } from "../state/labels";
import type { OverlaySettings } from "../state/overlay";
import type { Person } from "../state/people";
import { drawContours, fill, packed } from "./colours";

interface Tile {
    canvas: OffscreenCanvas;
    /** Version of the person, its index in the image, and the settings that it was drawn with. */
    version: string;
    index: number;
    settings: OverlaySettings;
    /** Image pixels per pixel of the tile. */
    step: number;
}

/** How much of one frame may go into tiles whose old picture would do for another frame. */
const FRAME_BUDGET_MS = 8;

export class Tiles {
    private readonly tiles = new Map<string, Tile>();
    private spent = 0;

    /** Whether tiles were left as they were, so that another frame is needed. */
    isStale = false;

    beginFrame() {
        this.spent = 0;
        this.isStale = false;
    }

    clear() {
        this.tiles.clear();
    }

    draw(context: CanvasRenderingContext2D, person: Person, index: number, settings: OverlaySettings, scale: number) {
        const step = Math.max(1, 2 ** Math.round(Math.log2(1 / scale)));
        let tile = this.tiles.get(person.key);
        const isOutdated = !tile || tile.version !== person.version || tile.index !== index;
        if (isOutdated || tile!.step !== step || tile!.settings !== settings) {
            if (isOutdated || this.spent < FRAME_BUDGET_MS) {
                const begun = performance.now();
                const canvas = paint(person, index, settings, step, tile?.canvas);
                tile = { canvas, version: person.version, index, settings, step };
                this.tiles.set(person.key, tile);
                this.spent += performance.now() - begun;
            } else this.isStale = true;
        }
        const { canvas, step: of } = tile!;
        context.drawImage(canvas, person.box[0], person.box[1], canvas.width * of, canvas.height * of);
    }
}

/** A person's labels, every `step`th pixel of them; `old` is drawn on again if it has the size. */
export function paint(person: Person, index: number, settings: OverlaySettings, step: number, old?: OffscreenCanvas): OffscreenCanvas {
    const [, , boxWidth, boxHeight] = person.box;
    const width = Math.max(Math.ceil(boxWidth / step), 1);
    const height = Math.max(Math.ceil(boxHeight / step), 1);
    const canvas = old?.width === width && old.height === height ? old : new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d")!;
    const image = context.createImageData(width, height);
    const out = new Uint32Array(image.data.buffer);
    // Index in the layers of each pixel of the tile.
    const from = new Uint32Array(boxWidth && boxHeight ? width * height : 0);
    for (let row = 0, i = 0; i < from.length; row++) {
        for (let column = 0; column < width; column++) from[i++] = row * step * boxWidth + column * step;
    }
    const own = packed(personColour(index));
    fill(out, from, width, person.layers, own, settings.fill);
    if (settings.contours) drawContours(out, from, width, person.layers);
    outline(out, from, person, width, own);
    context.putImageData(image, 0, 0);
    return canvas;
}

function outline(out: Uint32Array, from: Uint32Array, person: Person, width: number, colour: number) {
    const { parts } = person.layers;
    const last = from.length - width;
    const off = (i: number) => parts[from[i]] < MASK_BIT;
    for (let i = 0, column = 0; i < from.length; i++) {
        const isEdge = column === 0 || column === width - 1 || i < width || i >= last;
        if (!off(i) && (isEdge || off(i - 1) || off(i + 1) || off(i - width) || off(i + width))) out[i] = colour;
        if (++column === width) column = 0;
    }
}
