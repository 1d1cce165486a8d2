// The tools that move a person as a whole, and that copy people from the photo before.

import { drawName } from "../canvas/shapes";
import { drawSilhouette } from "../canvas/silhouette";
import { distance, type Point } from "../state/geometry";
import { type Person, personAt } from "../state/people";
import type { Session } from "../state/session";
import { isOnSelected, selectAt, type Tool } from "./tool";

/** Screen pixels that a person is dragged at least. */
const DRAG_DISTANCE = 2;

/** Whole pixels between two points. */
const offset = ([x0, y0]: Point, [x1, y1]: Point): [number, number] => [Math.round(x1 - x0), Math.round(y1 - y0)];

/** Move a person by whole pixels, not out of the photo. */
export function movePerson(session: Session, { key, box: [x, y, w, h] }: Person, dx: number, dy: number) {
    const [width, height] = session.image!.size;
    const [soFarX, soFarY] = session.edits.pendingMove(key);
    const within = (step: number, low: number, high: number) => Math.min(Math.max(step, low), high);
    dx = within(dx, 1 - x - w - soFarX, width - 1 - x - soFarX);
    dy = within(dy, 1 - y - h - soFarY, height - 1 - y - soFarY);
    if (dx || dy) session.edits.make({ kind: "move", person: key, dx, dy });
}

export const moveTool: Tool = {
    name: "Move",
    key: "3",
    hint: "Drag a person, with all labels. Arrows move by 1 pixel, with Shift by 10.",
    cursor: "move",
    down(session, { at }) {
        if (!isOnSelected(session, at)) selectAt(session, at);
        if (session.person && isOnSelected(session, at)) session.drawing.add(session.selected, at, at);
    },
    drag({ drawing: { points } }, { at }) {
        if (points.length) points[1] = at;
    },
    up(session, { pixel }) {
        const person = session.image?.people.get(session.drawing.owner ?? "");
        const points = session.drawing.finish();
        if (!person || points.length < 2 || distance(points[0], points[1]) < DRAG_DISTANCE * pixel) return;
        movePerson(session, person, ...offset(points[0], points[1]));
    },
    draw(session, context, pixel) {
        const { points } = session.drawing;
        for (const person of session.people) {
            let [dx, dy] = session.edits.pendingMove(person.key);
            if (points.length === 2 && person.key === session.drawing.owner) {
                const [x, y] = offset(points[0], points[1]);
                [dx, dy] = [dx + x, dy + y];
            }
            if (!dx && !dy) continue;
            drawSilhouette(context, person, [dx, dy], pixel);
            const [x, y] = person.box;
            drawName(context, `${x + dx}, ${y + dy}`, [x + dx, y + dy], pixel);
        }
    },
};

/** Copy people of the photo before; whoever is labelled already is left out. */
export function pastePeople(session: Session, people: Person[]) {
    const { before } = session;
    if (!before?.sample || !people.length) return;
    session.edits.make({ kind: "paste", source: before.sample, copied: people.map(({ key }) => key) });
}

/** The people of the photo before, none if it is not known yet. */
const offered = ({ before, image }: Session): Person[] => (before && before.of === image?.sample ? before.people : []);

export const pasteTool: Tool = {
    name: "Paste",
    key: "4",
    hint: "Click a person of the photo before to copy it to this one; Enter copies all of them.",
    cursor: "copy",
    down(session, { at }) {
        const found = personAt(offered(session), ...at);
        if (found) pastePeople(session, [found]);
        else selectAt(session, at);
    },
    finish: (session) => pastePeople(session, offered(session)),
    draw(session, context, pixel) {
        const people = offered(session);
        for (const person of people) {
            drawSilhouette(context, person, [0, 0], pixel, 0.25);
            drawName(context, `copy ${people.indexOf(person) + 1}`, [person.box[0], person.box[1]], pixel, "#ffea00");
        }
    },
};
