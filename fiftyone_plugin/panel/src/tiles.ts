// A person's labels as a picture of the size of its box, drawn once and then only moved and scaled.

import { CHART_COLOURS, PART_COLOURS, PERSON_COLOURS, rgb } from "./labels";
import { MASK_BIT, type Person } from "./people";

export const FILLS = ["mask", "parts", "charts", "texture", "u", "v", "none"] as const;
export type Fill = (typeof FILLS)[number];

/** Little-endian RGBA, as in the 32-bit view of ImageData. */
const pack = (r: number, g: number, b: number, a = 255) => ((a << 24) | (b << 16) | (g << 8) | r) >>> 0;
const table = (colours: string[]) =>
    Uint32Array.from({ length: 256 }, (_, i) => (i && i < colours.length ? pack(...rgb(colours[i])) : 0));
const PART_TABLE = table(PART_COLOURS);
const CHART_TABLE = table(CHART_COLOURS);

/** From violet over green to yellow, bright enough on any photo. */
const RAMP = Uint32Array.from({ length: 256 }, (_, i) => {
    const t = i / 255;
    const wave = (shift: number) => Math.round(255 * Math.min(Math.max(1.5 - Math.abs(4 * t - shift), 0), 1));
    return pack(wave(3.2), wave(2), wave(0.8));
});

/** Squares of an eighth of each chart, in its colour, lighter along U and with a light corner at U = V = 0. */
const TEXTURE = Array.from({ length: CHART_COLOURS.length }, (_, chart) => {
    const [r, g, b] = rgb(CHART_COLOURS[chart]);
    return Uint32Array.from({ length: 256 }, (_, cell) => {
        const [u, v] = [cell & 15, cell >> 4];
        const dark = ((u >> 1) + (v >> 1)) & 1 ? 0.45 : 1;
        const light = dark * (0.75 + 0.25 * (u / 15));
        return chart ? pack(r * light, g * light, b * light) : 0;
    });
});

/** Steps of U and V between two lines of equal value, of 256. */
const CONTOUR = 24;

export interface Look {
    fill: Fill;
    contours: boolean;
    outline: boolean;
}

export function drawTile(person: Person, number: number, look: Look): OffscreenCanvas {
    const [, , width, height] = person.box;
    const tile = new OffscreenCanvas(Math.max(width, 1), Math.max(height, 1));
    const context = tile.getContext("2d")!;
    const image = context.createImageData(tile.width, tile.height);
    const out = new Uint32Array(image.data.buffer);
    fill(out, person, number, look.fill);
    if (look.contours) contours(out, person, width);
    if (look.outline) outline(out, person, width, height, pack(...rgb(colourOf(number))));
    context.putImageData(image, 0, 0);
    return tile;
}

export const colourOf = (number: number) => PERSON_COLOURS[number % PERSON_COLOURS.length];

function fill(out: Uint32Array, person: Person, number: number, kind: Fill) {
    const { parts, charts, u, v } = person.layers;
    const own = pack(...rgb(colourOf(number)));
    for (let i = 0; i < out.length; i++) {
        if (kind === "mask") out[i] = parts[i] >= MASK_BIT ? own : 0;
        else if (kind === "parts") out[i] = PART_TABLE[parts[i] & 127];
        else if (kind === "charts") out[i] = CHART_TABLE[charts[i]];
        else if (kind === "texture") out[i] = TEXTURE[charts[i]][(u[i] >> 4) | (v[i] & 240)];
        else if (kind === "u") out[i] = charts[i] ? RAMP[u[i]] : 0;
        else if (kind === "v") out[i] = charts[i] ? RAMP[v[i]] : 0;
    }
}

function contours(out: Uint32Array, person: Person, width: number) {
    const { charts, u, v } = person.layers;
    const white = pack(255, 255, 255);
    const black = pack(0, 0, 0);
    const crosses = (plane: Uint8Array, i: number, j: number) =>
        charts[i] === charts[j] && Math.floor(plane[i] / CONTOUR) !== Math.floor(plane[j] / CONTOUR);
    for (let i = 0; i < out.length - width; i++) {
        if (!charts[i]) continue;
        if (crosses(u, i, i + 1) || crosses(u, i, i + width)) out[i] = white;
        else if (crosses(v, i, i + 1) || crosses(v, i, i + width)) out[i] = black;
    }
}

function outline(out: Uint32Array, person: Person, width: number, height: number, colour: number) {
    const { parts } = person.layers;
    const off = (column: number, row: number) =>
        column < 0 || row < 0 || column >= width || row >= height || parts[row * width + column] < MASK_BIT;
    for (let row = 0, i = 0; row < height; row++) {
        for (let column = 0; column < width; column++, i++) {
            if (parts[i] < MASK_BIT) continue;
            if (off(column - 1, row) || off(column + 1, row) || off(column, row - 1) || off(column, row + 1)) {
                out[i] = colour;
            }
        }
    }
}
