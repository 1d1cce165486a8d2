// Which step of the tour is shown. It comes once, by itself, to whoever opens the panel for the first time in a browser.

const KEY = "densepose-tour";

/** 0 for the first step, null if the tour was seen. */
export const firstTourStep = (): number | null => (localStorage.getItem(KEY) ? null : 0);

export const rememberTour = () => localStorage.setItem(KEY, "seen");
