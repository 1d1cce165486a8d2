// The tool that makes and mends a mask by clicks, with the network's help.

import type { Click } from "../api/types";
import { drawAsking, drawDots } from "../canvas/shapes";
import type { Point } from "../state/geometry";
import { personAt } from "../state/people";
import type { Session } from "../state/session";
import type { Tool } from "./tool";

const COLOURS = { on: "#63c587", off: "#ff5555" };

/** Clicks of the series that goes on for the selected person; none if there is no such series. */
function seriesOf({ clicks, selected, edits }: Session): Click[] {
    // Whoever is new has a key by now.
    if (clicks && clicks.person === null && !edits.isAdding) clicks.person = selected;
    return clicks && clicks.person === selected ? clicks.list : [];
}

function click(session: Session, [x, y]: Point, positive: boolean) {
    const [width, height] = session.image?.size ?? [0, 0];
    if (x < 0 || y < 0 || x >= width || y >= height) return;
    if (session.edits.isAdding) return session.set({ message: "Asking the network… then click again." });
    const series = seriesOf(session);
    const under = personAt(session.people, x, y);
    // A series goes on, wherever the click is; else whoever is there is meant, or somebody new.
    if (!series.length && under) session.select(under.key);
    const person = series.length || under ? session.person : positive ? null : session.person;
    if (!person && !positive) return session.set({ message: "Click on the person first; what is not the person comes then." });
    const list: Click[] = [...series, [x, y, positive]];
    session.clicks = { person: person?.key ?? null, list };
    if (!person) session.select(null);
    const box = person?.box ?? ([x - width / 20, y - height / 20, width / 10, height / 10] as const);
    session.edits.make({ kind: "click", ...(person ? { person: person.key } : {}), clicks: person ? list : list.slice(-1) }, (context, scale) =>
        drawAsking(context, [...box], 1 / scale),
    );
}

export const clickTool: Tool = {
    name: "Click",
    key: "2",
    hint: "Click what is the person; right click or Alt-click what is not. Enter begins with somebody else.",
    cursor: "crosshair",
    usesRightButton: true,
    down: (session, { at, alt }) => click(session, at, !alt),
    finish: (session) => session.set({ clicks: null }),
    draw(session, context, pixel) {
        const series = seriesOf(session);
        const at = (sign: boolean) => series.flatMap(([x, y, on]): Point[] => (on === sign ? [[x, y]] : []));
        drawDots(context, at(true), pixel, COLOURS.on);
        drawDots(context, at(false), pixel, COLOURS.off);
    },
};
