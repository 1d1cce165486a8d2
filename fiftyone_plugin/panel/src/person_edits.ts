// What can be done to the people of the open image: each function makes one edit.

import { type Edit, type State, type SurfacePoint, together } from "./calls";
import { DECIDED, KEYPOINT_MIRROR } from "./labels";
import { isDecided, type SurfaceSpot } from "./people";
import type { Session } from "./session";

/** Decide about a person; after approving or rejecting go on without waiting for the server. */
export function decide(session: Session, state: State, comment?: string, person = session.person) {
    // A key that is pressed while the next image is loading is not meant for this one; a comment is.
    if (session.loading && comment === undefined) return;
    if (!person) return sayNobody(session, state);
    const edit: Edit = { kind: "decide", person: person.key, state };
    session.edits.make(comment === undefined ? edit : { ...edit, comment });
    if (comment === undefined && DECIDED.includes(state)) void session.goOn();
}

/** Of an image without labels: that nobody is there, or that it is to be looked at again. */
function sayNobody(session: Session, state: State) {
    const isSaid = session.image !== null && !session.people.length && state !== "rejected";
    if (isSaid) session.edits.make({ kind: "nobody", nobody: state === "approved" });
    if (DECIDED.includes(state)) void session.goOn(isSaid);
}

/** Take a decision back. */
export function reopen(session: Session) {
    decide(session, session.person?.edited ? "edited" : "predicted");
}

/** Decide about everybody of the image whom nobody has decided about. */
export function decideAll(session: Session, state: State) {
    if (session.loading) return;
    const open = session.people.filter((person) => !isDecided(person));
    if (!open.length) return sayNobody(session, state);
    session.edits.make(together(open.map(({ key }) => ({ kind: "decide", person: key, state }))));
    void session.goOn();
}

/** A person is the same as the selected one. */
export function merge(session: Session, key: string) {
    if (!session.person || key === session.selected) return;
    session.edits.make({ kind: "merge", people: [session.person.key, key] });
    session.useTool("select");
}

/** Delete the selected person; the next one to be decided is selected. */
export function remove(session: Session) {
    const { person, people } = session;
    if (!person) return;
    const at = session.numberOf(person);
    const others = [...people.slice(at + 1), ...people.slice(0, at)];
    session.edits.make({ kind: "delete", person: person.key });
    session.select((others.find((other) => !isDecided(other)) ?? others[0])?.key ?? null);
}

/** Put a keypoint somewhere, inside of the photo. */
export function setKeypoint(
    session: Session, index: number, x: number, y: number, visibility: number, person = session.selected,
) {
    if (person) session.edits.make(keypointAt(session, person, index, x, y, visibility));
}

/** Of the selected keypoint. A missing one first needs a place. */
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
        keypointAt(session, key, index, b[0], b[1], b[3]),
        keypointAt(session, key, other, a[0], a[1], a[3]),
    ];
    session.edits.make(together(moves));
}

function keypointAt(session: Session, person: string, index: number, x: number, y: number, visibility: number): Edit {
    const [width, height] = session.image!.size;
    const at = { x: Math.min(Math.max(x, 0), width), y: Math.min(Math.max(y, 0), height) };
    return { kind: "set_keypoint", person, keypoint: index, visibility, ...(visibility ? at : {}) };
}

/** The wrong pixel belongs to this place on the body. */
export function putAt(session: Session, spot: SurfaceSpot) {
    const { person, wrong } = session;
    if (!person || !wrong) return;
    const row: SurfacePoint = [...wrong, spot.chart, spot.u, spot.v];
    session.set({ wrong: null });
    session.edits.make({ kind: "correct_surface", person: person.key, corrections: [row] });
}

/** Swap left and right, front and back, or both, of the whole person or of the chosen part. */
export function swap(session: Session, kinds: ("swap_sides" | "swap_depth")[], onlyPart = false) {
    const { person } = session;
    if (!person) return;
    const parts = onlyPart ? { parts: [session.part] } : {};
    session.edits.make(together(kinds.map((kind) => ({ kind, person: person.key, ...parts }))));
}
