// The tool that moves and sets keypoints.

import { drawName } from "../canvas/shapes";
import { distance, type Point } from "../state/geometry";
import { keypointName, KEYPOINTS } from "../state/labels";
import type { Session } from "../state/session";
import { setKeypoint } from "./person_edits";
import { selectAt, type Tool } from "./tool";

/** Screen pixels within which a keypoint is grabbed. */
const GRAB_DISTANCE = 12;
/** Screen pixels that a keypoint is moved at least. */
const DRAG_DISTANCE = 2;

/** Index of the keypoint of the selected person under a point. */
function keypointAt(session: Session, at: Point, pixel: number): number | null {
    let [nearest, least] = [null as number | null, GRAB_DISTANCE * pixel];
    session.person?.keypoints?.forEach(([x, y, , visibility], i) => {
        const away = distance([x, y], at);
        if (visibility && away < least) [nearest, least] = [i, away];
    });
    return nearest;
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
    hint: "Drag a keypoint, click where a missing one is. Tab: next one, V: visible or hidden.",
    cursor: "crosshair",
    down(session, pointer) {
        const index = keypointAt(session, pointer.at, pointer.pixel);
        // A missing one that was chosen comes first: eyes are near the nose.
        if (session.keypoint !== null && !session.point) {
            setKeypoint(session, session.keypoint, ...pointer.at, 2);
        } else if (index !== null) {
            session.set({ keypoint: index });
            const { key, keypoints } = session.person!;
            const keypoint = keypoints![index];
            const origin: Point = [keypoint[0], keypoint[1]];
            session.drawing.dragged = { person: key, index, start: pointer.at, keypoint, origin };
        } else selectAt(session, pointer.at);
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
    up(session, { at }) {
        const { dragged } = session.drawing;
        const hasMoved = session.drawing.finish().length > 0;
        if (dragged && hasMoved) setKeypoint(session, dragged.index, ...at, dragged.keypoint[3], dragged.person);
    },
    draw(session, context, pixel) {
        const { pointer } = session.drawing;
        const index = pointer && keypointAt(session, pointer, pixel);
        if (index === null || index === session.keypoint) return;
        const [x, y, , visibility] = session.person!.keypoints![index];
        drawName(context, keypointName(index, visibility), [x, y], pixel);
    },
};
