// What a tool is, and what several of them do alike. Points are in image pixels.

import { distance, type Point } from "../state/geometry";
import { isOnMask, type Person, personAt, possibleAt } from "../state/people";
import type { Session } from "../state/session";

export interface Pointer {
    at: Point;
    /** Image pixels per screen pixel. */
    pixel: number;
    alt: boolean;
    /** Whether it has hardly moved since it went down. */
    still: boolean;
}

export interface Tool {
    name: string;
    /** That chooses the tool. */
    key: string;
    /** With keys as in keymap.ts. */
    hint: string;
    cursor: string;
    /** Whether the right button clicks, too: as with Alt. */
    usesRightButton?: boolean;
    down?(session: Session, pointer: Pointer): void;
    drag?(session: Session, pointer: Pointer): void;
    up?(session: Session, pointer: Pointer): unknown;
    /** Enter, or a double click. */
    finish?(session: Session, pixel: number): void;
    /** Backspace. */
    back?(session: Session): void;
    draw?(session: Session, context: CanvasRenderingContext2D, pixel: number): void;
}

/** Corners nearer to each other, in screen pixels, are one: a double click sets the last one twice. */
export const DOUBLE_CLICK_DISTANCE = 3;
/** Points of a stroke nearer to the line between their neighbours than this are left out, in image pixels. */
export const LINE_TOLERANCE = 0.25;
/** Of what cuts away or apart. */
export const CUT_COLOUR = "#ff8080";

export function selectAt(session: Session, [x, y]: Point) {
    const found = personAt(session.people, x, y) ?? possibleAt(session.possible, x, y);
    if (found) session.select(found.key);
}

/** Whether a point is on the mask of the selected person. */
export const isOnSelected = ({ person }: Session, [x, y]: Point) => person !== null && isOnMask(person, x, y);

/** Set a point; where nobody is selected, select somebody. */
export function addPoint(session: Session, { at }: Pointer) {
    if (session.drawing.points.length || session.person) session.drawing.add(session.selected, at);
    else selectAt(session, at);
}

/** Continue a line, unless the pointer has hardly moved. */
export function continueLine(session: Session, { at, pixel }: Pointer) {
    const last = session.drawing.points.at(-1);
    if (last && distance(last, at) >= pixel) session.drawing.add(session.selected, at);
}

export const removeLastPoint = (session: Session) => void session.drawing.points.pop();

/** The person that the points are about; null if that person is gone. */
export const drawnPerson = ({ image, drawing: { owner } }: Session): Person | null =>
    (owner && image?.people.get(owner)) || null;
