// Left column: how far the work has come, filters, and the images in order.

import type { State } from "./calls";
import type { Session } from "./session";
import { SpotCheck } from "./spot_check";

const STATES: State[] = ["predicted", "edited", "approved", "rejected"];

function toggled<T>(list: T[], value: T): T[] {
    return list.includes(value) ? list.filter((other) => other !== value) : [...list, value];
}

export function QueueColumn({ session }: { session: Session }) {
    const { queue } = session;
    if (!queue) return <div className="dp-column dp-left" />;
    const share = queue.images ? queue.done / queue.images : 0;
    const most = Math.max(...queue.histogram, 1);
    return (
        <div className={`dp-column dp-left ${session.queueWanted ? "dp-wanted" : ""}`} data-testid="dp-queue">
            <div className="dp-progress" title="Images on which every person is approved or rejected">
                <span data-testid="dp-done">
                    {queue.done} of {queue.images} images done
                </span>
                <div className="dp-bar">
                    <div style={{ width: `${100 * share}%` }} />
                </div>
            </div>
            <div className="dp-histogram" title="People to decide by doubt: certain ones left, doubtful ones right">
                {queue.histogram.map((count, i) => (
                    <div key={i} style={{ height: `${Math.ceil((100 * count) / most)}%` }} />
                ))}
            </div>
            <div className="dp-chips">
                {STATES.map((state) => (
                    <button
                        key={state}
                        className={`dp-chip dp-${state} ${session.states.includes(state) ? "dp-on" : ""}`}
                        onClick={() => session.filter({ states: toggled(session.states, state) })}
                    >
                        {state} {queue.states[state]}
                    </button>
                ))}
                {Object.entries(queue.reasons).map(([reason, count]) => (
                    <button
                        key={reason}
                        className={`dp-chip ${session.reasons.includes(reason) ? "dp-on" : ""}`}
                        onClick={() => session.filter({ reasons: toggled(session.reasons, reason) })}
                    >
                        {reason} {count}
                    </button>
                ))}
            </div>
            <div className="dp-row">
                <select
                    value={session.order}
                    onChange={(event) => session.filter({ order: event.target.value })}
                    title="Order of the queue"
                >
                    <option value="doubt">most doubtful first</option>
                    <option value="file">by file name</option>
                </select>
                <span className="dp-dim">{session.check ? `${session.items.length} to check` : `${queue.found} images`}</span>
            </div>
            <div className="dp-list">
                {session.items.map((item) => (
                    <Entry key={item.id} session={session} item={item} />
                ))}
            </div>
            <SpotCheck session={session} />
        </div>
    );
}

function Entry({ session, item }: { session: Session; item: Session["items"][number] }) {
    const isOpen = session.image?.sample === item.id;
    const entry = React.useRef<HTMLButtonElement>(null);
    React.useEffect(() => {
        if (isOpen) entry.current?.scrollIntoView({ block: "nearest" });
    }, [isOpen]);
    return (
        <button
            ref={entry}
            className={`dp-item ${isOpen ? "dp-on" : ""}`}
            onClick={() => session.show(item.id)}
            title={item.filepath}
            data-testid="dp-item"
        >
            <span className="dp-name">{item.filepath.split("/").pop()}</span>
            <span className="dp-dim">{item.people && !item.open ? "✓" : `${item.open}/${item.people}`}</span>
            <div className="dp-bar dp-doubt">
                <div style={{ width: `${100 * item.doubt}%` }} />
            </div>
        </button>
    );
}
