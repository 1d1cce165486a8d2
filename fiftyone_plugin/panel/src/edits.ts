// Edits of the open image: shown at once, sent one after another, taken back, and what to do if one is refused.

import * as calls from "./calls";
import type { Changed, Edit, Versions } from "./calls";
import { foresee, keysOf } from "./foresight";
import { History, type Way } from "./history";
import { keep, kept } from "./keeping";
import type { Image } from "./loader";
import { unpackPerson } from "./people";
import { commentField } from "./people_list";
import { type Job, Saver } from "./saver";
import type { Session } from "./session";
import { isDrawing } from "./tools";

export interface Conflict {
    /** The edit that came too late, and those that were made after it on the same people. */
    jobs: Job[];
    text: string;
    /** Whether one of these people is not there any more. */
    isGone: boolean;
}

/** Drawn over the photo until the server has answered: a stroke as it was painted, say. */
export type Preview = (context: CanvasRenderingContext2D, scale: number) => void;

export class Edits {
    /** Of the open image. */
    history: History | null = null;
    /** What waits in them is saved nowhere else. */
    conflicts: Conflict[];
    /** What the server refused to save last: stays until somebody has seen it. */
    refusal = "";
    previews: { job: Job; draw: Preview }[] = [];
    /** Whether anything was edited. */
    any = false;

    private readonly conflictsKey: string;
    private readonly saver: Saver;

    constructor(private readonly session: Session) {
        const { dataset } = session.place;
        this.conflictsKey = `densepose-conflicts-${dataset}`;
        this.conflicts = kept(this.conflictsKey, []);
        window.addEventListener("beforeunload", (event) => {
            if (this.saver.jobs.length || this.conflicts.length) event.preventDefault();
        });
        this.saver = new Saver(
            dataset,
            (job) => this.send(job),
            (job, changed) => session.guarded(() => this.arrived(job, changed)),
            (job, reason) => session.guarded(() => this.refused(job, reason)),
            () => session.notify(),
        );
    }

    /** Send what a reload has left. */
    resume() {
        void this.saver.run();
    }

    get saving(): "saved" | "saving" | "failing" {
        if (!this.saver.jobs.length) return "saved";
        return this.saver.failing ? "failing" : "saving";
    }

    /** Make an edit; `draw` is shown until it has arrived. */
    make(edit: Edit, draw?: Preview) {
        const { session } = this;
        if (!session.image) return;
        const job = this.job(session.image, edit, this.versions(edit));
        if (draw) this.previews.push({ job, draw });
        this.any = true;
        session.cameFrom = null;
        this.saver.add(job);
        this.foresee(session.image);
        session.set({ message: "", emptyBox: null });
    }

    /** Whether there is anything to undo, or to do again, of the open image. */
    can(way: Way): boolean {
        return this.next(way) !== undefined;
    }

    async undo(way: Way) {
        const { session } = this;
        if (session.loading) return; // it would be of an image that is not seen
        const back = way === "undo" ? session.cameFrom : null;
        if (back) await session.show(back);
        const { image } = session;
        if (!image || (back && image.sample !== back)) return;
        // The decision was that nobody is there.
        if (back && !image.people.size) return this.make({ kind: "nobody", nobody: false });
        const target = this.next(way);
        if (target) this.saver.add({ ...this.job(image, way, {}), target });
        session.set({ message: target ? "" : `There is nothing to ${way}.` });
    }

    /** Show an image's people as they will be once all that waits is saved. */
    foresee(image: Image) {
        const { session } = this;
        foresee(image.people, this.waiting(image));
        if (image === session.image && !session.person) session.select(null);
    }

    /** Do the edit after all that somebody else was faster with. */
    insist() {
        const { image } = this.session;
        for (const job of this.settled()) {
            const isHere = this.isShown(job) && typeof job.edit !== "string";
            const versions = isHere ? this.versions(job.edit as Edit) : {};
            this.saver.add({ ...job, versions, force: true });
        }
        if (image) this.foresee(image);
        this.session.notify();
    }

    giveIn() {
        for (const job of this.settled()) {
            // What was to be undone is not what it was.
            if (typeof job.edit === "string") this.historyOf(job).drop(job.edit, job.target!);
        }
        this.session.notify();
    }

    /** Of the first conflict, which is none any more. */
    private settled(): Job[] {
        const [{ jobs }, ...conflicts] = this.conflicts;
        this.setConflicts(conflicts);
        return jobs;
    }

    private setConflicts(conflicts: Conflict[]) {
        this.conflicts = conflicts;
        keep(this.conflictsKey, conflicts);
        this.session.notify();
    }

    get isWaiting(): boolean {
        return this.saver.jobs.length > 0;
    }

    private waiting(image: Image): Job[] {
        return this.saver.jobs.filter((job) => isOf(image, job));
    }

    private next(way: Way): string | undefined {
        const { image } = this.session;
        return image && this.history ? this.history.next(way, this.waiting(image)) : undefined;
    }

    private job({ sample, prefix }: Image, edit: Job["edit"], versions: Versions): Job {
        return { name: calls.newName(), sample, prefix, edit, versions, selected: this.session.selected };
    }

    private isShown(job: Job): boolean {
        const { image } = this.session;
        return image !== null && isOf(image, job);
    }

    private versions(edit: Edit): Versions {
        const keys = calls.singles(edit).flatMap(keysOf);
        const people = keys.flatMap((key) => this.session.image?.people.get(key) ?? []);
        return versionsOf(people);
    }

