// The state of one review: the queue, the open image with its people, and what is being edited.

import * as calls from "./calls";
import type { Changed, Edit, Item, Queue, State, Versions } from "./calls";
import { foresee, keysOf } from "./foresight";
import { History, type Way } from "./history";
import { reloadSamples } from "./host";
import { keep, kept } from "./keeping";
import { DOUBTFUL, isDecided, type Person, surfaceAt, type SurfaceSpot, unpackPerson, worst } from "./people";
import { closePhoto, loadPhoto, type Photo } from "./photo";
import { type Job, RETRY_MS, Saver } from "./saver";
import { type Look, Tiles } from "./tiles";
import { abandon, isDrawing } from "./tools";

export type Tool =
    | "select" | "keypoints" | "brush" | "polygon" | "bucket" | "split" | "heads" | "merge" | "add" | "surface";

export interface Image {
    sample: string;
    prefix: string;
    filepath: string;
    size: [number, number];
    people: Map<string, Person>;
    photo: Photo;
    /** How many of its edits had been answered when its people were asked for. */
    answers: number;
}

export interface Conflict {
    /** The edit that came too late, and those that were made after it on the same people. */
    jobs: Job[];
    text: string;
}

/** Drawn over the photo until the server has answered: a stroke as it was painted, say. */
export type Preview = (context: CanvasRenderingContext2D, scale: number) => void;

const AUTHOR_KEY = "densepose-author";
/** Smallest and largest brush, in pixels of the photo. */
export const RADII: [number, number] = [0.5, 500];
/** How long nothing is saved before the queue is asked for anew: one of thousands of images takes its time. */
const QUIET_MS = 2000;

/** An "approve the rest". */
export interface Rest {
    name: string;
    prefix: string;
    /** How many people; null if no answer came. */
    approved: number | null;
}

export class Session {
    setup: calls.Setup | null = null;
    readonly place: calls.Place;
    author = localStorage.getItem(AUTHOR_KEY) ?? "";

    queue: Queue | null = null;
    states: State[] = [];
    reasons: string[] = [];
    order = "doubt";
    /** Ids of the only images to be shown: those of a spot check. */
    check: string[] | null = null;

    image: Image | null = null;
    loading: string | null = null;
    history: History | null = null;
    selected: string | null = null;
    keypoint: number | null = null;
    /** The one that was removed last: Tab goes on from there. */
    lastKeypoint: number | null = null;
    tool: Tool = "select";
    layer: "mask" | "part" = "mask";
    erase = false;
    part = 1;
    radius = 12;
    look: Look = { fill: "parts", contours: false };
    opacity = 0.55;
    skeleton = true;
    focus = false;
    /** Whether the photo is shown without labels. */
    bare = false;
    help = false;
    /** Whether the table of all people's scores is shown. */
    scores = false;
    /** Whether a narrow panel shows its queue. */
    queueWanted = false;
    /** A pixel that was clicked to be given another place on the body. */
    wrong: [number, number] | null = null;
    spot: SurfaceSpot | null = null;
    bodySpot: SurfaceSpot | null = null;
    message = "";
    /** What the server refused to save last: stays until somebody has seen it. */
    refusal = "";
    /** What waits in them is saved nowhere else. */
    conflicts: Conflict[];
    rest: Rest | null;
    /** When an image was asked for, to measure how long it took. */
    asked = 0;
    /** A box in which the network found nobody. */
    emptyBox: number[] | null = null;
    previews: { job: Job; draw: Preview }[] = [];

    readonly tiles = new Tiles();
    private readonly conflictsKey: string;
    private readonly restKey: string;
    private readonly prefixKey: string;
    private readonly saver: Saver;
    private readonly listeners = new Set<() => void>();
    private readonly spotListeners = new Set<() => void>();
    private ahead: { sample: string; image: Promise<Image> } | null = null;
    private edited = false;
    /** The image that was asked for last: one that cannot be shown is still a place in the queue. */
    private at = "";
    /** Images that could not be shown. */
    private readonly failed = new Set<string>();
    private starts = 0;
    private queues = 0;
    private quiet = 0;
    /** By image: how many edits were answered. People who were asked for before may be as they were before the edit. */
    private readonly answers = new Map<string, number>();
    /** The image that the last decision led away from: undo goes back to it. */
    cameFrom: string | null = null;

