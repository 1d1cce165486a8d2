// Measures active work on each photo: the time since the last input, up to a limit, while the panel is seen and used.

/** How long the time since an input counts, in milliseconds: looking is work, too, being away is not. */
export const IDLE_MS = 30_000;

export class WorkClock {
    /** Seconds by sample that were not asked for yet. */
    private readonly spent = new Map<string, number>();
    /** When the last input was, null if the panel is not used. */
    private lastInput: number | null = null;
    private countedUntil = 0;

    /** `sample` says which photo is worked on. */
    constructor(private readonly sample: () => string | null) {}

    /** The pointer was moved, or something was clicked or typed. */
    input() {
        this.settle();
        this.lastInput = this.countedUntil = performance.now();
    }

    /** The page is hidden, or the user is busy elsewhere. */
    pause() {
        this.settle();
        this.lastInput = null;
    }

    /** Count for the photo that is worked on what has passed; to be called before it is another one. */
    settle() {
        if (this.lastInput === null) return;
        const until = Math.min(performance.now(), this.lastInput + IDLE_MS);
        const sample = this.sample();
        if (sample !== null) this.add(sample, Math.max(until - this.countedUntil, 0) / 1000);
        this.countedUntil = Math.max(until, this.countedUntil);
    }

    /** Give seconds back that were taken for nothing. */
    add(sample: string, seconds: number) {
        this.spent.set(sample, (this.spent.get(sample) ?? 0) + seconds);
    }

    /** The seconds of work on a photo since they were last taken. */
    take(sample: string): number {
        this.settle();
        const seconds = this.spent.get(sample) ?? 0;
        this.spent.delete(sample);
        return Math.round(seconds * 1000) / 1000;
    }
}
