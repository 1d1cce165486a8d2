// One review of a dataset: its state, its queue and edits, and the way through its images.

import { fetchSetup } from "../api/operators";
import { RefusedError } from "../api/host";
import { focusedCommentField } from "./comment_field";
import { Edits } from "./edits";
import { GridReload } from "./grid_reload";
import type { HistoryAction } from "./history";
import { type Image, ImageLoader } from "./image_loader";
import { type Filters, ImageQueue } from "./image_queue";
import { isDecided, type Person, worstIssue } from "./people";
import { closePhoto } from "./photo";
import { loadPhotoBefore } from "./photo_before";
import { ReviewState } from "./review_state";
import { RETRY_MS } from "./saver";
import { readStored, store } from "./storage";
import { Team } from "./team";
import { Thumbnails } from "./thumbnails";

/** People on a photo, possible ones among them, from which on it opens with one of them in focus. */
const CROWD = 6;

/** How long nothing is saved before the queue is asked for anew: one of thousands of images takes its time. */
const QUEUE_DELAY_MS = 2000;

export class Session extends ReviewState {
    readonly queue: ImageQueue;
    readonly edits: Edits;
    readonly team: Team;
    readonly grid = new GridReload();
    readonly thumbnails = new Thumbnails(this.scope);

    private readonly loader: ImageLoader;
    private readonly prefixKey: string;
    private readonly imageKey: string;
    private starts = 0;
    private queueTimer = 0;

    constructor(dataset: string) {
        super(dataset);
        this.prefixKey = `densepose-prefix-${dataset}`;
        this.imageKey = `densepose-at-${dataset}`;
        this.queue = new ImageQueue(this.scope, () => this.author, (done, total) => this.set({ summarized: { done, total } }));
        this.loader = new ImageLoader(this.scope, this.queue);
        this.edits = new Edits(this, this.queue, this.loader, {
            onSaved: (sample) => {
                this.thumbnails.edited(sample);
                this.refreshQueueSoon();
                this.grid.edited();
            },
            onRefused: () => void this.reportErrors(() => this.refreshQueue(true)),
        });
        this.team = new Team(this, this.queue, () => this.edits, {
            open: (sample) => this.openImage(sample),
            refreshQueue: () => this.refreshQueue(true),
            refreshQueueSoon: () => this.refreshQueueSoon(),
        });
    }

    override mayEdit(): boolean {
        return this.team.mayEdit();
    }

    /** Begin with a view of the dataset; `sample` is the one to open, else the first of the queue. */
    async start(view: unknown[], sample: string | null) {
        const number = ++this.starts;
        this.scope.view = view;
        try {
            // A dataset without people may have been annotated meanwhile.
            if (!this.scope.prefix) this.setup = await fetchSetup(this.scope);
            if (number !== this.starts) return;
            if (this.setup?.user) this.author = this.setup.user;
            if (!this.scope.prefix) {
                const prefixes = this.setup?.prefixes ?? [];
                const last = localStorage.getItem(this.prefixKey);
                this.scope.prefix = prefixes.find((prefix) => prefix === last) ?? prefixes[0] ?? "";
            }
            if (!this.scope.prefix) return;
            this.queue.missingPeople = this.setup?.missing_people ?? "";
            // Another view of the dataset is no reason to leave the image that is open.
            const first = sample ?? this.image?.sample;
            const isOpen = first === this.image?.sample;
            this.queue.forgetCounts();
            await Promise.all([
                this.refreshQueue(),
                first && (isOpen ? this.edits.reload(this.image!) : this.openImage(first)),
            ]);
            if (number !== this.starts) return;
            const { items } = this.queue;
            const stored = readStored(this.imageKey, "");
            const last = this.queue.find(stored) ?? (!first && stored ? await this.queue.include(stored) : undefined);
            const open = last ?? items.find((item) => item.open) ?? items[0];
            const isHandedOut = !first && !last && (await this.team.begin());
            const isChosen = this.image || this.loading; // by a click, meanwhile
            if (!first && !isHandedOut && !isChosen && open) await this.openImage(open.id);
            else this.prefetchNext();
        } catch (error) {
            this.showError(error);
            // It will pass; a refusal will not.
            if (!(error instanceof RefusedError)) {
                setTimeout(() => number === this.starts && void this.start(view, sample), RETRY_MS);
            }
        }
        if (this.scope.prefix) this.edits.resume();
        this.notify();
    }

