// Left column: how far the work has come, filters, and the images in order.

import type { Item, State } from "./calls";
import { FileName } from "./file_name";
import { Histogram } from "./scores";
import type { Session } from "./session";
import { SpotCheck } from "./spot_check";

const STATES: State[] = ["predicted", "edited", "approved", "rejected"];

function toggled<T>(list: T[], value: T): T[] {
    return list.includes(value) ? list.filter((other) => other !== value) : [...list, value];
}

export function QueueColumn({ session }: { session: Session }) {
    const { answer: queue, filters, items } = session.queue;
    const show = React.useCallback(
        (sample: string) => {
            if (sample !== session.image?.sample) void session.show(sample);
            else session.set({ queueWanted: false });
        },
        [session],
    );
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
            <div title="People to decide by doubt: certain ones left, doubtful ones right">
                <Histogram counts={queue.histogram} most={most} />
            </div>
            <div className="dp-chips">
                {STATES.map((state) => (
                    <button
                        key={state}
                        className={`dp-chip dp-${state} ${filters.states.includes(state) ? "dp-on" : ""}`}
                        aria-pressed={filters.states.includes(state)}
                        onClick={() => session.filter({ states: toggled(filters.states, state) })}
                    >
                        {state} {queue.states[state]}
                    </button>
                ))}
                {Object.entries(queue.reasons).map(([reason, count]) => (
                    <button
                        key={reason}
                        className={`dp-chip ${filters.reasons.includes(reason) ? "dp-on" : ""}`}
                        aria-pressed={filters.reasons.includes(reason)}
                        onClick={() => session.filter({ reasons: toggled(filters.reasons, reason) })}
                    >
                        {reason} {count}
                    </button>
                ))}
            </div>
            <div className="dp-row">
                <select
                    value={filters.order}
                    onChange={(event) => session.filter({ order: event.target.value })}
                    title="Order of the queue"
                >
                    <option value="doubt">most doubtful first</option>
                    <option value="file">by file name</option>
                </select>
                <button className="dp-button" onClick={() => session.set({ scores: true })} title="All people and their scores (J)">
                    Scores
                </button>
                <span className="dp-dim">{filters.check ? `${items.length} to check` : `${queue.found} images`}</span>
            </div>
            <Items items={items} open={session.image?.sample} show={show} />
            <SpotCheck session={session} />
        </div>
    );
}

/** Height of an entry with the gap to the next one, as in styles.ts. */
const ENTRY = 44;

/** A queue may have thousands of images: only those in sight are there, and nothing is done where none changed. */
const Items = React.memo(function Items(props: { items: Item[]; open?: string; show(sample: string): void }) {
    const { items, open, show } = props;
    const list = React.useRef<HTMLDivElement>(null);
    const [top, setTop] = React.useState(0);
    const [height, setHeight] = React.useState(600);
    const at = items.findIndex((item) => item.id === open);
    React.useEffect(() => {
        const observer = new ResizeObserver(([{ contentRect }]) => setHeight(contentRect.height));
        observer.observe(list.current!);
        return () => observer.disconnect();
    }, []);
    React.useEffect(() => {
        const element = list.current!;
        if (at < 0) return;
        if (at * ENTRY < element.scrollTop) element.scrollTop = at * ENTRY;
        const below = (at + 1) * ENTRY - element.clientHeight;
        if (below > element.scrollTop) element.scrollTop = below;
    }, [at]);
    const first = Math.max(Math.floor(top / ENTRY) - 3, 0);
    const shown = items.slice(first, first + Math.ceil(height / ENTRY) + 6);
    return (
        <div className="dp-list" ref={list} onScroll={(event) => setTop(event.currentTarget.scrollTop)}>
            <div style={{ height: items.length * ENTRY, position: "relative", flex: "none" }}>
                {shown.map((item, i) => (
                    <button
                        key={item.id}
                        className={`dp-item ${item.id === open ? "dp-on" : ""}`}
                        style={{ top: (first + i) * ENTRY }}
                        tabIndex={item.id === open ? 0 : -1}
                        onClick={() => show(item.id)}
                        title={item.filepath}
                        data-testid="dp-item"
                    >
                        <FileName path={item.filepath} />
                        <span className="dp-dim" title="people to decide / people">
                            {item.open ? (item.people ? `${item.open}/${item.people}` : "nobody?") : "✓"}
                        </span>
                        <div className="dp-bar dp-doubt" title={`doubt ${item.doubt.toFixed(2)}`}>
                            <div style={{ width: `${100 * item.doubt}%` }} />
                        </div>
                    </button>
                ))}
            </div>
        </div>
    );
});
