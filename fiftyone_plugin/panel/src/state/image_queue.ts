// Which images are to be reviewed, in which order, and at which of them the review is.

import { fetchQueue, type Scope } from "../api/operators";
import type { WorkKind } from "../api/team_types";
import type { PersonState, QueueItem, QueueResult } from "../api/types";
import { MIN_ISSUE_SCORE } from "./labels";
import type { Person } from "./people";

export interface Filters {
    states: PersonState[];
    reasons: string[];
    order: string;
    /** Ids of the only images to be listed: those of a spot check. */
    check: string[] | null;
    /** What a team works on. */
    work: WorkKind | "";
}

export class ImageQueue {
    /** What the server answered last. */
    result: QueueResult | null = null;
    filters: Filters = { states: [], reasons: [], order: "issue_score", check: null, work: "" };
    /** The image that was asked for last: one that cannot be shown is still a place in the queue. */
    current = "";
    /** Images that could not be shown. */
    readonly failed = new Set<string>();
    private requests = 0;

    constructor(private readonly scope: Scope, private readonly author: () => string) {}

    get items(): QueueItem[] {
        return this.result?.items ?? [];
    }

    find(sample: string): QueueItem | undefined {
        return this.items.find(({ id }) => id === sample);
    }

    /** Ask the server; `keepOrder` leaves the images where they were, decided ones among the others. */
    async refresh(keepOrder = false) {
        const request = ++this.requests;
        const { check, ...filters } = this.filters;
        const result = await fetchQueue(this.scope, { ...filters, samples: check ?? [], author: this.author() });
        // The answer to a later request may come first.
        if (request !== this.requests) return;
        if (keepOrder) {
            // The open image stays in the queue even if the filters no longer match it: the next one is found from there.
            const here = this.find(this.current);
            if (here && !result.items.some(({ id }) => id === here.id)) result.items.push(here);
            const positions = new Map(this.items.map((item, position) => [item.id, position]));
            const positionOf = (item: QueueItem) => positions.get(item.id) ?? positions.size;
            result.items.sort((a, b) => positionOf(a) - positionOf(b));
        }
        this.result = result;
    }

    /** Id of the image so many steps on, null at the end. */
    neighbour(step: number): string | null {
        return this.items[this.position + step]?.id ?? null;
    }

    /** The next image with people to decide, from the start again after the end. */
    nextOpen(): QueueItem | undefined {
        const { items, position } = this;
        const works = ({ id }: QueueItem) => !this.failed.has(id);
        const after = items.slice(position + 1).find((item) => works(item) && item.open);
        const before = items.slice(0, Math.max(position, 0));
        return after ?? before.find((item) => works(item) && item.open) ?? before.find((item) => item.open);
    }

    /** Whether a person matches the filters; `descriptions` are those of the issues, by name. */
    matches({ state, issues }: Person, descriptions: Record<string, string>): boolean {
        const { states, reasons } = this.filters;
        const isReason = ([name, value]: [string, number]) =>
            value >= MIN_ISSUE_SCORE && reasons.includes(descriptions[name] ?? name);
        return (!states.length || states.includes(state)) && (!reasons.length || Object.entries(issues).some(isReason));
    }

    private get position(): number {
        return this.items.findIndex(({ id }) => id === this.current);
    }
}