    /** Review the labels of another prefix, of the same image if it has some. */
    async usePrefix(prefix: string) {
        localStorage.setItem(this.prefixKey, prefix);
        this.scope.prefix = prefix;
        this.loader.dropPrefetched();
        this.queue.forgetCounts();
        this.thumbnails.forget();
        this.team.forget();
        Object.assign(this.queue.filters, { states: [], reasons: [], check: null, work: "" });
        this.set({ cameFrom: null, loading: null });
        await this.reportErrors(async () => {
            await this.refreshQueue();
            const first = this.queue.find(this.queue.current) ?? this.queue.items[0];
            if (first) await this.openImage(first.id);
            else this.closeImage();
        });
    }

    /** The panel is closed. */
    close() {
        this.grid.flush();
        this.logTime();
    }

    /** The open photo is left. */
    logTime() {
        if (this.image) void this.edits.logTime(this.image);
    }

    async refreshQueue(keepOrder = false) {
        try {
            if (!(await this.queue.refresh(keepOrder, this.edits.isPending))) this.refreshQueueSoon();
            else this.thumbnails.renew(this.queue.items);
        } finally {
            this.set({ summarized: null });
        }
        this.team.refreshed();
        this.notify();
    }

    refreshQueueSoon() {
        clearTimeout(this.queueTimer);
        this.queueTimer = setTimeout(() => {
            if (this.edits.isPending || this.loading || this.summarized) this.refreshQueueSoon();
            else if (this.scope.prefix) void this.reportErrors(() => this.refreshQueue(true));
        }, QUEUE_DELAY_MS);
    }

    /** Get the next page of the queue; false if there is none. */
    async loadMore(): Promise<boolean> {
        if (!(await this.queue.loadMore())) return false;
        this.thumbnails.renew(this.queue.items);
        this.notify();
        return true;
    }

    async filter(values: Partial<Filters>) {
        Object.assign(this.queue.filters, values);
        this.notify();
        await this.reportErrors(() => this.refreshQueue());
    }

    /** Open an image, and prefetch the one that a decision leads to. */
    async openImage(sample: string, cameFrom: string | null = null) {
        if (this.loading === sample) return;
        focusedCommentField()?.blur(); // which saves the comment of the person it is about
        this.requestedAt = performance.now();
        this.logTime();
        const { prefix } = this.scope;
        // The same image may be loading with the labels of another prefix by now.
        const isWanted = () => this.loading === sample && prefix === this.scope.prefix;
        this.queue.current = sample;
        store(this.imageKey, sample);
        this.cameFrom = cameFrom;
        this.set({ loading: sample, message: "", queueOpen: false });
        await this.reportErrors(async () => {
            const request = this.loader.get(sample);
            const image = await request.image.catch((error: Error) => {
                if (isWanted()) this.openFailed(sample, error);
                throw error;
            });
            this.queue.failed.delete(sample);
            if (!this.loader.isCurrent(image)) await this.edits.reload(image);
            if (!isWanted()) return closePhoto(image.photo);
            this.showImage(image);
            // Somebody may have changed what was prefetched.
            if (request.isPrefetched) void this.reportErrors(() => this.edits.reload(image));
            this.prefetchNext();
        });
        if (isWanted()) this.set({ loading: null });
    }

    /** Go to the next image of the queue, or to the one before. */
    async move(step: number) {
        const next = this.queue.neighbour(step) ?? (step > 0 && (await this.loadMore()) ? this.queue.neighbour(step) : null);
        if (next) await this.openImage(next);
        else this.set({ message: step > 0 ? "This was the last image of the queue." : "This is the first image." });
    }

