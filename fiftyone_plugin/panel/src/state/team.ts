// One of a team at the panel: the photo that was handed out, its stage, and whether anything may be changed.

import { changeStage, takeNext, takePhoto } from "../api/team";
import type { PhotoWork, StageAction, StageName } from "../api/team_types";
import type { QueueItem } from "../api/types";
import type { Edits } from "./edits";
import type { ImageQueue } from "./image_queue";
import type { ReviewState } from "./review_state";

/** How often work renews the lease of a photo. */
const KEEP_MS = 60_000;
/** How many photos the server may choose from. */
const MAX_CANDIDATES = 200;
/** How often it is asked whether the edits are saved by now. */
const SAVED_MS = 100;

interface TeamCallbacks {
    open(sample: string): Promise<void>;
    refreshQueue(): Promise<void>;
    refreshQueueSoon(): void;
}

export class Team {
    /** On the open image; null until the server has said it, and where no team works. */
    work: PhotoWork | null = null;
    /** Whether the panel asks who works. */
    asksName = false;
    /** Whether somebody is writing why a photo is handed back. */
    handsBack = false;
    /** Whether the server is being asked for a photo, or a stage. */
    isBusy = false;
    /** The image that was taken last. */
    private taken: string | null = null;
    private takenAt = 0;

    constructor(
        private readonly state: ReviewState,
        private readonly queue: ImageQueue,
        private readonly edits: () => Edits,
        private readonly callbacks: TeamCallbacks,
    ) {}

    get isOn(): boolean {
        return !!this.queue.result?.team;
    }

    /** Why nothing may be changed, null if it may. */
    get readOnly(): string | null {
        return this.queue.result?.read_only ?? null;
    }

    /** Who else works on the open image. */
    get other(): string | null {
        const holder = this.work?.holder ?? null;
        return holder === this.state.author ? null : holder;
    }

    /** Whether an edit may be made; if not, the panel says why. */
    mayEdit(): boolean {
        if (this.readOnly) {
            this.state.set({ message: this.readOnly });
            return false;
        }
        return this.hasName();
    }

    /** Begin without an image: with the one that was worked on before, or the next. */
    async begin(): Promise<boolean> {
        if (!this.isOn || this.readOnly) return false;
        if (!this.state.author) {
            this.askName(true);
            return false;
        }
        return this.openNext(true);
    }

    /** Leave the open image and take the next one. */
    async next() {
        if (!this.isOn || this.isBusy || !this.mayEdit()) return;
        await this.busy(async () => {
            if (await this.openNext(false)) return;
            const what = this.nextStage === "review" ? "to be reviewed by you" : "to be labelled";
            this.state.set({ message: `Nothing is left ${what} here that nobody else works on.${this.waiting()}` });
        });
    }

    /** Send the open image on, or hand it back, and take the next one. */
    async change(action: StageAction, comment = "") {
        const { image, scope, author } = this.state;
        if (this.isOn && this.unsettled) this.state.set({ message: this.unsettled });
        if (!image || !this.mayChange || !this.mayEdit()) return;
        const stage = this.work?.stage;
        await this.busy(async () => {
            // What is not saved yet belongs to this stage.
            while (this.edits().isPending && this.state.image === image) {
                if (this.edits().saving === "failing") throw new Error("Not sent: the last edits are not saved yet.");
                await new Promise((resolve) => setTimeout(resolve, SAVED_MS));
            }
            // Another photo was opened meanwhile, or somebody else was faster with one of the last edits.
            if (this.state.image !== image || this.unsettled) return;
            this.work = await changeStage({ ...scope, prefix: image.prefix }, author, image.sample, action, comment);
            this.handsBack = false;
            this.taken = null;
            const { holder, returned_to } = this.work;
            const item = this.queue.find(image.sample);
            if (item) Object.assign(item, { stage: this.work.stage, holder, returned_to });
            // The counts come later: nobody waits for them.
            this.callbacks.refreshQueueSoon();
            if (await this.openNext(false, stage === "label" ? "label" : "review")) return;
            // Who has nothing more to review goes on with what is to be labelled.
            if (stage !== "label" && (await this.openNext(false, "label"))) {
                return this.state.set({ message: `${SAID[action]} Nothing is left for you to review: this one is to be labelled.` });
            }
            this.state.set({ message: `${SAID[action]} Nothing is left for you here.${this.waiting()}` });
        });
    }

    /** Why the stage of the open image cannot be changed now, null if it can. */
    get unsettled(): string | null {
        const { image } = this.state;
        return image && this.edits().conflicts.isAbout(image) ? "First decide what becomes of the edit that is not saved." : null;
    }

    /** Whether the stage of the image that is seen is known and can be changed now. */
    get mayChange(): boolean {
        const { image, loading } = this.state;
        return this.isOn && image !== null && !loading && this.work !== null && !this.isBusy && !this.unsettled;
    }

    /** What the stage's main button does; null if there is nothing to do but to hand it back. */
    get mainAction(): StageAction | null {
        if (!this.work || this.work.stage === "done") return null;
        return this.work.stage === "label" ? "send" : "done";
    }

    /** Everybody on the open image is decided: whether it is to be sent on before the next one. */
    isToBeSent(): boolean {
        const action = this.isOn ? this.mainAction : null;
        if (!action) return false;
        const how = action === "send" ? "send it to review" : "say that it is done";
        this.state.set({ message: `Everybody here is decided: ${how} (Ctrl+Enter).` });
        return true;
    }

