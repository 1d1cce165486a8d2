// What the plugin's operators take and return, see fiftyone_plugin/review.py.

import type { Box, Click, Edit, SurfaceCorrection } from "./edit_types";

import type { StageName, WorkKind } from "./team_types";

export type { Box, Click, Edit, SurfaceCorrection };

export type PersonState = "predicted" | "edited" | "approved" | "rejected";

/** x, y in image pixels, confidence 0..1, and COCO's visibility: 0 missing, 1 hidden, 2 visible. */
export type Keypoint = [x: number, y: number, confidence: number, visibility: number];

export interface PersonData {
    key: string;
    version: string;
    box: Box;
    /** Mask, parts, charts, U and V inside of the box: zlib in base64. */
    planes: string;
    has_mask: boolean;
    keypoints: Keypoint[] | null;
    corrections: SurfaceCorrection[];
    quality: Record<string, number>;
    issues: Record<string, number>;
    /** All issues together, 0..1. */
    issue_score: number;
    /** Words of the issues that are large enough to count. */
    reasons: string[];
    state: PersonState;
    model: string;
    author: string;
    comment: string;
    /** Whether a human has changed the labels, whatever was decided since. */
    edited: boolean;
}

/** Somebody whom the labels may lack. */
export interface PossiblePerson {
    key: string;
    box: Box;
    /** Probability that somebody is there, 0..1. */
    score: number;
}

export interface OpenedImage {
    sample: string;
    filepath: string;
    size: [width: number, height: number];
    people: PersonData[];
    /** To be decided, most probable first. */
    possible: PossiblePerson[];
    /** Whether a reviewer has said that nobody is there. */
    nobody: boolean;
    changed: PhotoChange | null;
    agreement: Agreement | null;
}

/** How far two annotators agreed who did not see each other's labels. */
export interface Agreement {
    annotators: [first: string, second: string];
    people: PersonAgreement[];
}

/** Of one person: the keys of both, null where only one annotator has it, and 0..1 by task, null where neither has labelled it. */
export interface PersonAgreement {
    first: string | null;
    second: string | null;
    mask?: number | null;
    parts?: number | null;
    charts?: number | null;
    keypoints?: number | null;
}

/** The photo is not the one that was labelled: nothing can be saved. */
export interface PhotoChange {
    reason: string;
    /** Whether it has the size of before. */
    fits: boolean;
}

/** What an approval of many has done. */
export interface ApprovalResult {
    approved: number;
    /** Images that were left out. */
    failed: number;
    /** Why, of the first ones. */
    failures: string[];
}

/** What an edit has changed. */
export interface EditResult {
    people: PersonData[];
    removed: string[];
    /** Keys of everybody who is there. */
    order: string[];
    /** To be decided after the edit. */
    possible: PossiblePerson[];
    /** State of each possible person that has changed, by key. */
    decided: Record<string, string>;
    /** Token that restores the people as they were. */
    undo?: string | null;
    /** Keys of the people whom somebody else has changed meanwhile: nothing was done. */
    conflict?: string[];
}

export interface QueueItem {
    id: string;
    filepath: string;
    issue_score: number;
    people: number;
    /** Possible people to decide. */
    possible: number;
    /** People to decide, possible ones, too; 1 where there is nobody and nobody has said so. */
    open: number;
    /** Where a team works: see annotator/team/listing.py. */
    stage?: StageName;
    holder?: string | null;
    annotators?: string[];
    returned_to?: string | null;
}

/** See annotator/review/queue.py. */
export interface QueueQuery {
    states: string[];
    reasons: string[];
    order: string;
    /** The only samples to be listed, empty for all. */
    samples: string[];
    /** Of what a team works on, as `author` sees it; empty for all. */
    work: WorkKind | "";
    author: string;
    /** Images of a page. */
    limit?: number;
    /** `next` of the page before. */
    after?: unknown[] | null;
    /** `time` of an earlier answer: only what has changed since. */
    since?: string | null;
}

export interface QueueResult {
    items: QueueItem[];
    /** Of the page after this one, null if there is none. */
    next: unknown[] | null;
    /** Images that have changed and do not match; null if the answer is a page, not what has changed. */
    gone: string[] | null;
    /** Null where the server cannot say what has changed since. */
    time: string | null;
    found: number;
    images: number;
    done: number;
    states: Record<PersonState, number>;
    reasons: Record<string, number>;
    histogram: number[];
    /** Numbers of images of each kind; null where no team works. */
    team: Record<WorkKind, number> | null;
    /** Why nothing may be changed. */
    read_only: string | null;
}

export interface Setup {
    prefixes: string[];
    /** Description of each issue by its name. */
    issues: Record<string, string>;
    /** The reason of an image that has possible people. */
    missing_people: string;
    /** The name of the App's user, empty if it knows none. */
    user: string;
    body: { views: string; count: number; height: number; width: number };
}

export interface ScoreColumn {
    name: string;
    words: string;
    is_issue: boolean;
    histogram: number[];
}

/** See annotator/review/score_table.py. */
export interface ScoreTable {
    columns: ScoreColumn[];
    people: number;
    is_more: boolean;
    rows: { sample: string; filepath: string; key: string; number: number; scores: (number | null)[] }[];
}

export interface SpotCheckResult {
    images: number;
    people: number;
    /** Ids of the samples to look at. */
    check: string[];
}

/** Of the people with issue scores up to a threshold, see annotator/review/error_rate.py. */
export interface ErrorRateStep {
    people: number;
    decided: number;
    wrong: number;
    at_most: number;
    more: number;
}

export interface ErrorRate {
    /** The highest issue score up to which few enough are wrong; null if that is not known of any. */
    proposed: number | null;
    max_wrong: number;
    confidence: number;
    /** For the issue scores 0, 0.01, … 1. */
    steps: ErrorRateStep[];
}

/** Version of each person, and state of each possible one, by key. */
export type Versions = Record<string, string>;

/** What comes with an edit: the versions it was made on, who made it and how, and the id of the request. */
export interface EditHeader {
    versions: Versions;
    author: string;
    request_id: string;
    tool?: string;
    seconds?: number;
}

/** Several edits as one: done, refused and undone together. */
export const combineEdits = (edits: Edit[]): Edit => (edits.length === 1 ? edits[0] : { kind: "together", edits });

export const singleEdits = (edit: Edit): Edit[] => (edit.kind === "together" ? edit.edits : [edit]);

/** Keys of the people that an edit names; a merge merges the others into the first. */
export const personKeys = (edit: Edit): string[] =>
    "people" in edit ? edit.people : "person" in edit && edit.person ? [edit.person] : [];

/** The state of a possible person whom nobody has decided about. */
export const OPEN = "open";

/** Key of the possible person that an edit decides about, null if it is about others. */
export const possibleKey = (edit: Edit): string | null => ("possible" in edit ? edit.possible : null);
