// Every key of the panel: one table that both does what it says and is shown under "?".

import { PARTS } from "./labels";
import { decide, decideAll, remove, reopen, setKeypoint, setVisibility, swap, swapKeypoint } from "./person_edits";
import type { Session, Tool } from "./session";
import { FILLS } from "./tiles";
import { abandon, ACTIONS, cycleKeypoint, isDrawing, undo } from "./tools";
import type { Viewport } from "./viewport";

export interface Context {
    session: Session;
    view: Viewport;
}

interface Key {
    keys: string[];
    words: string;
    group: string;
    /** Whether it does so again and again while it is held. */
    repeats?: boolean;
    /** `name` is which of the keys it was. */
    run(context: Context, event: KeyboardEvent, name: string): void;
}

const tool = (name: Tool, words: string): Key => ({
    keys: [ACTIONS[name].key],
    words,
    group: "Tools",
    run: ({ session }) => session.useTool(name),
});

const ARROWS: Record<string, [number, number]> = {
    ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
};

function nudge({ session }: Context, event: KeyboardEvent) {
    const { point } = session;
    if (!point) return;
    const [dx, dy] = ARROWS[event.key].map((value) => value * (event.shiftKey ? 10 : 1));
    setKeypoint(session, session.keypoint!, point[0] + dx, point[1] + dy, point[3]);
}

/** Part numbers, without 0: background is painted by erasing. */
const PAINTED = PARTS.map((_, number) => number).slice(1);

function step<T>(list: readonly T[], now: T, by: number): T {
    return list[(list.indexOf(now) + by + list.length) % list.length];
}

function cyclePeople({ session }: Context, by: number) {
    const keys = session.people.map((person) => person.key);
    if (keys.length) session.select(step(keys, session.selected ?? keys[keys.length - 1], by));
}

/** The panels of the grid and of the modal may both be there: what is found is that of the one with the key. */
const found = (event: KeyboardEvent, selector: string) =>
    (event.target as Element).closest(".dp-review")?.querySelector<HTMLElement>(selector);

/** Focus what the key brings, once it is rendered. */
function focusSoon(event: KeyboardEvent, selector: string) {
    const panel = (event.target as Element).closest(".dp-review");
    setTimeout(() => panel?.querySelector<HTMLElement>(selector)?.focus());
}

export function toggleFullScreen(within: Element) {
    void (document.fullscreenElement ? document.exitFullscreen() : within.closest(".dp-review")?.requestFullscreen());
}

/** Give the keys back to the panel before what has the focus goes. */
export const leave = (element: Element) => element.closest<HTMLElement>(".dp-review")?.focus();

function erase({ session }: Context) {
    if (session.tool === "polygon") return session.set({ erase: !session.erase });
    session.useTool("brush", { erase: true });
}

/** What covers the panel goes first, then what is being drawn. */
function giveUp({ session }: Context) {
    if (session.help || session.scores) return session.set({ help: false, scores: false });
    if (isDrawing()) abandon();
    else session.set({ keypoint: null });
    session.edits.setRefusal("");
    session.set({ wrong: null, message: "" });
}

function fade({ session }: Context, event: KeyboardEvent) {
    const opacity = session.opacity + (event.key === "<" ? -0.1 : 0.1);
    session.set({ opacity: Math.min(Math.max(opacity, 0), 1) });
}

