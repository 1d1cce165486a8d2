// What is open, selected and shown in a review, and who is told of its changes.

import type { Scope } from "../api/operators";
import type { Box, Click, Keypoint, PossiblePerson, Setup } from "../api/types";
import { Drawing } from "./drawing";
import type { Image } from "./image_loader";
import type { OverlaySettings } from "./overlay";
import { type Person, surfaceAt, type SurfacePoint } from "./people";
import { readStored, store } from "./storage";
import { firstTourStep, rememberTour } from "./tour";
import { WorkClock } from "./work_clock";

export type ToolName =
    | "select" | "keypoints" | "brush" | "polygon" | "bucket" | "split" | "heads" | "merge" | "add" | "surface"
    | "click" | "move" | "paste";

/** Smallest and largest radius of the brush, in image pixels. */
export const BRUSH_RADII: [number, number] = [0.5, 500];

const AUTHOR_KEY = "densepose-author";

/** The photo before the open one. */
export interface PhotoBefore {
    /** The open image that it comes before. */
    of: string;
    /** Null where no photo with people comes before. */
    sample: string | null;
    fileName: string;
    people: Person[];
}

/** An "approve the rest". */
export interface BulkApproval {
    requestId: string;
    prefix: string;
    /** How many people; null if no answer came. */
    approved: number | null;
}

export class ReviewState {
    readonly scope: Scope;
    readonly clock = new WorkClock(() => this.loading ?? this.image?.sample ?? null);
    setup: Setup | null = null;
    author = localStorage.getItem(AUTHOR_KEY) ?? "";
    /** The last one, which can be taken back. */
    bulkApproval: BulkApproval | null;

    image: Image | null = null;
    /** Id of the sample that is being loaded. */
    loading: string | null = null;
    /** How many photos are summarized for a queue that takes long; null if none does. */
    summarized: { done: number; total: number | null } | null = null;
    /** When it was asked for, to measure how long that took. */
    requestedAt = 0;
    /** Key of the selected person, who may be a possible one. */
    selected: string | null = null;
    /** Index of the selected keypoint, which may be missing. */
    keypoint: number | null = null;
    /** Index of the keypoint that was removed last: Tab goes on from there. */
    lastKeypoint: number | null = null;
    /** The sample that the last decision led away from: undo goes back to it. */
    cameFrom: string | null = null;

    tool: ToolName = "select";
    layer: "mask" | "part" = "mask";
    erase = false;
    part = 1;
    radius = 12;
    readonly drawing = new Drawing();
    /** Clicks that say what is a person, the last one last, and the key of that person. */
    clicks: { person: string | null; list: Click[] } | null = null;
    /** The photo before the open one, whose people can be copied. */
    before: PhotoBefore | null = null;
    /** A pixel that was clicked to be given another place on the body. */
    wrongPixel: [number, number] | null = null;
    /** The place on the body under the pointer, where that is on the photo, or on the drawing of the body. */
    photoHover: SurfacePoint | null = null;
    bodyHover: SurfacePoint | null = null;

    overlay: OverlaySettings = { fill: "charts", contours: false };
    opacity = 0.55;
    skeleton = true;
    /** Whether the labels of everybody but the selected person are faint. */
    onlySelected = false;
    /** Whether the open photo is of a crowd that is gone through person by person: each is zoomed to, the others are faint. */
    inCrowd = false;
    /** Whether the photo is shown without labels. */
    labelsHidden = false;
    isFullScreen = false;
    helpOpen = false;
    /** Step of the tour, from 0; null if it is over. */
    tourStep = firstTourStep();
    /** Whether the table of all people's scores is shown. */
    scoresOpen = false;
    /** Whether a narrow panel shows its queue. */
    queueOpen = false;
    /** Whether a comment is being written: keys are letters of it. */
    isCommenting = false;
    message = "";
    /** A box in which the network found nobody. */
    emptyBox: Box | null = null;
    /** Who was swapped last, as they were before, until the next action. */
    comparison: { before: Person; title: string } | null = null;

