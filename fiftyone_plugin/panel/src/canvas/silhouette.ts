// The shape of a person in one colour, elsewhere than where it is labelled.

import { MASK_BIT } from "../state/labels";
import type { Person } from "../state/people";

const drawn = new WeakMap<Uint8Array, OffscreenCanvas>();

/** Draw a person's mask, moved by so many image pixels, and a dashed box around it. */
export function drawSilhouette(
    context: CanvasRenderingContext2D, { box, layers }: Person, [dx, dy]: [number, number], pixel: number, strength = 0.45,
) {
    const [x, y, w, h] = box;
    context.save();
    context.imageSmoothingEnabled = false;
    context.globalAlpha = strength;
    context.drawImage(shapeOf(layers.parts, w, h), x + dx, y + dy);
    context.globalAlpha = 1;
    context.lineWidth = 1.5 * pixel;
    context.strokeStyle = "#ffea00";
    context.setLineDash([5 * pixel, 4 * pixel]);
    context.strokeRect(x + dx, y + dy, w, h);
    context.restore();
}

function shapeOf(parts: Uint8Array, width: number, height: number): OffscreenCanvas {
    const known = drawn.get(parts);
    if (known) return known;
    const canvas = new OffscreenCanvas(width, height);
    const image = new ImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    for (let i = 0; i < pixels.length; i++) if (parts[i] >= MASK_BIT) pixels[i] = 0xff00eaff;
    canvas.getContext("2d")!.putImageData(image, 0, 0);
    drawn.set(parts, canvas);
    return canvas;
}
