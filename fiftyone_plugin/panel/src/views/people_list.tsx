// Right column: the people of the image, the issues of each, and the decision.

import { withKeys } from "../input/keymap";
import { focusPanel } from "../input/panel_element";
import type { PossiblePerson } from "../api/types";
import { percent, personColour } from "../state/labels";
import { isDecided, type Person, worstIssue } from "../state/people";
import type { Session } from "../state/session";
import { Comment } from "./comment";
import {
    acceptPossible, decide, decideAll, decideNobody, dismissPossible, merge, remove, reopen,
} from "../tools/person_edits";

export function PeopleList({ session }: { session: Session }) {
    return (
        <div className="dp-people" data-testid="dp-people">
            {session.people.map((person) => (
                <PersonRow key={person.key} session={session} person={person} />
            ))}
            {session.possible.length > 0 && (
                <>
                    <span className="dp-dim" data-testid="dp-possible-count">
                        Perhaps {session.possible.length} more {session.possible.length > 1 ? "people" : "person"} here
                    </span>
                    {session.possible.map((person) => (
                        <PossibleRow key={person.key} session={session} person={person} />
                    ))}
                </>
            )}
            {session.image && !session.people.length && (
                <>
                    <p className="dp-dim">
                        {session.possible.length ? "Nobody is labelled here yet." : withKeys("Nobody is labelled here. Choose Add ({n}) and draw a box around a person.")}
                    </p>
                    <button className="dp-button dp-approved" onClick={() => decideNobody(session, "approved")} title={withKeys("{Shift+A}; {a}, if nobody is selected; {o} opens the image again")}>
                        Nobody is here
                    </button>
                </>
            )}
            {session.people.length > 0 && session.people.length + session.possible.length > 1 && (
                <button className="dp-button" onClick={() => decideAll(session, "approved")} title={withKeys("Approve all who are not decided, and dismiss possible people ({Shift+A})")}>
                    Approve all{session.possible.length > 0 && ", no one else"}
                </button>
            )}
        </div>
    );
}

function PersonRow({ session, person }: { session: Session; person: Person }) {
    const index = session.indexOf(person);
    const isOpen = person.key === session.selected;
    const issueScore = Math.max(worstIssue(person), 0);
    const row = React.useRef<HTMLDivElement>(null);
    React.useEffect(() => {
        if (isOpen) row.current!.scrollIntoView({ block: "nearest" });
    }, [isOpen]);
    return (
        <div
            ref={row}
            className={`dp-person ${isOpen ? "dp-on" : ""}`}
            // Whoever is open is selected: a click on Approve leads away from there.
            onClick={isOpen ? undefined : () => session.select(person.key)}
            data-testid="dp-person"
            data-state={person.state}
            data-key={person.key}
        >
            <div className="dp-row">
                <span className="dp-dot" style={{ background: personColour(index) }}>
                    {index + 1}
                </span>
                <span className={`dp-state dp-${person.state}`}>{person.state}</span>
                {person.author && <span className="dp-dim">by {person.author}</span>}
                <div className="dp-bar dp-issue" title={`issue score ${issueScore.toFixed(2)}`}>
                    <div style={{ width: `${100 * issueScore}%` }} />
                </div>
            </div>
            {!isOpen && session.tool === "merge" && session.person && (
                <button
                    className="dp-button"
                    data-testid="dp-merge"
                    onClick={(event) => {
                        event.stopPropagation(); // a click on a row selects
                        focusPanel(event.currentTarget);
                        merge(session, person.key);
                    }}
                >
                    Same person as {session.indexOf(session.person) + 1}
                </button>
            )}
            {isOpen && <PersonDetails session={session} person={person} />}
        </div>
    );
}

/** Somebody whom the labels may lack. */
function PossibleRow({ session, person }: { session: Session; person: PossiblePerson }) {
    const isOpen = person.key === session.selected;
    const row = React.useRef<HTMLDivElement>(null);
    React.useEffect(() => {
        if (isOpen) row.current!.scrollIntoView({ block: "nearest" });
    }, [isOpen]);
    return (
        <div
            ref={row}
            className={`dp-person dp-possible ${isOpen ? "dp-on" : ""}`}
            onClick={isOpen ? undefined : () => session.select(person.key)}
            data-testid="dp-possible"
            data-key={person.key}
        >
            <div className="dp-row">
                <span className="dp-dot">?</span>
                <span className="dp-state">possible</span>
                <span className="dp-end dp-number" title="How probable it is that somebody is there">
                    {percent(person.score)}
                </span>
            </div>
            {isOpen && (
                <div className="dp-details">
                    <div className="dp-row">
                        <button className="dp-button dp-approved" onClick={() => acceptPossible(session, person)} title={withKeys("Label the person in the box ({a})")}>
                            Label
                        </button>
                        <button className="dp-button dp-rejected" onClick={() => dismissPossible(session, person)} title={withKeys("Nobody, or labelled already ({r})")}>
                            Dismiss
                        </button>
                    </div>
                </div>
            )}
        </div>
    );
}

function PersonDetails({ session, person }: { session: Session; person: Person }) {
    const descriptions = session.setup?.issues ?? {};
    const issues = Object.entries(person.issues).filter(([, value]) => value >= 0.05);
    issues.sort((a, b) => b[1] - a[1]);
    return (
        <div className="dp-details">
            <div className="dp-row">
                <button className="dp-button dp-approved" onClick={() => decide(session, "approved")} title={withKeys("{a}")}>
                    Approve
                </button>
                <button className="dp-button dp-rejected" onClick={() => decide(session, "rejected")} title={withKeys("{r}")}>
                    Reject
                </button>
                {isDecided(person) && (
                    <button className="dp-button" onClick={() => reopen(session)} title={withKeys("{o}")}>
                        Open again
                    </button>
                )}
                <button className="dp-button" onClick={() => remove(session)} title={withKeys("Delete the person ({Delete})")}>
                    Delete
                </button>
            </div>
            <Comment key={person.key} session={session} person={person} />
            {issues.map(([name, value]) => (
                <ScoreBar key={name} name={descriptions[name] ?? name} value={value} className="dp-issue" />
            ))}
            <div className="dp-quality" title="How sure the model is of the person's labels">
                {Object.entries(person.quality).map(([name, value]) => (
                    <ScoreBar key={name} name={name} value={value} className="dp-confidence" />
                ))}
            </div>
            {person.model && <span className="dp-dim">labelled by {person.model}</span>}
        </div>
    );
}

function ScoreBar({ name, value, className }: { name: string; value: number; className: string }) {
    return (
        <div className="dp-score-bar">
            <span>{name}</span>
            <div className={`dp-bar ${className}`}>
                <div style={{ width: `${100 * value}%` }} />
            </div>
            <span className="dp-number">{value.toFixed(2)}</span>
        </div>
    );
}
