// The panel as a whole.

import { useDatasetName, useModalSample, useView } from "../api/host";
import { useReloadPhotos } from "../api/reload_photos";
import { Viewport } from "../canvas/viewport";
import { watchActivity } from "../input/activity";
import { wasFullScreen, watchFullScreen } from "../input/full_screen";
import { handleKey } from "../input/keyboard";
import { withKeys } from "../input/keymap";
import { type Session, sessionOf } from "../state/session";
import { KEYPOINTS } from "../state/labels";
import { nextMissing } from "../tools/keypoints";
import { TOOLS } from "../tools/tools";
import { Banners } from "./banners";
import { EmptyDataset, EmptyQueue, NoDataset } from "./empty_states";
import { Loading } from "./loading";
import { BodyMap } from "./body_map";
import { Comparison } from "./comparison";
import { Help } from "./help";
import { ONBOARDING_STYLES } from "./onboarding_styles";
import { PeopleList } from "./people_list";
import { QueueColumn } from "./queue_column";
import { ScoreTable } from "./score_table";
import { Stage } from "./stage";
import { STYLES } from "./styles";
import { NameDialog, TeamBar } from "./team_bar";
import { ToolSettings } from "./tool_settings";
import { Toolbar } from "./toolbar";
import { Tour } from "./tour";

export function Review() {
    const dataset = useDatasetName();
    const sample = useModalSample();
    // Another dataset is another review.
    if (dataset) return <DatasetReview key={dataset} dataset={dataset} sample={sample} />;
    return (
        <div className="dp-review">
            <style>{STYLES + ONBOARDING_STYLES}</style>
            <NoDataset />
        </div>
    );
}

function DatasetReview({ dataset, sample }: { dataset: string; sample: string | null }) {
    // The App makes a new list at every render: only what it says counts.
    const stages = JSON.stringify(useView() ?? []);
    const session = sessionOf(dataset);
    const [viewport] = React.useState(() => new Viewport());
    const [, rerender] = React.useReducer((count: number) => count + 1, 0);
    const root = React.useRef<HTMLDivElement>(null);

    session.grid.reload = useReloadPhotos();

    React.useEffect(() => session.subscribe(rerender), [session]);
    React.useEffect(() => watchActivity(root.current!, session.clock), [session]);
    React.useEffect(() => {
        void session.start(JSON.parse(stages), sample);
    }, [session, stages, sample]);
    React.useEffect(() => () => session.close(), [session]);
    React.useEffect(() => {
        session.set({ isFullScreen: wasFullScreen() });
        return watchFullScreen(session, root.current!);
    }, [session]);

    React.useEffect(() => {
        // A button that is gone takes the focus with it; keys are still for the panel under the pointer.
        if (document.activeElement === document.body && root.current?.matches(":hover")) root.current.focus();
    });

    const onKeyDown = (event: React.KeyboardEvent) => {
        const target = event.target as HTMLElement;
        const isSlider = target.matches("input[type=range]");
        // What was clicked or dragged gives the keys back; what was reached by keys goes on with them.
        const isReached = isSlider ? target.matches(":focus-visible") : target.matches("button, tr");
        if (isReached && /^(Tab$|Enter$| $|Escape$)/.test(event.key)) {
            if (event.key !== "Escape") return event.stopPropagation();
            session.set({ queueOpen: false });
            root.current?.focus();
        }
        if (isSlider && isReached && /^(Arrow|Home$|End$)/.test(event.key)) {
            event.stopPropagation();
            return;
        }
        if (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && !isSlider) {
            // Typing is not for the App's shortcuts either.
            event.stopPropagation();
            if (event.key === "Enter" || event.key === "Escape") root.current?.focus();
            return;
        }
        if (handleKey({ session, viewport }, event.nativeEvent)) {
            event.preventDefault();
            event.stopPropagation();
            event.nativeEvent.stopImmediatePropagation();
        }
    };
    const { setup, image, loading, queue } = session;
    return (
        <div
            ref={root}
            className={`dp-review ${session.isFullScreen ? "dp-full" : ""} ${session.team.readOnly ? "dp-read-only" : ""}`}
            tabIndex={0}
            data-testid="dp-review"
            onKeyDown={onKeyDown}
            onKeyDownCapture={() => session.team.keep()}
            onPointerDownCapture={() => session.team.keep()}
            onChange={(event) => {
                // A list that keeps the focus would take the next key for itself.
                if (event.target instanceof HTMLSelectElement) root.current?.focus();
            }}
            onClick={(event) => {
                const isByPointer = event.detail > 0;
                if (isByPointer && (event.target as Element).closest("button")) root.current?.focus();
            }}
            onMouseEnter={() => {
                session.refreshQueueSoon(); // the App may have labelled or deleted meanwhile
                const { activeElement } = document;
                const isTyping = activeElement?.matches("input, textarea, select, [contenteditable=true]");
                if (!isTyping && !root.current?.contains(activeElement)) root.current?.focus();
            }}
        >
            <style>{STYLES + ONBOARDING_STYLES}</style>
            {setup && !session.scope.prefix ? (
                <EmptyDataset retry={() => void session.start(JSON.parse(stages), sample)} />
            ) : (
                <>
                    <Toolbar session={session} />
                    <div className="dp-columns">
                        <QueueColumn session={session} />
                        <div className="dp-middle">
                            <TeamBar session={session} />
                            <div className="dp-strip">
                                <ToolSettings session={session} />
                                <Hint session={session} />
                            </div>
                            <div className="dp-photo">
                                <Stage session={session} viewport={viewport} />
                                <Loading session={session} />
                                {queue.result && !image && !loading && !session.message && (
                                    <div className="dp-loading">
                                        <EmptyQueue session={session} />
                                    </div>
                                )}
                                <Comparison session={session} viewport={viewport} />
                                <Banners session={session} />
                                <NameDialog session={session} />
                            </div>
                        </div>
                        <div className="dp-column dp-right">
                            <PeopleList session={session} />
                            {setup && <BodyMap session={session} viewport={viewport} />}
                            <Author session={session} />
                        </div>
                    </div>
                    {session.scoresOpen && <ScoreTable session={session} />}
                    {session.helpOpen && <Help session={session} />}
                    <Tour session={session} />
                </>
            )}
        </div>
    );
}

/** What the tool expects. */
function Hint({ session }: { session: Session }) {
    const { wrongPixel, isCommenting, tool } = session;
    const next = tool === "keypoints" ? nextMissing(session) : null;
    const text = isCommenting
        ? "Keys go into the comment. Enter or Esc saves it and gives them back."
        : wrongPixel
          ? "Now click the place on the body where that pixel belongs. Esc cancels."
          : withKeys(
                (session.inCrowd ? "A crowd, person by person; {0} shows all. " : "") +
                    (next === null ? "" : `A click sets the ${KEYPOINTS[next]}. `) +
                    TOOLS[tool].hint,
            );
    return (
        <span className={wrongPixel || isCommenting ? "dp-next" : "dp-dim"} title={text} data-testid="dp-hint">
            {text}
        </span>
    );
}

function Author({ session }: { session: Session }) {
    return (
        <input
            className={`dp-input dp-writes ${session.author ? "" : "dp-asked"}`}
            placeholder="Your name, for the record"
            value={session.author}
            disabled={!!session.setup?.user}
            data-testid="dp-author"
            onChange={(event) => session.setAuthor(event.target.value)}
        />
    );
}
