// Messages over the photo: that it has changed, a conflict, what was not saved, an answer.

import type { PhotoChange } from "../api/types";
import type { Session } from "../state/session";
import { Disagreements } from "./disagreements";

export function Banners({ session }: { session: Session }) {
    const { edits, message, emptyBox, image } = session;
    const { refusal } = edits;
    const conflict = edits.conflicts.first;
    return (
        <div className="dp-banners">
            {image?.changed && (
                <div className="dp-banner dp-warning" data-testid="dp-changed">
                    {describeChange(image.changed)}
                    {image.changed.fits && (
                        <button className="dp-button dp-writes" onClick={() => void edits.keepLabels()}>
                            The labels fit
                        </button>
                    )}
                </div>
            )}
            <Disagreements session={session} />
            {conflict && (
                <div className="dp-banner dp-warning" data-testid="dp-conflict">
                    {conflict.text}
                    {!conflict.isGone && (
                        <button className="dp-button dp-writes" onClick={() => edits.overwrite()}>
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
                        <button className="dp-button dp-writes" onClick={() => edits.make({ kind: "add_empty", box: emptyBox })}>
                            Add an empty person
                        </button>
                    )}
                </div>
            )}
        </div>
    );
}

function describeChange({ reason, fits }: PhotoChange): string {
    const until = fits ? "somebody says that the labels fit, or it is labelled anew" : "the photo is back, or is labelled anew";
    const how = "“Annotate people” with “Label changed photos anew”";
    return `${reason[0].toUpperCase()}${reason.slice(1)}. Nothing is saved until ${until} (${how}).`;
}