    /** Open an image, if it is not open, with one of its people selected. */
    async openPerson(sample: string, key: string) {
        if (sample !== this.image?.sample) await this.openImage(sample);
        if (this.image?.people.has(key)) this.select(key);
    }

    /** To the next person to be decided, then to the next possible one, of this image or of the next one; `isDone`: undo leads back to this one. */
    async goToNextUndecided(isDone = true) {
        const open = this.people.filter((person) => !isDecided(person));
        if (open.length) {
            const index = this.person ? this.indexOf(this.person) : -1;
            this.select((open.find((person) => this.indexOf(person) > index) ?? open[0]).key);
            return;
        }
        if (this.possible.length) return this.select(this.possible[0].key);
        if (this.team.isToBeSent()) return;
        const next = await this.queue.findNextOpen();
        if (next) await this.openImage(next.id, (isDone && this.image?.sample) || null);
        else this.set({ message: "Everybody in this queue is decided." });
    }

    /** Undo or redo; after a decision that led to another image, undo goes back to the one it was made on. */
    async undo(action: HistoryAction) {
        if (this.loading) return; // it would be of an image that is not seen
        const back = action === "undo" ? this.cameFrom : null;
        if (back) await this.openImage(back);
        const { image } = this;
        if (!image || (back && image.sample !== back)) return;
        // The decision was that nobody is there.
        if (back && !image.people.size) this.edits.make({ kind: "nobody", nobody: false });
        else this.edits.undoOrRedo(action);
    }

    private showImage(image: Image) {
        if (this.image) closePhoto(this.image.photo);
        this.drawing.abandon(); // what was begun on the other image
        this.edits.applyPending(image);
        const rank = (person: Person) => (this.queue.matches(person) ? 2 : 0) + worstIssue(person);
        const people = [...image.people.values()];
        const worst = people.toSorted((a, b) => rank(b) - rank(a)).at(0);
        const [possible] = image.possible.values();
        const isAskedFor = this.queue.filters.reasons.includes(this.setup?.missing_people ?? "");
        const selected = possible && (isAskedFor || !worst || isDecided(worst)) ? possible.key : (worst?.key ?? null);
        this.edits.openHistory(image);
        this.set({
            image,
            selected,
            loading: null,
            labelsHidden: false,
            wrongPixel: null,
            emptyBox: null,
            comparison: null,
            clicks: null, // on the image before
            inCrowd: people.length + image.possible.size >= CROWD && people.some((person) => !isDecided(person)),
            keypoint: null,
            lastKeypoint: null,
        });
        void this.team.opened(image.sample);
        if (this.tool === "paste") void loadPhotoBefore(this);
    }

    /** The image before must not stay, or what is meant for this one would be done to it. */
    private openFailed(sample: string, error: Error) {
        this.queue.failed.add(sample);
        const isWaitedFor = () => this.queue.current === sample && !this.image && !this.loading;
        if (!(error instanceof RefusedError)) {
            setTimeout(() => isWaitedFor() && void this.openImage(sample, this.cameFrom), RETRY_MS);
        }
        if (this.image) closePhoto(this.image.photo);
        this.closeImage();
    }

    private closeImage() {
        this.drawing.abandon();
        this.edits.openHistory(null);
        this.set({ image: null, selected: null });
    }

    private prefetchNext() {
        const next = this.image && (this.team.isOn ? this.team.likelyNext : this.queue.nextOpen()?.id);
        if (next) this.loader.prefetch(next);
    }
}

const sessions = new Map<string, Session>();

/** The one review of a dataset: the panels of the grid and of the modal share it, and what is not saved yet. */
export function sessionOf(dataset: string): Session {
    const session = sessions.get(dataset) ?? new Session(dataset);
    sessions.set(dataset, session);
    return session;
}
