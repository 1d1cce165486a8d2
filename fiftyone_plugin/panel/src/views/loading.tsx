// What is said in place of a photo that is not there yet.

import type { Session } from "../state/session";
import { digits } from "./counted";

export function Loading({ session }: { session: Session }) {
    const { setup, loading, queue, message, summarized } = session;
    const isWaiting = loading || !setup || (!queue.result && !message);
    if (!isWaiting) return null;
    if (queue.result || !summarized) return <div className="dp-loading">Loading…</div>;
    const { done, total } = summarized;
    return (
        <div className="dp-loading" data-testid="dp-summarizing">
            <b>Preparing the queue</b>
            {total === null ? (
                <span>The labels are being read…</span>
            ) : (
                <>
                    <span>{`The labels of ${digits(done)} of ${digits(total)} photos are read.`}</span>
                    <div className="dp-bar">
                        <div style={{ width: `${(100 * done) / Math.max(total, 1)}%` }} />
                    </div>
                </>
            )}
            <span className="dp-dim">Needed once after many photos were labelled; it goes on if this panel is closed.</span>
        </div>
    );
}
