// What the pointer does with each tool. Points are in image pixels.

import type { Keypoint } from "./calls";
import { KEYPOINTS, LEAST_SIDE, MASK_BIT, PART_COLOURS } from "./labels";
import { indexAt, isOn, personAt } from "./people";
import { merge, setKeypoint } from "./person_edits";
import type { Session, Tool } from "./session";
import { colourOf } from "./tiles";

type Point = [number, number];
export interface Pointer {
    at: Point;
    /** Image pixels per screen pixel. */
    pixel: number;
    alt: boolean;
    /** Whether it has hardly moved since it went down. */
    still: boolean;
}

export interface ToolAction {
    name: string;
    /** That chooses the tool. */
    key: string;
    hint: string;
    cursor: string;
    down?(session: Session, pointer: Pointer): void;
    drag?(session: Session, pointer: Pointer): void;
    up?(session: Session, pointer: Pointer): unknown;
    /** Enter, or a double click. */
    finish?(session: Session, pixel: number): void;
    /** Backspace. */
    back?(session: Session): void;
    draw?(session: Session, context: CanvasRenderingContext2D, pixel: number): void;
}

/** Screen pixels within which a keypoint is grabbed. */
const GRAB = 12;
/** Corners nearer to each other, in screen pixels, are one: a double click sets the last one twice. */
const DOUBLE = 3;
/** Points of a stroke nearer to the line between their neighbours than this are left out, in image pixels. */
const STRAIGHT = 0.25;

/** What has been drawn since the pointer went down, or since the last Enter. */
let points: Point[] = [];
/** Key of the person it is about: another may be selected before it ends. */
let owner: string | null = null;
/** The keypoint that is dragged: whose, which, where the pointer took it, and where it was. */
let grabbed: { key: string; index: number; at: Point; point: number[]; place: Point } | null = null;
let pointerAt: Point | null = null;

export function abandon() {
    // A keypoint is drawn where the pointer has it, before that is saved.
    if (grabbed) [grabbed.point[0], grabbed.point[1]] = grabbed.place;
    points = [];
    grabbed = null;
}

export const isDrawing = () => points.length > 0 || grabbed !== null;

/** Draw on; whoever is selected at the first point is meant. */
function extend(session: Session, ...more: Point[]) {
    if (!points.length) owner = session.selected;
    points.push(...more);
}

/** Set a point, where nobody is selected select somebody. */
function begin(session: Session, { at }: Pointer) {
    if (points.length || session.person) extend(session, at);
    else selectAt(session, at);
}

/** A line goes on, unless the pointer has hardly moved. */
function follow(session: Session, { at, pixel }: Pointer) {
    if (points.length && distance(points[points.length - 1], at) >= pixel) extend(session, at);
}

/** Whom the points are about; null if that person is gone. */
const subject = ({ image }: Session) => (owner && image?.people.get(owner)) || null;

const corners = (pixel: number) =>
    points.filter((point, i) => !i || distance(point, points[i - 1]) > DOUBLE * pixel);

/** What is being drawn comes before what was done. */
export function undo(session: Session) {
    if (!isDrawing()) return void session.edits.undo("undo");
    const { back } = ACTIONS[session.tool];
    if (back) back(session);
    else abandon();
    session.notify();
}

const distance = (a: Point, b: Point) => Math.hypot(a[0] - b[0], a[1] - b[1]);

/** Without the points that lie on a straight line (Ramer, Douglas and Peucker). */
function simplified(line: Point[]): Point[] {
    if (line.length < 3) return line;
    const [first, last] = [line[0], line[line.length - 1]];
    const length = distance(first, last);
    let [farthest, most] = [0, 0];
    for (let i = 1; i < line.length - 1; i++) {
        const [x, y] = [line[i][0] - first[0], line[i][1] - first[1]];
        const off = length
            ? Math.abs(x * (last[1] - first[1]) - y * (last[0] - first[0])) / length
            : distance(line[i], first);
        if (off > most) [farthest, most] = [i, off];
    }
    if (most <= STRAIGHT) return [first, last];
    return [...simplified(line.slice(0, farthest + 1)).slice(0, -1), ...simplified(line.slice(farthest))];
}

