// A person before and after left and right, or front and back, were swapped.

import type { Viewport } from "../canvas/viewport";
import { describeOrientation } from "../state/orientation";
import type { Session } from "../state/session";
import { PersonPicture } from "./person_picture";
import { cornerAwayFrom } from "./placement";

/** About that of all of it, on the screen. */
const SIZE = [270, 290] as const;
export function Comparison({ session, viewport }: { session: Session; viewport: Viewport }) {
    const { comparison, image, person } = session;
    if (!comparison || !image || person?.key !== comparison.before.key) return null;
    const { before, title } = comparison;
    const isDone = person.version !== before.version;
    if (!isDone && !session.edits.isPending) return null; // it was not done
    const index = session.indexOf(person);
    return (
        <div className="dp-comparison" style={cornerAwayFrom(person.box, viewport, ...SIZE)} data-testid="dp-comparison">
            <div className="dp-row">
                <strong>{title}</strong>
                <button className="dp-button dp-end" aria-label="Close" onClick={() => session.set({ comparison: null })}>
                    ×
                </button>
            </div>
            <div className="dp-row">
                <PersonPicture image={image} person={before} index={index} caption="before" detail={describeOrientation(before)} />
                {isDone ? (
                    <PersonPicture image={image} person={person} index={index} caption="after" detail={describeOrientation(person)} />
                ) : (
                    <span className="dp-dim">saving…</span>
                )}
            </div>
            <button className="dp-button" disabled={!isDone} onClick={() => void session.undo("undo")} data-testid="dp-undo-swap">
                Undo this
            </button>
        </div>
    );
}
