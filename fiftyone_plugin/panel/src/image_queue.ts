// Which images are to be reviewed, in which order, and at which of them the review is.

import * as calls from "./calls";
import type { Item, Place, Queue, State } from "./calls";
import { LEAST_DOUBT } from "./labels";
import type { Person } from "./people";

export interface Filters {
    states: State[];
    reasons: string[];
    order: string;
    /** Ids of the only images to be shown: those of a spot check. */
    check: string[] | null;
}

export class ImageQueue {
    /** What the server said last. */
    answer: Queue | null = null;
    filters: Filters = { states: [], reasons: [], order: "doubt", check: null };
    /** The image that was asked for last: one that cannot be shown is still a place in the queue. */
    at = "";
    /** Images that could not be shown. */
    readonly failed = new Set<string>();
    private questions = 0;

    constructor(private readonly place: Place) {}

    get items(): Item[] {
        return this.answer?.items ?? [];
    }

    find(sample: string): Item | undefined {
        return this.items.find(({ id }) => id === sample);
    }

    /** Ask the server; `inPlace` leaves the images where they were, decided ones among the others. */
    async refresh(inPlace = false) {
        const number = ++this.questions;
        const { check, ...filters } = this.filters;
        const answer = await calls.queue(this.place, { ...filters, samples: check ?? [] });
        // The answer to a later question may come first.
        if (number !== this.questions) return;
        if (inPlace) {
            // What is open stays, also if the filters would not find it any more: from there on it goes on.
            const here = this.find(this.at);
            if (here && !answer.items.some(({ id }) => id === here.id)) answer.items.push(here);
            const places = new Map(this.items.map((item, at) => [item.id, at]));
            const placeOf = (item: Item) => places.get(item.id) ?? places.size;
            answer.items.sort((a, b) => placeOf(a) - placeOf(b));
        }
        this.answer = answer;
    }

    neighbour(step: number): string | null {
        const at = this.items.findIndex(({ id }) => id === this.at);
        return this.items[at + step]?.id ?? null;
    }

    /** The image that is next once everybody of the one where it is at is decided. */
    nextOpen(): Item | undefined {
        const at = this.items.findIndex(({ id }) => id === this.at);
        const works = ({ id }: Item) => !this.failed.has(id);
        const after = this.items.slice(at + 1).find((item) => works(item) && item.open);
        const before = this.items.slice(0, Math.max(at, 0));
        return after ?? before.find((item) => works(item) && item.open) ?? before.find((item) => item.open);
    }

    /** Whether the filters look for a person; `words` are those of the doubts, by their names. */
    isSought({ state, doubts }: Person, words: Record<string, string>): boolean {
        const { states, reasons } = this.filters;
        const isReason = ([name, value]: [string, number]) => value >= LEAST_DOUBT && reasons.includes(words[name] ?? name);
        return (!states.length || states.includes(state)) && (!reasons.length || Object.entries(doubts).some(isReason));
    }
}
