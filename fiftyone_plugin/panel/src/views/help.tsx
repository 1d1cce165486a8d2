// The table of all keys.

import { SHORTCUTS } from "../input/shortcuts";
import type { Session } from "../state/session";

const SYMBOLS: Record<string, string> = {
    ArrowLeft: "←",
    ArrowRight: "→",
    ArrowUp: "↑",
    ArrowDown: "↓",
    Escape: "Esc",
};

function displayName(name: string): string {
    const parts = name.split(/\+(?=.)/);
    return parts.map((part) => SYMBOLS[part] ?? (part.length === 1 ? part.toUpperCase() : part)).join(" ");
}

export function Help({ session }: { session: Session }) {
    const groups = [...new Set(SHORTCUTS.map((shortcut) => shortcut.group))];
    return (
        <div className="dp-help" data-testid="dp-help" onClick={() => session.set({ helpOpen: false })}>
            {groups.map((group) => (
                <section key={group}>
                    <h3>{group}</h3>
                    <table>
                        <tbody>
                            {SHORTCUTS.filter((shortcut) => shortcut.group === group).map((shortcut) => (
                                <tr key={shortcut.keys[0]}>
                                    <td>
                                        {shortcut.keys.map((name) => (
                                            <kbd key={name}>{displayName(name)}</kbd>
                                        ))}
                                    </td>
                                    <td>{shortcut.description}</td>
                                </tr>
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
        </div>
    );
}
