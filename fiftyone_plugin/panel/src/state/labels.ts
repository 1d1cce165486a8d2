// The label space and other constants of the Python package: a test compares the two.

import type { PersonState } from "../api/types";
import data from "./labels.json";

export const PARTS: string[] = data.parts;
export const CHARTS: string[] = data.charts;
export const KEYPOINTS: string[] = data.keypoints;
export const SKELETON: number[][] = data.skeleton;
export const CHART_TO_PART: number[] = data.chartToPart;
export const KEYPOINT_MIRROR: number[] = data.keypointMirror;
export const PART_COLOURS: string[] = data.partColours;
export const CHART_COLOURS: string[] = data.chartColours;
export const PERSON_COLOURS: string[] = data.personColours;
/** Charts of the back of the body. */
export const BACK_CHARTS = new Set(CHARTS.flatMap((name, chart) => (name.endsWith(" back") ? [chart] : [])));
/** States of people whose issues no longer count. */
export const DECIDED = data.decided as PersonState[];
/** An issue score from here on is a reason. */
export const MIN_ISSUE_SCORE: number = data.minIssueScore;
/** Pixels that the box of a person who is added has at least each way. */
export const MIN_BOX_SIDE: number = data.minBoxSide;
/** Of a byte that holds a part: set where the mask is. */
export const MASK_BIT: number = data.maskBit;

/** Colour of the person with this index in the image. */
export const personColour = (index: number) => PERSON_COLOURS[index % PERSON_COLOURS.length];

export const rgb = (hex: string): [number, number, number] => {
    const value = parseInt(hex.slice(1), 16);
    return [value >> 16, (value >> 8) & 255, value & 255];
};

/** A probability as people read it. */
export const percent = (value: number) => `${Math.round(100 * value)} %`;

export const keypointName = (index: number, visibility: number) => KEYPOINTS[index] + (visibility === 1 ? " (hidden)" : "");