    constructor(dataset: string) {
        this.place = { dataset, view: [], prefix: "" };
        this.conflictsKey = `densepose-conflicts-${dataset}`;
        this.prefixKey = `densepose-prefix-${dataset}`;
        this.conflicts = kept(this.conflictsKey, []);
        this.restKey = `densepose-rest-${dataset}`;
        this.rest = kept(this.restKey, null);
        window.addEventListener("beforeunload", (event) => {
            if (this.saver.jobs.length || this.conflicts.length) event.preventDefault();
        });
        this.saver = new Saver(
            dataset,
            (job) => this.send(job),
            (job, changed) => this.guarded(() => this.arrived(job, changed)),
            (job, reason) => this.guarded(() => this.refused(job, reason)),
            () => this.notify(),
        );
    }

    subscribe(listener: () => void): () => void {
        this.listeners.add(listener);
        return () => void this.listeners.delete(listener);
    }

    notify() {
        for (const listener of this.listeners) listener();
    }

    /** Where the pointer is changes too often to render all of the panel. */
    subscribeToSpots(listener: () => void): () => void {
        this.spotListeners.add(listener);
        return () => void this.spotListeners.delete(listener);
    }

    setSpots(values: Partial<Pick<Session, "spot" | "bodySpot">>) {
        Object.assign(this, values);
        for (const listener of this.spotListeners) listener();
    }

    set(values: Partial<Session>) {
        Object.assign(this, values);
        this.notify();
    }

    get saving(): "saved" | "saving" | "failing" {
        if (!this.saver.jobs.length) return "saved";
        return this.saver.failing ? "failing" : "saving";
    }

    get people(): Person[] {
        return this.image ? [...this.image.people.values()] : [];
    }

    get person(): Person | null {
        return (this.selected && this.image?.people.get(this.selected)) || null;
    }

    /** The selected keypoint, unless it is missing. */
    get point(): calls.Keypoint | null {
        const point = this.keypoint === null ? null : this.person?.keypoints?.[this.keypoint];
        return point?.[3] ? point : null;
    }

    numberOf(person: Person): number {
        return this.people.indexOf(person);
    }

    setAuthor(author: string) {
        localStorage.setItem(AUTHOR_KEY, author);
        this.set({ author });
    }

    /** Begin with a view of the dataset; `sample` is the one to open, else the first of the queue. */
    async start(view: unknown[], sample: string | null) {
        const number = ++this.starts;
        this.place.view = view;
        try {
            // A dataset without people may have been annotated meanwhile.
            if (!this.place.prefix) this.setup = await calls.setup(this.place);
            if (number !== this.starts) return;
            if (!this.place.prefix) {
                const prefixes = this.setup?.prefixes ?? [];
                const last = localStorage.getItem(this.prefixKey);
                this.place.prefix = prefixes.find((prefix) => prefix === last) ?? prefixes[0] ?? "";
            }
            if (!this.place.prefix) return;
            // Another view of the dataset is no reason to leave the image that is open.
            const first = sample ?? this.image?.sample;
            const isOpen = first === this.image?.sample;
            await Promise.all([this.refreshQueue(), first && (isOpen ? this.renew(this.image!) : this.show(first))]);
            if (number !== this.starts) return;
            const open = this.items.find((item) => item.open || !item.people) ?? this.items[0];
            if (!first && open) await this.show(open.id);
            else this.lookAhead();
        } catch (error) {
            this.tell(error);
            // It will pass; a refusal will not.
            if (!(error instanceof calls.Refusal)) {
                setTimeout(() => number === this.starts && void this.start(view, sample), RETRY_MS);
            }
        }
        if (this.place.prefix) void this.saver.run();
        this.notify();
    }

    /** Review the labels of another prefix, of the same image if it has some. */
    async usePrefix(prefix: string) {
        localStorage.setItem(this.prefixKey, prefix);
        this.place.prefix = prefix;
        this.dropAhead();
        this.set({ states: [], reasons: [], check: null, cameFrom: null, loading: null });
        await this.guarded(async () => {
            await this.refreshQueue();
            const first = this.items.find((item) => item.id === this.at) ?? this.items[0];
            if (first) await this.show(first.id);
            else this.clear();
        });
    }

