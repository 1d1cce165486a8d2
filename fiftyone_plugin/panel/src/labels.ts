// The label space, as annotator/densepose.py has it: a test compares the two.

import data from "./labels.json";

export const PARTS: string[] = data.parts;
export const CHARTS: string[] = data.charts;
export const KEYPOINTS: string[] = data.keypoints;
export const SKELETON: number[][] = data.skeleton;
export const CHART_TO_PART: number[] = data.chartToPart;
export const KEYPOINT_MIRROR: number[] = data.keypointMirror;
export const PART_COLOURS: string[] = data.partColours;
export const CHART_COLOURS: string[] = data.chartColours;
export const PERSON_COLOURS = [
    "#ff9f1c", "#2ec4b6", "#e71d36", "#7b61ff", "#9be564", "#ff66c4", "#3a86ff", "#ffd60a",
];

export const rgb = (hex: string): [number, number, number] => {
    const value = parseInt(hex.slice(1), 16);
    return [value >> 16, (value >> 8) & 255, value & 255];
};
