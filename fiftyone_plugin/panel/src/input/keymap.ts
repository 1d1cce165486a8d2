// Which keys are pressed for the shortcuts: those of the table, or others that the user has chosen in this browser.
// A shortcut's key is named as in the table (its standard key), whatever is pressed for it.

import { SHORTCUTS } from "./shortcuts";

const STORAGE_KEY = "densepose-keys";
/** What cancels, closes and points in directions stays where everybody looks for it; the space bar moves the photo. */
export const isFixed = (key: string) => /(Escape|Enter|Arrow\w+| )$/.test(key);

const ALL = SHORTCUTS.flatMap(({ keys }) => keys);
/** By standard key. */
let chosen: Record<string, string> = readChosen();
/** Standard key by the key that is pressed. */
let byPressed = invert();

function readChosen(): Record<string, string> {
    try {
        const stored = Object.entries<unknown>(JSON.parse(localStorage.getItem(STORAGE_KEY) ?? "{}"));
        const known = stored.filter(([standard, key]) => ALL.includes(standard) && !isFixed(standard) && typeof key === "string");
        const keys = Object.fromEntries(known) as Record<string, string>;
        // Another release may have given a chosen key to a new shortcut.
        return new Set(ALL.map((standard) => keys[standard] ?? standard)).size === ALL.length ? keys : {};
    } catch {
        return {};
    }
}

function invert() {
    return new Map(ALL.map((standard) => [currentKey(standard), standard]));
}

function choose(keys: Record<string, string>) {
    chosen = Object.fromEntries(Object.entries(keys).filter(([standard, key]) => standard !== key));
    byPressed = invert();
    localStorage.setItem(STORAGE_KEY, JSON.stringify(chosen));
}

/** The key that is pressed for a standard key. */
export function currentKey(standard: string): string {
    return chosen[standard] ?? standard;
}

/** The standard key that a pressed key stands for. */
export const standardKey = (pressed: string): string | undefined => byPressed.get(pressed);

/** Press another key for a standard key; what that key was for gets the one that becomes free. */
export function changeKey(standard: string, pressed: string) {
    const other = standardKey(pressed);
    choose({ ...chosen, ...(other ? { [other]: currentKey(standard) } : {}), [standard]: pressed });
}

export const resetKeys = () => choose({});

export const areKeysChanged = () => Object.keys(chosen).length > 0;

const SYMBOLS: Record<string, string> = {
    ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc", Delete: "Del",
};

/** A key as it is written on keyboards: "Shift+S", "Esc". */
export function displayKey(key: string): string {
    const parts = key.split(/\+(?=.)/);
    return parts.map((part) => SYMBOLS[part] ?? (part.length === 1 ? part.toUpperCase() : part)).join("+");
}

/** A text in which "{d}" is what is pressed for the standard key d. */
export const withKeys = (text: string) =>
    text.replace(/\{([^{}\s]+)\}/g, (_, standard: string) => displayKey(currentKey(standard)));