export const KEYS: Key[] = [
    { keys: ["a"], words: "approve the person, or that nobody is here, and go on", group: "Decide", run: ({ session }) => decide(session, "approved") },
    { keys: ["Shift+A"], words: "approve all people of the image who are not decided", group: "Decide", run: ({ session }) => decideAll(session, "approved") },
    { keys: ["r"], words: "reject the person and go on", group: "Decide", run: ({ session }) => decide(session, "rejected") },
    { keys: ["o"], words: "take the decision back", group: "Decide", run: ({ session }) => reopen(session) },
    { keys: ["c"], words: "comment", group: "Decide", run: (_, event) => found(event, "[data-testid=dp-comment]")?.focus() },
    { keys: ["d", "PageDown"], words: "next image", group: "Queue", run: ({ session }) => void session.move(1) },
    { keys: ["Shift+D", "PageUp"], words: "image before", group: "Queue", run: ({ session }) => void session.move(-1) },
    { keys: [".", ","], words: "next person, person before", group: "Queue", repeats: true, run: (context, event) => cyclePeople(context, event.key === "." ? 1 : -1) },
    { keys: ["/"], words: "filters, scores, approve the rest: Tab and Enter, Esc leaves", group: "Queue", run({ session }, event) {
        session.set({ queueWanted: true });
        focusSoon(event, ".dp-chip");
    } },
    { keys: ["j"], words: "scores of all people: table and histograms", group: "Queue", run: ({ session }) => session.set({ scores: !session.scores, help: false }) },
    tool("select", "select and move"),
    tool("keypoints", "keypoints"),
    tool("brush", "brush"),
    { keys: ["e"], words: "eraser; with the polygon: cut away, or add again", group: "Tools", run: erase },
    tool("polygon", "polygon"),
    tool("bucket", "fill an area with a part"),
    tool("split", "split by a line"),
    tool("heads", "split by clicking the heads"),
    { keys: [ACTIONS.merge.key], words: "merge with another person: click, or Tab and Enter", group: "Tools", run({ session }, event) {
        session.useTool("merge");
        focusSoon(event, "[data-testid=dp-merge]");
    } },
    tool("add", "add a person by a box"),
    tool("surface", "correct the place on the body"),
    { keys: ["l"], words: "paint the mask, or parts", group: "Painting", run: ({ session }) => session.set({ layer: session.layer === "mask" ? "part" : "mask" }) },
    { keys: ["{", "}"], words: "part before, next part", group: "Painting", run: ({ session }, event) => session.set({ layer: "part", part: step(PAINTED, session.part, event.key === "{" ? -1 : 1) }) },
    { keys: ["["], words: "smaller brush", group: "Painting", repeats: true, run: ({ session }) => session.setRadius(session.radius / 1.25) },
    { keys: ["]"], words: "larger brush", group: "Painting", repeats: true, run: ({ session }) => session.setRadius(session.radius * 1.25) },
    { keys: ["Enter"], words: "close the polygon, split at the heads", group: "Painting", run: ({ session, view }) => { ACTIONS[session.tool].finish?.(session, 1 / view.scale); session.notify(); } },
    { keys: ["Backspace"], words: "take back the last corner", group: "Painting", run: ({ session }) => { ACTIONS[session.tool].back?.(session); session.notify(); } },
    { keys: ["Escape"], words: "give up what is being drawn; select nothing", group: "Painting", run: giveUp },
    { keys: ["Tab", "Shift+Tab"], words: "next keypoint, keypoint before", group: "Keypoints", repeats: true, run: ({ session }, event) => cycleKeypoint(session, event.shiftKey ? -1 : 1) },
    { keys: ["v"], words: "visible, hidden", group: "Keypoints", run: ({ session }) => session.point && setVisibility(session, session.point[3] === 2 ? 1 : 2) },
    { keys: ["s"], words: "swap the selected keypoint with that of the other side", group: "Keypoints", run: ({ session }) => session.keypoint !== null && swapKeypoint(session, session.keypoint) },
    { keys: Object.keys(ARROWS), words: "move the selected keypoint by 1 pixel", group: "Keypoints", repeats: true, run: nudge },
    { keys: Object.keys(ARROWS).map((key) => `Shift+${key}`), words: "… by 10 pixels", group: "Keypoints", repeats: true, run: nudge },
    { keys: ["Delete"], words: "remove the selected keypoint; with other tools the person", group: "Keypoints", run({ session }) {
        if (session.tool !== "keypoints") remove(session);
        else if (session.keypoint !== null) setVisibility(session, 0);
        else session.set({ message: "Choose a keypoint; with another tool, Delete removes the person." });
    } },
    { keys: ["Shift+S"], words: "swap left and right of the person", group: "Surface", run: ({ session }) => swap(session, ["swap_sides"]) },
    { keys: ["Shift+F"], words: "swap front and back", group: "Surface", run: ({ session }) => swap(session, ["swap_depth"]) },
    { keys: ["Shift+L", "Shift+B"], words: "left and right, front and back of the chosen part", group: "Surface", run: ({ session }, _, name) => swap(session, [name === "Shift+L" ? "swap_sides" : "swap_depth"], true) },
    { keys: ["Shift+T"], words: "turn the person round: both", group: "Surface", run: ({ session }) => swap(session, ["swap_sides", "swap_depth"]) },
    { keys: ["t", "y"], words: "next overlay, overlay before", group: "View", run: ({ session }, _, name) => session.set({ look: { ...session.look, fill: step(FILLS, session.look.fill, name === "y" ? -1 : 1) } }) },
    { keys: ["i"], words: "lines of equal U and V", group: "View", run: ({ session }) => session.set({ look: { ...session.look, contours: !session.look.contours } }) },
    { keys: ["w"], words: "skeletons", group: "View", run: ({ session }) => session.set({ skeleton: !session.skeleton }) },
    { keys: ["Shift+W"], words: "the photo without labels, and with them again", group: "View", run: ({ session }) => session.set({ bare: !session.bare }) },
    { keys: ["<", ">"], words: "labels fainter, stronger", group: "View", repeats: true, run: fade },
    { keys: ["f"], words: "only the selected person", group: "View", run: ({ session }) => session.set({ focus: !session.focus }) },
    { keys: ["z"], words: "zoom to the person, and from now on to whoever is next", group: "View", run: ({ session, view }) => { view.follows = true; view.fit(session.person?.box); session.notify(); } },
    { keys: ["0"], words: "whole photo, and of those that are next", group: "View", run: ({ session, view }) => { view.follows = false; view.fit(); session.notify(); } },
    { keys: ["1"], words: "one pixel for one pixel", group: "View", run: ({ session, view }) => { view.zoomTo(1); session.notify(); } },
    { keys: ["+", "="], words: "zoom in", group: "View", repeats: true, run: ({ session, view }) => { view.zoomTo(view.scale * 1.25); session.notify(); } },
    { keys: ["-"], words: "zoom out", group: "View", repeats: true, run: ({ session, view }) => { view.zoomTo(view.scale / 1.25); session.notify(); } },
    { keys: ["Ctrl+z"], words: "undo; take back the last corner", group: "Undo", repeats: true, run: ({ session }) => undo(session) },
    { keys: ["Ctrl+Shift+Z", "Ctrl+y"], words: "do again", group: "Undo", repeats: true, run: ({ session }) => void session.edits.undo("redo") },
    { keys: ["Shift+M"], words: "the panel on all of the screen, and back", group: "View", run: (_, event) => toggleFullScreen(event.target as Element) },
    { keys: ["?"], words: "this table", group: "View", run: ({ session }) => session.set({ help: !session.help, scores: false }) },
];

