// Every key of the panel: one table that is both what they do and what help shows.

import type { Viewport } from "../canvas/viewport";
import { COMMENT_FIELD } from "../state/comment_field";
import { PARTS } from "../state/labels";
import { FILLS } from "../state/overlay";
import { loadPhotoBefore } from "../state/photo_before";
import type { ToolName } from "../state/review_state";
import type { Session } from "../state/session";
import { cycleKeypoint, setNextMissing } from "../tools/keypoints";
import { movePerson } from "../tools/move";
import { decide, decideAll, remove, reopen, setKeypoint, setVisibility, swap, swapKeypoint } from "../tools/person_edits";
import { TOOLS, undo } from "../tools/tools";
import { toggleFullScreen } from "./full_screen";
import { findInPanel, focusSoon } from "./panel_element";

export interface ShortcutContext {
    session: Session;
    viewport: Viewport;
}

export interface Shortcut {
    /** Each of them does it. Named as in "Shift+Tab", "Ctrl+z", "?". The user may choose others, see keymap.ts. */
    keys: string[];
    description: string;
    group: string;
    /** Whether it runs again and again while the key is held. */
    repeats?: boolean;
    /** `name` is which of `keys` is meant, whatever was pressed for it. */
    run(context: ShortcutContext, event: KeyboardEvent, name: string): void;
}

const tool = (name: ToolName, description: string): Shortcut => ({
    keys: [TOOLS[name].key],
    description,
    group: "Tools",
    run: ({ session }) => session.useTool(name),
});

const ARROWS: Record<string, [number, number]> = {
    ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
};

function nudge({ session }: ShortcutContext, event: KeyboardEvent) {
    const { point, person } = session;
    if (!point && session.tool !== "move") return;
    const [dx, dy] = ARROWS[event.key].map((value) => value * (event.shiftKey ? 10 : 1));
    if (point) setKeypoint(session, session.keypoint!, point[0] + dx, point[1] + dy, point[3]);
    else if (person) movePerson(session, person, dx, dy);
}

/** All but background, which is painted by erasing. */
const PAINTED_PARTS = PARTS.map((_, number) => number).slice(1);

/** The entry so many steps on, round and round. */
function cycle<T>(list: readonly T[], current: T, by: number): T {
    return list[(list.indexOf(current) + by + list.length) % list.length];
}

function cyclePeople({ session }: ShortcutContext, by: number) {
    const keys = [...session.people, ...session.possible].map(({ key }) => key);
    if (keys.length) session.select(cycle(keys, session.selected ?? keys[keys.length - 1], by));
}

function erase({ session }: ShortcutContext) {
    if (session.tool === "polygon") return session.set({ erase: !session.erase });
    session.useTool("brush", { erase: true });
}

/** What covers the panel goes first, then what is being drawn. */
function escape({ session }: ShortcutContext) {
    if (session.helpOpen || session.scoresOpen) return session.set({ helpOpen: false, scoresOpen: false });
    if (session.tourStep !== null) return session.endTour();
    if (session.drawing.isActive) session.drawing.abandon();
    else session.set({ keypoint: null });
    session.edits.setRefusal("");
    session.set({ wrongPixel: null, message: "" });
}

function changeOpacity({ session }: ShortcutContext, _: KeyboardEvent, name: string) {
    const opacity = session.opacity + (name === "<" ? -0.1 : 0.1);
    session.set({ opacity: Math.min(Math.max(opacity, 0), 1) });
}

