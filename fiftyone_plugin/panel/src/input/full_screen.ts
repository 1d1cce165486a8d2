// The panel on all of the screen. This browser remembers it: a page that is loaded anew has the panel on all of the
// page at once, and, as browsers want a click or a key for it, on all of the screen from the first one on.

import type { Session } from "../state/session";

const STORAGE_KEY = "densepose-full-screen";

export const wasFullScreen = () => localStorage.getItem(STORAGE_KEY) === "true";

function remember(session: Session, isFullScreen: boolean) {
    localStorage.setItem(STORAGE_KEY, String(isFullScreen));
    session.set({ isFullScreen });
}

/** Where the browser does not allow it, the panel has all of the page. */
const request = (panel: Element) => void panel.requestFullscreen().catch(() => undefined);

export function toggleFullScreen(session: Session, inside: Element) {
    const panel = inside.closest(".dp-review")!;
    if (!session.isFullScreen) request(panel);
    else if (document.fullscreenElement) void document.exitFullscreen();
    remember(session, !session.isFullScreen);
}

/** Follow the browser, whose own key ends the full screen, too. Returns what ends this. */
export function watchFullScreen(session: Session, panel: Element): () => void {
    const listeners = new AbortController();
    const { signal } = listeners;
    let isLeaving = false;
    window.addEventListener("pagehide", () => (isLeaving = true), { signal });
    document.addEventListener("fullscreenchange", () => {
        if (!document.fullscreenElement && session.isFullScreen && !isLeaving) remember(session, false);
    }, { signal });
    for (const type of ["pointerdown", "keydown"]) {
        panel.addEventListener(type, () => {
            if (session.isFullScreen && !document.fullscreenElement) request(panel);
        }, { signal, once: true, capture: true });
    }
    return () => listeners.abort();
}
