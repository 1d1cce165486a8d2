// Small pictures of the images in the queue: asked for when they come into sight, a few at a time, and kept.

import { fetchThumbnails, type Scope } from "../api/operators";

/** Of one request; the server makes no more than 24. */
const BATCH = 12;
/** An image that is scrolled past in less than this is not asked for. */
const DELAY_MS = 200;

export class Thumbnails {
    /** URL of each picture that has come, null for a photo that cannot be read. */
    private readonly urls = new Map<string, string | null>();
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
        this.wanted = samples.filter((sample) => !this.urls.has(sample));
        clearTimeout(this.timer);
        if (this.wanted.length) this.timer = setTimeout(() => void this.load(), DELAY_MS);
    }

    /** Labels of another prefix show other people. */
    forget() {
        this.urls.clear();
        for (const listener of this.listeners) listener();
    }

    private async load() {
        if (this.isBusy) return;
        this.isBusy = true;
        try {
            while (this.wanted.length) {
                const batch = this.wanted.slice(0, BATCH);
                const { prefix } = this.scope;
                const { jpegs } = await fetchThumbnails(this.scope, batch);
                if (prefix !== this.scope.prefix) continue;
                for (const sample of batch) {
                    const jpeg = jpegs[sample];
                    this.urls.set(sample, jpeg ? `data:image/jpeg;base64,${jpeg}` : null);
                }
                this.wanted = this.wanted.filter((sample) => !this.urls.has(sample));
                for (const listener of this.listeners) listener();
            }
        } catch {
            // A queue without pictures works, too; the next time that they are in sight they are asked for again.
        } finally {
            this.isBusy = false;
        }
    }
}
