// One frame: photo, labels, skeletons, and what is being drawn.

import { KEYPOINTS, SKELETON } from "./labels";
import { drawPhoto } from "./photo";
import type { Person } from "./people";
import type { Session } from "./session";
import { colourOf } from "./tiles";
import { ACTIONS, drawName, nameOfKeypoint } from "./tools";
import type { Viewport } from "./viewport";

const DIMMED = 0.15;
/** Keypoints of less confidence, and limbs that end there, are faint. */
const SURE = 0.2;
const FAINT = 0.3;
/** Of U and V: how near labels on the photo are to the place on the body under the pointer. */
const NEAR = 10;
/** Around the keypoints of one side, as the charts of its hand: swapped sides are seen at a glance. */
const SIDES = { left: "#5599ff", right: "#ff5555" };

export function drawFrame(context: CanvasRenderingContext2D, session: Session, view: Viewport) {
    const { image } = session;
    // Not devicePixelRatio, which may have changed since the canvas got its size.
    const ratio = context.canvas.width / view.width;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = "#16181a";
    context.fillRect(0, 0, view.width, view.height);
    if (!image) return;
    context.setTransform(ratio * view.scale, 0, 0, ratio * view.scale, ratio * view.x, ratio * view.y);
    drawPhoto(context, image.photo, ...image.size, view.scale);
    const pixel = 1 / view.scale;
    session.tiles.begin();
    if (!session.bare) drawLabels(context, session, view);
    for (const { draw } of session.edits.previews) draw(context, view.scale);
    ACTIONS[session.tool].draw?.(session, context, pixel);
}

function drawLabels(context: CanvasRenderingContext2D, session: Session, view: Viewport) {
    const pixel = 1 / view.scale;
    context.imageSmoothingEnabled = false;
    const { people } = session;
    const scale = context.getTransform().a;
    for (const [number, person] of people.entries()) {
        if (!isInView(person, view)) continue;
        const isMain = person.key === session.selected;
        context.globalAlpha = session.opacity * (isMain || !session.focus ? 1 : DIMMED);
        session.tiles.draw(context, person, number, session.look, scale);
    }
    context.globalAlpha = 1;
    if (session.person) {
        drawBox(context, session.person, pixel, colourOf(session.numberOf(session.person)));
        if (session.bodySpot) drawMatches(context, session.person, session.bodySpot, pixel);
    }
    if (session.skeleton || session.tool === "keypoints") {
        for (const person of session.people) {
            const isMain = person.key === session.selected;
            if (isMain || !session.focus) drawSkeleton(context, session, person, pixel, isMain);
        }
    }
}

function isInView({ box: [x, y, w, h] }: Person, view: Viewport): boolean {
    const [left, top] = view.toImage(0, 0);
    const [right, bottom] = view.toImage(view.width, view.height);
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
    isMain: boolean,
) {
    const { keypoints } = person;
    if (!keypoints) return;
    const colour = colourOf(session.numberOf(person));
    const isSure = (index: number) => keypoints[index][2] >= SURE;
    for (const [width, stroke] of [[4, "#0009"], [2, colour]] as const) {
        context.lineWidth = width * pixel;
        context.strokeStyle = stroke;
        for (const sure of [false, true]) {
            context.globalAlpha = sure ? 1 : FAINT;
            context.beginPath();
            for (const [a, b] of SKELETON) {
                if (!keypoints[a][3] || !keypoints[b][3] || (isSure(a) && isSure(b)) !== sure) continue;
                context.moveTo(keypoints[a][0], keypoints[a][1]);
                context.lineTo(keypoints[b][0], keypoints[b][1]);
            }
            context.stroke();
        }
    }
    keypoints.forEach(([x, y, , visibility], i) => {
        if (!visibility) return;
        const isSelected = isMain && i === session.keypoint;
        context.globalAlpha = isSelected || isSure(i) ? 1 : FAINT;
        context.beginPath();
        context.arc(x, y, (isSelected ? 6 : isMain ? 4.5 : 3) * pixel, 0, 7);
        context.fillStyle = visibility === 2 ? (isSelected ? "#fff" : colour) : "#16181acc";
        context.fill();
        context.lineWidth = (isMain ? 2 : 1.5) * pixel;
        const side = KEYPOINTS[i].split(" ")[0] as keyof typeof SIDES;
        context.strokeStyle = isSelected ? "#fff" : (SIDES[side] ?? (visibility === 2 ? "#000" : colour));
        context.stroke();
    });
    context.globalAlpha = 1;
    const point = isMain && session.point;
    if (point) drawName(context, nameOfKeypoint(session.keypoint!, point), point[0], point[1], pixel);
}

/** The pixels whose labels are near the place on the body under the pointer. */
function drawMatches(
    context: CanvasRenderingContext2D,
    person: Person,
    spot: { chart: number; u: number; v: number },
    pixel: number,
) {
    const { charts, u, v } = person.layers;
    const [left, top, width, height] = person.box;
    const [su, sv] = [spot.u * 255, spot.v * 255];
    context.fillStyle = "#ffea00";
    // Zoomed out, a mark covers several pixels: those under it need none of their own.
    const side = Math.max(1, Math.floor(2 * pixel));
    for (let row = 0; row < height; row += side) {
        for (let column = 0; column < width; column += side) {
            const i = row * width + column;
            if (charts[i] === spot.chart && Math.abs(u[i] - su) < NEAR && Math.abs(v[i] - sv) < NEAR) {
                context.fillRect(left + column, top + row, side, side);
            }
        }
    }
}
