// Edits of people: shown at once, sent one after another, undone, and what happens if the server does not do one.

import { keepLabels, logTime, newRequestId, restore, sendEdit } from "../api/operators";
import { type Edit, type EditResult, OPEN, personKeys, possibleKey, singleEdits, type Versions } from "../api/types";
import { focusedCommentField } from "./comment_field";
import { type Conflict, Conflicts } from "./conflicts";
import { History, type HistoryAction } from "./history";
import { byKey, type Image, type ImageLoader } from "./image_loader";
import type { ImageQueue } from "./image_queue";
import { addsPerson, applyPending } from "./optimistic_updates";
import { unpackPerson } from "./people";
import type { ReviewState } from "./review_state";
import { type Job, Saver } from "./saver";

/** Drawn over the photo until the edit is saved: a stroke as it was painted, say. */
export type Preview = (context: CanvasRenderingContext2D, scale: number) => void;

/** Seconds on a photo that are worth an entry in the log of edits. */
const MIN_LOOK = 1;

/** What the queue has to show otherwise. */
interface QueueUpdates {
    onSaved(sample: string): void;
    /** What was shown of an image that is not open any more was not saved. */
    onRefused(): void;
}

export class Edits {
    /** What the server refused to save last: stays until somebody has seen it. */
    refusal = "";
    previews: { job: Job; draw: Preview }[] = [];
    readonly conflicts: Conflicts;

    /** Of the open image. */
    private history: History | null = null;
    private readonly saver: Saver;

    constructor(
        private readonly state: ReviewState,
        private readonly queue: ImageQueue,
        private readonly loader: ImageLoader,
        private readonly updates: QueueUpdates,
    ) {
        const { dataset } = state.scope;
        this.conflicts = new Conflicts(dataset, () => state.notify());
        window.addEventListener("beforeunload", (event) => {
            if (this.saver.jobs.length || this.conflicts.any) event.preventDefault();
        });
        this.saver = new Saver(dataset, {
            send: (job) => this.send(job),
            onSaved: (job, result) => state.reportErrors(() => this.onSaved(job, result)),
            onRefused: (job, reason) => state.reportErrors(() => this.onRefused(job, reason)),
            onChange: () => state.notify(),
        });
    }

    /** Send what was not saved before the page was loaded anew. */
    resume() {
        void this.saver.run();
    }

    get saving(): "saved" | "saving" | "asking" | "failing" {
        const [job] = this.saver.jobs;
        if (!job) return "saved";
        if (this.saver.failing) return "failing";
        return typeof job.edit !== "string" && ASKING.includes(job.edit.kind) ? "asking" : "saving";
    }

    get isPending(): boolean {
        return this.saver.jobs.length > 0;
    }

    /** Whether somebody is being labelled on the open image, who will be selected. */
    get isAdding(): boolean {
        return !!this.state.image?.adding;
    }

    /** Begin with an image, null if none is open. */
    openHistory(image: Image | null) {
        this.history = image && new History(image.sample, image.prefix);
        this.previews = [];
    }

    /** Make an edit of the open image; `draw` is shown until it is saved. */
    make(edit: Edit, draw?: Preview) {
        const { state } = this;
        if (!state.image || !state.mayEdit()) return;
        const job = this.newJob(state.image, edit, this.versionsFor(edit));
        if (draw) this.previews.push({ job, draw });
        state.cameFrom = null;
        this.saver.add(job);
        this.applyPending(state.image);
        state.set({ message: "", emptyBox: null, comparison: null });
    }

    /** Whether there is anything to undo, or to redo, of the open image. */
    can(action: HistoryAction): boolean {
        return this.nextStep(action) !== undefined;
    }

    /** Undo or redo the next step of the open image. */
    undoOrRedo(action: HistoryAction) {
        const { image } = this.state;
        if (!image || !this.state.mayEdit()) return;
        const target = this.nextStep(action);
        this.state.clicks = null; // they are not those of the mask any more
        if (target) this.saver.add({ ...this.newJob(image, action, {}), target });
        this.state.set({ message: target ? "" : `There is nothing to ${action}.`, comparison: null });
    }

    /** Show an image's people as they will be once all pending edits are saved. */
    applyPending(image: Image) {
        const { state } = this;
        this.queue.expect(image);
        applyPending(image, this.pendingOf(image));
        this.queue.count(image);
        if (image === state.image && !state.person && !state.possiblePerson) state.select(null);
    }

    /** Bring an image to what the server has, with the pending edits. */
    async reload(image: Image) {
        await this.loader.reloadPeople(image);
        this.applyPending(image);
        this.state.notify();
    }

    /** Say that the labels of the open image fit its photo, which has changed. */
    async keepLabels() {
        const { image } = this.state;
        if (!image || !this.state.mayEdit()) return;
        await this.state.reportErrors(async () => {
            await keepLabels({ ...this.state.scope, prefix: image.prefix }, image.sample);
            await this.reload(image);
        });
    }

