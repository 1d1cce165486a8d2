// The state of one review: the queue, the open image with its people, and what is being edited.

import * as calls from "./calls";
import type { Changed, Edit, Item, Queue, State, SurfacePoint, Versions } from "./calls";
import { History } from "./history";
import { reloadSamples } from "./host";
import { KEYPOINT_MIRROR, KEYPOINTS } from "./labels";
import { type Person, surfaceAt, type SurfaceSpot, unpackPerson } from "./people";
import { closePhoto, loadPhoto, type Photo } from "./photo";
import { type Job, newName, Saver } from "./saver";
import { type Look, Tiles } from "./tiles";

export type Tool =
    | "select" | "keypoints" | "brush" | "polygon" | "bucket" | "split" | "heads" | "merge" | "add" | "surface";

export interface Image {
    sample: string;
    prefix: string;
    filepath: string;
    size: [number, number];
    people: Map<string, Person>;
    photo: Photo;
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
const DECIDED: State[] = ["approved", "rejected"];

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
    /** In sessionStorage, too, as what waits in them is saved nowhere else. */
    conflicts: Conflict[];
    /** What "approve the rest" did last, and with which prefix. */
    rest: (calls.Rest & { prefix: string }) | null = null;
    /** When an image was asked for, to measure how long it took. */
    asked = 0;
    /** A box in which the network found nobody. */
    emptyBox: number[] | null = null;
    previews: { job: Job; draw: Preview }[] = [];

    readonly tiles = new Tiles();
    private readonly conflictsKey: string;
    private readonly prefixKey: string;
    private readonly saver: Saver;
    private readonly listeners = new Set<() => void>();
    private ahead: { sample: string; image: Promise<Image> } | null = null;
    private edited = false;
    /** The image that was asked for last: one that cannot be shown is still a place in the queue. */
    private at = "";
    private queues = 0;
    /** The image that the last decision led away from: undo goes back to it. */
    cameFrom: string | null = null;

    constructor(dataset: string) {
        this.place = { dataset, view: [], prefix: "" };
        this.conflictsKey = `densepose-conflicts-${dataset}`;
        this.prefixKey = `densepose-prefix-${dataset}`;
        this.conflicts = JSON.parse(sessionStorage.getItem(this.conflictsKey) ?? "[]");
        window.addEventListener("beforeunload", (event) => {
            if (this.saver.jobs.length || this.conflicts.length) event.preventDefault();
        });
        this.saver = new Saver(
            dataset,
            (job) => this.send(job),
            (job, changed) => this.guarded(() => this.arrived(job, changed)),
            (job, reason) => this.refused(job, reason),
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
        this.place.view = view;
        await this.guarded(async () => {
            // A dataset without people may have been annotated meanwhile.
            if (!this.place.prefix) this.setup = await calls.setup(this.place);
            if (!this.place.prefix) {
                const prefixes = this.setup?.prefixes ?? [];
                const last = localStorage.getItem(this.prefixKey);
                this.place.prefix = prefixes.find((prefix) => prefix === last) ?? prefixes[0] ?? "";
            }
            if (!this.place.prefix) return;
            await this.refreshQueue();
            // Another view of the dataset is no reason to leave the image that is open.
            const open = this.items.find((item) => item.open || !item.people) ?? this.items[0];
            const first = sample ?? this.image?.sample ?? open?.id;
            if (first && first === this.image?.sample) await this.reopen();
            else if (first) await this.show(first);
        });
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
            else this.set({ image: null, history: null, selected: null, previews: [] });
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
            const places = new Map(this.items.map((item, at) => [item.id, at]));
            const placeOf = (item: Item) => places.get(item.id) ?? places.size;
            queue.items.sort((a, b) => placeOf(a) - placeOf(b));
        }
        this.set({ queue });
    }

    async filter(values: Partial<Pick<Session, "states" | "reasons" | "order" | "check">>) {
        this.set(values);
        await this.guarded(() => this.refreshQueue());
    }

