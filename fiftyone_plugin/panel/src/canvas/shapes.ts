// Strokes, lines, dots and names on the photo. `pixel` is the size of a screen pixel in image pixels.

import type { Box } from "../api/types";
import type { Point } from "../state/geometry";

export function tracePath(context: CanvasRenderingContext2D, line: Point[]) {
    context.beginPath();
    line.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
    if (line.length === 1) context.lineTo(...line[0]);
}

/** As wide as a brush of this radius, in image pixels. */
export function drawStroke(context: CanvasRenderingContext2D, line: Point[], radius: number, colour: string) {
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = 2 * radius;
    context.strokeStyle = colour;
    tracePath(context, line);
    context.stroke();
}

/** Thin, with a dark edge. */
export function drawLine(context: CanvasRenderingContext2D, line: Point[], pixel: number, colour = "#fff") {
    for (const [width, stroke] of [[3.5, "#000a"], [1.5, colour]] as const) {
        context.lineWidth = width * pixel;
        context.strokeStyle = stroke;
        tracePath(context, line);
        context.stroke();
    }
}

export function drawDots(context: CanvasRenderingContext2D, dots: Point[], pixel: number, colour: string) {
    context.fillStyle = colour;
    context.strokeStyle = "#000";
    context.lineWidth = pixel;
    for (const [x, y] of dots) {
        context.beginPath();
        context.arc(x, y, 5 * pixel, 0, 7);
        context.fill();
        context.stroke();
    }
}

/** A circle's edge, with a dark edge of its own. */
export function drawRing(context: CanvasRenderingContext2D, [x, y]: Point, radius: number, pixel: number, colour: string) {
    for (const [width, stroke] of [[3, "#000a"], [1.2, colour]] as const) {
        context.lineWidth = width * pixel;
        context.strokeStyle = stroke;
        context.beginPath();
        context.arc(x, y, radius, 0, 7);
        context.stroke();
    }
}

/** Of the box of a possible person who is selected. */
const CHOSEN_COLOUR = "#ffea00";

/** The dashed box of a possible person, with a text at its top. */
export function drawPossible(
    context: CanvasRenderingContext2D, [x, y, w, h]: Box, text: string, pixel: number, isSelected: boolean,
) {
    for (const [width, stroke] of [[4, "#000a"], [isSelected ? 2.5 : 1.5, isSelected ? CHOSEN_COLOUR : "#fff"]] as const) {
        context.lineWidth = width * pixel;
        context.strokeStyle = stroke;
        context.setLineDash([7 * pixel, 5 * pixel]);
        context.strokeRect(x, y, w, h);
    }
    context.setLineDash([]);
    // Inside of the box, where no edge of the canvas cuts it off.
    drawName(context, text, [x - 4 * pixel, y + 23 * pixel], pixel, isSelected ? CHOSEN_COLOUR : "#fff");
}

/** The box of a person about whom the network is being asked. */
export const drawAsking = (context: CanvasRenderingContext2D, box: Box, pixel: number) =>
    drawPossible(context, box, "asking the network…", pixel, false);

/** A text beside a point, inside of the canvas. */
export function drawName(
    context: CanvasRenderingContext2D, name: string, [x, y]: Point, pixel: number, colour = "#fff",
) {
    context.font = `600 ${12 * pixel}px sans-serif`;
    context.lineWidth = 3 * pixel;
    context.strokeStyle = "#000c";
    context.fillStyle = colour;
    const { a, e, f } = context.getTransform();
    const width = context.measureText(name).width;
    const isRight = a * (x + 9 * pixel + width) + e < context.canvas.width;
    const left = isRight ? x + 9 * pixel : x - 9 * pixel - width;
    const isBelow = a * (y - 20 * pixel) + f < 0;
    const bottom = isBelow ? y + 18 * pixel : y - 7 * pixel;
    context.strokeText(name, left, bottom);
    context.fillText(name, left, bottom);
}
