// The tour: five steps, each with a frame around what it is about. Everything under it can be used meanwhile.

import { withKeys } from "../input/keymap";
import type { Session } from "../state/session";

const STEPS = [
    {
        target: "[data-testid=dp-queue]",
        title: "1 · The queue",
        text: "All photos, those first on which most people look wrong. The picture is of the person to look at. Narrow panel: button Queue.",
    },
    {
        target: ".dp-photo",
        title: "2 · The photo",
        text: "The labels over the photo. Click a person to choose it, wheel to zoom, space and drag to move. Choose above what is drawn.",
    },
    {
        target: ".dp-right",
        title: "3 · Decide",
        text: "Everybody on the photo, and what looks wrong. Right? Press {a} to approve. Nobody at all? {r} rejects. You are taken to the next.",
    },
    {
        target: "[data-testid=dp-tools]",
        title: "4 · Correct",
        text: "Otherwise mend it: a tool and its key each. Everything is saved at once, and {Ctrl+z} takes back as much as you like.",
    },
    {
        target: "[data-testid=dp-bulk]",
        title: "5 · The rest",
        text: "Once enough are decided, the panel says up to which issue score few are wrong, and approves them all. Keys and this tour: {?}",
    },
];

export function Tour({ session }: { session: Session }) {
    const step = session.tourStep;
    const card = React.useRef<HTMLDivElement>(null);
    const [frame, setFrame] = React.useState<React.CSSProperties | null>(null);
    const isShown = step !== null && session.image !== null && !session.helpOpen && !session.scoresOpen;
    React.useEffect(() => {
        const panel = card.current?.closest(".dp-review");
        if (!isShown || !panel) return;
        const place = () => {
            const [outer, inner] = [panel, panel.querySelector(STEPS[step].target)].map((e) => e?.getBoundingClientRect());
            const isVisible = outer && inner && inner.width > 0;
            setFrame(isVisible ? { left: inner.left - outer.left, top: inner.top - outer.top, width: inner.width, height: inner.height } : null);
        };
        place();
        const observer = new ResizeObserver(place);
        observer.observe(panel);
        return () => observer.disconnect();
    }, [isShown, step]);
    if (!isShown) return null;
    const { title, text } = STEPS[step];
    const isLast = step === STEPS.length - 1;
    return (
        <>
            {frame && <div className="dp-tour-frame" style={frame} />}
            <div className="dp-tour" ref={card} role="dialog" aria-label="Tour" data-testid="dp-tour">
                <b>{title}</b>
                <span>{withKeys(text)}</span>
                <div className="dp-row">
                    <button className="dp-button" onClick={() => session.endTour()} title="Esc">
                        Skip the tour
                    </button>
                    <span className="dp-dim">
                        {step + 1} of {STEPS.length}
                    </span>
                    {step > 0 && (
                        <button className="dp-button" onClick={() => session.set({ tourStep: step - 1 })}>
                            Back
                        </button>
                    )}
                    <button
                        className="dp-button dp-primary"
                        onClick={() => (isLast ? session.endTour() : session.set({ tourStep: step + 1 }))}
                    >
                        {isLast ? "Start" : "Next"}
                    </button>
                </div>
            </div>
        </>
    );
}
