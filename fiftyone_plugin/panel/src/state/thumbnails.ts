// Small pictures of the images in the queue: asked for when they come into sight, a few at a time, and kept.

import { fetchThumbnails, type Scope } from "../api/operators";
import type { QueueItem } from "../api/types";

/** Of one request; the server makes no more than 24. */
const BATCH = 12;
/** An image that is scrolled past in less than this is not asked for. */
const DELAY_MS = 200;

export class Thumbnails {
    /** URL of each picture that has come, null for a photo that cannot be read. */
    private readonly urls = new Map<string, string | null>();
    /** Of each picture, what the queue says of its people: another picture may be due where that has changed. */
    private readonly states = new Map<string, string>();
    /** Whose picture is shown until there is a new one. */
    private readonly outdated = new Set<string>();
    private inSight: string[] = [];
    private wanted: string[] = [];
    private timer = 0;
    private isBusy = false;
    private readonly listeners = new Set<() => void>();

    constructor(private readonly scope: Scope) {}

    get(sample: string): string | null | undefined {
        return this.urls.get(sample);
    }

    subscribe(listener: () => void): () => void {
        this.listeners.add(listener);
        return () => void this.listeners.delete(listener);
    }

    /** These are in sight now; those that were before need not come any more. */
    want(samples: string[]) {
        this.inSight = samples;
        this.wanted = samples.filter((sample) => this.isMissing(sample));
        clearTimeout(this.timer);
        if (this.wanted.length) this.timer = setTimeout(() => void this.load(), DELAY_MS);
    }

    /** An image's labels were edited: somebody else may be the worst now, or be elsewhere. */
    edited(sample: string) {
        this.outdated.add(sample);
    }

    /** The queue as the server has it: who was edited, also by others, gets a new picture. */
    renew(items: QueueItem[]) {
        for (const { id, issue_score, open, people, possible } of items) {
            const state = [issue_score, open, people, possible].join();
            if (this.states.has(id) && this.states.get(id) !== state) this.outdated.add(id);
            this.states.set(id, state);
        }
        if (this.outdated.size) this.want(this.inSight);
    }

    /** Labels of another prefix show other people. */
    forget() {
        this.urls.clear();
        this.states.clear();
        for (const listener of this.listeners) listener();
    }

    private isMissing(sample: string): boolean {
        return !this.urls.has(sample) || this.outdated.has(sample);
    }

    private async load() {
        if (this.isBusy) return;
        this.isBusy = true;
        try {
            while (this.wanted.length) {
                const batch = this.wanted.slice(0, BATCH);
                const { prefix } = this.scope;
                // An edit that is made from now on is another one.
                const renewed = batch.filter((sample) => this.outdated.delete(sample));
                const { jpegs } = await fetchThumbnails(this.scope, batch).catch((error) => {
                    for (const sample of renewed) this.outdated.add(sample);
                    throw error;
                });
                if (prefix !== this.scope.prefix) continue;
                for (const sample of batch) {
                    const jpeg = jpegs[sample];
                    this.urls.set(sample, jpeg ? `data:image/jpeg;base64,${jpeg}` : null);
                }
                this.wanted = this.wanted.filter((sample) => this.isMissing(sample));
                for (const listener of this.listeners) listener();
            }
        } catch {
            // A queue without pictures works, too; the next time that they are in sight they are asked for again.
        } finally {
            this.isBusy = false;
        }
    }
}
