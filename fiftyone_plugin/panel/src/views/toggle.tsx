// A button that is on or off.

interface ToggleProps {
    on: boolean;
    label: string;
    title: string;
    set(on: boolean): void;
}

export function Toggle({ on, label, title, set }: ToggleProps) {
    return (
        <button className={`dp-button ${on ? "dp-on" : ""}`} title={title} aria-pressed={on} onClick={() => set(!on)}>
            {label}
        </button>
    );
}
