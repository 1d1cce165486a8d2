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
            this.state.set({ message: `Nothing is left ${what} here that nobody else works on.` });
        });
    }

    /** Send the open image on, or hand it back, and take the next one. */
    async change(action: StageAction, comment = "") {
        const { image, scope, author } = this.state;
        if (!image || !this.isOn || this.isBusy || !this.mayEdit()) return;
        await this.busy(async () => {
            // What is not saved yet belongs to this stage.
            while (this.edits().isPending && this.state.image === image) {
                if (this.edits().saving === "failing") throw new Error("Not sent: the last edits are not saved yet.");
                await new Promise((resolve) => setTimeout(resolve, SAVED_MS));
            }
            const stage = this.work?.stage;
            this.work = await changeStage({ ...scope, prefix: image.prefix }, author, image.sample, action, comment);
            this.handsBack = false;
            this.taken = null;
            const { holder, returned_to } = this.work;
            const item = this.queue.find(image.sample);
            if (item) Object.assign(item, { stage: this.work.stage, holder, returned_to });
            // The counts come later: nobody waits for them.
            this.callbacks.refreshQueueSoon();
            if (await this.openNext(false, stage === "label" ? "label" : "review")) return;
            this.state.set({ message: `${SAID[action]} Nothing is left for you here.` });
        });
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
        return this.candidates(this.nextStage, false)[0];
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
        for (const isFresh of [false, true]) {
            // Others may have taken all that this queue shows as free.
            if (isFresh) await this.callbacks.refreshQueue();
            const candidates = this.candidates(stage, resume);
            if (!candidates.length) continue;
            const { sample } = await takeNext(scope, author, candidates, stage, this.taken, resume);
            if (!sample) continue;
            this.taken = sample;
            await this.callbacks.open(sample);
            return true;
        }
        return false;
    }

    private candidates(stage: StageName, resume: boolean): string[] {
        const { author } = this.state;
        const isWanted = (item: QueueItem) =>
            item.stage === stage &&
            (!item.holder || (resume && item.holder === author)) &&
            (item.id !== this.taken || resume) &&
            (stage === "review" || (item.returned_to ? item.returned_to === author : item.open > 0));
        const wanted = this.queue.items.filter(isWanted);
        // The server prefers these, too.
        const isFirst = (item: QueueItem) => item.returned_to === author || item.holder === author;
        const first = wanted.filter(isFirst);
        const others = wanted.filter((item) => !isFirst(item));
        return [...first, ...others].slice(0, MAX_CANDIDATES).map(({ id }) => id);
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
