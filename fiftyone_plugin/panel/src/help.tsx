// The table of keys.

import { KEYS } from "./keys";
import type { Session } from "./session";

const SIGNS: Record<string, string> = {
    ArrowLeft: "←",
    ArrowRight: "→",
    ArrowUp: "↑",
    ArrowDown: "↓",
    Escape: "Esc",
};

function shown(name: string): string {
    const parts = name.split(/\+(?=.)/);
    return parts.map((part) => SIGNS[part] ?? (part.length === 1 ? part.toUpperCase() : part)).join(" ");
}

export function Help({ session }: { session: Session }) {
    const groups = [...new Set(KEYS.map((key) => key.group))];
    return (
        <div className="dp-help" data-testid="dp-help" onClick={() => session.set({ help: false })}>
            {groups.map((group) => (
                <section key={group}>
                    <h3>{group}</h3>
                    <table>
                        <tbody>
                            {KEYS.filter((key) => key.group === group).map((key) => (
                                <tr key={key.keys[0]}>
                                    <td>
                                        {key.keys.map((name) => (
                                            <kbd key={name}>{shown(name)}</kbd>
                                        ))}
                                    </td>
                                    <td>{key.words}</td>
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