    private historyOf(job: Job): History {
        return this.isShown(job) && this.history ? this.history : new History(job.sample, job.prefix);
    }

    private async send(job: Job): Promise<Changed | null> {
        const { sample, edit, name, versions } = job;
        const { place, author } = this.session;
        const there = { ...place, prefix: job.prefix };
        const signed = { name, versions, author };
        if (typeof edit !== "string") return calls.edit(there, sample, edit, signed);
        const step = this.historyOf(job).find(edit, job.target!);
        if (!step) return null; // the edit that was to make it was not done
        return calls.restore(there, sample, step.token, { ...signed, versions: job.force ? {} : step.versions });
    }

    private async arrived(job: Job, changed: Changed | null) {
        const { session } = this;
        this.previews = this.previews.filter((preview) => preview.job !== job);
        if (!changed) {
            session.set({ message: `There is nothing to ${job.edit}.` });
            return;
        }
        session.loader.answered(job.sample);
        session.refreshQueueSoon();
        if (changed.conflict) return this.conflicted(job, changed);
        await this.take(job, changed);
        this.saver.renew(changed.people);
        if (changed.undo) {
            const step = { name: job.name, token: changed.undo, versions: versionsOf(changed.people) };
            const history = this.historyOf(job);
            if (typeof job.edit === "string") history.restored(job.edit, job.target!, step);
            else history.done(step);
            session.notify();
        } else if (this.isShown(job)) await session.renew(session.image!); // nothing was done: what was foreseen is not so
    }

    /** Take over the people whom an edit has changed, as the server has them. */
    private async take(job: Job, changed: Changed) {
        const { session } = this;
        if (!this.isShown(job)) return;
        const known = session.image!.people;
        const people = await Promise.all(changed.people.map((data) => unpackPerson(data, known.get(data.key))));
        if (!this.isShown(job)) return;
        const image = session.image!; // the same may have been opened anew
        const fresh = people.filter((person) => !image.people.has(person.key));
        const now = new Map([...image.people, ...people.map((person) => [person.key, person] as const)]);
        image.people = new Map(changed.order.flatMap((key) => (now.has(key) ? [[key, now.get(key)!] as const] : [])));
        this.foresee(image);
        // Whoever was added, or is as before again, is next, unless the hand is on somebody else by now.
        const wayBack = typeof job.edit === "string";
        const adds = wayBack || (job.edit as Edit).kind.startsWith("add");
        const next = fresh[0] ?? (wayBack ? people[0] : undefined);
        const isIdle = job.selected === session.selected && !isDrawing() && !commentField();
        if (adds && isIdle && next && !people.some(({ key }) => key === session.selected)) session.select(next.key);
        session.notify();
    }

    /** Somebody else was faster: nothing was done. */
    private async conflicted(job: Job, changed: Changed) {
        // Before the people are shown, who would else be shown as these edits would leave them.
        const jobs = [job, ...this.saver.withdraw(job, changed.conflict!)];
        this.previews = this.previews.filter((preview) => !jobs.includes(preview.job));
        await this.take(job, changed);
        const conflict = { jobs, text: this.textOf(job, changed), isGone: isGone(changed) };
        this.setConflicts([...this.conflicts, conflict]);
        if (!this.isShown(job)) return;
        await this.session.renew(this.session.image!);
        // Who was shown as gone has a number again.
        conflict.text = this.textOf(job, changed);
        this.setConflicts(this.conflicts);
    }

    private textOf(job: Job, changed: Changed): string {
        const file = this.fileOf(job);
        if (isGone(changed)) {
            return `${file}: your last edit is not saved: somebody has deleted that person meanwhile, or labelled the photo anew.`;
        }
        const who = changed.people[0]?.author || "Somebody";
        if (!this.isShown(job)) return `${who} changed ${file} meanwhile.`;
        const keys = this.session.people.map((person) => person.key);
        const numbers = changed.conflict!.map((key) => keys.indexOf(key) + 1);
        return `${who} changed person ${numbers.join(" and ")} meanwhile.`;
    }

    private fileOf({ sample }: Job): string {
        const { image, queue } = this.session;
        const shown = image?.sample === sample ? image : queue.find(sample);
        return shown?.filepath.split("/").pop() ?? "another image";
    }

    private async refused(job: Job, reason: string) {
        const { session } = this;
        this.previews = this.previews.filter((preview) => preview.job !== job);
        const { kind, box } = typeof job.edit === "string" ? { kind: job.edit } : job.edit;
        // A box without anybody in it is no loss, and the panel can do something about it.
        if (kind === "add" && this.isShown(job)) return session.set({ message: reason, emptyBox: box as number[] });
        this.setRefusal(`${this.fileOf(job)}: not saved: ${reason}`);
        void session.guarded(() => session.refreshQueue(true));
        // What was foreseen is not so.
        if (this.isShown(job)) await session.renew(session.image!);
    }

    setRefusal(refusal: string) {
        this.refusal = refusal;
        this.session.notify();
    }
}

const versionsOf = (people: { key: string; version: string }[]): Versions =>
    Object.fromEntries(people.map(({ key, version }) => [key, version]));

/** Whether somebody whom a conflict is about is not there any more. */
const isGone = ({ conflict, removed }: Changed) => !!conflict?.some((key) => removed.includes(key));

const isOf = (image: Image, { sample, prefix }: Job) => sample === image.sample && prefix === image.prefix;
