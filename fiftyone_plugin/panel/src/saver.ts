// Edits on their way to the server: one after another, and again until it answers. A reload or a dead server
// loses nothing of what was not answered yet.

import { Refusal, type Changed, type Edit, type PersonData, type Versions } from "./calls";
import type { Way } from "./history";
import { keep, kept } from "./keeping";

export interface Job {
    /** 16 hexadecimal digits, by which the server knows an edit whose answer was lost. */
    name: string;
    sample: string;
    /** Of the label fields. */
    prefix: string;
    /** An edit, or which way to go in the history. */
    edit: Edit | Way;
    /** Of the people that the edit names, as they were shown when it was made. */
    versions: Versions;
    /** Who was selected when it was made. */
    selected: string | null;
    /** The step of the history that is meant, which what waited before it may be about to make. */
    target?: string;
    /** Go in the history even if somebody has changed the people meanwhile. */
    force?: boolean;
}

export const RETRY_MS = 2000;
/** An answer that takes longer is lost; what is done twice by name is done once. */
const PATIENCE_MS = 60_000;

export class Saver {
    readonly jobs: Job[];
    /** Whether the last edit that was sent was not answered. */
    failing = false;
    private running = false;
    private readonly key: string;

    constructor(
        dataset: string,
        private readonly send: (job: Job) => Promise<Changed | null>,
        private readonly arrived: (job: Job, changed: Changed | null) => Promise<void>,
        private readonly refused: (job: Job, reason: string) => Promise<void>,
        private readonly changed: () => void,
    ) {
        this.key = `densepose-unsaved-${dataset}`;
        this.jobs = kept(this.key, []);
    }

    add(job: Job) {
        const last = this.jobs[this.jobs.length - 1];
        // Of a keypoint that is moved faster than the server answers only the last place counts.
        if (this.jobs.length > 1 && movesSame(last, job)) last.edit = job.edit;
        else this.jobs.push(job);
        this.keep();
        void this.run();
    }

    /** Take back the edits that wait of any of these people. */
    withdraw({ sample, prefix }: Job, keys: string[]): Job[] {
        const isMeant = (job: Job) =>
            job.sample === sample && job.prefix === prefix && keys.some((key) => key in job.versions);
        const withdrawn = this.jobs.filter(isMeant);
        this.jobs.splice(0, this.jobs.length, ...this.jobs.filter((job) => !isMeant(job)));
        this.keep();
        return withdrawn;
    }

    /** Edits that wait were made on people whose earlier edits have been saved now. */
    renew(people: PersonData[]) {
        for (const { versions } of this.jobs) {
            for (const { key, version } of people) if (key in versions) versions[key] = version;
        }
        this.keep();
    }

    async run() {
        if (this.running) return;
        this.running = true;
        try {
            await this.empty();
        } finally {
            this.running = false;
        }
    }

    private async empty() {
        while (this.jobs.length) {
            const job = this.jobs[0];
            const answer = await this.ask(job);
            if (answer === "nothing") {
                this.failing = true;
                this.changed();
                await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
                continue;
            }
            this.failing = false;
            this.jobs.shift();
            this.keep();
            if (answer instanceof Refusal) await this.refused(job, answer.message);
            else await this.arrived(job, answer);
            this.changed();
        }
    }

    private async ask(job: Job): Promise<Changed | null | Refusal | "nothing"> {
        let timer = 0;
        const late = new Promise<"nothing">((resolve) => (timer = setTimeout(resolve, PATIENCE_MS, "nothing")));
        try {
            return await Promise.race([this.send(job), late]);
        } catch (error) {
            return error instanceof Refusal ? error : "nothing";
        } finally {
            clearTimeout(timer);
        }
    }

    private keep() {
        keep(this.key, this.jobs);
        this.changed();
    }
}

function movesSame(a: Job, b: Job): boolean {
    const [first, second] = [a.edit, b.edit];
    if (typeof first === "string" || typeof second === "string" || a.sample !== b.sample) return false;
    const isMove = first.kind === "set_keypoint" && second.kind === "set_keypoint";
    return isMove && first.person === second.person && first.keypoint === second.keypoint;
}