    close() {
        if (this.edited) reloadSamples();
        this.edited = false;
    }

    get items(): Item[] {
        return this.queue?.items ?? [];
    }

    /** Ask for the queue; `inPlace` leaves the images where they were, decided ones among the others. */
    async refreshQueue(inPlace = false) {
        const number = ++this.queues;
        const { states, reasons, order, check } = this;
        const queue = await calls.queue(this.place, { states, reasons, order, samples: check ?? [] });
        // The answer to a later question may come first.
        if (number !== this.queues) return;
        if (inPlace) {
            // What is open stays, also if the filters would not find it any more: from there on it goes on.
            const here = this.items.find((item) => item.id === this.at);
            if (here && !queue.items.some((item) => item.id === here.id)) queue.items.push(here);
            const places = new Map(this.items.map((item, at) => [item.id, at]));
            const placeOf = (item: Item) => places.get(item.id) ?? places.size;
            queue.items.sort((a, b) => placeOf(a) - placeOf(b));
        }
        this.set({ queue });
    }

    private refreshQueueSoon() {
        clearTimeout(this.quiet);
        this.quiet = setTimeout(() => {
            if (this.saver.jobs.length || this.loading) this.refreshQueueSoon();
            else void this.guarded(() => this.refreshQueue(true));
        }, QUIET_MS);
    }

    async filter(values: Partial<Pick<Session, "states" | "reasons" | "order" | "check">>) {
        this.set(values);
        await this.guarded(() => this.refreshQueue());
    }

    /** Open an image; the one that a decision leads to is loaded meanwhile. */
    async show(sample: string, cameFrom: string | null = null) {
        if (this.loading === sample) return;
        commentField()?.blur(); // which saves it, for whom it is about
        this.asked = performance.now();
        const { prefix } = this.place;
        this.at = sample;
        this.cameFrom = cameFrom;
        this.set({ loading: sample, message: "", queueWanted: false });
        await this.guarded(async () => {
            const ahead = this.ahead?.sample === sample ? this.ahead : null;
            if (ahead) this.ahead = null;
            const image = await (ahead?.image ?? this.load(sample)).catch((error: Error) => {
                if (this.loading === sample && prefix === this.place.prefix) this.failedToShow(sample, error);
                throw error;
            });
            this.failed.delete(sample);
            if (image.answers !== this.answersOf(sample)) await this.renew(image);
            if (this.loading !== sample || prefix !== this.place.prefix) return closePhoto(image.photo);
            if (this.image) closePhoto(this.image.photo);
            abandon(); // what was begun on the other image
            this.tiles.clear();
            this.foresee(image);
            const rank = (person: Person) => (this.isSought(person) ? 2 : 0) + worst(person);
            const selected = [...image.people.values()].sort((a, b) => rank(b) - rank(a))[0]?.key ?? null;
            this.set({
                image, selected, loading: null, bare: false, wrong: null, emptyBox: null, previews: [],
                keypoint: null, lastKeypoint: null, history: new History(sample, image.prefix),
            });
            // Somebody may have changed what was loaded ahead.
            if (ahead) void this.guarded(() => this.renew(image));
            this.lookAhead();
        });
        // The same image may be loading with the labels of another prefix by now.
        if (this.loading === sample && prefix === this.place.prefix) this.set({ loading: null });
    }

    /** The image before must not stay, or what is meant for this one would be done to it. */
    private failedToShow(sample: string, error: Error) {
        this.failed.add(sample);
        const isWaitedFor = () => this.at === sample && !this.image && !this.loading;
        if (!(error instanceof calls.Refusal)) setTimeout(() => isWaitedFor() && void this.show(sample), RETRY_MS);
        if (this.image) closePhoto(this.image.photo);
        this.clear();
    }

    private clear() {
        abandon();
        this.set({ image: null, history: null, selected: null, previews: [] });
    }

    /** Whether the filters look for a person. */
    private isSought({ state, doubts }: Person): boolean {
        const { states, reasons } = this;
        const words = (name: string) => this.setup?.doubts[name] ?? name;
        const isReason = ([name, value]: [string, number]) => value >= DOUBTFUL && reasons.includes(words(name));
        return (!states.length || states.includes(state)) && (!reasons.length || Object.entries(doubts).some(isReason));
    }

