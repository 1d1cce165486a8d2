// What one image adds to the counts of the queue, which change together with what is shown of it: see
// annotator/review/queue.py, which counts the same in the database.

import type { QueueItem, QueueResult } from "../api/types";
import type { Image } from "./image_loader";
import { isDecided } from "./people";

export interface ImageCounts {
    states: Record<string, number>;
    reasons: Record<string, number>;
    histogram: number[];
    /** People to decide, possible ones, too; 1 where there is nobody and nobody has said so. */
    open: number;
}

export function countsOf(image: Image, missingPeople: string, bins: number): ImageCounts {
    const { nobody, adding, possible: { size: possible } } = image;
    const people = [...image.people.values()];
    const undecided = people.filter((person) => !isDecided(person));
    const histogram = Array<number>(bins).fill(0);
    for (const { issue_score } of undecided) histogram[Math.min(Math.floor(issue_score * bins), bins - 1)]++;
    const reasons = people.flatMap((person) => person.reasons);
    return {
        states: tally(people.map(({ state }) => state)),
        reasons: tally([...reasons, ...Array<string>(possible).fill(missingPeople)]),
        histogram,
        open: undecided.length + possible + adding || Number(!people.length && !nobody),
    };
}

/** Add to the counts of all images what one has more than before. */
export function addDifference(result: QueueResult, before: ImageCounts, now: ImageCounts) {
    result.states = sum(result.states, before.states, now.states);
    const reasons = Object.entries(sum(result.reasons, before.reasons, now.reasons));
    result.reasons = Object.fromEntries(reasons.filter(([, count]) => count > 0));
    result.histogram = result.histogram.map((count, i) => Math.max(count + now.histogram[i] - before.histogram[i], 0));
    const done = result.done + Number(!now.open) - Number(!before.open);
    result.done = Math.min(Math.max(done, 0), result.images);
}

/** An image's row of the queue; `issueScores` are of the people and possible people who count. */
export function updatedItem(item: QueueItem, { people, possible }: Image, open: number, issueScores: number[]): QueueItem {
    const issueScore = 1 - issueScores.reduce((rest, score) => rest * (1 - score), 1);
    return { ...item, people: people.size, possible: possible.size, open, issue_score: issueScore };
}

function tally(names: string[]): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
    return counts;
}

function sum<T extends Record<string, number>>(counts: T, before: Record<string, number>, now: Record<string, number>): T {
    const result: Record<string, number> = { ...counts };
    for (const name of Object.keys({ ...before, ...now })) {
        result[name] = Math.max((result[name] ?? 0) + (now[name] ?? 0) - (before[name] ?? 0), 0);
    }
    return result as T;
}
