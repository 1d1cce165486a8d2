// Edits that were not done because somebody else was faster. They are saved nowhere else: a reload of the page keeps them.

import type { Job } from "./saver";
import { readStored, store } from "./storage";

export interface Conflict {
    /** The edit that came too late, and those that were made after it on the same people. */
    jobs: Job[];
    text: string;
    /** Whether one of these people is not there any more. */
    isGone: boolean;
}

export class Conflicts {
    private list: Conflict[];
    private readonly key: string;

    constructor(dataset: string, private readonly onChange: () => void) {
        this.key = `densepose-conflicts-${dataset}`;
        this.list = readStored(this.key, []);
    }

    get any(): boolean {
        return this.list.length > 0;
    }

    get first(): Conflict | undefined {
        return this.list[0];
    }

    /** Whether any of them is about labels of an image. */
    isAbout({ sample, prefix }: { sample: string; prefix: string }): boolean {
        return this.list.some(({ jobs }) => jobs.some((job) => job.sample === sample && job.prefix === prefix));
    }

    add(conflict: Conflict) {
        this.set([...this.list, conflict]);
    }

    setText(conflict: Conflict, text: string) {
        conflict.text = text;
        this.set(this.list);
    }

    /** Remove the first conflict and return its edits. */
    takeFirst(): Job[] {
        const [{ jobs }, ...others] = this.list;
        this.set(others);
        return jobs;
    }

    private set(list: Conflict[]) {
        this.list = list;
        store(this.key, list);
        this.onChange();
    }
}
