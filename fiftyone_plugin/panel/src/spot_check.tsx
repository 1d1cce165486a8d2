// "Approve the rest": everything up to a doubt at once, after a look at some of it.

import { approveBelow, newName, Refusal, spotCheck, takeBack } from "./calls";
import { leave } from "./keys";
import type { Session } from "./session";

export function SpotCheck({ session }: { session: Session }) {
    const [isOpen, setOpen] = React.useState(false);
    const [doubt, setDoubt] = React.useState(0.1);
    const [share, setShare] = React.useState(10);
    /** What the sliders stand for; null until the server has counted. */
    const [meant, setMeant] = React.useState<{ images: number; people: number; check: string[] } | null>(null);
    const [isBusy, setBusy] = React.useState(false);
    // One draw for one dialog: moving the sliders must not choose the images anew each time.
    const [seed] = React.useState(() => Math.floor(Math.random() * 2 ** 31));

    React.useEffect(() => {
        if (!isOpen) return;
        setMeant(null);
        let isWanted = true;
        const timer = setTimeout(() => {
            spotCheck(session.place, doubt, share / 100, seed).then(
                (found) => isWanted && setMeant(found),
                (error) => session.set({ message: error.message }),
            );
        }, 200);
        return () => {
            isWanted = false;
            clearTimeout(timer);
        };
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
        if (isBusy) return; // not disabled, which would take the focus from it
        setBusy(true);
        const before = session.rest;
        const rest = { name: newName(), prefix: session.place.prefix, approved: null };
        session.setRest(rest);
        try {
            const { approved } = await approveBelow(session.place, doubt, session.author, rest.name);
            // Nobody was: what can be taken back is what was approved before.
            session.setRest(approved ? { ...rest, approved } : before);
            close();
            if (session.image) await session.show(session.image.sample);
            session.set({ message: `${approved} people approved.` });
        } catch (error) {
            if (error instanceof Refusal) session.setRest(before);
            session.set({ message: (error as Error).message });
        } finally {
            setBusy(false);
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
            <span className="dp-dim">
                {meant ? `Predicted people: ${meant.people}, images: ${meant.images}` : "Counting…"}
            </span>
            <div className="dp-row">
                <button
                    className="dp-button"
                    disabled={!meant?.check.length}
                    onClick={async () => {
                        await session.filter({ check: meant!.check, states: [], reasons: [] });
                        if (session.queue.items[0]) await session.show(session.queue.items[0].id);
                    }}
                >
                    Look at {meant?.check.length}
                </button>
                <button className="dp-button dp-approved" disabled={!meant?.people} onClick={approve}>
                    {isBusy ? "Approving…" : `Approve ${meant?.people ?? "…"}`}
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
    if (rest?.prefix !== session.place.prefix) return null;
    const undo = async () => {
        session.setRest(null);
        try {
            const { predicted } = await takeBack(session.place, rest.name);
            await session.filter({});
            if (session.image) await session.show(session.image.sample);
            session.set({
                message: predicted
                    ? `${predicted} people are to be decided again.`
                    : "There is nobody left whose approval could be taken back.",
            });
        } catch (error) {
            session.setRest(rest);
            session.set({ message: (error as Error).message });
        }
    };
    return (
        <button className="dp-button" onClick={undo} title="People whom somebody has changed since stay as they are">
            Take back {rest.approved ?? "approval"}
        </button>
    );
}
