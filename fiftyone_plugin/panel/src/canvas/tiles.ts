// A person's labels as a picture, drawn once for a zoom and then only moved and scaled. Zoomed out, every second,
// fourth… pixel is drawn: that is as fast as the screen is small, and outlines stay a screen pixel wide.

import { CHART_COLOURS, MASK_BIT, PART_COLOURS, personColour, rgb } from "../state/labels";
import type { Fill, OverlaySettings } from "../state/overlay";
import type { Person } from "../state/people";

/** Little-endian RGBA, as in the 32-bit view of ImageData. */
const pack = (r: number, g: number, b: number, a = 255) => ((a << 24) | (b << 16) | (g << 8) | r) >>> 0;
const table = (colours: string[]) =>
    Uint32Array.from({ length: 256 }, (_, i) => (i && i < colours.length ? pack(...rgb(colours[i])) : 0));
/** The mask's bit does not count. */
const PART_TABLE = table(PART_COLOURS).map((_, i, colours) => colours[i % MASK_BIT]);
const CHART_TABLE = table(CHART_COLOURS);

/** From violet over green to yellow, bright enough on any photo. */
const RAMP = Uint32Array.from({ length: 256 }, (_, i) => {
    const t = i / 255;
    const wave = (shift: number) => Math.round(255 * Math.min(Math.max(1.5 - Math.abs(4 * t - shift), 0), 1));
    return pack(wave(3.2), wave(2), wave(0.8));
});

/**
 * By chart, V and U in sixteenths: squares of an eighth in the chart's colour, paler along U and darker along V, so
 * that both directions show.
 */
const TEXTURE = Uint32Array.from({ length: CHART_COLOURS.length << 8 }, (_, i) => {
    const [chart, v, u] = [i >> 8, (i >> 4) & 15, i & 15];
    if (!chart) return 0;
    const dark = (((u >> 1) + (v >> 1)) & 1 ? 0.5 : 1) * (1 - 0.35 * (v / 15));
    const pale = 0.45 * (u / 15);
    const [r, g, b] = rgb(CHART_COLOURS[chart]).map((value) => dark * (value + pale * (255 - value)));
    return pack(r, g, b);
});

/** Steps of U and V between two lines of equal value, of 256. */
const CONTOUR = 24;

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
    fill(out, from, person, index, settings.fill);
    if (settings.contours) contours(out, from, person, width);
    outline(out, from, person, width, pack(...rgb(personColour(index))));
    context.putImageData(image, 0, 0);
    return canvas;
}

function fill(out: Uint32Array, from: Uint32Array, person: Person, index: number, kind: Fill) {
    const { parts, charts } = person.layers;
    const lookUp = (plane: Uint8Array, colours: Uint32Array) => {
        for (let i = 0; i < from.length; i++) out[i] = colours[plane[from[i]]];
    };
    const ramp = (plane: Uint8Array) => {
        for (let i = 0; i < from.length; i++) if (charts[from[i]]) out[i] = RAMP[plane[from[i]]];
    };
    const own = pack(...rgb(personColour(index)));
    if (kind === "mask") lookUp(parts, Uint32Array.from({ length: 256 }, (_, value) => (value >= MASK_BIT ? own : 0)));
    else if (kind === "parts") lookUp(parts, PART_TABLE);
    else if (kind === "charts") lookUp(charts, CHART_TABLE);
    else if (kind === "u" || kind === "v") ramp(person.layers[kind]);
    else if (kind === "texture") {
        const { u, v } = person.layers;
        for (let i = 0; i < from.length; i++) {
            const j = from[i];
            out[i] = TEXTURE[(charts[j] << 8) | (u[j] >> 4) | (v[j] & 240)];
        }
    }
}

function contours(out: Uint32Array, from: Uint32Array, person: Person, width: number) {
    const { charts, u, v } = person.layers;
    const white = pack(255, 255, 255);
    const black = pack(0, 0, 0);
    const crosses = (plane: Uint8Array, i: number, j: number) =>
        charts[i] === charts[j] && Math.floor(plane[i] / CONTOUR) !== Math.floor(plane[j] / CONTOUR);
    for (let i = 0; i < out.length - width; i++) {
        const here = from[i];
        if (!charts[here]) continue;
        // The last pixel of a row has no neighbour at its right.
        const right = (i + 1) % width ? from[i + 1] : here;
        if (crosses(u, here, right) || crosses(u, here, from[i + width])) out[i] = white;
        else if (crosses(v, here, right) || crosses(v, here, from[i + width])) out[i] = black;
    }
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