    private lookAhead() {
        const next = this.image && this.nextOpen();
        if (!next || next.id === this.ahead?.sample) return;
        this.dropAhead();
        const image = this.load(next.id);
        const ahead = (this.ahead = { sample: next.id, image });
        // Told when it is opened, and does not load then either.
        image.catch(() => {
            if (this.ahead === ahead) this.ahead = null;
        });
    }

    private dropAhead() {
        this.ahead?.image.then(({ photo }) => closePhoto(photo), () => undefined);
        this.ahead = null;
    }

    private async load(sample: string): Promise<Image> {
        const { prefix } = this.place;
        const answers = this.answersOf(sample);
        // Where the queue knows the file, the photo need not wait for the labels.
        const known = this.items.find((item) => item.id === sample)?.filepath;
        const early = known === undefined ? null : loadPhoto(known);
        early?.catch(() => undefined); // told below
        const opened = await calls.open(this.place, sample);
        const [photo, people] = await Promise.all([
            early ?? loadPhoto(opened.filepath),
            Promise.all(opened.people.map((data) => unpackPerson(data))),
        ]);
        return { sample, prefix, filepath: opened.filepath, size: opened.size, people: byKey(people), photo, answers };
    }

    private answersOf(sample: string): number {
        return this.answers.get(sample) ?? 0;
    }

    private neighbour(step: number): string | null {
        const ids = this.items.map((item) => item.id);
        const at = ids.indexOf(this.at);
        return ids[at + step] ?? null;
    }

    async move(step: number) {
        const next = this.neighbour(step);
        if (next) await this.show(next);
        else this.set({ message: step > 0 ? "This was the last image of the queue." : "This is the first image." });
    }

    /** Open an image, if it is not open, with one of its people selected. */
    async goTo(sample: string, key: string) {
        if (sample !== this.image?.sample) await this.show(sample);
        if (this.image?.people.has(key)) this.select(key);
    }

    select(key: string | null) {
        if (key !== this.selected) this.set({ selected: key, keypoint: null, lastKeypoint: null, wrong: null });
    }

    useTool(tool: Tool, more: Partial<Session> = {}) {
        abandon();
        const keypoint = tool === "keypoints" ? this.keypoint : null;
        this.set({ tool, keypoint, wrong: null, erase: false, ...more });
    }

    /** Send an edit; `draw` is shown until it has arrived. */
    edit(edit: Edit, draw?: Preview) {
        if (!this.image) return;
        const job = this.job(edit, this.versions(edit));
        if (draw) this.previews.push({ job, draw });
        this.edited = true;
        this.cameFrom = null;
        this.saver.add(job);
        this.foresee(this.image);
        this.set({ message: "", emptyBox: null });
    }

    async undo(way: Way) {
        if (this.loading) return; // it would be of an image that is not seen
        const back = way === "undo" ? this.cameFrom : null;
        if (back) await this.show(back);
        const { image, history } = this;
        if (!image || !history || (back && image.sample !== back)) return;
        const target = history.next(way, this.saver.jobs.filter((job) => isOf(image, job)));
        if (target) this.saver.add({ ...this.job(way, {}), target });
        else this.set({ message: `There is nothing to ${way}.` });
    }

    /** About the open image. */
    private job(edit: Job["edit"], versions: Versions): Job {
        const { sample, prefix } = this.image!;
        return { name: calls.newName(), sample, prefix, edit, versions, selected: this.selected };
    }

    private isShown(job: Job): boolean {
        return this.image !== null && isOf(this.image, job);
    }

    private versions(edit: Edit): Versions {
        const keys = calls.singles(edit).flatMap(keysOf);
        const people = keys.flatMap((key) => this.image?.people.get(key) ?? []);
        return Object.fromEntries(people.map((person) => [person.key, person.version]));
    }

    private foresee(image: Image) {
        foresee(image.people, this.saver.jobs.filter((job) => isOf(image, job)));
        if (image === this.image && !this.person) this.select(null);
    }

