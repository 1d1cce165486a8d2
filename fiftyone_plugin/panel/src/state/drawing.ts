// What is being drawn with a tool and is not an edit yet.

import type { Keypoint } from "../api/types";
import type { Point } from "./geometry";

/** A keypoint under the pointer, drawn where the pointer has it before that is saved. */
interface DraggedKeypoint {
    person: string;
    index: number;
    /** Where the pointer took it. */
    start: Point;
    keypoint: Keypoint;
    /** Where the keypoint was. */
    origin: Point;
}

export class Drawing {
    /** Since the pointer went down, or since the last Enter. */
    points: Point[] = [];
    /** Key of the person it is about: another may be selected before it ends. */
    owner: string | null = null;
    dragged: DraggedKeypoint | null = null;
    /** Where the pointer is, null if it is not on the canvas. */
    pointer: Point | null = null;

    get isActive(): boolean {
        return this.points.length > 0 || this.dragged !== null;
    }

    /** Add points; whoever is selected at the first one is meant. */
    add(selected: string | null, ...points: Point[]) {
        if (!this.points.length) this.owner = selected;
        this.points.push(...points);
    }

    /** End it and return its points. */
    finish(): Point[] {
        const { points } = this;
        this.points = [];
        this.dragged = null;
        return points;
    }

    abandon() {
        if (this.dragged) {
            const { keypoint, origin } = this.dragged;
            [keypoint[0], keypoint[1]] = origin;
        }
        this.finish();
    }
}
