// The tool that selects people and moves the photo.

import { selectAt, type Tool } from "./tool";

export const selectTool: Tool = {
    name: "Select",
    key: "q",
    hint: "Click a person. Drag to move the photo.",
    cursor: "default",
    // Not where it goes down: that may begin to move the photo.
    up: (session, { at, still }) => still && selectAt(session, at),
};