    private async send(job: Job): Promise<Changed | null> {
        const { sample, edit, name, versions } = job;
        const place = { ...this.place, prefix: job.prefix };
        const signed = { name, versions, author: this.author };
        if (typeof edit !== "string") return calls.edit(place, sample, edit, signed);
        const step = this.historyOf(job).find(edit, job.target!);
        if (!step) return null; // the edit that was to make it was not done
        return calls.restore(place, sample, step.token, { ...signed, versions: job.force ? {} : step.versions });
    }

    private historyOf(job: Job): History {
        return this.isShown(job) && this.history ? this.history : new History(job.sample, job.prefix);
    }

    private async arrived(job: Job, changed: Changed | null) {
        this.previews = this.previews.filter((preview) => preview.job !== job);
        if (!changed) {
            this.set({ message: `There is nothing to ${job.edit}.` });
            return;
        }
        this.answers.set(job.sample, this.answersOf(job.sample) + 1);
        const edits = typeof job.edit === "string" ? [] : calls.singles(job.edit);
        if (edits.some(({ kind }) => kind === "decide")) this.refreshQueueSoon();
        if (changed.conflict) return this.conflicted(job, changed);
        await this.take(job, changed);
        this.saver.renew(changed.people);
        if (changed.undo) {
            const versions = Object.fromEntries(changed.people.map((person) => [person.key, person.version]));
            const step = { name: job.name, token: changed.undo, versions };
            const history = this.historyOf(job);
            if (typeof job.edit === "string") history.restored(job.edit, job.target!, step);
            else history.done(step);
            this.notify();
        } else if (this.isShown(job)) await this.renew(this.image!); // nothing was done: what was foreseen is not so
    }

    /** Somebody else was faster: nothing was done. */
    private async conflicted(job: Job, changed: Changed) {
        // Before the people are shown, who would else be shown as these edits would leave them.
        const jobs = [job, ...this.saver.withdraw(job, changed.conflict!)];
        this.previews = this.previews.filter((preview) => !jobs.includes(preview.job));
        await this.take(job, changed);
        const conflict = { jobs, text: this.textOf(job, changed) };
        this.setConflicts([...this.conflicts, conflict]);
        if (!this.isShown(job)) return;
        await this.renew(this.image!);
        // Who was shown as gone has a number again.
        conflict.text = this.textOf(job, changed);
        this.setConflicts(this.conflicts);
    }

    private textOf(job: Job, changed: Changed): string {
        return `${changed.people[0]?.author || "Somebody"} changed ${this.nameOf(job, changed)} meanwhile.`;
    }

    /** "person 3", or the photo where it is another than the one shown. */
    private nameOf(job: Job, changed: Changed): string {
        if (!this.isShown(job)) return this.fileOf(job);
        const keys = this.people.map((person) => person.key);
        const numbers = (changed.conflict ?? []).map((key) => keys.indexOf(key) + 1).filter(Boolean);
        return numbers.length ? `person ${numbers.join(" and ")}` : "a person who is gone";
    }

    private fileOf({ sample }: Job): string {
        const shown = this.image?.sample === sample ? this.image : this.items.find(({ id }) => id === sample);
        return shown?.filepath.split("/").pop() ?? "another image";
    }

    private async refused(job: Job, reason: string) {
        this.previews = this.previews.filter((preview) => preview.job !== job);
        const { kind, box } = typeof job.edit === "string" ? { kind: job.edit } : job.edit;
        // A box without anybody in it is no loss, and the panel can do something about it.
        if (kind === "add" && this.isShown(job)) return this.set({ message: reason, emptyBox: box as number[] });
        this.set({ refusal: `${this.fileOf(job)}: not saved: ${reason}` });
        void this.guarded(() => this.refreshQueue(true));
        // What was foreseen is not so.
        if (this.isShown(job)) await this.renew(this.image!);
    }

    /** Bring an image to what the server has, with what is still on its way there. */
    private async renew(image: Image) {
        let answers: number, people: Person[];
        do {
            answers = this.answersOf(image.sample);
            const opened = await calls.open({ ...this.place, prefix: image.prefix }, image.sample);
            people = await Promise.all(opened.people.map((data) => unpackPerson(data, image.people.get(data.key))));
        } while (answers !== this.answersOf(image.sample));
        image.people = byKey(people);
        this.foresee(image);
        this.notify();
    }

