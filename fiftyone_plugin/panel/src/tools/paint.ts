// The tools that paint the mask or the parts: brush, polygon and bucket.

import { drawDots, drawLine, drawRing, drawStroke, tracePath } from "../canvas/shapes";
import { type Point, simplifyLine, withoutRepeats } from "../state/geometry";
import { MASK_BIT, PART_COLOURS, personColour } from "../state/labels";
import { indexAt, isOnMask, personAt } from "../state/people";
import type { Session } from "../state/session";
import {
    addPoint, continueLine, CUT_COLOUR, DOUBLE_CLICK_DISTANCE, drawnPerson, isOnSelected, LINE_TOLERANCE,
    removeLastPoint, selectAt, type Tool,
} from "./tool";

function paintColour(session: Session): string {
    if (session.erase) return "#000000b0";
    if (session.layer === "part") return PART_COLOURS[session.part] + "c0";
    const person = drawnPerson(session);
    return personColour(person ? session.indexOf(person) : 0) + "c0";
}

const edgeColour = ({ erase }: Session) => (erase ? CUT_COLOUR : "#fff");

/** Of an edit: what is painted. */
const paintedLayer = ({ layer, part, erase }: Session) => ({ layer, erase, ...(layer === "part" ? { part } : {}) });

/** Choose the part under the pointer. */
function pickPart(session: Session, [x, y]: Point) {
    const person = personAt(session.people, x, y);
    const part = person && isOnMask(person, x, y) ? person.layers.parts[indexAt(person, x, y)] % MASK_BIT : 0;
    if (part) session.set({ part, layer: "part" });
}

export const brushTool: Tool = {
    name: "Brush",
    key: "b",
    hint: "Paint. {[} and {]} change the size, {e} switches to the eraser, Alt-click takes the part under the pointer.",
    cursor: "none",
    down(session, pointer) {
        if (pointer.alt) pickPart(session, pointer.at);
        else addPoint(session, pointer);
    },
    drag: continueLine,
    up(session) {
        const { radius } = session;
        const [person, colour] = [drawnPerson(session), paintColour(session)];
        const points = simplifyLine(session.drawing.finish(), LINE_TOLERANCE);
        if (!points.length || !person) return;
        session.edits.make({ kind: "paint", person: person.key, points, radius, ...paintedLayer(session) }, (context) =>
            drawStroke(context, points, radius, colour),
        );
    },
    draw(session, context, pixel) {
        const { points, pointer } = session.drawing;
        if (points.length) drawStroke(context, points, session.radius, paintColour(session));
        if (pointer) drawRing(context, pointer, session.radius, pixel, edgeColour(session));
    },
};

export const polygonTool: Tool = {
    name: "Polygon",
    key: "p",
    hint: "Click the corners; Enter or a double click closes, {Backspace} removes the last, {e} cuts away, Esc cancels.",
    cursor: "crosshair",
    down: addPoint,
    finish(session, pixel) {
        const [person, colour] = [drawnPerson(session), paintColour(session)];
        const points = withoutRepeats(session.drawing.finish(), DOUBLE_CLICK_DISTANCE * pixel);
        if (!person || points.length < 3) return;
        session.edits.make({ kind: "fill", person: person.key, points, ...paintedLayer(session) }, (context) => {
            context.fillStyle = colour;
            tracePath(context, points);
            context.fill();
        });
    },
    back: removeLastPoint,
    draw(session, context, pixel) {
        const { points, pointer } = session.drawing;
        if (!points.length) return;
        const colour = edgeColour(session);
        drawLine(context, pointer ? [...points, pointer] : points, pixel, colour);
        drawDots(context, points, pixel, colour);
    },
};

export const bucketTool: Tool = {
    name: "Fill",
    key: "g",
    hint: "Click an area to give all of it the chosen part. Alt-click takes the part under the pointer.",
    cursor: "cell",
    down(session, { at, alt }) {
        if (alt) return pickPart(session, at);
        const { person, part } = session;
        if (!person || !isOnSelected(session, at)) return selectAt(session, at);
        session.edits.make({ kind: "fill_area", person: person.key, x: at[0], y: at[1], part });
    },
};