    /** Do the edits of the first conflict after all. */
    overwrite() {
        const { image } = this.state;
        for (const job of this.conflicts.takeFirst()) {
            const versions = this.isShown(job) && typeof job.edit !== "string" ? this.versionsFor(job.edit) : {};
            this.saver.add({ ...job, versions, force: true });
        }
        if (image) this.applyPending(image);
        this.state.notify();
    }

    /** Drop the edits of the first conflict. */
    discard() {
        for (const job of this.conflicts.takeFirst()) {
            // A step that cannot be undone any more as it was.
            if (typeof job.edit === "string") this.historyOf(job).drop(job.edit, job.target!);
        }
        this.state.notify();
    }

    /** Log the time on a photo that no edit has taken: somebody has looked at it. */
    async logTime({ sample, prefix }: Image) {
        const seconds = this.state.clock.take(sample);
        const giveBack = () => this.state.clock.add(sample, seconds);
        if (seconds < MIN_LOOK) return giveBack();
        await logTime({ ...this.state.scope, prefix }, sample, this.state.author, seconds).catch(giveBack);
    }

    /** By how many pixels moves that are not saved yet move a person. */
    pendingMove(key: string): [number, number] {
        const { image } = this.state;
        const moves = (image ? this.pendingOf(image) : []).flatMap(({ edit }) =>
            typeof edit !== "string" && edit.kind === "move" && edit.person === key ? [edit] : [],
        );
        return [moves.reduce((sum, { dx }) => sum + dx, 0), moves.reduce((sum, { dy }) => sum + dy, 0)];
    }

    setRefusal(refusal: string) {
        this.refusal = refusal;
        this.state.notify();
    }

    private pendingOf(image: Image): Job[] {
        return this.saver.jobs.filter((job) => isOf(image, job));
    }

    private nextStep(action: HistoryAction): string | undefined {
        const { image } = this.state;
        return image && this.history ? this.history.next(action, this.pendingOf(image)) : undefined;
    }

    private newJob({ sample, prefix }: Image, edit: Job["edit"], versions: Versions): Job {
        const { selected, tool, clock } = this.state;
        const work = { tool: isDrawn(edit) ? tool : "", seconds: clock.take(sample) };
        return { requestId: newRequestId(), sample, prefix, edit, versions, selected, ...work };
    }

    private isShown(job: Job): boolean {
        const { image } = this.state;
        return image !== null && isOf(image, job);
    }

    private versionsFor(edit: Edit): Versions {
        const keys = singleEdits(edit).flatMap(personKeys);
        const people = keys.flatMap((key) => this.state.image?.people.get(key) ?? []);
        const possible = singleEdits(edit).flatMap((single) => possibleKey(single) ?? []);
        return { ...versionsOf(people), ...Object.fromEntries(possible.map((key) => [key, OPEN])) };
    }

    private historyOf(job: Job): History {
        return this.isShown(job) && this.history ? this.history : new History(job.sample, job.prefix);
    }

    private dropPreviews(jobs: Job[]) {
        this.previews = this.previews.filter(({ job }) => !jobs.includes(job));
    }

    private async send(job: Job): Promise<EditResult | null> {
        const { sample, edit, requestId, versions, tool, seconds } = job;
        const scope = { ...this.state.scope, prefix: job.prefix };
        const header = { request_id: requestId, versions, author: this.state.author, tool, seconds };
        if (typeof edit !== "string") return sendEdit(scope, sample, edit, header);
        const step = this.historyOf(job).find(edit, job.target!);
        if (!step) return null; // the edit that was to make it was not done
        return restore(scope, sample, step.token, { ...header, versions: job.force ? {} : step.versions });
    }

    private async onSaved(job: Job, result: EditResult | null) {
        const { state } = this;
        this.dropPreviews([job]);
        if (!result) {
            state.set({ message: `There is nothing to ${job.edit}.` });
            return;
        }
        this.loader.countAnswer(job.sample);
        this.updates.onSaved(job.sample);
        if (result.conflict) return this.onConflict(job, result);
        await this.showResult(job, result);
        this.saver.updateVersions(result.people);
        if (result.undo) {
            const step = { requestId: job.requestId, token: result.undo, versions: { ...versionsOf(result.people), ...result.decided } };
            const history = this.historyOf(job);
            if (typeof job.edit === "string") history.restored(job.edit, job.target!, step);
            else history.push(step);
            state.notify();
        } else if (this.isShown(job)) await this.reload(state.image!); // nothing was done: what was shown is not so
    }

