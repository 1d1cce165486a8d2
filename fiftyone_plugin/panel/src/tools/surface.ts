// The tool that gives a pixel another place on the body.

import { drawDots, drawLine } from "../canvas/shapes";
import { isOnSelected, selectAt, type Tool } from "./tool";

export const surfaceTool: Tool = {
    name: "Surface",
    key: "u",
    hint: "Click a pixel that is wrong, then the place on the body where it belongs.",
    cursor: "crosshair",
    down(session, { at }) {
        if (isOnSelected(session, at)) session.set({ wrongPixel: at });
        else selectAt(session, at);
    },
    draw(session, context, pixel) {
        for (const [x, y] of session.person?.corrections ?? []) {
            drawLine(context, [[x - 5 * pixel, y], [x + 5 * pixel, y]], pixel);
            drawLine(context, [[x, y - 5 * pixel], [x, y + 5 * pixel]], pixel);
        }
        if (session.wrongPixel) drawDots(context, [session.wrongPixel], pixel, "#ffea00");
    },
};
