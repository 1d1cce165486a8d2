// What can be undone and done again on one image. A reload loses none of it.

import type { Versions } from "./calls";
import { keep, kept } from "./keeping";

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
        ({ undo: this.undo, redo: this.redo } = kept<{ undo: Step[]; redo: Step[] }>(this.key, { undo: [], redo: [] }));
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
        keep(this.key, { undo: this.undo, redo: this.redo });
    }
}