    /** Open an image; the one after it is loaded meanwhile. */
    async show(sample: string, cameFrom: string | null = null) {
        this.asked = performance.now();
        const { prefix } = this.place;
        this.at = sample;
        this.cameFrom = cameFrom;
        this.set({ loading: sample, message: "", queueWanted: false });
        await this.guarded(async () => {
            const ahead = this.ahead?.sample === sample ? this.ahead : null;
            if (ahead) this.ahead = null;
            else this.dropAhead();
            const image = await (ahead?.image ?? this.load(sample));
            if (this.loading !== sample || prefix !== this.place.prefix) return closePhoto(image.photo);
            if (this.image) closePhoto(this.image.photo);
            this.tiles.clear();
            const selected = [...image.people.values()].sort((a, b) => worst(b) - worst(a))[0]?.key ?? null;
            this.set({
                image, selected, loading: null, keypoint: null, bare: false, wrong: null, emptyBox: null, previews: [],
                history: new History(sample, image.prefix),
            });
            this.foresee(this.people);
            // Somebody may have changed what was loaded ahead.
            if (ahead) void this.guarded(() => this.reopen());
            const next = this.neighbour(1);
            if (next) {
                const ahead = this.load(next);
                ahead.catch(() => undefined); // told when it is opened
                this.ahead = { sample: next, image: ahead };
            }
        });
        // The same image may be loading with the labels of another prefix by now.
        if (this.loading === sample && prefix === this.place.prefix) this.set({ loading: null });
    }

    private dropAhead() {
        this.ahead?.image.then(({ photo }) => closePhoto(photo), () => undefined);
        this.ahead = null;
    }

    private async load(sample: string): Promise<Image> {
        const { prefix } = this.place;
        // Where the queue knows the file, the photo need not wait for the labels.
        const known = this.items.find((item) => item.id === sample)?.filepath;
        const early = known === undefined ? null : loadPhoto(known);
        early?.catch(() => undefined); // told below
        const opened = await calls.open(this.place, sample);
        const [photo, people] = await Promise.all([
            early ?? loadPhoto(opened.filepath),
            Promise.all(opened.people.map(unpackPerson)),
        ]);
        const byKey = new Map(people.map((person) => [person.key, person]));
        return { sample, prefix, filepath: opened.filepath, size: opened.size, people: byKey, photo };
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
        if (key !== this.selected) this.set({ selected: key, keypoint: null, wrong: null });
    }

    /** Send an edit; `draw` is shown until it has arrived. */
    edit(edit: Edit, draw?: Preview) {
        if (!this.image) return;
        const job = this.job(edit, this.versions(edit));
        if (draw) this.previews.push({ job, draw });
        this.edited = true;
        this.cameFrom = null;
        this.set({ message: "" });
        this.saver.add(job);
        this.foresee(this.people);
    }

    async undo(way: "undo" | "redo") {
        const back = way === "undo" ? this.cameFrom : null;
        if (back) await this.show(back);
        if (this.image && (!back || this.image.sample === back)) this.saver.add(this.job(way, {}));
    }

    /** About the open image. */
    private job(edit: Job["edit"], versions: Versions): Job {
        const { sample, prefix } = this.image!;
        return { name: newName(), sample, prefix, edit, versions };
    }

    private isShown({ sample, prefix }: Job): boolean {
        return sample === this.image?.sample && prefix === this.image.prefix;
    }

    private versions(edit: Edit): Versions {
        const keys = calls.singles(edit).flatMap(({ person, people }) => [person, ...((people as []) ?? [])]);
        const people = keys.flatMap((key) => this.image?.people.get(key as string) ?? []);
        return Object.fromEntries(people.map((person) => [person.key, person.version]));
    }

    /** Show people as they will be once the edits that wait are saved, as far as the panel can tell. */
    private foresee(people: Person[]) {
        const edits = this.saver.jobs.filter((job) => this.isShown(job)).map(({ edit }) => edit);
        for (const edit of edits.flatMap((edit) => (typeof edit === "string" ? [] : calls.singles(edit)))) {
            const person = people.find(({ key }) => key === edit.person);
            if (person && edit.kind === "decide") person.state = edit.state as State;
            if (person && edit.kind === "set_keypoint") {
                const { x, y, visibility } = edit as unknown as { x: number; y: number; visibility: number };
                person.keypoints ??= KEYPOINTS.map(() => [0, 0, 0, 0]);
                person.keypoints[edit.keypoint as number] = visibility ? [x, y, 1, visibility] : [0, 0, 0, 0];
            }
        }
    }