    /** Take over the people whom an edit has changed, as the server has them. */
    private async showResult(job: Job, result: EditResult) {
        const { state } = this;
        if (!this.isShown(job)) return;
        const known = state.image!.people;
        const people = await Promise.all(result.people.map((data) => unpackPerson(data, known.get(data.key))));
        if (!this.isShown(job)) return;
        const image = state.image!; // the same may have been opened anew
        const added = people.filter((person) => !image.people.has(person.key));
        const all = new Map([...image.people, ...people.map((person) => [person.key, person] as const)]);
        image.people = new Map(result.order.flatMap((key) => (all.has(key) ? [[key, all.get(key)!] as const] : [])));
        image.possible = byKey(result.possible);
        this.applyPending(image);
        // Whoever was added, or restored, is selected, unless the user is busy with somebody else by now.
        const isRestore = typeof job.edit === "string";
        const adds = typeof job.edit === "string" || addsPerson(job.edit);
        const next = added[0] ?? (isRestore ? people[0] : undefined);
        const isIdle = job.selected === state.selected && !state.drawing.isActive && !focusedCommentField();
        // A possible person who is to be decided again.
        const reopened = [...image.possible.keys()].find((key) => key in result.decided);
        if (reopened && !state.person && !state.drawing.isActive) state.select(reopened);
        else if (adds && isIdle && next && !people.some(({ key }) => key === state.selected)) state.select(next.key);
        state.notify();
    }

    /** Somebody else was faster: nothing was done. */
    private async onConflict(job: Job, result: EditResult) {
        // Before the people are shown, who would else be shown as these edits would leave them.
        const jobs = [job, ...this.saver.withdraw(job, result.conflict!)];
        for (const { sample, seconds } of jobs) this.state.clock.add(sample, seconds ?? 0);
        this.dropPreviews(jobs);
        this.state.comparison = null; // it was not done
        // At once, or the panel would say for a moment that all is saved.
        const conflict: Conflict = { jobs, text: this.describe(job, result), isGone: isGone(result) };
        this.conflicts.add(conflict);
        await this.showResult(job, result);
        if (!this.isShown(job)) return this.updates.onRefused();
        await this.reload(this.state.image!);
        // People who were shown as deleted have a number again.
        this.conflicts.setText(conflict, this.describe(job, result));
    }

    private describe(job: Job, result: EditResult): string {
        const file = this.fileOf(job);
        if (result.conflict!.some((key) => key in result.decided)) {
            return `${file}: your last edit is not saved: somebody has decided about that possible person meanwhile.`;
        }
        if (isGone(result)) {
            return `${file}: your last edit is not saved: somebody has deleted that person meanwhile, or labelled the photo anew.`;
        }
        const who = result.people[0]?.author || "Somebody";
        if (!this.isShown(job)) return `${who} changed ${file} meanwhile.`;
        const keys = this.state.people.map((person) => person.key);
        const numbers = result.conflict!.map((key) => keys.indexOf(key) + 1);
        return `${who} changed person ${numbers.join(" and ")} meanwhile.`;
    }

    private fileOf({ sample }: Job): string {
        const { image } = this.state;
        const shown = image?.sample === sample ? image : this.queue.find(sample);
        return shown?.filepath.split("/").pop() ?? "another image";
    }

    private async onRefused(job: Job, reason: string) {
        const { state } = this;
        this.dropPreviews([job]);
        state.comparison = null;
        state.clock.add(job.sample, job.seconds ?? 0);
        const { edit } = job;
        // What was shown is not so.
        if (this.isShown(job)) await this.reload(state.image!);
        const isLabelled = this.isShown(job) && !state.image!.changed;
        // A box without anybody in it is no loss, and the panel can do something about it.
        if (typeof edit !== "string" && edit.kind === "add" && isLabelled) {
            return state.set({ message: reason, emptyBox: edit.box });
        }
        if (typeof edit !== "string" && edit.kind === "accept_possible" && isLabelled) {
            const possible = state.image!.possible.get(edit.possible);
            if (possible && !state.selected) state.select(possible.key);
            return state.set({ message: reason, emptyBox: possible?.box ?? null });
        }
        if (typeof edit !== "string" && (edit.kind === "click" || edit.kind === "paste") && isLabelled) {
            if (edit.kind === "click") state.clicks = null;
            return state.set({ message: reason });
        }
        this.setRefusal(`${this.fileOf(job)}: not saved: ${reason}`);
        this.updates.onRefused();
    }
}

const versionsOf = (people: { key: string; version: string }[]): Versions =>
    Object.fromEntries(people.map(({ key, version }) => [key, version]));

/** Whether somebody whom a conflict is about is not there any more, or, of a possible person, is decided. */
const isGone = ({ conflict, removed, decided }: EditResult) =>
    !!conflict?.some((key) => removed.includes(key) || key in decided);

/** Kinds of edits for which the server asks the network. */
const ASKING: Edit["kind"][] = ["add", "accept_possible", "split_by_line", "split_by_heads", "merge", "click"];

/** Whether an edit is made on the photo, with the tool that is in use, and not by a key or a button. */
const isDrawn = (edit: Job["edit"]) =>
    typeof edit !== "string" && singleEdits(edit).every(({ kind }) => !/^(decide|delete|nobody|swap_|add_empty|.*_possible$)/.test(kind));

const isOf = (image: Image, { sample, prefix }: Job) => sample === image.sample && prefix === image.prefix;
