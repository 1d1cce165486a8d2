// The state of one review: the queue, the open image with its people, and what is shown and chosen of them.

import * as calls from "./calls";
import { Edits } from "./edits";
import { History } from "./history";
import { reloadSamples } from "./host";
import { type Filters, ImageQueue } from "./image_queue";
import { keep, kept } from "./keeping";
import { type Image, Loader } from "./loader";
import { isDecided, type Person, type SurfaceSpot, surfaceAt, worst } from "./people";
import { commentField } from "./people_list";
import { closePhoto } from "./photo";
import { RETRY_MS } from "./saver";
import { type Look, Tiles } from "./tiles";
import { abandon } from "./tools";

export type Tool =
    | "select" | "keypoints" | "brush" | "polygon" | "bucket" | "split" | "heads" | "merge" | "add" | "surface";

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
    rest: Rest | null;

    readonly queue: ImageQueue;
    readonly loader: Loader;
    readonly edits: Edits;

    image: Image | null = null;
    loading: string | null = null;
    selected: string | null = null;
    keypoint: number | null = null;
    /** The one that was removed last: Tab goes on from there. */
    lastKeypoint: number | null = null;
    /** The image that the last decision led away from: undo goes back to it. */
    cameFrom: string | null = null;
    /** When an image was asked for, to measure how long it took. */
    asked = 0;

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
    /** A box in which the network found nobody. */
    emptyBox: number[] | null = null;

    readonly tiles = new Tiles();
    private readonly restKey: string;
    private readonly prefixKey: string;
    private readonly placeKey: string;
    private readonly listeners = new Set<() => void>();
    private readonly spotListeners = new Set<() => void>();
    private starts = 0;
    private quiet = 0;

    constructor(dataset: string) {
        this.place = { dataset, view: [], prefix: "" };
        this.prefixKey = `densepose-prefix-${dataset}`;
        this.placeKey = `densepose-at-${dataset}`;
        this.restKey = `densepose-rest-${dataset}`;
        this.rest = kept(this.restKey, null);
        this.queue = new ImageQueue(this.place);
        this.loader = new Loader(this.place, this.queue);
        this.edits = new Edits(this);
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

    setRest(rest: Rest | null) {
        keep(this.restKey, rest);
        this.set({ rest });
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
            const { items } = this.queue;
            const last = this.queue.find(kept(this.placeKey, ""));
            const open = last ?? items.find((item) => item.open) ?? items[0];
            if (!first && open) await this.show(open.id);
            else this.lookAhead();
        } catch (error) {
            this.tell(error);
            // It will pass; a refusal will not.
            if (!(error instanceof calls.Refusal)) {
                setTimeout(() => number === this.starts && void this.start(view, sample), RETRY_MS);
            }
        }
        if (this.place.prefix) this.edits.resume();
        this.notify();
    }

    /** Review the labels of another prefix, of the same image if it has some. */
    async usePrefix(prefix: string) {
        localStorage.setItem(this.prefixKey, prefix);
        this.place.prefix = prefix;
        this.loader.dropAhead();
        Object.assign(this.queue.filters, { states: [], reasons: [], check: null });
        this.set({ cameFrom: null, loading: null });
        await this.guarded(async () => {
            await this.refreshQueue();
            const first = this.queue.find(this.queue.at) ?? this.queue.items[0];
            if (first) await this.show(first.id);
            else this.clear();
        });
    }

    close() {
        if (this.edits.any) reloadSamples();
        this.edits.any = false;
    }

    async refreshQueue(inPlace = false) {
        await this.queue.refresh(inPlace);
        this.notify();
    }

    refreshQueueSoon() {
        clearTimeout(this.quiet);
        this.quiet = setTimeout(() => {
            if (this.edits.isWaiting || this.loading) this.refreshQueueSoon();
            else if (this.place.prefix) void this.guarded(() => this.refreshQueue(true));
        }, QUIET_MS);
    }

    async filter(values: Partial<Filters>) {
        Object.assign(this.queue.filters, values);
        this.notify();
        await this.guarded(() => this.refreshQueue());
    }

    /** Open an image; the one that a decision leads to is loaded meanwhile. */
    async show(sample: string, cameFrom: string | null = null) {
        if (this.loading === sample) return;
        commentField()?.blur(); // which saves it, for whom it is about
        this.asked = performance.now();
        const { prefix } = this.place;
        // The same image may be loading with the labels of another prefix by now.
        const isWanted = () => this.loading === sample && prefix === this.place.prefix;
        this.queue.at = sample;
        keep(this.placeKey, sample);
        this.cameFrom = cameFrom;
        this.set({ loading: sample, message: "", queueWanted: false });
        await this.guarded(async () => {
            const asked = this.loader.get(sample);
            const image = await asked.image.catch((error: Error) => {
                if (isWanted()) this.failedToShow(sample, error);
                throw error;
            });
            this.queue.failed.delete(sample);
            if (!this.loader.isCurrent(image)) await this.renew(image);
            if (!isWanted()) return closePhoto(image.photo);
            this.open(image);
            // Somebody may have changed what was loaded ahead.
            if (asked.isEarly) void this.guarded(() => this.renew(image));
            this.lookAhead();
        });
        if (isWanted()) this.set({ loading: null });
    }

    private open(image: Image) {
        if (this.image) closePhoto(this.image.photo);
        abandon(); // what was begun on the other image
        this.tiles.clear();
        this.edits.foresee(image);
        const words = this.setup?.doubts ?? {};
        const rank = (person: Person) => (this.queue.isSought(person, words) ? 2 : 0) + worst(person);
        const selected = [...image.people.values()].sort((a, b) => rank(b) - rank(a))[0]?.key ?? null;
        this.edits.history = new History(image.sample, image.prefix);
        this.edits.previews = [];
        this.set({
            image, selected, loading: null, bare: false, wrong: null, emptyBox: null, keypoint: null, lastKeypoint: null,
        });
    }

    /** The image before must not stay, or what is meant for this one would be done to it. */
    private failedToShow(sample: string, error: Error) {
        this.queue.failed.add(sample);
        const isWaitedFor = () => this.queue.at === sample && !this.image && !this.loading;
        if (!(error instanceof calls.Refusal)) {
            setTimeout(() => isWaitedFor() && void this.show(sample, this.cameFrom), RETRY_MS);
        }
        if (this.image) closePhoto(this.image.photo);
        this.clear();
    }

    private clear() {
        abandon();
        this.edits.history = null;
        this.edits.previews = [];
        this.set({ image: null, selected: null });
    }

    private lookAhead() {
        const next = this.image && this.queue.nextOpen();
        if (next) this.loader.lookAhead(next.id);
    }

    /** Bring an image to what the server has, with what is still on its way there. */
    async renew(image: Image) {
        await this.loader.renew(image);
        this.edits.foresee(image);
        this.notify();
    }

    async move(step: number) {
        const next = this.queue.neighbour(step);
        if (next) await this.show(next);
        else this.set({ message: step > 0 ? "This was the last image of the queue." : "This is the first image." });
    }

    /** Open an image, if it is not open, with one of its people selected. */
    async goTo(sample: string, key: string) {
        if (sample !== this.image?.sample) await this.show(sample);
        if (this.image?.people.has(key)) this.select(key);
    }

    /** To the next person to be decided, of this image or of the next one; `isDone`: undo leads back to this one. */
    async goOn(isDone = true) {
        const open = this.people.filter((person) => !isDecided(person));
        if (open.length) {
            const at = this.person ? this.numberOf(this.person) : -1;
            this.select((open.find((person) => this.numberOf(person) > at) ?? open[0]).key);
            return;
        }
        const here = this.image && this.queue.find(this.image.sample);
        if (here && isDone) here.open = 0;
        const next = this.queue.nextOpen();
        if (next) await this.show(next.id, (isDone && this.image?.sample) || null);
        else this.set({ message: "Everybody in this queue is decided." });
    }

    select(key: string | null) {
        if (key !== this.selected) this.set({ selected: key, keypoint: null, lastKeypoint: null, wrong: null });
    }

    useTool(tool: Tool, more: Partial<Session> = {}) {
        abandon();
        const keypoint = tool === "keypoints" ? this.keypoint : null;
        this.set({ tool, keypoint, wrong: null, erase: false, message: "", ...more });
    }

    setRadius(radius: number) {
        this.set({ radius: Math.min(Math.max(radius, RADII[0]), RADII[1]) });
    }

    /** Show on the drawing of the body what an image point is. */
    hover(x: number, y: number) {
        const spot = this.person ? surfaceAt(this.person, x, y) : null;
        if (spot || this.spot) this.setSpots({ spot });
    }

    async guarded(work: () => Promise<void>) {
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

const sessions = new Map<string, Session>();

/** The one review of a dataset: the panels of the grid and of the modal share it, and what is not saved yet. */
export function sessionOf(dataset: string): Session {
    const session = sessions.get(dataset) ?? new Session(dataset);
    sessions.set(dataset, session);
    return session;
}
