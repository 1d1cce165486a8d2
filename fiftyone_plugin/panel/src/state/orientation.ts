// How somebody is turned, in words, by the labels.

import { BACK_CHARTS, CHARTS } from "./labels";
import type { Person } from "./people";

const FRONT_CHARTS = new Set(CHARTS.flatMap((name, chart) => (name.endsWith(" front") ? [chart] : [])));
const chartsOf = (side: string) => new Set(CHARTS.flatMap((name, chart) => (name.includes(side) ? [chart] : [])));
const [LEFT, RIGHT] = [chartsOf("left"), chartsOf("right")];

/** "front, left side at the right": what most of the person's charts say; empty without charts. */
export function describeOrientation({ box, layers: { charts } }: Person): string {
    let [front, back] = [0, 0];
    const sides = { left: { sum: 0, count: 0 }, right: { sum: 0, count: 0 } };
    for (let i = 0; i < charts.length; i++) {
        const chart = charts[i];
        if (FRONT_CHARTS.has(chart)) front++;
        else if (BACK_CHARTS.has(chart)) back++;
        const side = LEFT.has(chart) ? sides.left : RIGHT.has(chart) ? sides.right : null;
        if (side) {
            side.sum += i % box[2];
            side.count++;
        }
    }
    const words = front + back ? [front >= back ? "front" : "back"] : [];
    const { left, right } = sides;
    if (left.count && right.count) {
        words.push(`left side at the ${left.sum / left.count < right.sum / right.count ? "left" : "right"}`);
    }
    return words.join(", ");
}
