// The tools that split, merge and add people.

import { drawAsking, drawDots, drawLine } from "../canvas/shapes";
import { boxBetween, simplifyLine, withoutRepeats } from "../state/geometry";
import { MIN_BOX_SIDE } from "../state/labels";
import { personAt } from "../state/people";
import { merge } from "./person_edits";
import {
    addPoint, continueLine, CUT_COLOUR, DOUBLE_CLICK_DISTANCE, drawnPerson, LINE_TOLERANCE, removeLastPoint, type Tool,
} from "./tool";

export const splitTool: Tool = {
    name: "Cut",
    key: "x",
    hint: "Draw a line between two people who are labelled as one.",
    cursor: "crosshair",
    down: addPoint,
    drag: continueLine,
    up(session) {
        const person = drawnPerson(session);
        const points = simplifyLine(session.drawing.finish(), LINE_TOLERANCE);
        if (points.length < 2 || !person) return;
        session.edits.make({ kind: "split_by_line", person: person.key, points }, (context, scale) => {
            drawLine(context, points, 1 / scale, CUT_COLOUR);
            drawAsking(context, person.box, 1 / scale);
        });
    },
    draw(session, context, pixel) {
        const { points } = session.drawing;
        if (points.length) drawLine(context, points, pixel, CUT_COLOUR);
    },
};

export const headsTool: Tool = {
    name: "Heads",
    key: "h",
    hint: "Click the head of each person in the selected one, then press Enter.",
    cursor: "crosshair",
    down: addPoint,
    finish(session, pixel) {
        const person = drawnPerson(session);
        const points = withoutRepeats(session.drawing.finish(), DOUBLE_CLICK_DISTANCE * pixel);
        if (points.length < 2 || !person) return;
        session.edits.make({ kind: "split_by_heads", person: person.key, points }, (context, scale) => {
            drawDots(context, points, 1 / scale, CUT_COLOUR);
            drawAsking(context, person.box, 1 / scale);
        });
    },
    back: removeLastPoint,
    draw: (session, context, pixel) => drawDots(context, session.drawing.points, pixel, CUT_COLOUR),
};

export const mergeTool: Tool = {
    name: "Merge",
    key: "m",
    hint: "Click the person who is the same as the selected one, on the photo or in the list.",
    cursor: "copy",
    down(session, { at }) {
        const found = personAt(session.people, ...at);
        if (found) merge(session, found.key);
    },
};

export const addTool: Tool = {
    name: "Add",
    key: "n",
    hint: "Draw a box around a person who is not labelled.",
    cursor: "crosshair",
    // The two corners of the box.
    down: ({ drawing, selected }, { at }) => drawing.add(selected, at, at),
    drag({ drawing: { points } }, { at }) {
        if (points.length) points[1] = at;
    },
    up(session) {
        if (session.drawing.points.length < 2) return;
        const [start, end] = session.drawing.finish();
        const box = boxBetween(start, end);
        if (Math.min(box[2], box[3]) < MIN_BOX_SIDE) return session.set({ message: "Drag a box around the whole person." });
        session.edits.make({ kind: "add", box }, (context, scale) => drawAsking(context, box, 1 / scale));
    },
    draw({ drawing: { points } }, context, pixel) {
        if (points.length < 2) return;
        const [[x0, y0], [x1, y1]] = points;
        drawLine(context, [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]], pixel);
    },
};