    /** Take over the people whom an edit has changed, as the server has them. */
    private async take(job: Job, changed: Changed) {
        if (!this.isShown(job)) return;
        const known = this.image!.people;
        const people = await Promise.all(changed.people.map((data) => unpackPerson(data, known.get(data.key))));
        if (!this.isShown(job)) return;
        const image = this.image!; // the same may have been opened anew
        const fresh = people.filter((person) => !image.people.has(person.key));
        for (const key of changed.removed) image.people.delete(key);
        for (const person of people) image.people.set(person.key, person);
        this.foresee(image);
        // Whoever was added is next, unless the hand is on somebody else by now.
        const adds = typeof job.edit === "string" || job.edit.kind.startsWith("add");
        const isIdle = job.selected === this.selected && !isDrawing() && !commentField();
        if (adds && isIdle && fresh.length === 1) this.select(fresh[0].key);
        this.notify();
    }

    /** Do the edit after all that somebody else was faster with. */
    insist() {
        const [{ jobs }, ...conflicts] = this.conflicts;
        this.setConflicts(conflicts);
        for (const job of jobs) {
            const isHere = this.isShown(job) && typeof job.edit !== "string";
            const versions = isHere ? this.versions(job.edit as Edit) : {};
            this.saver.add({ ...job, versions, force: true });
        }
        if (this.image) this.foresee(this.image);
        this.notify();
    }

    giveIn() {
        const [{ jobs }, ...conflicts] = this.conflicts;
        // What was to be undone is not what it was.
        for (const job of jobs) if (typeof job.edit === "string") this.historyOf(job).drop(job.edit, job.target!);
        this.setConflicts(conflicts);
    }

    private setConflicts(conflicts: Conflict[]) {
        this.set({ conflicts });
        keep(this.conflictsKey, conflicts);
    }

    setRest(rest: Rest | null) {
        this.set({ rest });
        keep(this.restKey, rest);
    }

    /** To the next person to be decided, of this image or of the next one; `isDone`: undo leads back to this one. */
    async goOn(isDone = true) {
        const open = this.people.filter((person) => !isDecided(person));
        if (open.length) {
            const at = this.person ? this.numberOf(this.person) : -1;
            this.select((open.find((person) => this.numberOf(person) > at) ?? open[0]).key);
            return;
        }
        const here = this.items.find((item) => item.id === this.image?.sample);
        if (here) here.open = 0;
        const next = this.nextOpen();
        if (next) await this.show(next.id, (isDone && this.image?.sample) || null);
        else this.set({ message: "Everybody in this queue is decided." });
    }

    /** The image that is next once everybody of this one is decided. */
    private nextOpen(): Item | undefined {
        const { items } = this;
        const at = items.findIndex((item) => item.id === this.at);
        const works = (item: Item) => !this.failed.has(item.id);
        // An image without people may lack some: it wants a look, but only once.
        const after = items.slice(at + 1).find((item) => works(item) && (item.open || !item.people));
        const before = items.slice(0, Math.max(at, 0));
        return after ?? before.find((item) => works(item) && item.open) ?? before.find((item) => item.open);
    }

    setRadius(radius: number) {
        this.set({ radius: Math.min(Math.max(radius, RADII[0]), RADII[1]) });
    }

    /** Show on the drawing of the body what an image point is. */
    hover(x: number, y: number) {
        const spot = this.person ? surfaceAt(this.person, x, y) : null;
        if (spot || this.spot) this.setSpots({ spot });
    }

    private async guarded(work: () => Promise<void>) {
        try {
            await work();
        } catch (error) {
            this.tell(error);
        }
    }

    private tell(error: unknown) {
        this.set({ message: error instanceof Error ? error.message : String(error) });
    }
}

const byKey = (people: Person[]) => new Map(people.map((person) => [person.key, person]));

const isOf = (image: Image, { sample, prefix }: Job) => sample === image.sample && prefix === image.prefix;

/** The field in which somebody is writing a comment. */
const commentField = () => document.querySelector<HTMLElement>("[data-testid=dp-comment]:focus");

const sessions = new Map<string, Session>();

/** The one review of a dataset: the panels of the grid and of the modal share it, and what is not saved yet. */
export function sessionOf(dataset: string): Session {
    const session = sessions.get(dataset) ?? new Session(dataset);
    sessions.set(dataset, session);
    return session;
}
