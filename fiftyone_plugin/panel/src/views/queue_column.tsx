// Left column: how far the work has come, filters, and the images in order.

import type { PersonState, QueueItem } from "../api/types";
import { withKeys } from "../input/keymap";
import type { Session } from "../state/session";
import type { Thumbnails } from "../state/thumbnails";
import { BulkApproval } from "./bulk_approval";
import { counted, digits } from "./counted";
import { FileName } from "./file_name";
import { AllDone, EmptyQueue } from "./empty_states";
import { Histogram } from "./histogram";
import { Thumbnail } from "./thumbnail";
import { WorkFilters, WorkMark } from "./work_filters";

const STATES: PersonState[] = ["predicted", "edited", "approved", "rejected"];

function toggled<T>(list: T[], value: T): T[] {
    return list.includes(value) ? list.filter((other) => other !== value) : [...list, value];
}

/** A filter can be switched off also when nobody is left whom it is about. */
const zeros = (reasons: string[]) => Object.fromEntries(reasons.map((reason) => [reason, 0]));

export function QueueColumn({ session }: { session: Session }) {
    const { result, filters, items } = session.queue;
    const show = React.useCallback(
        (sample: string) => {
            if (sample !== session.image?.sample) void session.openImage(sample);
            else session.set({ queueOpen: false });
        },
        [session],
    );
    const more = React.useCallback(() => void session.reportErrors(async () => void (await session.loadMore())), [session]);
    if (!result) return <div className="dp-column dp-left" />;
    const doneShare = result.images ? result.done / result.images : 0;
    return (
        <div className={`dp-column dp-left ${session.queueOpen ? "dp-wanted" : ""}`} data-testid="dp-queue">
            <div className="dp-progress" title="Images on which every person is approved or rejected, and nobody may be missing">
                <span data-testid="dp-done">
                    {digits(result.done)} of {digits(result.images)} images done
                </span>
                <div className="dp-bar">
                    <div style={{ width: `${100 * doneShare}%` }} />
                </div>
            </div>
            <div title="People to decide by issue score: 0 left, 1 right">
                <Histogram counts={result.histogram} />
            </div>
            <div className="dp-chips">
                {STATES.map((state) => (
                    <button
                        key={state}
                        className={`dp-chip dp-${state} ${filters.states.includes(state) ? "dp-on" : ""}`}
                        aria-pressed={filters.states.includes(state)}
                        onClick={() => session.filter({ states: toggled(filters.states, state) })}
                    >
                        {state} {digits(result.states[state])}
                    </button>
                ))}
                {Object.entries({ ...zeros(filters.reasons), ...result.reasons }).map(([reason, count]) => (
                    <button
                        key={reason}
                        className={`dp-chip ${filters.reasons.includes(reason) ? "dp-on" : ""}`}
                        aria-pressed={filters.reasons.includes(reason)}
                        onClick={() => session.filter({ reasons: toggled(filters.reasons, reason) })}
                    >
                        {reason} {digits(count)}
                    </button>
                ))}
            </div>
            <WorkFilters session={session} />
            <div className="dp-row">
                <select
                    value={filters.order}
                    onChange={(event) => session.filter({ order: event.target.value })}
                    title="Order of the queue"
                >
                    <option value="issue_score">most issues first</option>
                    <option value="file">by file name</option>
                </select>
                <button className="dp-button" onClick={() => session.set({ scoresOpen: true })} title={withKeys("All people and their scores ({j})")}>
                    Scores
                </button>
                <span className="dp-dim">{session.summarized ? "Loading…" : filters.check ? `${digits(result.found)} to check` : counted(result.found, "image", "images")}</span>
            </div>
            <AllDone session={session} />
            {items.length ? (
                <ImageList items={items} open={session.image?.sample} show={show} more={more} thumbnails={session.thumbnails} />
            ) : (
                <EmptyQueue session={session} />
            )}
            {!session.team.readOnly && <BulkApproval session={session} />}
        </div>
    );
}

/** "1/2": one of two people is to be decided; "+3?": three more may be there. */
function progressOf({ open, people, possible }: QueueItem): string {
    if (!open) return "✓";
    const labelled = people ? `${open - possible}/${people}` : possible ? "" : "nobody?";
    return possible ? `${labelled} +${possible}?`.trim() : labelled;
}

/** Height of a row with the gap to the next one, as in styles.ts. */
const ROW_HEIGHT = 44;
/** Rows before the last one from which on the next page is asked for. */
const NEAR_END = 50;

interface ImageListProps {
    items: QueueItem[];
    open?: string;
    show(sample: string): void;
    /** Get the next page. */
    more(): void;
    thumbnails: Thumbnails;
}

/** A queue may have thousands of images: only those in sight are rendered, and only if the queue has changed. */
const ImageList = React.memo(function ImageList(props: ImageListProps) {
    const { items, open, show, more, thumbnails } = props;
    const [, rerender] = React.useReducer((count: number) => count + 1, 0);
    React.useEffect(() => thumbnails.subscribe(rerender), [thumbnails]);
    const list = React.useRef<HTMLDivElement>(null);
    const [scrollTop, setScrollTop] = React.useState(0);
    const [height, setHeight] = React.useState(600);
    const openIndex = items.findIndex((item) => item.id === open);
    React.useEffect(() => {
        const observer = new ResizeObserver(([{ contentRect }]) => setHeight(contentRect.height));
        observer.observe(list.current!);
        return () => observer.disconnect();
    }, []);
    React.useEffect(() => {
        const element = list.current!;
        if (openIndex < 0) return;
        if (openIndex * ROW_HEIGHT < element.scrollTop) element.scrollTop = openIndex * ROW_HEIGHT;
        const below = (openIndex + 1) * ROW_HEIGHT - element.clientHeight;
        if (below > element.scrollTop) element.scrollTop = below;
    }, [openIndex]);
    const first = Math.max(Math.floor(scrollTop / ROW_HEIGHT) - 3, 0);
    const shown = items.slice(first, first + Math.ceil(height / ROW_HEIGHT) + 6);
    const isNearEnd = first + shown.length > items.length - NEAR_END;
    React.useEffect(() => {
        if (isNearEnd) more();
    }, [isNearEnd, items.length, more]);
    const ids = shown.map(({ id }) => id).join();
    React.useEffect(() => thumbnails.want(ids ? ids.split(",") : []), [thumbnails, ids]);
    return (
        <div className="dp-list" ref={list} onScroll={(event) => setScrollTop(event.currentTarget.scrollTop)}>
            <div style={{ height: items.length * ROW_HEIGHT, position: "relative", flex: "none" }}>
                {shown.map((item, i) => (
                    <button
                        key={item.id}
                        className={`dp-item ${item.id === open ? "dp-on" : ""}`}
                        style={{ top: (first + i) * ROW_HEIGHT }}
                        tabIndex={item.id === open ? 0 : -1}
                        onClick={() => show(item.id)}
                        title={item.filepath}
                        data-testid="dp-item"
                    >
                        <Thumbnail url={thumbnails.get(item.id)} />
                        <FileName path={item.filepath} />
                        <span className="dp-dim" title="people to decide / people, and possible people to decide">
                            {progressOf(item)}
                        </span>
                        <div className="dp-bar dp-issue" title={`issue score ${item.issue_score.toFixed(2)}`}>
                            <div style={{ width: `${100 * item.issue_score}%` }} />
                        </div>
                        <WorkMark item={item} />
                    </button>
                ))}
            </div>
        </div>
    );
});
