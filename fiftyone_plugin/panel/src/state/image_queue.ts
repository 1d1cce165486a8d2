// Which images are to be reviewed, in which order, and at which of them the review is.

import { fetchQueue, type Scope, type Show } from "../api/operators";
import type { StageName, WorkKind } from "../api/team_types";
import type { PersonState, QueueItem, QueueQuery, QueueResult } from "../api/types";
import type { Image } from "./image_loader";
import { isDecided, type Person } from "./people";
import { addDifference, countsOf, type ImageCounts, updatedItem } from "./queue_counts";

/** Images of a page of the queue, as in annotator/review/queue.py. */
const PAGE = 200;
/** Of the queue that are asked for at once at most. */
const MAX_ITEMS = 5000;

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
    /** The reason of an image that has possible people. */
    missingPeople = "";
    private requests = 0;
    /** What each image that was opened adds to the counts of `result`. */
    private readonly counted = new Map<string, ImageCounts>();
    private edits = 0;
    /** What `result` was the answer to. */
    private asked = "";
    private isLoadingMore = false;
    /** Whether `result` is about labels of another prefix or view. */
    private isOutdated = false;
    /** Whether an answer is awaited that lists the images in the server's order. */
    private isToBeListedAnew = false;

    /** `show` is told how many photos are summarized while an answer takes long. */
    constructor(private readonly scope: Scope, private readonly author: () => string, private readonly show: Show) {}

    get items(): QueueItem[] {
        return this.result?.items ?? [];
    }

    find(sample: string): QueueItem | undefined {
        return this.items.find(({ id }) => id === sample);
    }

    /**
     * Ask the server; `keepOrder` leaves the images where they were, decided ones among the others. False if the answer
     * may lack an edit that is shown, because of `isPending` when it was asked for, or made since: what is shown stays.
     */
    async refresh(keepOrder = false, isPending = false): Promise<boolean> {
        const request = ++this.requests;
        const { edits } = this;
        if (!keepOrder) this.isToBeListedAnew = true; // also if a later request is answered in its place
        const keepsOrder = !this.isToBeListedAnew;
        const { query, result: before } = this;
        const asked = JSON.stringify([this.scope, query]);
        const since = keepsOrder && !this.isOutdated && asked === this.asked ? (before?.time ?? null) : null;
        const limit = keepsOrder ? Math.min(Math.max(this.items.length, PAGE), MAX_ITEMS) : PAGE;
        const result = await fetchQueue(this.scope, { ...query, since, limit }, this.show);
        // The answer to a later request may come first.
        if (request !== this.requests) return true;
        if (result.gone) this.addUnchanged(result);
        this.asked = asked;
        const isExact = !isPending && edits === this.edits;
        if (isExact) this.counted.clear();
        else if (this.result && !this.isOutdated) this.keepShown(result, this.result);
        this.isOutdated = this.isToBeListedAnew = false;
        if (keepsOrder) {
            // The open image stays in the queue even if the filters no longer match it: the next one is found from there.
            const here = this.find(this.current);
            if (here && !result.items.some(({ id }) => id === here.id)) result.items.push(here);
            const positions = new Map(this.items.map((item, position) => [item.id, position]));
            const positionOf = (item: QueueItem) => positions.get(item.id) ?? positions.size;
            result.items.sort((a, b) => positionOf(a) - positionOf(b));
        }
        this.result = result;
        return isExact;
    }

    /** What matches the filters and is at a stage, at which the author can work on it. */
    async fetchAt(work: StageName): Promise<QueueItem[]> {
        return (await fetchQueue(this.scope, { ...this.query, work })).items;
    }

    /** Get the next page; false if there is none. */
    async loadMore(): Promise<boolean> {
        const next = this.result?.next;
        if (!next || this.isLoadingMore) return false;
        this.isLoadingMore = true;
        try {
            const page = await fetchQueue(this.scope, { ...this.query, after: next });
            // The queue may have been listed anew meanwhile.
            if (!this.result || this.result.next !== next) return false;
            const known = new Set(this.items.map(({ id }) => id));
            this.result.items = [...this.items, ...page.items.filter(({ id }) => !known.has(id))];
            this.result.next = page.next;
            return true;
        } finally {
            this.isLoadingMore = false;
        }
    }

    /** An image that is on a later page, put before the others; undefined if it does not match the filters. */
    async include(sample: string): Promise<QueueItem | undefined> {
        const { items } = await fetchQueue(this.scope, { ...this.query, samples: [sample] });
        if (items.length && this.result && !this.find(sample)) this.result.items = [...items, ...this.items];
        return this.find(sample);
    }

    /** Labels of another prefix, or of another view, are counted anew. */
    forgetCounts() {
        this.counted.clear();
        this.isOutdated = true;
    }

    /** Remember what an image adds to the counts, before it is shown otherwise than the server has it. */
    expect(image: Image) {
        if (!this.counted.has(image.sample)) this.counted.set(image.sample, this.countsOf(image));
    }

    /** Count an image as it is shown now. */
    count(image: Image) {
        const { result } = this;
        const before = this.counted.get(image.sample);
        if (!result || !before || image.prefix !== this.scope.prefix) return;
        const now = this.countsOf(image);
        if (JSON.stringify(now) === JSON.stringify(before)) return;
        this.edits++;
        this.counted.set(image.sample, now);
        addDifference(result, before, now);
        const scores = this.issueScores(image);
        // New rows: the list is rendered only if it has changed.
        result.items = result.items.map((item) => (item.id === image.sample ? updatedItem(item, image, now.open, scores) : item));
    }

    /** Id of the image so many steps on, null at the end. */
    neighbour(step: number): string | null {
        return this.items[this.position + step]?.id ?? null;
    }

    /** As `nextOpen`, of all pages. */
    async findNextOpen(): Promise<QueueItem | undefined> {
        for (;;) {
            const { items, position } = this;
            const isAhead = items.slice(position + 1).some(({ id, open }) => open && !this.failed.has(id));
            // Sorted by what is to be decided, a page without anything is followed by others without.
            const isEnd = this.filters.order === "issue_score" && !this.result?.team && items.at(-1)?.open === 0;
            if (isAhead || isEnd || !(await this.loadMore())) return this.nextOpen();
        }
    }

    /** The next image with people to decide, from the start again after the end. */
    nextOpen(): QueueItem | undefined {
        const { items, position } = this;
        const works = ({ id }: QueueItem) => !this.failed.has(id);
        const after = items.slice(position + 1).find((item) => works(item) && item.open);
        const before = items.slice(0, Math.max(position, 0));
        return after ?? before.find((item) => works(item) && item.open) ?? before.find((item) => item.open);
    }

    /** Whether a person matches the filters. */
    matches(person: Pick<Person, "state" | "reasons">): boolean {
        const { states, reasons } = this.filters;
        const isReason = !reasons.length || person.reasons.some((reason) => reasons.includes(reason));
        return isReason && (!states.length || states.includes(person.state));
    }

    private get query(): QueueQuery {
        const { check, ...filters } = this.filters;
        return { ...filters, samples: check ?? [], author: this.author() };
    }

    /** An answer lists what has changed only: the rest is as it was. */
    private addUnchanged(result: QueueResult) {
        const changed = new Map(result.items.map((item) => [item.id, item]));
        const gone = new Set(result.gone);
        const there = this.items.filter(({ id }) => !gone.has(id)).map((item) => changed.get(item.id) ?? item);
        const known = new Set(this.items.map(({ id }) => id));
        result.items = [...there, ...result.items.filter(({ id }) => !known.has(id))];
        result.next = this.result?.next ?? null;
    }

    private countsOf(image: Image): ImageCounts {
        return countsOf(image, this.missingPeople, this.result?.histogram.length ?? 1);
    }

    /** Of the people whom the filters are about; of those who are decided only if they are asked for. */
    private issueScores({ people, possible }: Image): number[] {
        const counts = (person: Person) => this.matches(person) && (this.filters.states.length > 0 || !isDecided(person));
        const countsPossible = this.matches({ state: "predicted", reasons: [this.missingPeople] });
        return [
            ...[...people.values()].filter(counts).map(({ issue_score }) => issue_score),
            ...[...possible.values()].filter(() => countsPossible).map(({ score }) => score),
        ];
    }

    /** Of an answer that may be older than what is shown, the counts are those that are shown. */
    private keepShown(result: QueueResult, shown: QueueResult) {
        const { states, reasons, histogram, done, images } = shown;
        Object.assign(result, { states, reasons, histogram, done, images });
        result.items = result.items.map((item) => (this.counted.has(item.id) && shown.items.find(({ id }) => id === item.id)) || item);
    }

    private get position(): number {
        return this.items.findIndex(({ id }) => id === this.current);
    }
}