    /** An image is shown. */
    async opened(sample: string) {
        this.work = null;
        this.handsBack = false;
        if (this.isOn) await this.state.reportErrors(() => this.take(sample));
    }

    /** Somebody works: the open image is not handed out to others. */
    keep() {
        const { image } = this.state;
        if (!this.isOn || !image || !this.work || performance.now() - this.takenAt < KEEP_MS) return;
        this.takenAt = performance.now();
        this.callbacks.refreshQueueSoon(); // what others have taken meanwhile, or handed back
        if (!this.isLeft) void this.take(image.sample).catch(() => undefined); // an edit renews the lease, too
    }

    /** The first photo that is likely to be free, to be loaded ahead of time. */
    get likelyNext(): string | undefined {
        return this.candidates(this.queue.items, this.nextStage, false)[0];
    }

    /** Why the open image is handed back. */
    writeComment(handsBack: boolean) {
        this.handsBack = handsBack;
        this.state.notify();
    }

    /** The queue was asked for anew: it may know better who works on the open image. */
    refreshed() {
        const { image } = this.state;
        const item = image && this.queue.find(image.sample);
        if (!item || !this.isOn || this.isBusy || this.isLeft) return;
        const isNews = !this.work || item.stage !== this.work.stage || (item.holder ?? null) !== this.work.holder;
        if (isNews) void this.take(image.sample).catch(() => undefined); // at the next refresh
    }

    /** Labels of another prefix are handed out by themselves; the lease of the photo that is left ends by time. */
    forget() {
        this.taken = null;
    }

    askName(asksName: boolean) {
        this.asksName = asksName;
        this.state.notify();
    }

    /** The photo that was looked at is worked on from now on, or, if somebody else has it, another one. */
    async setName(name: string) {
        this.state.setAuthor(name);
        this.askName(false);
        const { image } = this.state;
        if (image) await this.opened(image.sample);
        if (!image || this.other) await this.state.reportErrors(async () => void (await this.begin()));
    }

    /** Whether the open image was sent on or handed back: it is others' now. */
    private get isLeft(): boolean {
        return this.work !== null && this.taken === null;
    }

    private get nextStage(): StageName {
        return this.queue.filters.work === "review" ? "review" : "label";
    }

    private hasName(): boolean {
        if (!this.isOn || this.state.author.trim()) return true;
        this.askName(true);
        return false;
    }

    private async openNext(resume: boolean, stage = this.nextStage): Promise<boolean> {
        const { scope, author } = this.state;
        const { current } = this.queue;
        for (const isFresh of [false, true]) {
            // Others may have taken all that this queue shows as free, and it may be too long to list what is at a later stage.
            if (isFresh) await this.callbacks.refreshQueue();
            const items = isFresh && !this.queue.filters.work ? await this.queue.fetchAt(stage) : this.queue.items;
            const candidates = this.candidates(items, stage, resume);
            if (!candidates.length) continue;
            if (this.queue.current !== current) return true; // somebody has opened another one, and works on that
            const { sample } = await takeNext(scope, author, candidates, stage, this.taken, resume);
            if (!sample) continue;
            this.taken = sample;
            // Or has by now, and leaves this one.
            if (this.queue.current === current) await this.callbacks.open(sample);
            else if (this.state.image && !this.state.loading) await this.take(this.state.image.sample);
            return true;
        }
        return false;
    }

    /** What this queue has for reviewers, if it has anything. */
    private waiting(): string {
        const { result, filters } = this.queue;
        const count = filters.work ? 0 : (result?.team?.review ?? 0);
        return count ? ` To be reviewed: ${count} (choose “to review” in the queue).` : "";
    }

    private candidates(items: QueueItem[], stage: StageName, resume: boolean): string[] {
        const { author } = this.state;
        const isWanted = (item: QueueItem) =>
            item.stage === stage &&
            (!item.holder || (resume && item.holder === author)) &&
            (item.id !== this.taken || resume) &&
            (stage === "review" || (item.returned_to ? item.returned_to === author : item.open > 0));
        const wanted = items.filter(isWanted);
        // The server prefers these, too.
        const isFirst = (item: QueueItem) => item.returned_to === author || item.holder === author;
        // May be reviewed by whoever has labelled them only where the settings allow it.
        const isLast = (item: QueueItem) => stage === "review" && !!item.annotators?.includes(author);
        const rank = (item: QueueItem) => (isFirst(item) ? 0 : isLast(item) ? 2 : 1);
        return wanted.toSorted((a, b) => rank(a) - rank(b)).slice(0, MAX_CANDIDATES).map(({ id }) => id);
    }

    private async take(sample: string) {
        const { scope, author } = this.state;
        this.takenAt = performance.now();
        const leaving = this.taken === sample ? null : this.taken;
        this.taken = sample;
        const work = await takePhoto(scope, author, sample, leaving);
        if (this.state.image?.sample !== sample) return;
        this.work = work;
        this.state.notify();
    }

    private async busy(work: () => Promise<void>) {
        this.isBusy = true;
        this.state.notify();
        await this.state.reportErrors(work);
        this.isBusy = false;
        this.state.notify();
    }
}

const SAID: Record<StageAction, string> = { send: "Sent to review.", done: "Done.", hand_back: "Handed back." };
