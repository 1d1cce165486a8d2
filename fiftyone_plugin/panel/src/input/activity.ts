// Tells the clock of active work when the panel is used.

import type { WorkClock } from "../state/work_clock";

const INPUTS = ["pointermove", "pointerdown", "wheel", "keydown"] as const;

/** Watch a panel; returns what ends that. */
export function watchActivity(panel: HTMLElement, clock: WorkClock): () => void {
    const watch = new AbortController();
    const options = { signal: watch.signal, passive: true, capture: true };
    const pause = () => clock.pause();
    for (const name of INPUTS) panel.addEventListener(name, () => clock.input(), options);
    panel.addEventListener("focusout", ({ relatedTarget }) => {
        if (relatedTarget && !panel.contains(relatedTarget as Node)) pause();
    }, options);
    document.addEventListener("visibilitychange", () => document.hidden && pause(), options);
    window.addEventListener("blur", pause, options);
    return () => {
        watch.abort();
        pause();
    };
}
