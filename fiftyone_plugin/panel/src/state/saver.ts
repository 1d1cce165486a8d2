// Sends edits to the server, one after another, each again until it is answered. A reload of the page or a dead
// server loses nothing that was not answered yet.

import { RefusedError } from "../api/host";
import type { Edit, EditResult, PersonData, Versions } from "../api/types";
import type { HistoryAction } from "./history";
import { readStored, store } from "./storage";

export interface Job {
    /** By which the server knows an edit whose answer was lost. */
    requestId: string;
    sample: string;
    /** Of the label fields. */
    prefix: string;
    edit: Edit | HistoryAction;
    /** Of the people that the edit names, as they were shown when it was made. */
    versions: Versions;
    /** Who was selected when it was made. */
    selected: string | null;
    /** Id of the step to undo or redo, which a job before this one may be about to make. */
    target?: string;
    /** The tool it was made with, empty if none, and seconds of active work since the edit before. */
    tool?: string;
    seconds?: number;
    /** Undo or redo even if somebody has changed the people meanwhile. */
    force?: boolean;
}

interface SaverCallbacks {
    /** Null if there is nothing to be done any more. */
    send(job: Job): Promise<EditResult | null>;
    onSaved(job: Job, result: EditResult | null): Promise<void>;
    onRefused(job: Job, reason: string): Promise<void>;
    /** The jobs, or whether they fail, have changed. */
    onChange(): void;
}

export const RETRY_MS = 2000;
/** An answer that takes longer is lost; what is sent twice under one id is done once. */
const TIMEOUT_MS = 60_000;

export class Saver {
    readonly jobs: Job[];
    /** Whether the last attempt was not answered. */
    failing = false;
    private running = false;
    private readonly key: string;

    constructor(dataset: string, private readonly callbacks: SaverCallbacks) {
        this.key = `densepose-unsaved-${dataset}`;
        this.jobs = readStored(this.key, []);
    }

    add(job: Job) {
        const last = this.jobs[this.jobs.length - 1];
        // Of a keypoint, or a person, that is moved faster than the server answers only the last place counts.
        const moved = this.jobs.length > 1 ? joinedMove(last, job) : null;
        if (moved) {
            last.edit = moved;
            last.seconds = (last.seconds ?? 0) + (job.seconds ?? 0);
        } else this.jobs.push(job);
        this.persist();
        void this.run();
    }

    /** Remove and return the jobs on any of these people of a job's image. */
    withdraw({ sample, prefix }: Job, keys: string[]): Job[] {
        const isMeant = (job: Job) =>
            job.sample === sample && job.prefix === prefix && keys.some((key) => key in job.versions);
        const withdrawn = this.jobs.filter(isMeant);
        this.jobs.splice(0, this.jobs.length, ...this.jobs.filter((job) => !isMeant(job)));
        this.persist();
        return withdrawn;
    }

    /** Pending jobs were made on people whose earlier edits have been saved now. */
    updateVersions(people: PersonData[]) {
        for (const { versions } of this.jobs) {
            for (const { key, version } of people) if (key in versions) versions[key] = version;
        }
        this.persist();
    }

    /** Send the jobs; does nothing while it is at it. */
    async run() {
        if (this.running) return;
        this.running = true;
        try {
            await this.sendAll();
        } finally {
            this.running = false;
        }
    }

    private async sendAll() {
        while (this.jobs.length) {
            const job = this.jobs[0];
            const answer = await this.attempt(job);
            if (answer === "no answer") {
                this.failing = true;
                this.callbacks.onChange();
                await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
                continue;
            }
            this.failing = false;
            this.jobs.shift();
            this.persist();
            if (answer instanceof RefusedError) await this.callbacks.onRefused(job, answer.message);
            else await this.callbacks.onSaved(job, answer);
            this.callbacks.onChange();
        }
    }

    private async attempt(job: Job): Promise<EditResult | null | RefusedError | "no answer"> {
        let timer = 0;
        const timeout = new Promise<"no answer">((resolve) => (timer = setTimeout(resolve, TIMEOUT_MS, "no answer")));
        try {
            return await Promise.race([this.callbacks.send(job), timeout]);
        } catch (error) {
            return error instanceof RefusedError ? error : "no answer";
        } finally {
            clearTimeout(timer);
        }
    }

    private persist() {
        store(this.key, this.jobs);
        this.callbacks.onChange();
    }
}

/** The edit that moves what both move, the same keypoint or person, as far as both; null if they do something else. */
function joinedMove(a: Job, b: Job): Edit | null {
    const [first, second] = [a.edit, b.edit];
    if (typeof first === "string" || typeof second === "string" || a.sample !== b.sample) return null;
    if (first.kind === "move" && second.kind === "move" && first.person === second.person) {
        return { ...first, dx: first.dx + second.dx, dy: first.dy + second.dy };
    }
    const isMove = first.kind === "set_keypoint" && second.kind === "set_keypoint";
    return isMove && first.person === second.person && first.keypoint === second.keypoint ? second : null;
}
