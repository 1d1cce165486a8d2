// All tools.

import type { ToolName } from "../state/review_state";
import type { Session } from "../state/session";
import { clickTool } from "./click";
import { addTool, headsTool, mergeTool, splitTool } from "./instances";
import { keypointTool } from "./keypoints";
import { moveTool, pasteTool } from "./move";
import { brushTool, bucketTool, polygonTool } from "./paint";
import { selectTool } from "./select";
import { surfaceTool } from "./surface";
import type { Tool } from "./tool";

/** In the order of their buttons. */
export const TOOLS: Record<ToolName, Tool> = {
    select: selectTool,
    keypoints: keypointTool,
    brush: brushTool,
    polygon: polygonTool,
    bucket: bucketTool,
    split: splitTool,
    heads: headsTool,
    merge: mergeTool,
    add: addTool,
    surface: surfaceTool,
    click: clickTool,
    move: moveTool,
    paste: pasteTool,
};

export const TOOL_NAMES = Object.keys(TOOLS) as ToolName[];

/** Take back what is being drawn, else undo the last edit. */
export function undo(session: Session) {
    if (!session.drawing.isActive) return void session.undo("undo");
    const { back } = TOOLS[session.tool];
    if (back) back(session);
    else session.drawing.abandon();
    session.notify();
}
