// What can be undone and done again on one image. Kept in sessionStorage, so that a reload loses nothing.

import type { Versions } from "./calls";

export interface Step {
    /** The server's word for the people as they were. */
    token: string;
    /** The people as they are now: undoing is refused if somebody has changed them since. */
    versions: Versions;
}

export class History {
    private readonly key: string;
    undo: Step[];
    redo: Step[];

    constructor(sample: string, prefix: string) {
        this.key = `densepose-history-${prefix}-${sample}`;
        const kept = JSON.parse(sessionStorage.getItem(this.key) ?? "{}");
        this.undo = kept.undo ?? [];
        this.redo = kept.redo ?? [];
    }

    done(step: Step) {
        this.undo.push(step);
        this.redo = [];
        this.save();
    }

    /** After `step` of one stack was restored, which can in turn be taken back by `inverse`. */
    restored(from: "undo" | "redo", step: Step, inverse: Step) {
        this[from] = this[from].filter(({ token }) => token !== step.token);
        this[from === "undo" ? "redo" : "undo"].push(inverse);
        this.save();
    }

    private save() {
        try {
            sessionStorage.setItem(this.key, JSON.stringify({ undo: this.undo, redo: this.redo }));
        } catch {
            // The browser's store is full: only a reload would lose the steps.
        }
    }
}
