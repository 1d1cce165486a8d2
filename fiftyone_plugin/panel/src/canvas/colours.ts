// The colours of labels: one place for those on the photo, on the drawing of the body and in the legend.

import { BACK_CHARTS, CHART_COLOURS, MASK_BIT, PART_COLOURS, rgb } from "../state/labels";
import type { Fill } from "../state/overlay";
import type { Layers } from "../state/people";

/** Little-endian RGBA, as in the 32-bit view of ImageData. */
const pack = (r: number, g: number, b: number, a = 255) => ((a << 24) | (b << 16) | (g << 8) | r) >>> 0;
export const packed = (hex: string) => pack(...rgb(hex));
const table = (colours: string[]) =>
    Uint32Array.from({ length: 256 }, (_, i) => (i && i < colours.length ? packed(colours[i]) : 0));
/** The mask's bit does not count. */
const PART_TABLE = table(PART_COLOURS).map((_, i, colours) => colours[i % MASK_BIT]);
const CHART_TABLE = table(CHART_COLOURS);
/** Of the stripes on charts of the back, 0 on others. */
const STRIPE_TABLE = Uint32Array.from(CHART_COLOURS, (colour, chart) =>
    BACK_CHARTS.has(chart) ? pack(...(rgb(colour).map((value) => 0.3 * value) as [number, number, number])) : 0,
);

/** From violet over green to yellow, bright enough on any photo. */
function rampAt(t: number): [number, number, number] {
    const wave = (shift: number) => Math.round(255 * Math.min(Math.max(1.5 - Math.abs(4 * t - shift), 0), 1));
    return [wave(3.2), wave(2), wave(0.8)];
}
const RAMP = Uint32Array.from({ length: 256 }, (_, i) => pack(...rampAt(i / 255)));
/** The colours of U and V from 0 to 1, for CSS. */
export const RAMP_GRADIENT = `linear-gradient(to right, ${[0, 0.2, 0.4, 0.6, 0.8, 1].map((t) => `rgb(${rampAt(t)})`)})`;

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
/** Pixels from one stripe of the back to the next, a power of two. */
const STRIPES = 8;

/** Colour `out`, `width` pixels wide, by the layers' pixels `from`; `own` is the person's colour. */
export function fill(
    out: Uint32Array, from: Uint32Array, width: number, layers: Layers, own: number, kind: Fill, stripes = STRIPES,
) {
    const { parts, charts } = layers;
    const lookUp = (plane: Uint8Array, colours: Uint32Array) => {
        for (let i = 0; i < from.length; i++) out[i] = colours[plane[from[i]]];
    };
    const ramp = (plane: Uint8Array) => {
        for (let i = 0; i < from.length; i++) if (charts[from[i]]) out[i] = RAMP[plane[from[i]]];
    };
    if (kind === "mask") lookUp(parts, Uint32Array.from({ length: 256 }, (_, value) => (value >= MASK_BIT ? own : 0)));
    else if (kind === "parts") lookUp(parts, PART_TABLE);
    else if (kind === "charts") {
        lookUp(charts, CHART_TABLE);
        // Light and dark of a colour alone are mistaken for each other on a photo.
        for (let i = 0, row = 0; i < from.length; i += width, row++) {
            for (let column = (stripes - (row % stripes)) % stripes; column < width; column += stripes) {
                for (let j = i + column; j < Math.min(i + column + stripes / 4, i + width); j++) {
                    out[j] = STRIPE_TABLE[charts[from[j]]] || out[j];
                }
            }
        }
    } else if (kind === "u" || kind === "v") ramp(layers[kind]);
    else if (kind === "texture") {
        const { u, v } = layers;
        for (let i = 0; i < from.length; i++) {
            const j = from[i];
            out[i] = TEXTURE[(charts[j] << 8) | (u[j] >> 4) | (v[j] & 240)];
        }
    }
}

/** Lines of equal U, white, and V, black. */
export function drawContours(out: Uint32Array, from: Uint32Array, width: number, { charts, u, v }: Layers) {
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
