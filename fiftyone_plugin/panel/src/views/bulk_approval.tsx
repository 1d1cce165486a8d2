// "Approve the rest": everybody up to an issue score at once, after a check of some of the images.

import { RefusedError } from "../api/host";
import { approveBelow, fetchErrorRate, newRequestId, spotCheck, takeBack } from "../api/operators";
import type { ErrorRate, SpotCheckResult } from "../api/types";
import { focusPanel } from "../input/panel_element";
import type { Session } from "../state/session";
import { countedPeople, digits } from "./counted";
import { ErrorRateNote } from "./error_rate";

export function BulkApproval({ session }: { session: Session }) {
    const [isOpen, setOpen] = React.useState(false);
    /** Null until somebody has chosen: then it is what is proposed. */
    const [chosen, setIssueScore] = React.useState<number | null>(null);
    const [rate, setRate] = React.useState<ErrorRate | null>(null);
    const issueScore = chosen ?? rate?.proposed ?? 0.1;
    const [share, setShare] = React.useState(10);
    /** What the sliders stand for; null until the server has counted. */
    const [counts, setCounts] = React.useState<SpotCheckResult | null>(null);
    const [isBusy, setBusy] = React.useState(false);
    // One draw for one dialog: moving the sliders must not choose the images anew each time.
    const [seed] = React.useState(() => Math.floor(Math.random() * 2 ** 31));

    React.useEffect(() => {
        if (!isOpen) return;
        setCounts(null);
        let isWanted = true;
        const timer = setTimeout(() => {
            spotCheck(session.scope, issueScore, share / 100, seed).then(
                (result) => isWanted && setCounts(result),
                (error) => session.set({ message: error.message }),
            );
        }, 200);
        return () => {
            isWanted = false;
            clearTimeout(timer);
        };
    }, [session, isOpen, issueScore, share, seed]);

    // Anew whenever somebody was decided.
    const { isPending } = session.edits;
    const { done, states } = session.queue.result!;
    const decisions = `${done} ${Object.values(states).join(" ")}`;
    React.useEffect(() => {
        if (!isOpen || isPending) return;
        let isWanted = true;
        const timer = setTimeout(() => {
            fetchErrorRate(session.scope).then(
                (result) => isWanted && setRate(result),
                (error) => session.set({ message: error.message }),
            );
        }, 200);
        return () => {
            isWanted = false;
            clearTimeout(timer);
        };
    }, [session, isOpen, decisions, isPending]);

    if (!isOpen) {
        return (
            <div className="dp-row" data-testid="dp-bulk">
                <button className="dp-button" onClick={() => setOpen(true)}>
                    Approve the rest…
                </button>
                <TakeBack session={session} />
            </div>
        );
    }
    const close = () => {
        focusPanel(document.activeElement);
        setOpen(false);
        return session.filter({ check: null });
    };
    const approve = async () => {
        if (isBusy) return; // not disabled, which would take the focus from it
        setBusy(true);
        const before = session.bulkApproval;
        const approval = { requestId: newRequestId(), prefix: session.scope.prefix, approved: null };
        session.setBulkApproval(approval);
        try {
            const { approved, failed, failures } =
                await approveBelow({ ...session.scope }, issueScore, session.author, approval.requestId, showIn(session));
            // If there was nobody, what can be taken back is what was approved before.
            session.setBulkApproval(approved ? { ...approval, approved } : before);
            session.grid.edited();
            await close();
            if (session.image) await session.openImage(session.image.sample);
            const leftOut = failed ? ` Images left out: ${failed}, such as ${failures[0]}` : "";
            session.set({ message: `${countedPeople(approved)} approved.${leftOut}` });
        } catch (error) {
            if (error instanceof RefusedError) session.setBulkApproval(before);
            session.set({ message: (error as Error).message });
        } finally {
            setBusy(false);
        }
    };
    return (
        <div className="dp-dialog">
            <label>
                Issue score up to {issueScore.toFixed(2)}
                <input autoFocus type="range" min="0" max="1" step="0.01" value={issueScore} onChange={(e) => setIssueScore(+e.target.value)} />
            </label>
            {rate && (
                <ErrorRateNote
                    rate={rate}
                    issueScore={issueScore}
                    use={setIssueScore}
                    check={(part) => setShare(Math.min(Math.ceil(100 * part), 100))}
                />
            )}
            <label>
                Check {share} % first
                <input type="range" min="0" max="100" value={share} onChange={(e) => setShare(+e.target.value)} />
            </label>
            <span className="dp-dim">
                {counts ? `Predicted people: ${digits(counts.people)}, images: ${digits(counts.images)}` : "Counting…"}
            </span>
            <div className="dp-row">
                <button
                    className="dp-button"
                    disabled={!counts?.check.length}
                    onClick={async () => {
                        await session.filter({ check: counts!.check, states: [], reasons: [], work: "" });
                        if (session.queue.items[0]) await session.openImage(session.queue.items[0].id);
                    }}
                >
                    Check {counts && digits(counts.check.length)}
                </button>
                <button className="dp-button dp-approved" disabled={!counts?.people} onClick={approve}>
                    {isBusy ? "Approving…" : `Approve ${counts ? digits(counts.people) : "…"}`}
                </button>
                <button className="dp-button" onClick={() => void close()}>
                    Close
                </button>
            </div>
        </div>
    );
}

/** Says how far it is: it goes on in the background, as the panel “Runs” shows, also if this page is closed. */
const showIn = (session: Session) => (done: number, total: number | null) =>
    session.set({ message: `${digits(done)}${total === null ? "" : ` of ${digits(total)}`} images: it goes on in the background, see “Runs”.` });

/** Undoes the last "approve the rest". */
function TakeBack({ session }: { session: Session }) {
    const { bulkApproval } = session;
    if (bulkApproval?.prefix !== session.scope.prefix) return null;
    const undo = async () => {
        session.setBulkApproval(null);
        try {
            const { predicted } = await takeBack({ ...session.scope }, bulkApproval.requestId, showIn(session));
            session.grid.edited();
            await session.filter({});
            if (session.image) await session.openImage(session.image.sample);
            session.set({
                message: predicted
                    ? `${countedPeople(predicted)} to be decided again.`
                    : "There is nobody left whose approval could be taken back.",
            });
        } catch (error) {
            session.setBulkApproval(bulkApproval);
            session.set({ message: (error as Error).message });
        }
    };
    return (
        <button className="dp-button" onClick={undo} title="People whom somebody has changed since stay as they are">
            Take back {bulkApproval.approved === null ? "approval" : digits(bulkApproval.approved)}
        </button>
    );
}
