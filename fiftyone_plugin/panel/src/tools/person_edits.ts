// What can be done to the people of the open image: each function makes one edit.

import { combineEdits, type Edit, type PersonState, type PossiblePerson, type SurfaceCorrection } from "../api/types";
import { drawAsking } from "../canvas/shapes";
import { focusedCommentField } from "../state/comment_field";
import { DECIDED, KEYPOINT_MIRROR, PARTS } from "../state/labels";
import { isDecided, type SurfacePoint } from "../state/people";
import type { Session } from "../state/session";

/** Decide about a person; after approving or rejecting go on without waiting for the server. */
export function decide(session: Session, state: PersonState, comment?: string, person = session.person) {
    // A key that is pressed while the next image is loading is not meant for this one; a comment is.
    if (session.loading && comment === undefined) return;
    // The comment being written is saved first, and keys are keys again.
    if (comment === undefined) focusedCommentField()?.blur();
    const { possiblePerson } = session;
    if (!person && possiblePerson) {
        if (state === "approved") acceptPossible(session, possiblePerson);
        else if (state === "rejected") dismissPossible(session, possiblePerson);
        return;
    }
    if (!person) return decideNobody(session, state);
    const edit: Edit = { kind: "decide", person: person.key, state };
    session.edits.make(comment === undefined ? edit : { ...edit, comment });
    if (comment === undefined && DECIDED.includes(state)) void session.goToNextUndecided();
}

/** Have a possible person labelled, who is selected then. */
export function acceptPossible(session: Session, { key, box }: PossiblePerson) {
    session.select(null); // whom the user selects meanwhile stays selected
    session.edits.make({ kind: "accept_possible", possible: key }, (context, scale) =>
        drawAsking(context, box, 1 / scale),
    );
}

/** A possible person is nobody; the next one to be decided is selected. */
export function dismissPossible(session: Session, { key }: PossiblePerson) {
    const { possible } = session;
    const index = possible.findIndex((other) => other.key === key);
    const next = possible[index + 1] ?? possible[index - 1];
    session.edits.make({ kind: "dismiss_possible", possible: key });
    if (next) session.select(next.key);
    // Where nobody is labelled, somebody has to say so.
    else if (session.people.length) void session.goToNextUndecided();
}

/** Decide that nobody is on an image without labels, which dismisses possible people, or take that back. */
export function decideNobody(session: Session, state: PersonState) {
    if (session.edits.isAdding) return; // it is not known yet whether somebody is there
    const isDone = session.image !== null && !session.people.length && state !== "rejected";
    if (isDone) session.edits.make({ kind: "nobody", nobody: state === "approved" });
    if (DECIDED.includes(state)) void session.goToNextUndecided(isDone);
}

/** Take a decision back. */
export function reopen(session: Session) {
    decide(session, session.person?.edited ? "edited" : "predicted");
}

/** Decide about all people of the image who are not decided; nobody else is there, so that possible people are dismissed. */
export function decideAll(session: Session, state: PersonState) {
    if (session.loading) return;
    const open = session.people.filter((person) => !isDecided(person));
    if (!session.people.length || !(open.length || session.possible.length)) return decideNobody(session, state);
    const decisions = open.map(({ key }): Edit => ({ kind: "decide", person: key, state }));
    const dismissals = session.possible.map(({ key }): Edit => ({ kind: "dismiss_possible", possible: key }));
    session.edits.make(combineEdits([...decisions, ...dismissals]));
    void session.goToNextUndecided();
}

/** A person is the same as the selected one. */
export function merge(session: Session, key: string) {
    if (!session.person || key === session.selected) return;
    const { box } = session.person;
    session.edits.make({ kind: "merge", people: [session.person.key, key] }, (context, scale) =>
        drawAsking(context, box, 1 / scale),
    );
    session.useTool("select");
}

/** Delete the selected person; the next one to be decided is selected. */
export function remove(session: Session) {
    const { person, people, possiblePerson } = session;
    if (!person && possiblePerson) return dismissPossible(session, possiblePerson);
    if (!person) return;
    const index = session.indexOf(person);
    const others = [...people.slice(index + 1), ...people.slice(0, index)];
    session.edits.make({ kind: "delete", person: person.key });
    session.select((others.find((other) => !isDecided(other)) ?? others[0])?.key ?? null);
}

/** Set a keypoint; its place is clipped to the photo. */
export function setKeypoint(
    session: Session, index: number, x: number, y: number, visibility: number, person = session.selected,
) {
    if (person) session.edits.make(keypointEdit(session, person, index, x, y, visibility));
}

/** Set the visibility of the selected keypoint. A missing one first needs a place. */
export function setVisibility(session: Session, visibility: number) {
    const { point } = session;
    if (point && point[3] !== visibility) setKeypoint(session, session.keypoint!, point[0], point[1], visibility);
    // Otherwise the next click on the photo would set it again.
    if (!visibility) session.set({ keypoint: null, lastKeypoint: session.keypoint });
}

/** Swap a keypoint with that of the other side. */
export function swapKeypoint(session: Session, index: number) {
    const other = KEYPOINT_MIRROR[index];
    const { key, keypoints } = session.person ?? {};
    if (!key || !keypoints || other === index) return;
    const [a, b] = [keypoints[index], keypoints[other]];
    const moves = [
        keypointEdit(session, key, index, b[0], b[1], b[3]),
        keypointEdit(session, key, other, a[0], a[1], a[3]),
    ];
    session.edits.make(combineEdits(moves));
}

function keypointEdit(session: Session, person: string, index: number, x: number, y: number, visibility: number): Edit {
    const [width, height] = session.image!.size;
    const at = { x: Math.min(Math.max(x, 0), width), y: Math.min(Math.max(y, 0), height) };
    return { kind: "set_keypoint", person, keypoint: index, visibility, ...(visibility ? at : {}) };
}

/** Give the wrong pixel this place on the body. */
export function correctSurface(session: Session, { chart, u, v }: SurfacePoint) {
    const { person, wrongPixel } = session;
    if (!person || !wrongPixel) return;
    const correction: SurfaceCorrection = [...wrongPixel, chart, u, v];
    session.set({ wrongPixel: null });
    session.edits.make({ kind: "correct_surface", person: person.key, corrections: [correction] });
}

const SWAPS = { swap_sides: "Left ↔ right", swap_depth: "Front ↔ back" };

/**
 * Swap left and right, front and back, or both, of the whole person or of the chosen part. What it does is shown before
 * and after, and in colours in which it is seen.
 */
export function swap(session: Session, kinds: (keyof typeof SWAPS)[], onlyPart = false) {
    const { person, overlay } = session;
    if (!person) return;
    const parts = onlyPart ? { parts: [session.part] } : {};
    const before = { ...person };
    session.edits.make(combineEdits(kinds.map((kind) => ({ kind, person: person.key, ...parts }))));
    const names = kinds.map((kind) => SWAPS[kind]).join(", ");
    const title = onlyPart ? `${names} of the ${PARTS[session.part]}` : names;
    session.set({ comparison: { before, title }, overlay: { ...overlay, fill: "charts" }, labelsHidden: false });
}
