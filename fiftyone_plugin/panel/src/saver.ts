// Edits on their way to the server: one after another, and again until it answers. What was not answered yet
// is in sessionStorage, so that a reload or a dead server loses nothing.

import { Refusal, type Changed, type Edit } from "./calls";

export interface Job {
    sample: string;
    /** An edit, or which way to go in the history. */
    edit: Edit | "undo" | "redo";
    /** Save it even if somebody has changed the person meanwhile. */
    force?: boolean;
}

const RETRY_MS = 2000;
const KEY = "densepose-unsaved";

export class Saver {
    readonly jobs: Job[] = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
    /** Since when the server does not answer. */
    failing = false;
    private running = false;

    constructor(
        private readonly send: (job: Job) => Promise<Changed | null>,
        private readonly arrived: (job: Job, changed: Changed | null) => Promise<void>,
        private readonly refused: (job: Job, reason: string) => void,
        private readonly changed: () => void,
    ) {}

    add(job: Job) {
        this.jobs.push(job);
        this.keep();
        void this.run();
    }

    async run() {
        if (this.running) return;
        this.running = true;
        while (this.jobs.length) {
            const job = this.jobs[0];
            try {
                const changed = await this.send(job);
                this.failing = false;
                this.finish();
                await this.arrived(job, changed);
            } catch (error) {
                if (error instanceof Refusal) {
                    this.failing = false;
                    this.finish();
                    this.refused(job, error.message);
                } else {
                    this.failing = true;
                    this.changed();
                    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
                }
            }
            this.changed();
        }
        this.running = false;
    }

    private finish() {
        this.jobs.shift();
        this.keep();
    }

    private keep() {
        sessionStorage.setItem(KEY, JSON.stringify(this.jobs));
        this.changed();
    }
}
