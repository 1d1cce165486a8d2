// What can be undone and done again on one image. A reload loses none of it.

import type { Versions } from "./calls";
import { keep, kept } from "./keeping";

export interface Step {
    /** Of the edit, undo or redo that led to it. Steps of an older release have none. */
    name?: string;
    /** The server's word for the people as they were. */
    token: string;
    /** The people as they are now: undoing is refused if somebody has changed them since. */
    versions: Versions;
}

export type Way = "undo" | "redo";

const idOf = ({ name, token }: Step) => name ?? token;

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

    find(from: Way, id: string): Step | undefined {
        return this[from].find((step) => idOf(step) === id);
    }

    /** After a step of one stack was restored, which can in turn be taken back by `inverse`. */
    restored(from: Way, id: string, inverse: Step) {
        this.drop(from, id);
        this[from === "undo" ? "redo" : "undo"].push(inverse);
        this.save();
    }

    /** A step that nobody wants to take any more. */
    drop(from: Way, id: string) {
        this[from] = this[from].filter((step) => idOf(step) !== id);
        this.save();
    }

    /** The step that is next once all that waits is done. */
    next(way: Way, waiting: { name: string; edit: unknown; target?: string }[]): string | undefined {
        let [undo, redo] = [this.undo.map(idOf), this.redo.map(idOf)];
        for (const { name, edit, target } of waiting) {
            if (edit === "undo") [undo, redo] = [undo.filter((id) => id !== target), [...redo, name]];
            else if (edit === "redo") [undo, redo] = [[...undo, name], redo.filter((id) => id !== target)];
            else [undo, redo] = [[...undo, name], []];
        }
        return (way === "undo" ? undo : redo).at(-1);
    }

    private save() {
        keep(this.key, { undo: this.undo, redo: this.redo });
    }
}
