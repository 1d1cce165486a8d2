// The table of all keys, in which the user changes them.

import { keyName } from "../input/keyboard";
import { areKeysChanged, changeKey, currentKey, displayKey, isFixed, resetKeys, standardKey } from "../input/keymap";
import { type Shortcut, SHORTCUTS } from "../input/shortcuts";
import type { Session } from "../state/session";

/** What a standard key does. */
const descriptionOf = (standard: string) => SHORTCUTS.find(({ keys }) => keys.includes(standard))!.description;

/** A standard key that is being changed, and the key that was pressed for it but has another use. */
interface Change {
    standard: string;
    taken?: string;
    isFixed?: boolean;
}

export function Help({ session }: { session: Session }) {
    const [change, setChange] = React.useState<Change | null>(null);
    React.useEffect(() => {
        if (!change || change.taken) return;
        const { standard } = change;
        const onKey = (event: KeyboardEvent) => {
            event.preventDefault();
            event.stopImmediatePropagation();
            if (/^(Shift|Control|Alt|AltGraph|Meta|CapsLock|Dead)$/.test(event.key)) return; // more is to come
            const pressed = keyName(event);
            if (pressed === "Escape" || pressed === currentKey(standard)) return setChange(null);
            if (isFixed(pressed)) return setChange({ standard, isFixed: true });
            if (standardKey(pressed)) return setChange({ standard, taken: pressed });
            changeKey(standard, pressed);
            setChange(null);
            session.notify();
        };
        window.addEventListener("keydown", onKey, true);
        return () => window.removeEventListener("keydown", onKey, true);
    }, [change, session]);

    const swap = ({ standard, taken }: Change) => {
        changeKey(standard, taken!);
        setChange(null);
        session.notify();
    };
    const groups = [...new Set(SHORTCUTS.map((shortcut) => shortcut.group))];
    return (
        <div
            className="dp-help"
            data-testid="dp-help"
            onClick={({ target }) => (target as Element).closest("button, kbd, .dp-change") || session.set({ helpOpen: false })}
        >
            <div>
                <section>
                    <h3>Keys</h3>
                    <p>Click a key to press another for it. This browser remembers your keys.</p>
                    <div className="dp-row">
                        <button
                            className="dp-button"
                            disabled={!areKeysChanged()}
                            onClick={() => {
                                resetKeys();
                                setChange(null);
                                session.notify();
                            }}
                        >
                            Reset all keys
                        </button>
                        <button className="dp-button" onClick={() => session.set({ helpOpen: false })} title="Esc">
                            Close
                        </button>
                    </div>
                </section>
                {groups.map((group) => (
                    <section key={group}>
                        <h3>{group}</h3>
                        <table>
                            <tbody>
                                {SHORTCUTS.filter((shortcut) => shortcut.group === group).map((shortcut) => (
                                    <Row key={shortcut.keys[0]} shortcut={shortcut} change={change} setChange={setChange} swap={swap} />
                                ))}
                            </tbody>
                        </table>
                    </section>
                ))}
                <section>
                    <h3>Mouse</h3>
                    <p>
                        Wheel: zoom. Shift + wheel, space + drag, middle button: move. Ctrl + click: select a person, with any tool. Ctrl +
                        wheel, with the brush: its size.
                    </p>
                </section>
                <section>
                    <h3>New here?</h3>
                    <button className="dp-button" onClick={() => session.set({ helpOpen: false, tourStep: 0 })}>
                        Show the tour
                    </button>
                </section>
            </div>
        </div>
    );
}

interface RowProps {
    shortcut: Shortcut;
    change: Change | null;
    setChange(change: Change | null): void;
    swap(change: Change): void;
}

function Row({ shortcut, change, setChange, swap }: RowProps) {
    const changed = change && shortcut.keys.includes(change.standard) ? change : null;
    return (
        <tr>
            <td>
                {shortcut.keys.map((standard) =>
                    isFixed(standard) ? (
                        <kbd key={standard}>{displayKey(standard)}</kbd>
                    ) : (
                        <button
                            key={standard}
                            className={`dp-key ${changed?.standard === standard ? "dp-asked" : ""} ${currentKey(standard) === standard ? "" : "dp-changed"}`}
                            title={`Change the key; standard: ${displayKey(standard)}`}
                            data-testid="dp-key"
                            data-key={standard}
                            onClick={() => setChange({ standard })}
                        >
                            {displayKey(currentKey(standard))}
                        </button>
                    ),
                )}
            </td>
            <td>
                {shortcut.description}
                {changed && (
                    <div className="dp-change dp-next" data-testid="dp-key-change">
                        {changed.taken ? (
                            <>
                                {displayKey(changed.taken)} is the key of “{descriptionOf(standardKey(changed.taken)!)}”.{" "}
                                <button className="dp-button" onClick={() => swap(changed)}>
                                    Swap the two
                                </button>{" "}
                                <button className="dp-button" onClick={() => setChange(null)}>
                                    Keep
                                </button>
                            </>
                        ) : (
                            `${changed.isFixed ? "That key cannot be changed. " : ""}Press the new key; Esc keeps ${displayKey(currentKey(changed.standard))}.`
                        )}
                    </div>
                )}
            </td>
        </tr>
    );
}