    private readonly bulkApprovalKey: string;
    private readonly listeners = new Set<() => void>();
    private readonly hoverListeners = new Set<() => void>();

    constructor(dataset: string) {
        this.scope = { dataset, view: [], prefix: "" };
        this.bulkApprovalKey = `densepose-rest-${dataset}`;
        this.bulkApproval = readStored(this.bulkApprovalKey, null);
    }

    subscribe(listener: () => void): () => void {
        this.listeners.add(listener);
        return () => void this.listeners.delete(listener);
    }

    notify() {
        for (const listener of this.listeners) listener();
    }

    /** Where the pointer is changes too often to render all of the panel. */
    subscribeToHover(listener: () => void): () => void {
        this.hoverListeners.add(listener);
        return () => void this.hoverListeners.delete(listener);
    }

    setHover(values: Partial<Pick<ReviewState, "photoHover" | "bodyHover">>) {
        Object.assign(this, values);
        for (const listener of this.hoverListeners) listener();
    }

    set(values: Partial<ReviewState>) {
        Object.assign(this, values);
        this.notify();
    }

    get people(): Person[] {
        return this.image ? [...this.image.people.values()] : [];
    }

    get person(): Person | null {
        return (this.selected && this.image?.people.get(this.selected)) || null;
    }

    /** Whom the labels may lack. */
    get possible(): PossiblePerson[] {
        return this.image ? [...this.image.possible.values()] : [];
    }

    /** The selected possible person, null if a labelled one or nobody is selected. */
    get possiblePerson(): PossiblePerson | null {
        return (this.selected && this.image?.possible.get(this.selected)) || null;
    }

    /** The selected keypoint, null if it is missing. */
    get point(): Keypoint | null {
        const point = this.keypoint === null ? null : this.person?.keypoints?.[this.keypoint];
        return point?.[3] ? point : null;
    }

    /** Whether all but the selected person step back. */
    get isFocused(): boolean {
        return this.onlySelected || this.inCrowd;
    }

    setFocused(focused: boolean) {
        this.set({ onlySelected: focused, inCrowd: false });
    }

    indexOf(person: Person): number {
        return this.people.indexOf(person);
    }

    setAuthor(author: string) {
        localStorage.setItem(AUTHOR_KEY, author);
        this.set({ author });
    }

    setBulkApproval(bulkApproval: BulkApproval | null) {
        store(this.bulkApprovalKey, bulkApproval);
        this.set({ bulkApproval });
    }

    select(key: string | null) {
        if (key !== this.selected) this.set({ selected: key, keypoint: null, lastKeypoint: null, wrongPixel: null, comparison: null });
    }

    /** Whether an edit may be made; if not, the panel says why. */
    mayEdit(): boolean {
        return true;
    }

    useTool(tool: ToolName, more: Partial<ReviewState> = {}) {
        if (tool !== "select" && !this.mayEdit()) return;
        this.drawing.abandon();
        const keypoint = tool === "keypoints" ? this.keypoint : null;
        this.set({ tool, keypoint, wrongPixel: null, clicks: null, erase: false, message: "", ...more });
    }

    endTour() {
        rememberTour();
        this.set({ tourStep: null });
    }

    setRadius(radius: number) {
        this.set({ radius: Math.min(Math.max(radius, BRUSH_RADII[0]), BRUSH_RADII[1]) });
    }

    /** Show on the drawing of the body what an image point is. */
    hoverPhoto(x: number, y: number) {
        const photoHover = this.person ? surfaceAt(this.person, x, y) : null;
        if (photoHover || this.photoHover) this.setHover({ photoHover });
    }

    /** Do it, and show its error if it fails. */
    async reportErrors(work: () => Promise<void>) {
        try {
            await work();
        } catch (error) {
            this.showError(error);
        }
    }

    protected showError(error: unknown) {
        this.set({ message: error instanceof Error ? error.message : String(error) });
    }
}
