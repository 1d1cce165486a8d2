// Where something is put over the photo, so that the person whom it is about stays in sight. CSS pixels.

import type { Box } from "../api/types";
import type { Viewport } from "../canvas/viewport";

const GAP = 8;

export interface Rectangle {
    left: number;
    top: number;
    right: number;
    bottom: number;
}

export interface Place {
    left: number;
    top: number;
    width: number;
}

/** A box of image pixels on the canvas. */
export function onCanvas([x, y, w, h]: Box, viewport: Viewport): Rectangle {
    const [left, top] = viewport.toScreen([x, y]);
    const [right, bottom] = viewport.toScreen([x + w, y + h]);
    return { left, top, right, bottom };
}

/** The corner of the canvas in which something of this size covers least of a box. */
export function cornerAwayFrom(box: Box, viewport: Viewport, width: number, height: number) {
    const { left, top, right, bottom } = onCanvas(box, viewport);
    const shared = (from: number, to: number, least: number, most: number) => Math.max(Math.min(to, most) - Math.max(from, least), 0);
    const across = { left: shared(left, right, 0, width + GAP), right: shared(left, right, viewport.width - width - GAP, viewport.width) };
    const down = { top: shared(top, bottom, 0, height + GAP), bottom: shared(top, bottom, viewport.height - height - GAP, viewport.height) };
    const corners = (["top", "bottom"] as const).flatMap((y) => (["left", "right"] as const).map((x) => [x, y] as const));
    const [[x, y]] = corners.sort((a, b) => across[a[0]] * down[a[1]] - across[b[0]] * down[b[1]]);
    return { [x]: GAP, [y]: GAP };
}

/** Something with a fixed ratio of width to height, and a width at most. */
export interface Shape {
    aspect: number;
    most: number;
}

/** Of the area's width and height what a drawing has at least; where there is not so much room the photo is moved. */
const LEAST_SHARE = 0.4;

const widthIn = ({ left, top, right, bottom }: Rectangle, { aspect, most }: Shape) =>
    Math.min(right - left - 2 * GAP, (bottom - top - 2 * GAP) * aspect, most);

/** The largest place beside the person; null if there is too little room. */
export function placeBeside(person: Rectangle, width: number, height: number, shape: Shape): Place | null {
    const areas = [
        { left: 0, top: 0, right: person.left, bottom: height },
        { left: person.right, top: 0, right: width, bottom: height },
        { left: 0, top: 0, right: width, bottom: person.top },
        { left: 0, top: person.bottom, right: width, bottom: height },
    ];
    const [area] = areas.sort((a, b) => widthIn(b, shape) - widthIn(a, shape));
    const size = widthIn(area, shape);
    const whole = widthIn({ left: 0, top: 0, right: width, bottom: height }, shape);
    return size < LEAST_SHARE * whole ? null : placeIn(area, size, width, height, shape);
}

/** In the corner of an area that is nearest to a corner of everything, not over the strip at the top if that is as near. */
function placeIn(area: Rectangle, size: number, width: number, height: number, { aspect }: Shape): Place {
    const isRight = area.left > width - area.right;
    const isBelow = area.top >= height - area.bottom;
    return {
        left: isRight ? area.right - GAP - size : area.left + GAP,
        top: isBelow ? area.bottom - GAP - size / aspect : area.top + GAP,
        width: size,
    };
}

/**
 * A place, and beside it the part of the canvas, which is an area of the same coordinates, in which a person of this
 * size is largest.
 */
export function divide(canvas: Rectangle, width: number, height: number, [w, h]: [number, number], shape: Shape) {
    const whole = { left: 0, top: 0, right: width, bottom: height };
    const across = Math.min(0.5 * width, widthIn(whole, shape) + 2 * GAP);
    const down = Math.min(0.5 * height, widthIn(whole, shape) / shape.aspect + 2 * GAP);
    const divisions = [
        { area: { ...whole, right: across }, rest: { ...canvas, left: Math.max(canvas.left, across) } },
        { area: { ...whole, left: width - across }, rest: { ...canvas, right: Math.min(canvas.right, width - across) } },
        { area: { ...whole, top: height - down }, rest: { ...canvas, bottom: Math.min(canvas.bottom, height - down) } },
    ];
    const scaleOf = ({ rest }: (typeof divisions)[0]) => Math.min((rest.right - rest.left) / w, (rest.bottom - rest.top) / h);
    const [{ area, rest }] = divisions.sort((a, b) => scaleOf(b) - scaleOf(a));
    return { place: placeIn(area, widthIn(area, shape), width, height, shape), rest };
}
