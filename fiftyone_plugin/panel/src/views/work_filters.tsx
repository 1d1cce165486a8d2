// In the queue where a team works: what waits for whom, and who works on what.

import type { WorkKind } from "../api/team_types";
import type { QueueItem } from "../api/types";
import type { Session } from "../state/session";

const WORDS: Record<WorkKind, string> = {
    mine: "mine",
    returned: "returned to me",
    label: "to label",
    review: "to review",
    done: "done",
};

export function WorkFilters({ session }: { session: Session }) {
    const { result, filters } = session.queue;
    if (!result?.team) return null;
    return (
        <div className="dp-chips" data-testid="dp-work-filters">
            {(Object.keys(WORDS) as WorkKind[]).map((kind) => (
                <button
                    key={kind}
                    className={`dp-chip ${filters.work === kind ? "dp-on" : ""}`}
                    aria-pressed={filters.work === kind}
                    onClick={() => void session.filter({ work: filters.work === kind ? "" : kind })}
                >
                    {WORDS[kind]} {result.team![kind]}
                </button>
            ))}
        </div>
    );
}

/** Who works on a photo, else its stage if that is not the first. */
export function WorkMark({ item: { stage, holder, returned_to } }: { item: QueueItem }) {
    const back = returned_to ? `↩ ${returned_to}` : null;
    const mark = holder ?? (stage === "review" ? "to review" : stage === "done" ? "done" : back);
    return mark ? (
        <span className="dp-work" title={holder ? `${holder} works on it` : (returned_to && `handed back to ${returned_to}`) || undefined}>
            {mark}
        </span>
    ) : null;
}