function path(context: CanvasRenderingContext2D, line: Point[]) {
    context.beginPath();
    line.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
    if (line.length === 1) context.lineTo(...line[0]);
}

function drawStroke(context: CanvasRenderingContext2D, line: Point[], radius: number, colour: string) {
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = 2 * radius;
    context.strokeStyle = colour;
    path(context, line);
    context.stroke();
}

function drawLine(context: CanvasRenderingContext2D, line: Point[], pixel: number, colour = "#fff") {
    for (const [width, stroke] of [[3.5, "#000a"], [1.5, colour]] as const) {
        context.lineWidth = width * pixel;
        context.strokeStyle = stroke;
        path(context, line);
        context.stroke();
    }
}

function drawDots(context: CanvasRenderingContext2D, dots: Point[], pixel: number, colour: string) {
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

function paintColour(session: Session): string {
    if (session.erase) return "#000000b0";
    if (session.layer === "part") return PART_COLOURS[session.part] + "c0";
    const person = subject(session);
    return colourOf(person ? session.numberOf(person) : 0) + "c0";
}

const layerOf = ({ layer, part, erase }: Session) => ({ layer, erase, ...(layer === "part" ? { part } : {}) });

export function selectAt(session: Session, [x, y]: Point) {
    const found = personAt(session.people, x, y);
    if (found) session.select(found.key);
}

/** Take the part under the pointer. */
function pickPart(session: Session, [x, y]: Point) {
    const person = personAt(session.people, x, y);
    const part = person && isOn(person, x, y) ? person.layers.parts[indexAt(person, x, y)] % MASK_BIT : 0;
    if (part) session.set({ part, layer: "part" });
}

export function nearestKeypoint(session: Session, at: Point, pixel: number): number | null {
    let [best, least] = [null as number | null, GRAB * pixel];
    session.person?.keypoints?.forEach(([x, y, , visibility], i) => {
        const away = distance([x, y], at);
        if (visibility && away < least) [best, least] = [i, away];
    });
    return best;
}

export const nameOfKeypoint = (index: number, point: Keypoint) => `${KEYPOINTS[index]}${point[3] === 1 ? " (hidden)" : ""}`;

/** Beside a point, inside of the canvas. */
export function drawName(context: CanvasRenderingContext2D, name: string, x: number, y: number, pixel: number) {
    context.font = `600 ${12 * pixel}px sans-serif`;
    context.lineWidth = 3 * pixel;
    context.strokeStyle = "#000c";
    context.fillStyle = "#fff";
    const { a, e, f } = context.getTransform();
    const width = context.measureText(name).width;
    const isRight = a * (x + 9 * pixel + width) + e < context.canvas.width;
    const left = isRight ? x + 9 * pixel : x - 9 * pixel - width;
    const isBelow = a * (y - 20 * pixel) + f < 0;
    const bottom = isBelow ? y + 18 * pixel : y - 7 * pixel;
    context.strokeText(name, left, bottom);
    context.fillText(name, left, bottom);
}

export const ACTIONS: Record<Tool, ToolAction> = {
    select: {
        name: "Select",
        key: "q",
        hint: "Click a person. Drag to move the photo.",
        cursor: "default",
        // Not where it goes down: that may begin to move the photo.
        up: (session, { at, still }) => still && selectAt(session, at),
    },
    keypoints: {
        name: "Keypoints",
        key: "k",
        hint: "Drag a keypoint, click where a missing one is. Tab: next one, V: visible or hidden.",
        cursor: "crosshair",
        down(session, pointer) {
            const found = nearestKeypoint(session, pointer.at, pointer.pixel);
            // A missing one that was chosen comes first: eyes are near the nose.
            if (session.keypoint !== null && !session.point) {
                setKeypoint(session, session.keypoint, ...pointer.at, 2);
            } else if (found !== null) {
                session.set({ keypoint: found });
                const { key, keypoints } = session.person!;
                const point = keypoints![found];
                grabbed = { key, index: found, at: pointer.at, point, place: [point[0], point[1]] };
            } else selectAt(session, pointer.at);
        },
        drag(session, { at, pixel }) {
            if (!grabbed || (!points.length && distance(grabbed.at, at) < 2 * pixel)) return;
            const point = session.image?.people.get(grabbed.key)?.keypoints?.[grabbed.index];
            if (!point?.[3]) return;
            // An answer of the server may have replaced the person.
            if (point !== grabbed.point) Object.assign(grabbed, { point, place: [point[0], point[1]] });
            points = [at];
            [point[0], point[1]] = at;
        },
        up(session, { at }) {
            const moved = points.length > 0 ? grabbed : null;
            points = [];
            grabbed = null;
            if (moved) setKeypoint(session, moved.index, ...at, moved.point[3], moved.key);
        },
        draw(session, context, pixel) {
            const near = pointerAt && nearestKeypoint(session, pointerAt, pixel);
            if (near === null || near === session.keypoint) return;
            const point = session.person!.keypoints![near];
            drawName(context, nameOfKeypoint(near, point), point[0], point[1], pixel);
        },
    },
    brush: {
        name: "Brush",
        key: "b",
        hint: "Paint. [ and ] change the size, E switches to the eraser, Alt-click takes the part under the pointer.",
        cursor: "none",
        down(session, pointer) {
            if (pointer.alt) pickPart(session, pointer.at);
            else begin(session, pointer);
        },
        drag: follow,
        up(session) {
            const { radius } = session;
            const [person, line, colour] = [subject(session), simplified(points), paintColour(session)];
            points = [];
            if (!line.length || !person) return;
            session.edits.make(
                { kind: "paint", person: person.key, points: line, radius, ...layerOf(session) },
                (context) => drawStroke(context, line, radius, colour),
            );
        },
        draw(session, context, pixel) {
            if (points.length) drawStroke(context, points, session.radius, paintColour(session));
            if (!pointerAt) return;
            for (const [width, colour] of [[3, "#000a"], [1.2, session.erase ? "#ff8080" : "#fff"]] as const) {
                context.lineWidth = width * pixel;
                context.strokeStyle = colour;
                context.beginPath();
                context.arc(...pointerAt, session.radius, 0, 7);
                context.stroke();
            }
        },
    },
    polygon: {
        name: "Polygon",
        key: "p",
        hint: "Click the corners; Enter or a double click closes, Backspace removes the last, E cuts away, Esc gives up.",
        cursor: "crosshair",
        down: begin,
        finish(session, pixel) {
            const [person, outline, colour] = [subject(session), corners(pixel), paintColour(session)];
            points = [];
            if (!person || outline.length < 3) return;
            session.edits.make({ kind: "fill", person: person.key, points: outline, ...layerOf(session) }, (context) => {
                context.fillStyle = colour;
                path(context, outline);
                context.fill();
            });
        },
        back: () => void points.pop(),
        draw(session, context, pixel) {
            if (!points.length) return;
            const colour = session.erase ? "#ff8080" : "#fff";
            drawLine(context, pointerAt ? [...points, pointerAt] : points, pixel, colour);
            drawDots(context, points, pixel, colour);
        },
    },
    bucket: {
        name: "Fill",
        key: "g",
        hint: "Click an area to give all of it the chosen part. Alt-click takes the part under the pointer.",
        cursor: "cell",
        down(session, { at, alt }) {
            if (alt) return pickPart(session, at);
            const { person, part } = session;
            if (person && isOn(person, ...at)) {
                session.edits.make({ kind: "fill_area", person: person.key, x: at[0], y: at[1], part });
            } else selectAt(session, at);
        },
    },
    split: {
        name: "Cut",
        key: "x",
        hint: "Draw a line between two people that are labelled as one.",
        cursor: "crosshair",
        down: begin,
        drag: follow,
        up(session) {
            const [person, line] = [subject(session), simplified(points)];
            points = [];
            if (line.length < 2 || !person) return;
            session.edits.make({ kind: "split_by_line", person: person.key, points: line }, (context, scale) =>
                drawLine(context, line, 1 / scale, "#ff8080"),
            );
        },
        draw: (_, context, pixel) => points.length && drawLine(context, points, pixel, "#ff8080"),
    },
    heads: {
        name: "Heads",
        key: "h",
        hint: "Click the head of each person in the selected one, then press Enter.",
        cursor: "crosshair",
        down: begin,
        finish(session, pixel) {
            const [person, heads] = [subject(session), corners(pixel)];
            points = [];
            if (heads.length < 2 || !person) return;
            session.edits.make({ kind: "split_by_heads", person: person.key, points: heads });
        },
        back: () => void points.pop(),
        draw: (_, context, pixel) => drawDots(context, points, pixel, "#ff8080"),
    },
    merge: {
        name: "Merge",
        key: "m",
        hint: "Click the person that is the same as the selected one, on the photo or in the list.",
        cursor: "copy",
        down(session, { at }) {
            const found = personAt(session.people, ...at);
            if (found) merge(session, found.key);
        },
    },
    add: {
        name: "Add",
        key: "n",
        hint: "Draw a box around a person who is not labelled.",
        cursor: "crosshair",
        down: (session, { at }) => extend(session, at, at),
        drag: (_, { at }) => void (points.length && (points[1] = at)),
        up(session) {
            if (points.length < 2) return;
            const [[x0, y0], [x1, y1]] = points;
            points = [];
            const box = [Math.min(x0, x1), Math.min(y0, y1), Math.abs(x1 - x0), Math.abs(y1 - y0)];
            if (Math.min(box[2], box[3]) < LEAST_SIDE) return session.set({ message: "Drag a box around the whole person." });
            session.edits.make({ kind: "add", box }, (context, scale) => {
                context.lineWidth = 2 / scale;
                context.strokeStyle = "#fff";
                context.setLineDash([6 / scale, 4 / scale]);
                context.strokeRect(box[0], box[1], box[2], box[3]);
                context.setLineDash([]);
            });
        },
        draw(_, context, pixel) {
            if (points.length < 2) return;
            const [[x0, y0], [x1, y1]] = points;
            drawLine(context, [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]], pixel);
        },
    },
    surface: {
        name: "Surface",
        key: "u",
        hint: "Click a pixel that is wrong, then the place on the body where it belongs.",
        cursor: "crosshair",
        down(session, { at }) {
            if (session.person && isOn(session.person, ...at)) session.set({ wrong: at });
            else selectAt(session, at);
        },
        draw(session, context, pixel) {
            for (const [x, y] of session.person?.corrections ?? []) {
                drawLine(context, [[x - 5 * pixel, y], [x + 5 * pixel, y]], pixel);
                drawLine(context, [[x, y - 5 * pixel], [x, y + 5 * pixel]], pixel);
            }
            if (session.wrong) drawDots(context, [session.wrong], pixel, "#ffea00");
        },
    },
};

/** In the order of their buttons. */
export const TOOLS = Object.entries(ACTIONS) as [Tool, ToolAction][];

export function pointerMoved(at: Point | null) {
    pointerAt = at;
}

/** Select the next keypoint, also one that is missing. */
export function cycleKeypoint(session: Session, step: number) {
    const count = KEYPOINTS.length;
    const from = session.keypoint ?? session.lastKeypoint ?? (step > 0 ? -1 : count);
    session.useTool("keypoints", { keypoint: (from + step + count) % count });
}
