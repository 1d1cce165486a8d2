// The comment on a person: the one field beside the photo that takes letters, and only of who has asked for it.

import { focusPanel } from "../input/panel_element";
import { withKeys } from "../input/keymap";
import type { Person } from "../state/people";
import type { Session } from "../state/session";
import { readStored, store } from "../state/storage";
import { decide } from "../tools/person_edits";

/** Milliseconds after it has come under the pointer: the click was meant for what was there before. */
const SETTLE_MS = 500;

export function Comment({ session, person }: { session: Session; person: Person }) {
    const draftKey = `densepose-comment-${person.key}`;
    /** What is being written, which no answer of the server replaces, and no crash loses; null if nothing is. */
    const [draft, setDraft] = React.useState<string | null>(() => readStored(draftKey, null));
    const [appeared] = React.useState(() => performance.now());

    const write = (text: string | null) => {
        store(draftKey, text);
        setDraft(text);
    };
    const save = () => {
        if (draft === null || !session.image?.people.has(person.key)) return;
        if (draft !== person.comment) decide(session, person.state, draft, person);
        write(null);
    };
    const saveLatest = React.useRef(save);
    React.useEffect(() => {
        saveLatest.current = save;
    });
    React.useEffect(() => {
        const saveNow = () => saveLatest.current();
        saveNow(); // what a crash has left
        window.addEventListener("pagehide", saveNow);
        return () => {
            window.removeEventListener("pagehide", saveNow);
            saveNow();
            session.set({ isCommenting: false });
        };
    }, [session]);
    return (
        <input
            className="dp-input"
            placeholder={withKeys("Comment ({c})")}
            title={withKeys("Comment ({c}); Enter or Esc saves it")}
            value={draft ?? person.comment}
            // Whoever begins to write while another image is loading would be cut off by it.
            disabled={session.loading !== null || session.team.readOnly !== null}
            tabIndex={-1}
            data-testid="dp-comment"
            onMouseDown={(event) => {
                if (event.detail < 2 && event.timeStamp - appeared > SETTLE_MS) return;
                if (document.activeElement === event.currentTarget) return; // a double click on a word
                event.preventDefault();
                focusPanel(event.currentTarget);
            }}
            onFocus={() => session.set({ isCommenting: true })}
            onChange={(event) => write(event.target.value)}
            onBlur={() => {
                session.set({ isCommenting: false });
                save();
            }}
        />
    );
}