const isSymbol = (event: KeyboardEvent) => event.altKey && /^[^a-zA-Z0-9\s]$/.test(event.key);

/** "Shift+Tab", "Ctrl+z", "?": Shift is named only where it does not already show in the key. */
function nameOf(event: KeyboardEvent): string {
    // Where a keyboard has other letters, those that are there on an English one.
    const pressed = /^[^\x00-\x7f]$/.test(event.key) && event.code.startsWith("Key") ? event.code.slice(3) : event.key;
    // Whatever caps lock says.
    const isLetter = /^[a-zA-Z]$/.test(pressed);
    const key = isLetter ? pressed[event.shiftKey ? "toUpperCase" : "toLowerCase"]() : pressed;
    // Some keyboards have brackets only together with AltGr, which may look like Ctrl and Alt.
    if (isSymbol(event)) return key;
    const shift = event.shiftKey && (isLetter || key.length > 1);
    return `${event.ctrlKey || event.metaKey ? "Ctrl+" : ""}${shift ? "Shift+" : ""}${key}`;
}

const BY_NAME = new Map(KEYS.flatMap((key) => key.keys.map((name) => [name, key])));

/** Of an image that is not seen while another is loading. */
const ON_IMAGE = ["Keypoints", "Surface", "Undo"];
/** What help and scores do not cover. */
const ON_TABLES = ["Escape", "?", "j"];

/** Does what a key says; true if the panel knows the key. */
export function press(context: Context, event: KeyboardEvent): boolean {
    const { session } = context;
    const name = nameOf(event);
    const key = event.altKey && !isSymbol(event) ? undefined : BY_NAME.get(name);
    // The browser scrolls a table by arrows and PageDown, and walks through it by Tab.
    if ((session.help || session.scores) && !ON_TABLES.includes(name)) return !!key && event.key.length === 1;
    const isEarly = session.loading !== null && key && ON_IMAGE.includes(key.group);
    if (!isEarly && (!event.repeat || key?.repeats)) key?.run(context, event, name);
    return key !== undefined;
}
