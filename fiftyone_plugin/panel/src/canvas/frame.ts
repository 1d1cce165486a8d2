// One frame: photo, labels, skeletons, and what is being drawn.

import { keypointName, KEYPOINTS, percent, personColour, SKELETON } from "../state/labels";
import type { Person, SurfacePoint } from "../state/people";
import type { Photo } from "../state/photo";
import type { Session } from "../state/session";
import { drawName, drawPossible } from "./shapes";
import type { Tiles } from "./tiles";
import type { Viewport } from "./viewport";

const DIMMED = 0.15;
/** Keypoints of less confidence, and limbs that end there, are faint. */
const CONFIDENT = 0.2;
const FAINT = 0.3;
/** Of U and V, in 255ths: pixels no farther from the place on the body under the pointer are marked. */
const MATCH_DISTANCE = 10;
/** Around the keypoints of one side, as the charts of its hand: swapped sides are seen at a glance. */
const SIDE_COLOURS = { left: "#5599ff", right: "#ff5555" };

/** What the tool in use shows; a `pixel` is the size of a screen pixel in image pixels. */
export interface ToolOverlay {
    readonly cursor: string;
    draw(context: CanvasRenderingContext2D, pixel: number): void;
}

export function drawFrame(
    context: CanvasRenderingContext2D,
    session: Session,
    viewport: Viewport,
    tiles: Tiles,
    tool: ToolOverlay,
) {
    const { image } = session;
    // Not devicePixelRatio, which may have changed since the canvas got its size.
    const ratio = context.canvas.width / viewport.width;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = "#16181a";
    context.fillRect(0, 0, viewport.width, viewport.height);
    if (!image) return;
    context.setTransform(ratio * viewport.scale, 0, 0, ratio * viewport.scale, ratio * viewport.x, ratio * viewport.y);
    drawPhoto(context, image.photo, ...image.size, viewport.scale);
    const pixel = 1 / viewport.scale;
    tiles.beginFrame();
    if (!session.labelsHidden) drawLabels(context, session, viewport, tiles);
    for (const { draw } of session.edits.previews) draw(context, viewport.scale);
    tool.draw(context, pixel);
}

/** From the smallest copy that is large enough. */
function drawPhoto(context: CanvasRenderingContext2D, photo: Photo, width: number, height: number, scale: number) {
    const wanted = width * context.getTransform().a;
    const level = photo.levels.findLast((copy) => copy.width >= wanted) ?? photo.levels[0];
    context.imageSmoothingEnabled = scale < 3;
    context.drawImage(level, 0, 0, width, height);
}

function drawLabels(context: CanvasRenderingContext2D, session: Session, viewport: Viewport, tiles: Tiles) {
    const pixel = 1 / viewport.scale;
    context.imageSmoothingEnabled = false;
    const { people } = session;
    const scale = context.getTransform().a;
    for (const [index, person] of people.entries()) {
        if (!isInView(person, viewport)) continue;
        const isSelected = person.key === session.selected;
        context.globalAlpha = session.opacity * (isSelected || !session.isFocused ? 1 : DIMMED);
        tiles.draw(context, person, index, session.overlay, scale);
    }
    context.globalAlpha = 1;
    for (const { key, box, score } of session.possible) {
        const isSelected = key === session.selected;
        if (isSelected || !session.isFocused) drawPossible(context, box, `${percent(score)} ?`, pixel, isSelected);
    }
    if (session.person) {
        drawBox(context, session.person, pixel, personColour(session.indexOf(session.person)));
        if (session.bodyHover) drawMatches(context, session.person, session.bodyHover, pixel);
    }
    if (session.skeleton || session.tool === "keypoints") {
        for (const person of session.people) {
            const isSelected = person.key === session.selected;
            if (isSelected || !session.isFocused) drawSkeleton(context, session, person, pixel, isSelected);
        }
    }
}

function isInView({ box: [x, y, w, h] }: Person, viewport: Viewport): boolean {
    const [left, top] = viewport.toImage(0, 0);
    const [right, bottom] = viewport.toImage(viewport.width, viewport.height);
    return x < right && y < bottom && x + w > left && y + h > top;
}

function drawBox(context: CanvasRenderingContext2D, person: Person, pixel: number, colour: string) {
    context.strokeStyle = colour;
    context.lineWidth = 1.5 * pixel;
    context.setLineDash([5 * pixel, 4 * pixel]);
    const [x, y, w, h] = person.box;
    context.strokeRect(x - 2 * pixel, y - 2 * pixel, w + 4 * pixel, h + 4 * pixel);
    context.setLineDash([]);
}

function drawSkeleton(
    context: CanvasRenderingContext2D,
    session: Session,
    person: Person,
    pixel: number,
    isSelected: boolean,
) {
    const { keypoints } = person;
    if (!keypoints) return;
    const colour = personColour(session.indexOf(person));
    const isConfident = (index: number) => keypoints[index][2] >= CONFIDENT;
    for (const [width, stroke] of [[4, "#0009"], [2, colour]] as const) {
        context.lineWidth = width * pixel;
        context.strokeStyle = stroke;
        for (const confident of [false, true]) {
            context.globalAlpha = confident ? 1 : FAINT;
            context.beginPath();
            for (const [a, b] of SKELETON) {
                if (!keypoints[a][3] || !keypoints[b][3] || (isConfident(a) && isConfident(b)) !== confident) continue;
                context.moveTo(keypoints[a][0], keypoints[a][1]);
                context.lineTo(keypoints[b][0], keypoints[b][1]);
            }
            context.stroke();
        }
    }
    keypoints.forEach(([x, y, , visibility], i) => {
        if (!visibility) return;
        const isChosen = isSelected && i === session.keypoint;
        context.globalAlpha = isChosen || isConfident(i) ? 1 : FAINT;
        context.beginPath();
        context.arc(x, y, (isChosen ? 6 : isSelected ? 4.5 : 3) * pixel, 0, 7);
        context.fillStyle = visibility === 2 ? (isChosen ? "#fff" : colour) : "#16181acc";
        context.fill();
        context.lineWidth = (isSelected ? 2 : 1.5) * pixel;
        const side = KEYPOINTS[i].split(" ")[0] as keyof typeof SIDE_COLOURS;
        context.strokeStyle = isChosen ? "#fff" : (SIDE_COLOURS[side] ?? (visibility === 2 ? "#000" : colour));
        context.stroke();
    });
    context.globalAlpha = 1;
    const point = isSelected && session.point;
    if (point) drawName(context, keypointName(session.keypoint!, point[3]), [point[0], point[1]], pixel);
}

/** The pixels whose labels are near the place on the body under the pointer. */
function drawMatches(
    context: CanvasRenderingContext2D,
    person: Person,
    place: SurfacePoint,
    pixel: number,
) {
    const { charts, u, v } = person.layers;
    const [left, top, width, height] = person.box;
    const [placeU, placeV] = [place.u * 255, place.v * 255];
    const isNear = (a: number, b: number) => Math.abs(a - b) < MATCH_DISTANCE;
    context.fillStyle = "#ffea00";
    // Zoomed out, a mark covers several pixels: those under it need none of their own.
    const side = Math.max(1, Math.floor(2 * pixel));
    for (let row = 0; row < height; row += side) {
        for (let column = 0; column < width; column += side) {
            const i = row * width + column;
            if (charts[i] === place.chart && isNear(u[i], placeU) && isNear(v[i], placeV)) {
                context.fillRect(left + column, top + row, side, side);
            }
        }
    }
}
