// The undo and redo stacks of one image. A reload of the page loses none of them.

import type { Versions } from "../api/types";
import { readStored, store } from "./storage";

export interface Step {
    /** Of the edit, undo or redo that led to it. Steps of an older release have none. */
    requestId?: string;
    /** The server's token for the people as they were. */
    token: string;
    /** The people as they are now: undoing is refused if somebody has changed them since. */
    versions: Versions;
}

export type HistoryAction = "undo" | "redo";

const idOf = ({ requestId, token }: Step) => requestId ?? token;

export class History {
    private readonly key: string;
    undo: Step[];
    redo: Step[];

    constructor(sample: string, prefix: string) {
        this.key = `densepose-history-${prefix}-${sample}`;
        ({ undo: this.undo, redo: this.redo } = readStored<Record<HistoryAction, Step[]>>(this.key, { undo: [], redo: [] }));
    }

    /** A new edit was saved: there is nothing to redo any more. */
    push(step: Step) {
        this.undo.push(step);
        this.redo = [];
        this.save();
    }

    find(stack: HistoryAction, id: string): Step | undefined {
        return this[stack].find((step) => idOf(step) === id);
    }

    /** A step of one stack was restored, which `inverse` takes back in turn. */
    restored(stack: HistoryAction, id: string, inverse: Step) {
        this.drop(stack, id);
        this[stack === "undo" ? "redo" : "undo"].push(inverse);
        this.save();
    }

    /** Remove a step that nobody wants to take any more. */
    drop(stack: HistoryAction, id: string) {
        this[stack] = this[stack].filter((step) => idOf(step) !== id);
        this.save();
    }

    /** Id of the step that is next once all pending jobs are done. */
    next(action: HistoryAction, pending: { requestId: string; edit: unknown; target?: string }[]): string | undefined {
        let [undo, redo] = [this.undo.map(idOf), this.redo.map(idOf)];
        for (const { requestId, edit, target } of pending) {
            if (edit === "undo") [undo, redo] = [undo.filter((id) => id !== target), [...redo, requestId]];
            else if (edit === "redo") [undo, redo] = [[...undo, requestId], redo.filter((id) => id !== target)];
            else [undo, redo] = [[...undo, requestId], []];
        }
        return (action === "undo" ? undo : redo).at(-1);
    }

    private save() {
        store(this.key, { undo: this.undo, redo: this.redo });
    }
}
