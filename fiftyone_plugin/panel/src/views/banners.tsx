// Messages over the photo: a conflict, what was not saved, an answer.

import type { Session } from "../state/session";

export function Banners({ session }: { session: Session }) {
    const { edits, message, emptyBox } = session;
    const { refusal } = edits;
    const conflict = edits.conflicts.first;
    return (
        <div className="dp-banners">
            {conflict && (
                <div className="dp-banner dp-warning" data-testid="dp-conflict">
                    {conflict.text}
                    {!conflict.isGone && (
                        <button className="dp-button" onClick={() => edits.overwrite()}>
                            Do mine on top
                        </button>
                    )}
                    <button className="dp-button" onClick={() => edits.discard()}>
                        {conflict.isGone ? "Dismiss" : "Keep theirs"}
                    </button>
                </div>
            )}
            {refusal && (
                <div className="dp-banner dp-warning" data-testid="dp-refusal">
                    {refusal}
                    <button className="dp-button" onClick={() => edits.setRefusal("")} title="Esc">
                        Dismiss
                    </button>
                </div>
            )}
            {message && (
                <div className="dp-banner" data-testid="dp-message">
                    {message}
                    {emptyBox && (
                        <button className="dp-button" onClick={() => edits.make({ kind: "add_empty", box: emptyBox })}>
                            Add an empty person
                        </button>
                    )}
                </div>
            )}
        </div>
    );
}