export const SHORTCUTS: Shortcut[] = [
    { keys: ["a"], description: "approve the person, have a possible one labelled, or say that nobody is here, and go on", group: "Decide", run: ({ session }) => decide(session, "approved") },
    { keys: ["Shift+A"], description: "approve all people of the image who are not decided; possible ones are dismissed", group: "Decide", run: ({ session }) => decideAll(session, "approved") },
    { keys: ["r"], description: "reject the person, or dismiss a possible one, and go on", group: "Decide", run: ({ session }) => decide(session, "rejected") },
    { keys: ["o"], description: "take the decision back", group: "Decide", run: ({ session }) => reopen(session) },
    { keys: ["c"], description: "comment", group: "Decide", run: (_, event) => findInPanel(event.target as Element, COMMENT_FIELD)?.focus() },
    { keys: ["d", "PageDown"], description: "next image", group: "Queue", run: ({ session }) => void session.move(1) },
    { keys: ["Shift+D", "PageUp"], description: "previous image", group: "Queue", run: ({ session }) => void session.move(-1) },
    { keys: [".", ","], description: "next, previous person, also possible ones", group: "Queue", repeats: true, run: (context, _, name) => cyclePeople(context, name === "." ? 1 : -1) },
    { keys: ["/"], description: "filters, scores, approve the rest: Tab and Enter, Esc leaves", group: "Queue", run({ session }, event) {
        session.set({ queueOpen: true });
        focusSoon(event.target as Element, ".dp-chip");
    } },
    { keys: ["j"], description: "scores of all people: table and histograms", group: "Queue", run: ({ session }) => session.set({ scoresOpen: !session.scoresOpen, helpOpen: false }) },
    { keys: ["Shift+N"], description: "where a team works: another photo that nobody works on", group: "Queue", run: ({ session }) => void session.team.next() },
    { keys: ["Ctrl+Enter"], description: "where a team works: send to review, or done", group: "Queue", run: ({ session: { team } }) => { if (team.mainAction) void team.change(team.mainAction); } },
    tool("select", "select and move"),
    tool("keypoints", "keypoints"),
    tool("brush", "brush"),
    { keys: ["e"], description: "eraser; with the polygon: cut away, or add again", group: "Tools", run: erase },
    tool("polygon", "polygon"),
    tool("bucket", "fill an area with a part"),
    tool("split", "split by a line"),
    tool("heads", "split by clicking the heads"),
    { keys: [TOOLS.merge.key], description: "merge with another person: click, or Tab and Enter", group: "Tools", run({ session }, event) {
        session.useTool("merge");
        focusSoon(event.target as Element, "[data-testid=dp-merge]");
    } },
    tool("add", "add a person by a box"),
    tool("surface", "correct the place on the body"),
    tool("click", "make or mend a mask by clicks"),
    tool("move", "move a person as a whole"),
    { keys: [TOOLS.paste.key], description: "copy people from the photo before", group: "Tools", run({ session }) {
        session.useTool("paste");
        void loadPhotoBefore(session);
    } },
    { keys: ["l"], description: "paint the mask, or parts", group: "Painting", run: ({ session }) => session.set({ layer: session.layer === "mask" ? "part" : "mask" }) },
    { keys: ["{", "}"], description: "previous, next part", group: "Painting", run: ({ session }, _, name) => session.set({ layer: "part", part: cycle(PAINTED_PARTS, session.part, name === "{" ? -1 : 1) }) },
    { keys: ["["], description: "smaller brush", group: "Painting", repeats: true, run: ({ session }) => session.setRadius(session.radius / 1.25) },
    { keys: ["]"], description: "larger brush", group: "Painting", repeats: true, run: ({ session }) => session.setRadius(session.radius * 1.25) },
    { keys: ["Enter"], description: "close the polygon, split at the heads, begin clicks for somebody else, copy all of the photo before", group: "Painting", run: ({ session, viewport }) => { TOOLS[session.tool].finish?.(session, 1 / viewport.scale); session.notify(); } },
    { keys: ["Backspace"], description: "take back the last corner", group: "Painting", run: ({ session }) => { TOOLS[session.tool].back?.(session); session.notify(); } },
    { keys: ["Escape"], description: "cancel what is being drawn; select no keypoint", group: "Painting", run: escape },
    { keys: ["Tab", "Shift+Tab"], description: "next, previous keypoint, also a missing one: the next click sets it", group: "Keypoints", repeats: true, run: ({ session }, _, name) => cycleKeypoint(session, name === "Tab" ? 1 : -1) },
    { keys: ["Shift+K"], description: "set the next missing keypoint where the pointer is, or in the middle of the person", group: "Keypoints", run: ({ session }) => setNextMissing(session, session.drawing.pointer) },
    { keys: ["v"], description: "visible, hidden", group: "Keypoints", run: ({ session }) => session.point && setVisibility(session, session.point[3] === 2 ? 1 : 2) },
    { keys: ["s"], description: "swap the selected keypoint with that of the other side", group: "Keypoints", run: ({ session }) => session.keypoint !== null && swapKeypoint(session, session.keypoint) },
    { keys: Object.keys(ARROWS), description: "move the selected keypoint, or with the move tool the person, by 1 pixel", group: "Keypoints", repeats: true, run: nudge },
    { keys: Object.keys(ARROWS).map((key) => `Shift+${key}`), description: "… by 10 pixels", group: "Keypoints", repeats: true, run: nudge },
    { keys: ["Delete"], description: "remove the selected keypoint; with other tools, the person", group: "Keypoints", run({ session }) {
        if (session.tool !== "keypoints") remove(session);
        else if (session.keypoint !== null) setVisibility(session, 0);
        else session.set({ message: "Choose a keypoint; with another tool, this key removes the person." });
    } },
    { keys: ["Shift+S"], description: "swap left and right of the person", group: "Surface", run: ({ session }) => swap(session, ["swap_sides"]) },
    { keys: ["Shift+F"], description: "swap front and back", group: "Surface", run: ({ session }) => swap(session, ["swap_depth"]) },
    { keys: ["Shift+L", "Shift+B"], description: "left and right, front and back of the chosen part", group: "Surface", run: ({ session }, _, name) => swap(session, [name === "Shift+L" ? "swap_sides" : "swap_depth"], true) },
    { keys: ["Shift+T"], description: "turn the person round: both", group: "Surface", run: ({ session }) => swap(session, ["swap_sides", "swap_depth"]) },
    { keys: ["t", "y"], description: "next, previous overlay", group: "View", run: ({ session }, _, name) => session.set({ overlay: { ...session.overlay, fill: cycle(FILLS, session.overlay.fill, name === "y" ? -1 : 1) } }) },
    { keys: ["i"], description: "lines of equal U and V", group: "View", run: ({ session }) => session.set({ overlay: { ...session.overlay, contours: !session.overlay.contours } }) },
    { keys: ["w"], description: "skeletons", group: "View", run: ({ session }) => session.set({ skeleton: !session.skeleton }) },
    { keys: ["Shift+W"], description: "hide all labels, and show them again", group: "View", run: ({ session }) => session.set({ labelsHidden: !session.labelsHidden }) },
    { keys: ["<", ">"], description: "labels fainter, stronger", group: "View", repeats: true, run: changeOpacity },
    { keys: ["f"], description: "only the selected person", group: "View", run: ({ session }) => session.setFocused(!session.isFocused) },
    { keys: ["z"], description: "zoom to the person, and from now on to each next one", group: "View", run: ({ session, viewport }) => { viewport.followsSelection = true; viewport.fit((session.person ?? session.possiblePerson)?.box); session.notify(); } },
    { keys: ["0"], description: "show the whole photo, and so from now on", group: "View", run: ({ session, viewport }) => { viewport.followsSelection = false; viewport.fit(); session.set({ inCrowd: false }); } },
    { keys: ["1"], description: "actual size: one pixel is one pixel", group: "View", run: ({ session, viewport }) => { viewport.zoomTo(1); session.notify(); } },
    { keys: ["+", "="], description: "zoom in", group: "View", repeats: true, run: ({ session, viewport }) => { viewport.zoomTo(viewport.scale * 1.25); session.notify(); } },
    { keys: ["-"], description: "zoom out", group: "View", repeats: true, run: ({ session, viewport }) => { viewport.zoomTo(viewport.scale / 1.25); session.notify(); } },
    { keys: ["Ctrl+z"], description: "undo; take back the last corner", group: "Undo", repeats: true, run: ({ session }) => undo(session) },
    { keys: ["Ctrl+Shift+Z", "Ctrl+y"], description: "redo", group: "Undo", repeats: true, run: ({ session }) => void session.undo("redo") },
    { keys: ["Shift+M"], description: "full screen, and back; it is remembered", group: "View", run: ({ session }, event) => toggleFullScreen(session, event.target as Element) },
    { keys: ["?"], description: "this table, in which keys can be changed", group: "View", run: ({ session }) => session.set({ helpOpen: !session.helpOpen, scoresOpen: false }) },
];
