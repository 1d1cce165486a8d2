// The operator of the panel "Labelling progress", see fiftyone_plugin/progress.py.

import { RefusedError, runOperator } from "./host";

/** Numbers of an annotator, tool, issue and so on, see annotator/team/report.py. */
export interface Row {
    name: string;
    edits: number;
    people: number;
    photos: number;
    corrected: number;
    seconds: number;
    /** Of an annotator, by task, 0..1: empty where it was not measured. */
    agreement: Record<string, number>;
}

export interface Day {
    day: string;
    author: string;
    edits: number;
    people: number;
    seconds: number;
}

export interface Report {
    total: Row;
    authors: Row[];
    kinds: Row[];
    tools: Row[];
    issues: Row[];
    targets: Row[];
    photos: Row[];
    days: Day[];
}

/** Expected, and the ends of a 95 % interval; no end is in sight where the last is null. */
export type Interval<T> = [expected: T, least: T, most: T | null];

export interface Forecast {
    open: number;
    hours: Interval<number> | null;
    dates: Interval<string> | null;
}

export interface Progress {
    prefixes: string[];
    prefix?: string;
    /** Names of those who have edited. */
    by?: string[];
    report?: Report;
    forecast?: Forecast;
}

/** Days as dates, `2026-03-31`; null for all, as `by` is for everybody. */
export interface ProgressQuery {
    prefix: string;
    since: string | null;
    until: string | null;
    by: string | null;
}

export async function fetchProgress(dataset: string, query: ProgressQuery): Promise<Progress> {
    const uri = "@densepose/annotator/review_progress";
    const result = await runOperator<Progress & { error?: string; unavailable?: string }>(uri, query, dataset, []);
    const problem = result.error ?? result.unavailable;
    if (problem) throw new RefusedError(problem);
    return result;
}
