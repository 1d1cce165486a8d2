// Above the photo where a team works: its stage, what can be done with it, and what others say of it.

import type { PhotoWork } from "../api/team_types";
import { withKeys } from "../input/keymap";
import type { Session } from "../state/session";

const ACTIONS: Record<string, string> = {
    send: "sent it to review",
    done: "said that it is done",
    hand_back: "handed it back",
    reopen: "edited it when it was done: to be reviewed again",
    relabel: "the photo was replaced, and labelled anew",
};

export function TeamBar({ session }: { session: Session }) {
    const { team } = session;
    if (team.readOnly) {
        return (
            <div className="dp-team" data-testid="dp-read-only">
                <span className="dp-next">{team.readOnly[0].toUpperCase() + team.readOnly.slice(1)}.</span>
            </div>
        );
    }
    if (!team.isOn) return null;
    const { work, mainAction } = team;
    return (
        <>
            <div className="dp-team" data-testid="dp-team">
                {work && session.image && (
                    <span title={describeHistory(work)} data-testid="dp-stage">
                        <b className={`dp-stage-${work.stage}`}>{STAGE_WORDS[work.stage]}</b>{" "}
                        {work.annotators.length > 0 && <span className="dp-dim">labelled by {work.annotators.join(", ")}</span>}
                    </span>
                )}
                <div className="dp-group dp-team-buttons">
                    {work && work.stage !== "label" && !team.handsBack && (
                        <button className="dp-button" disabled={!team.mayChange} title={team.unsettled ?? undefined} onClick={() => team.writeComment(true)}>
                            Hand back…
                        </button>
                    )}
                    {mainAction && (
                        <button className="dp-button dp-approved" disabled={!team.mayChange} title={team.unsettled ?? withKeys("{Ctrl+Enter}")} onClick={() => void team.change(mainAction)}>
                            {mainAction === "send" ? "Send to review" : "Done"}
                        </button>
                    )}
                    <button className="dp-button" disabled={team.isBusy} title={withKeys("Another photo that nobody works on; this one is left ({Shift+N})")} onClick={() => void team.next()}>
                        Next photo
                    </button>
                </div>
            </div>
            {team.handsBack && <HandBack session={session} />}
            {team.other && (
                <div className="dp-team dp-warning" data-testid="dp-other">
                    {team.other} works on this photo. You may edit it all the same: nothing gets lost.
                </div>
            )}
            {work?.stage === "label" && work.comment && (
                <div className="dp-team dp-warning" data-testid="dp-returned">
                    {work.history.at(-1)?.author} handed this back{work.returned_to ? ` to ${work.returned_to}` : ""}: {work.comment}
                </div>
            )}
        </>
    );
}

const STAGE_WORDS: Record<PhotoWork["stage"], string> = { label: "To label", review: "To review", done: "Done" };

function describeHistory({ history }: PhotoWork): string {
    const lines = history.map(({ time, author, action, comment }) => {
        const at = new Date(time).toLocaleString();
        return `${at}: ${author} ${ACTIONS[action] ?? action}${comment && `: ${comment}`}`;
    });
    return lines.join("\n") || "Nobody has sent it on yet";
}

function HandBack({ session }: { session: Session }) {
    const { team } = session;
    const [comment, setComment] = React.useState("");
    return (
        <form
            className="dp-team"
            onSubmit={(event) => {
                event.preventDefault();
                void team.change("hand_back", comment);
            }}
        >
            <input
                className="dp-input"
                placeholder="What is to be changed?"
                autoFocus
                maxLength={2000}
                value={comment}
                data-testid="dp-hand-back"
                onChange={(event) => setComment(event.target.value)}
            />
            <button className="dp-button dp-rejected" disabled={!comment.trim() || !team.mayChange}>
                Hand back
            </button>
            <button className="dp-button" type="button" onClick={() => team.writeComment(false)}>
                Cancel
            </button>
        </form>
    );
}

/** Asks who works, before the first edit. */
export function NameDialog({ session }: { session: Session }) {
    const [name, setName] = React.useState("");
    // The tour comes first.
    if (!session.team.asksName || session.tourStep !== null) return null;
    return (
        <form
            className="dp-name"
            data-testid="dp-name"
            onSubmit={(event) => {
                event.preventDefault();
                if (name.trim()) void session.team.setName(name.trim());
            }}
        >
            <b>Who works here?</b>
            <span className="dp-dim">A team works on this dataset: your name is kept with what you do.</span>
            <input className="dp-input" placeholder="Your name" autoFocus maxLength={100} value={name} onChange={(event) => setName(event.target.value)} />
            <div className="dp-row">
                <button className="dp-button dp-approved" disabled={!name.trim()}>
                    Begin
                </button>
                <button className="dp-button" type="button" onClick={() => session.team.askName(false)}>
                    Only look
                </button>
            </div>
        </form>
    );
}
