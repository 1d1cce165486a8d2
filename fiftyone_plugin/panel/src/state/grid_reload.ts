// Shows in the App's grid what was edited: a while after the last edit, as the App reads all photos in sight anew.

import { isGridShown } from "../api/host";

const DELAY_MS = 1500;
/** Of somebody who edits without a pause the grid shows the edits at last after this time. */
const LONGEST_DELAY_MS = 15_000;

export class GridReload {
    /** When the first edit was saved that the grid does not show yet; null if it shows all. */
    private since: number | null = null;
    private timer = 0;
    /** The App's, once the panel is on its page. */
    reload = () => {};

    /** Something was saved. */
    edited() {
        this.since ??= performance.now();
        clearTimeout(this.timer);
        const left = this.since + LONGEST_DELAY_MS - performance.now();
        this.timer = setTimeout(() => {
            // One that is covered by this panel, or by an open photo, waits until it is seen.
            if (isGridShown()) this.flush();
        }, Math.max(Math.min(DELAY_MS, left), 0));
    }

    /** Have the grid show all edits now. */
    flush() {
        clearTimeout(this.timer);
        if (this.since !== null) this.reload();
        this.since = null;
    }
}
