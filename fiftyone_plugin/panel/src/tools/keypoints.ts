// The tool that moves and sets keypoints.

import { drawName } from "../canvas/shapes";
import { distance, type Point } from "../state/geometry";
import { keypointName, KEYPOINTS } from "../state/labels";
import { isOnMask, personAt, possibleAt } from "../state/people";
import type { Session } from "../state/session";
import { setKeypoint } from "./person_edits";
import { selectAt, type Tool } from "./tool";

/** Screen pixels within which a keypoint is grabbed. */
const GRAB_DISTANCE = 12;
/** Of the selected person's box: a click so far around it sets a keypoint also where somebody else is. */
const MARGIN = 0.1;
/** Screen pixels that a keypoint is moved at least. */
const DRAG_DISTANCE = 2;

/** Of what a click would set. */
const NEXT_COLOUR = "#ffea00";

/** Index of the keypoint of the selected person under a point. */
function keypointAt(session: Session, at: Point, pixel: number): number | null {
    let [nearest, least] = [null as number | null, GRAB_DISTANCE * pixel];
    session.person?.keypoints?.forEach(([x, y, , visibility], i) => {
        const away = distance([x, y], at);
        if (visibility && away < least) [nearest, least] = [i, away];
    });
    return nearest;
}

/** Index of the missing keypoint that the next click sets: the one that is chosen, or the first one after it; null if none is missing. */
export function nextMissing(session: Session): number | null {
    const { person } = session;
    if (!person) return null;
    const count = KEYPOINTS.length;
    const isMissing = (index: number) => !person.keypoints?.[index][3];
    // One that was removed comes last: it was removed for not being there.
    const from = session.keypoint ?? (session.lastKeypoint === null ? 0 : session.lastKeypoint + 1);
    const order = KEYPOINTS.map((_, i) => (from + i) % count);
    return order.find(isMissing) ?? null;
}

/** Whether a point is on somebody else, away from the selected person. */
function isOnOther(session: Session, [x, y]: Point): boolean {
    const { person } = session;
    const other = personAt(session.people, x, y) ?? possibleAt(session.possible, x, y);
    if (!person || !other || other === person || isOnMask(person, x, y)) return false;
    const [left, top, w, h] = person.box;
    return x < left - MARGIN * w || y < top - MARGIN * h || x > left + (1 + MARGIN) * w || y > top + (1 + MARGIN) * h;
}

/** Set the next missing keypoint at a point, or, without one, in the middle of the person. */
export function setNextMissing(session: Session, at: Point | null) {
    const { person } = session;
    const index = nextMissing(session);
    if (!person || index === null) return session.set({ message: person ? "No keypoint is missing." : "" });
    const [x, y, w, h] = person.box;
    setKeypoint(session, index, ...(at ?? [x + w / 2, y + h / 2]), 2);
    session.useTool("keypoints", { keypoint: index });
}

/** Select the next keypoint, also one that is missing. */
export function cycleKeypoint(session: Session, step: number) {
    const count = KEYPOINTS.length;
    const from = session.keypoint ?? session.lastKeypoint ?? (step > 0 ? -1 : count);
    session.useTool("keypoints", { keypoint: (from + step + count) % count });
}

export const keypointTool: Tool = {
    name: "Keypoints",
    key: "k",
    hint: "Drag a keypoint; a click elsewhere sets the next missing one. {Tab}: choose which, {v}: visible or hidden.",
    cursor: "crosshair",
    down(session, pointer) {
        // A missing one that was chosen comes first: eyes are near the nose.
        const isChosen = session.keypoint !== null && !session.point;
        const index = isChosen ? null : keypointAt(session, pointer.at, pointer.pixel);
        if (index === null) return;
        session.set({ keypoint: index });
        const { key, keypoints } = session.person!;
        const keypoint = keypoints![index];
        const origin: Point = [keypoint[0], keypoint[1]];
        session.drawing.dragged = { person: key, index, start: pointer.at, keypoint, origin };
    },
    drag(session, { at, pixel }) {
        const { drawing } = session;
        const { dragged, points } = drawing;
        if (!dragged || (!points.length && distance(dragged.start, at) < DRAG_DISTANCE * pixel)) return;
        const keypoint = session.image?.people.get(dragged.person)?.keypoints?.[dragged.index];
        if (!keypoint?.[3]) return;
        // An answer of the server may have replaced the person.
        if (keypoint !== dragged.keypoint) Object.assign(dragged, { keypoint, origin: [keypoint[0], keypoint[1]] });
        drawing.points = [at];
        [keypoint[0], keypoint[1]] = at;
    },
    up(session, { at, still }) {
        const { dragged } = session.drawing;
        if (!dragged) {
            if (!still) return; // a drag that has missed its keypoint sets none
            if (nextMissing(session) === null || isOnOther(session, at)) selectAt(session, at);
            else setNextMissing(session, at);
            return;
        }
        const hasMoved = session.drawing.finish().length > 0;
        if (hasMoved) setKeypoint(session, dragged.index, ...at, dragged.keypoint[3], dragged.person);
    },
    draw(session, context, pixel) {
        const { pointer } = session.drawing;
        if (!pointer || session.drawing.dragged) return;
        const index = keypointAt(session, pointer, pixel);
        const next = nextMissing(session);
        // What a click would do.
        if (next !== null && (index === null ? !isOnOther(session, pointer) : next === session.keypoint)) {
            return drawName(context, `set ${KEYPOINTS[next]}`, pointer, pixel, NEXT_COLOUR);
        }
        if (index === null || index === session.keypoint) return;
        const [x, y, , visibility] = session.person!.keypoints![index];
        drawName(context, keypointName(index, visibility), [x, y], pixel);
    },
};
