// Calls of the plugin's operators, see fiftyone_plugin/review.py.

import { Refusal, runOperator } from "./host";

export { Refusal };

export type State = "predicted" | "edited" | "approved" | "rejected";
export type Keypoint = [x: number, y: number, confidence: number, visibility: number];
/** x, y in image pixels, chart, U, V. */
export type SurfacePoint = [number, number, number, number, number];

export interface PersonData {
    key: string;
    version: string;
    box: [number, number, number, number];
    planes: string;
    has_mask: boolean;
    keypoints: Keypoint[] | null;
    corrections: SurfacePoint[];
    quality: Record<string, number>;
    doubts: Record<string, number>;
    state: State;
    model: string;
    author: string;
    comment: string;
    /** Whether a human has changed the labels, whatever was decided since. */
    edited: boolean;
}

export interface Opened {
    sample: string;
    filepath: string;
    size: [number, number];
    people: PersonData[];
}

export interface Changed {
    people: PersonData[];
    removed: string[];
    /** Keys of everybody who is there. */
    order: string[];
    undo?: string | null;
    conflict?: string[];
}

export interface Item {
    id: string;
    filepath: string;
    doubt: number;
    people: number;
    /** People to decide; 1 where there is nobody and nobody has said so. */
    open: number;
}

export interface Queue {
    items: Item[];
    found: number;
    images: number;
    done: number;
    states: Record<State, number>;
    reasons: Record<string, number>;
    histogram: number[];
}

export interface Setup {
    prefixes: string[];
    doubts: Record<string, string>;
    body: { views: string; count: number; height: number; width: number };
}

export type Edit = { kind: string; [name: string]: unknown };

/** Several edits as one: done, refused and undone together. */
export const together = (edits: Edit[]): Edit => (edits.length === 1 ? edits[0] : { kind: "together", edits });

export const singles = (edit: Edit): Edit[] => (edit.kind === "together" ? (edit.edits as Edit[]) : [edit]);
export type Versions = Record<string, string>;

/** What the calls are about. */
export interface Place {
    dataset: string;
    view: unknown[];
    prefix: string;
}

async function call<T>(place: Place, name: string, params: object): Promise<T> {
    const uri = `@densepose/annotator/review_${name}`;
    const values = { prefix: place.prefix, ...params };
    type Failure = { error?: string; unavailable?: string };
    const answer = await runOperator<T & Failure>(uri, values, place.dataset, place.view);
    if (answer.error) throw new Refusal(answer.error);
    // It will pass: worth another try.
    if (answer.unavailable) throw new Error(answer.unavailable);
    return answer;
}

export const setup = (place: Place) => call<Setup>(place, "setup", {});

/** What is looked for, see annotator/review_queue.py. */
interface Wanted {
    states: string[];
    reasons: string[];
    order: string;
    samples: string[];
}

export const queue = (place: Place, wanted: Wanted) => call<Queue>(place, "queue", wanted);

export interface Score {
    name: string;
    words: string;
    is_doubt: boolean;
    histogram: number[];
}

/** See annotator/score_table.py. */
export interface Scores {
    columns: Score[];
    people: number;
    rows: { sample: string; filepath: string; key: string; number: number; scores: (number | null)[] }[];
}

export const scores = (place: Place, order: string) => call<Scores>(place, "scores", { order });

export const open = (place: Place, sample: string) => call<Opened>(place, "open", { sample });

/** What comes with an edit: the versions it was made on, who made it, and a name by which it is known again. */
interface Signed {
    versions: Versions;
    author: string;
    name: string;
}

export const edit = (place: Place, sample: string, edit: Edit, signed: Signed) =>
    call<Changed>(place, "edit", { sample, edit, ...signed });

export const restore = (place: Place, sample: string, token: string, signed: Signed) =>
    call<Changed>(place, "restore", { sample, token, ...signed });

export const spotCheck = (place: Place, doubt: number, share: number, seed: number) =>
    call<{ images: number; people: number; check: string[] }>(place, "spot_check", { doubt, share, seed });

/** Names of what is asked for: what is asked for twice under one name is done once. */
export function newName(): string {
    const bytes = [...crypto.getRandomValues(new Uint8Array(8))];
    return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const approveBelow = (place: Place, doubt: number, author: string, name: string) =>
    call<{ approved: number }>(place, "approve_below", { doubt, author, name });

export const takeBack = (place: Place, name: string) => call<{ predicted: number }>(place, "take_back", { name });
