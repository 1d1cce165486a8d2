// Which shortcut a key event is, and whether it runs.

import { standardKey } from "./keymap";
import { type Shortcut, type ShortcutContext, SHORTCUTS } from "./shortcuts";

const isSymbol = (event: KeyboardEvent) => event.altKey && /^[^a-zA-Z0-9\s]$/.test(event.key);

/** "Shift+Tab", "Ctrl+z", "?": Shift is named only where it does not already show in the key. */
export function keyName(event: KeyboardEvent): string {
    // A keyboard with another alphabet: the letter that is there on an English one.
    const pressed = /^\P{ASCII}$/u.test(event.key) && event.code.startsWith("Key") ? event.code.slice(3) : event.key;
    // Whatever caps lock says.
    const isLetter = /^[a-zA-Z]$/.test(pressed);
    const key = isLetter ? pressed[event.shiftKey ? "toUpperCase" : "toLowerCase"]() : pressed;
    // Some keyboards have brackets only together with AltGr, which may look like Ctrl and Alt.
    if (isSymbol(event)) return key;
    const shift = event.shiftKey && (isLetter || key.length > 1);
    return `${event.ctrlKey || event.metaKey ? "Ctrl+" : ""}${shift ? "Shift+" : ""}${key}`;
}

/** By standard key. */
const BY_NAME = new Map<string, Shortcut>(
    SHORTCUTS.flatMap((shortcut) => shortcut.keys.map((name) => [name, shortcut] as const)),
);

/** Groups that do something to the image: not while another one is loading. */
const IMAGE_GROUPS = ["Keypoints", "Surface", "Undo"];
/** Keys that work while help or scores cover the panel. */
const TABLE_KEYS = ["Escape", "?", "j"];

/** Run the shortcut of a key; true if the panel uses the key. */
export function handleKey(context: ShortcutContext, event: KeyboardEvent): boolean {
    const { session } = context;
    const name = standardKey(keyName(event)) ?? "";
    const shortcut = event.altKey && !isSymbol(event) ? undefined : BY_NAME.get(name);
    // The browser scrolls a table by arrows and PageDown, and walks through it by Tab.
    if ((session.helpOpen || session.scoresOpen) && !TABLE_KEYS.includes(name)) return !!shortcut && event.key.length === 1;
    const isEarly = session.loading !== null && shortcut && IMAGE_GROUPS.includes(shortcut.group);
    if (!isEarly && (!event.repeat || shortcut?.repeats)) shortcut?.run(context, event, name);
    return shortcut !== undefined;
}
