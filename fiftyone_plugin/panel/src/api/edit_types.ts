// Written by scripts/make-panel-types, from annotator/review/edits/models.py: do not change it by hand.

export type Edit =
    | SetKeypoint
    | Paint
    | Fill
    | FillArea
    | SplitByLine
    | SplitByHeads
    | Merge
    | Delete
    | Add
    | AddEmpty
    | AcceptPossible
    | DismissPossible
    | ClickOnPerson
    | Move
    | Paste
    | CorrectSurface
    | SwapSides
    | SwapDepth
    | TakeSecond
    | Decide
    | Together
    | Nobody;

/** Add the possible person, labelled by the network in its box. */
export interface AcceptPossible {
    kind: "accept_possible";
    possible: string;
}

/** Add the person in a box, labelled by the network. */
export interface Add {
    kind: "add";
    box: Box;
}

/** Add a person without labels in a box. */
export interface AddEmpty {
    kind: "add_empty";
    box: Box;
}

/** In image pixels. */
export type Box = [x: number, y: number, width: number, height: number];

/** In image pixels; whether it is on the person, or says what is not. */
export type Click = [x: number, y: number, positive: boolean];

/** Say by clicks what is a person and what is not, the new one last; without a person somebody begins with it. */
export interface ClickOnPerson {
    kind: "click";
    person?: string;
    clicks: Click[];
}

/** Say where on the body pixels lie. Corrections of other pixels, made before, still hold. */
export interface CorrectSurface {
    person: string;
    kind: "correct_surface";
    corrections: SurfaceCorrection[];
}

/** Set the review state of a person and, where given, the comment. */
export interface Decide {
    person: string;
    kind: "decide";
    state: "predicted" | "edited" | "approved" | "rejected";
    comment?: string;
}

/** Delete a person. */
export interface Delete {
    person: string;
    kind: "delete";
}

/** Say that the possible person is nobody, or labelled already. */
export interface DismissPossible {
    kind: "dismiss_possible";
    possible: string;
}

/** Paint the mask or a part inside a polygon, or erase them there. */
export interface Fill {
    person: string;
    layer: "mask" | "part";
    erase?: boolean;
    part?: number;
    kind: "fill";
    points: Point[];
}

/** Give another part to the connected pixels that have the part of the pixel at x, y. */
export interface FillArea {
    person: string;
    kind: "fill_area";
    x: number;
    y: number;
    part: number;
}

/** Merge the other people into the first. */
export interface Merge {
    kind: "merge";
    people: string[];
}

/** Move a person with all labels by whole pixels. */
export interface Move {
    person: string;
    kind: "move";
    dx: number;
    dy: number;
}

/** Of an image without people: whether the reviewer has seen that nobody is there, no possible person either. */
export interface Nobody {
    kind: "nobody";
    nobody: boolean;
}

/** Paint the mask or a part with a brush along the points, or erase them there. */
export interface Paint {
    person: string;
    layer: "mask" | "part";
    erase?: boolean;
    part?: number;
    kind: "paint";
    points: Point[];
    radius: number;
}

/** Add copies of people of another image, at the same place. */
export interface Paste {
    kind: "paste";
    source: string;
    copied: string[];
}

/** In image pixels. */
export type Point = [x: number, y: number];

/** Set a keypoint. Visibility is COCO's: 0 removes the keypoint, 1 hidden, 2 visible need x and y. */
export interface SetKeypoint {
    person: string;
    kind: "set_keypoint";
    keypoint: number;
    visibility: number;
    x?: number;
    y?: number;
}

/** Split a person into as many as there are points, one on each head. */
export interface SplitByHeads {
    person: string;
    kind: "split_by_heads";
    points: Point[];
}

/** Split a person into two along a line, which goes on at both ends. */
export interface SplitByLine {
    person: string;
    kind: "split_by_line";
    points: Point[];
}

/** A pixel, in image pixels, and its place on the body: chart 1..24, U and V 0..1. */
export type SurfaceCorrection = [x: number, y: number, chart: number, u: number, v: number];

/** Swap front and back of a person, or of some parts. */
export interface SwapDepth {
    person: string;
    kind: "swap_depth";
    parts?: number[];
}

/** Swap left and right of a person, or of some parts. */
export interface SwapSides {
    person: string;
    kind: "swap_sides";
    parts?: number[];
}

/** Give a person layers of the second annotator's, or add the second annotator's person. */
export interface TakeSecond {
    kind: "take_second";
    second: string;
    person?: string;
    layers?: ("mask" | "keypoints")[];
}

/** Make several edits, each on what the one before left; if one cannot be done, none is. */
export interface Together {
    kind: "together";
    edits: Edit[];
}