    private async send(job: Job): Promise<Changed | null> {
        const { sample, edit, name, versions } = job;
        const place = { ...this.place, prefix: job.prefix };
        const signed = { name, versions, author: this.author };
        if (typeof edit !== "string") return calls.edit(place, sample, edit, signed);
        const step = this.historyOf(job)[edit].at(-1);
        if (!step) return null;
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
        // Before the people are shown, who would else be shown as these edits would leave them.
        const late = changed.conflict ? [job, ...this.saver.withdraw(job, changed.conflict)] : [];
        if (this.isShown(job)) await this.take(changed);
        if (changed.conflict) {
            this.previews = this.previews.filter((preview) => !late.includes(preview.job));
            const who = changed.people[0]?.author || "Somebody";
            const text = `${who} changed ${this.nameOf(job, changed)} meanwhile.`;
            this.setConflicts([...this.conflicts, { jobs: late, text }]);
            return;
        }
        this.saver.renew(changed.people);
        if (changed.undo) {
            const versions = Object.fromEntries(changed.people.map((person) => [person.key, person.version]));
            const step = { token: changed.undo, versions };
            const history = this.historyOf(job);
            if (typeof job.edit === "string") history.restored(job.edit, step);
            else history.done(step);
        }
        const isDecision =
            typeof job.edit !== "string" && calls.singles(job.edit).some(({ kind }) => kind === "decide");
        if (isDecision && !this.saver.jobs.length) void this.guarded(() => this.refreshQueue(true));
    }

    /** "person 3", or the photo where it is another than the one shown. */
    private nameOf(job: Job, changed: Changed): string {
        if (!this.isShown(job)) {
            const path = this.queue?.items.find((item) => item.id === job.sample)?.filepath;
            return path?.split("/").pop() ?? "another image";
        }
        const keys = this.people.map((person) => person.key);
        const numbers = (changed.conflict ?? []).map((key) => keys.indexOf(key) + 1).filter(Boolean);
        return numbers.length ? `person ${numbers.join(" and ")}` : "a person who is gone";
    }

    private async refused(job: Job, reason: string) {
        this.previews = this.previews.filter((preview) => preview.job !== job);
        const isAdd = typeof job.edit !== "string" && job.edit.kind === "add";
        this.set({ message: reason, emptyBox: isAdd ? ((job.edit as Edit).box as number[]) : null });
        // What was shown ahead of the answer is not so.
        if (this.isShown(job) && !isAdd) await this.guarded(() => this.reopen());
    }

    /** Show the open image as the server has it, with what is still on its way there. */
    private async reopen() {
        const image = this.image!;
        const { people } = await calls.open({ ...this.place, prefix: image.prefix }, image.sample);
        if (image !== this.image) return;
        const removed = [...image.people.keys()].filter((key) => people.every((person) => person.key !== key));
        await this.take({ people, removed });
        this.saver.renew(people);
    }

    /** Take over people as the server has them. */
    private async take(changed: Changed) {
        const image = this.image!;
        const people = await Promise.all(changed.people.map(unpackPerson));
        if (image !== this.image) return;
        this.foresee(people);
        for (const key of changed.removed) image.people.delete(key);
        const fresh = people.filter((person) => !image.people.has(person.key));
        for (const person of people) image.people.set(person.key, person);
        if (fresh.length === 1) this.selected = fresh[0].key;
        if (this.selected && !image.people.has(this.selected)) this.selected = this.people[0]?.key ?? null;
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
    }

    giveIn() {
        this.setConflicts(this.conflicts.slice(1));
    }

    private setConflicts(conflicts: Conflict[]) {
        sessionStorage.setItem(this.conflictsKey, JSON.stringify(conflicts));
        this.set({ conflicts });
    }

    /** Decide about the person; after approving or rejecting go on without waiting for the server. */
    decide(state: State, comment?: string, person = this.person) {
        // A key that is pressed while the next image is loading is not meant for this one; a comment is.
        if (!person || (this.loading && comment === undefined)) return;
        const edit: Edit = { kind: "decide", person: person.key, state };
        this.edit(comment === undefined ? edit : { ...edit, comment });
        if (comment === undefined && DECIDED.includes(state)) void this.goOn();
    }

