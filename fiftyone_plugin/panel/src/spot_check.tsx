// "Approve the rest": everything up to a doubt at once, after a look at some of it.

import { approveBelow, spotCheck, takeBack } from "./calls";
import { leave } from "./keys";
import type { Session } from "./session";

export function SpotCheck({ session }: { session: Session }) {
    const [isOpen, setOpen] = React.useState(false);
    const [doubt, setDoubt] = React.useState(0.1);
    const [share, setShare] = React.useState(10);
    const [meant, setMeant] = React.useState<{ images: number; people: number; check: string[] } | null>(null);
    // One draw for one dialog: moving the sliders must not choose the images anew each time.
    const [seed] = React.useState(() => Math.floor(Math.random() * 2 ** 31));

    React.useEffect(() => {
        if (!isOpen) return;
        const timer = setTimeout(() => {
            spotCheck(session.place, doubt, share / 100, seed).then(setMeant, (error) =>
                session.set({ message: error.message }),
            );
        }, 200);
        return () => clearTimeout(timer);
    }, [isOpen, doubt, share]);

    if (!isOpen) {
        return (
            <div className="dp-row">
                <button className="dp-button" onClick={() => setOpen(true)}>
                    Approve the rest…
                </button>
                <TakeBack session={session} />
            </div>
        );
    }
    const close = () => {
        if (document.activeElement) leave(document.activeElement);
        setOpen(false);
        void session.filter({ check: null });
    };
    const approve = async () => {
        try {
            const { prefix } = session.place;
            const rest = await approveBelow(session.place, doubt, session.author);
            session.set({ rest: { ...rest, prefix } });
            close();
            if (session.image) await session.show(session.image.sample);
            session.set({ message: `${rest.approved} people approved.` });
        } catch (error) {
            session.set({ message: (error as Error).message });
        }
    };
    return (
        <div className="dp-dialog">
            <label>
                Doubt up to {doubt.toFixed(2)}
                <input autoFocus type="range" min="0" max="1" step="0.01" value={doubt} onChange={(e) => setDoubt(+e.target.value)} />
            </label>
            <label>
                Look at {share} % first
                <input type="range" min="0" max="100" value={share} onChange={(e) => setShare(+e.target.value)} />
            </label>
            {meant && (
                <span className="dp-dim">
                    {meant.people} predicted people on {meant.images} images
                </span>
            )}
            <div className="dp-row">
                <button
                    className="dp-button"
                    disabled={!meant?.check.length}
                    onClick={async () => {
                        await session.filter({ check: meant!.check, states: [], reasons: [] });
                        if (session.items[0]) await session.show(session.items[0].id);
                    }}
                >
                    Look at {meant?.check.length ?? 0}
                </button>
                <button className="dp-button dp-approved" disabled={!meant?.people} onClick={approve}>
                    Approve {meant?.people ?? 0}
                </button>
                <button className="dp-button" onClick={close}>
                    Close
                </button>
            </div>
        </div>
    );
}

/** Undoes the last "approve the rest". */
function TakeBack({ session }: { session: Session }) {
    const { rest } = session;
    if (!rest?.approved || rest.prefix !== session.place.prefix) return null;
    const undo = async () => {
        session.set({ rest: null });
        try {
            const { predicted } = await takeBack(session.place, rest);
            await session.filter({});
            if (session.image) await session.show(session.image.sample);
            session.set({ message: `${predicted} people are to be decided again.` });
        } catch (error) {
            session.set({ rest, message: (error as Error).message });
        }
    };
    return (
        <button className="dp-button" onClick={undo} title="People whom somebody has changed since stay as they are">
            Take back {rest.approved}
        </button>
    );
}