    /** Decide about everybody of the image whom nobody has decided about. */
    decideAll(state: State) {
        if (this.loading) return;
        const open = this.people.filter((person) => !DECIDED.includes(person.state));
        if (open.length) this.edit(calls.together(open.map(({ key }) => ({ kind: "decide", person: key, state }))));
        void this.goOn();
    }

    /** To the next person to be decided, of this image or of the next one that has some. */
    private async goOn() {
        const open = this.people.filter((person) => !DECIDED.includes(person.state));
        if (open.length) {
            const at = this.person ? this.numberOf(this.person) : -1;
            this.select((open.find((person) => this.numberOf(person) > at) ?? open[0]).key);
            return;
        }
        const { items } = this;
        const at = items.findIndex((item) => item.id === this.image?.sample);
        if (at >= 0) items[at].open = 0;
        // An image without people may lack some: it wants a look, but only once.
        const next =
            items.slice(at + 1).find((item) => item.open || !item.people) ?? items.find((item) => item.open);
        if (next) await this.show(next.id, this.image?.sample);
        else this.set({ message: "Everybody in this queue is decided." });
    }

    /** This person is the same as the selected one. */
    merge(key: string) {
        if (!this.person || key === this.selected) return;
        this.edit({ kind: "merge", people: [this.person.key, key] });
        this.set({ tool: "select" });
    }

    delete() {
        if (this.person) this.edit({ kind: "delete", person: this.person.key });
    }

    setKeypoint(index: number, x: number, y: number, visibility: number) {
        if (this.person) this.edit(this.keypointAt(index, x, y, visibility));
    }

    setRadius(radius: number) {
        this.set({ radius: Math.min(Math.max(radius, RADII[0]), RADII[1]) });
    }

    /** Of the selected keypoint. A missing one first needs a place. */
    setVisibility(visibility: number) {
        const { point } = this;
        if (point && point[3] !== visibility) this.setKeypoint(this.keypoint!, point[0], point[1], visibility);
    }

    /** The edit that puts a keypoint of the selected person somewhere, inside of the photo. */
    private keypointAt(index: number, x: number, y: number, visibility: number): Edit {
        const [width, height] = this.image!.size;
        const at = { x: Math.min(Math.max(x, 0), width), y: Math.min(Math.max(y, 0), height) };
        return { kind: "set_keypoint", person: this.selected, keypoint: index, visibility, ...(visibility ? at : {}) };
    }

    swapKeypoint(index: number) {
        const other = KEYPOINT_MIRROR[index];
        const points = this.person?.keypoints;
        if (!points || other === index) return;
        const [a, b] = [points[index], points[other]];
        const moves = [this.keypointAt(index, b[0], b[1], b[3]), this.keypointAt(other, a[0], a[1], a[3])];
        this.edit(calls.together(moves));
    }

    /** The wrong pixel belongs to this place on the body. */
    putAt(spot: SurfaceSpot) {
        if (!this.person || !this.wrong) return;
        const row: SurfacePoint = [...this.wrong, spot.chart, spot.u, spot.v];
        this.set({ wrong: null });
        this.edit({ kind: "correct_surface", person: this.person.key, corrections: [row] });
    }

    swap(kinds: ("swap_sides" | "swap_depth")[], onlyPart: boolean) {
        const { person } = this;
        if (!person) return;
        const parts = onlyPart ? { parts: [this.part] } : {};
        this.edit(calls.together(kinds.map((kind) => ({ kind, person: person.key, ...parts }))));
    }

    /** Show on the drawing of the body what an image point is. */
    hover(x: number, y: number) {
        const spot = this.person ? surfaceAt(this.person, x, y) : null;
        if (spot || this.spot) this.set({ spot });
    }

    private async guarded(work: () => Promise<void>) {
        try {
            await work();
        } catch (error) {
            this.set({ message: error instanceof Error ? error.message : String(error) });
        }
    }
}

const sessions = new Map<string, Session>();

/** The one review of a dataset: the panels of the grid and of the modal share it, and what is not saved yet. */
export function sessionOf(dataset: string): Session {
    const session = sessions.get(dataset) ?? new Session(dataset);
    sessions.set(dataset, session);
    return session;
}

/** How much looks wrong with a person that nobody has decided. */
export function worst(person: Person): number {
    return DECIDED.includes(person.state) ? -1 : Math.max(0, ...Object.values(person.doubts));
}
