// Top: tools and their settings, overlays, undo, and whether everything is saved.

import { KEYPOINT_MIRROR, KEYPOINTS, PART_COLOURS, PARTS } from "./labels";
import { toggleFullScreen } from "./keys";
import { setVisibility, swapKeypoint } from "./person_edits";
import { RADII, type Session } from "./session";
import { FILLS, type Fill } from "./tiles";
import { isDrawing, TOOLS, undo } from "./tools";

/** By a keypoint's visibility. */
const VISIBILITY = ["missing", "hidden", "visible"];

const SAVING = { saved: "saved", saving: "saving…", failing: "not saved yet" };

export function Toolbar({ session }: { session: Session }) {
    const { edits, look } = session;
    const canUndo = isDrawing() || edits.can("undo") || session.cameFrom !== null;
    return (
        <div className="dp-toolbar">
            <button
                className="dp-button dp-for-narrow"
                onClick={() => session.set({ queueWanted: !session.queueWanted })}
            >
                Queue
            </button>
            <div className="dp-group">
                <button className="dp-button" title="Image before (Shift+D)" onClick={() => void session.move(-1)}>
                    ‹
                </button>
                <button className="dp-button" title="Next image (D)" onClick={() => void session.move(1)}>
                    ›
                </button>
            </div>
            <div className="dp-group dp-end">
                <button
                    className="dp-button"
                    title="Undo; take back the last corner (Ctrl+Z)"
                    aria-label="Undo"
                    disabled={!canUndo}
                    onClick={() => undo(session)}
                >
                    <Icon path="M4 1 1 4l3 3M1 4h6a3 3 0 0 1 0 6H4" />
                </button>
                <button
                    className="dp-button"
                    title="Do again (Ctrl+Shift+Z)"
                    aria-label="Redo"
                    disabled={!edits.can("redo")}
                    onClick={() => void edits.undo("redo")}
                >
                    <Icon path="m7 1 3 3-3 3M10 4H4a3 3 0 0 0 0 6h3" />
                </button>
                <span
                    className={`dp-saving dp-${edits.saving}`}
                    title="What is not saved yet is tried again until it is"
                    data-testid="dp-saving"
                >
                    {SAVING[edits.saving]}
                </span>
                <button
                    className="dp-button"
                    title="The panel on all of the screen, and back (Shift+M)"
                    aria-label="Full screen"
                    onClick={(event) => toggleFullScreen(event.currentTarget)}
                >
                    <Icon path="M1 4V1h3M7 1h3v3M10 7v3H7M4 10H1V7" />
                </button>
                <button className="dp-button" title="All keys (?)" onClick={() => session.set({ help: true })}>
                    ?
                </button>
            </div>
            <div className="dp-group">
                {TOOLS.map(([tool, { name, key, hint }]) => (
                    <button
                        key={tool}
                        className={`dp-button ${session.tool === tool ? "dp-on" : ""}`}
                        title={`${hint} (${key.toUpperCase()})`}
                        data-testid={`dp-tool-${tool}`}
                        aria-pressed={session.tool === tool}
                        onClick={() => session.useTool(tool)}
                    >
                        {name} <kbd>{key.toUpperCase()}</kbd>
                    </button>
                ))}
            </div>
            {(session.setup?.prefixes ?? []).length > 1 && (
                <select
                    value={session.place.prefix}
                    title="Label fields to review"
                    data-testid="dp-prefix"
                    onChange={(event) => void session.usePrefix(event.target.value)}
                >
                    {(session.setup?.prefixes ?? []).map((prefix) => (
                        <option key={prefix}>{prefix}</option>
                    ))}
                </select>
            )}
            <div className="dp-group">
                <select
                    value={look.fill}
                    title="Overlay (T)"
                    data-testid="dp-fill"
                    onChange={(event) => session.set({ look: { ...look, fill: event.target.value as Fill } })}
                >
                    {FILLS.map((fill) => (
                        <option key={fill}>{fill}</option>
                    ))}
                </select>
                <input
                    type="range"
                    min="0"
                    max="1"
                    step="0.05"
                    value={session.opacity}
                    title="Opacity of the overlay (< and >)"
                    onChange={(event) => session.set({ opacity: +event.target.value })}
                />
                <Toggle on={look.contours} words="U, V lines" title="Lines of equal U (white) and V (black) (I)" set={(contours) => session.set({ look: { ...look, contours } })} />
                <Toggle on={session.skeleton} words="Skeleton" title="Skeletons (W)" set={(skeleton) => session.set({ skeleton })} />
                <Toggle on={session.focus} words="Focus" title="Only the selected person (F)" set={(focus) => session.set({ focus })} />
            </div>
        </div>
    );
}

/** 11 pixels each way. */
function Icon({ path }: { path: string }) {
    return (
        <svg width="11" height="11" viewBox="0 0 11 11" fill="none" stroke="currentColor" strokeWidth="1.5">
            <path d={path} />
        </svg>
    );
}

function Toggle({ on, words, title, set }: { on: boolean; words: string; title: string; set(on: boolean): void }) {
    return (
        <button className={`dp-button ${on ? "dp-on" : ""}`} title={title} aria-pressed={on} onClick={() => set(!on)}>
            {words}
        </button>
    );
}

/** Settings of the tool; over the photo, so that the photo does not move when another tool is chosen. */
export function ToolSettings({ session }: { session: Session }) {
    const { tool } = session;
    if (tool === "keypoints") return <KeypointSettings session={session} />;
    const paints = tool === "brush" || tool === "polygon";
    if (!paints && tool !== "bucket" && tool !== "surface") return null;
    const onParts = session.layer === "part" || !paints;
    return (
        <div className="dp-group dp-settings">
            {paints && (
                <>
                    <Toggle on={session.erase} words="Erase" title="Erase (E)" set={(erase) => session.set({ erase })} />
                    <Toggle
                        on={session.layer === "part"}
                        words={session.layer === "part" ? "on parts" : "on the mask"}
                        title="Paint parts instead of the mask (L)"
                        set={(part) => session.set({ layer: part ? "part" : "mask" })}
                    />
                </>
            )}
            {tool === "brush" && (
                <>
                    <input
                        type="range"
                        min={Math.log(RADII[0])}
                        max={Math.log(RADII[1])}
                        step="any"
                        value={Math.log(session.radius)}
                        title="Size of the brush ([ and ], Ctrl + wheel)"
                        data-testid="dp-radius"
                        onChange={(event) => session.setRadius(Math.exp(+event.target.value))}
                    />
                    <span className="dp-dim">{session.radius.toFixed(1)} px</span>
                </>
            )}
            {onParts && (
                <>
                    <span className="dp-dot" style={{ background: PART_COLOURS[session.part] }} />
                    <select
                        value={session.part}
                        title="Part"
                        data-testid="dp-part"
                        onChange={(event) => session.set({ part: +event.target.value })}
                    >
                        {PARTS.slice(1).map((name, i) => (
                            <option key={name} value={i + 1}>
                                {name}
                            </option>
                        ))}
                    </select>
                </>
            )}
        </div>
    );
}

/** Which keypoint is selected, also a missing one, and whether it is visible. */
function KeypointSettings({ session }: { session: Session }) {
    const { person, keypoint, point } = session;
    if (!person) return null;
    const visibility = point?.[3] ?? 0;
    return (
        <div className="dp-group dp-settings">
            <select
                value={keypoint ?? ""}
                title="Keypoint (Tab)"
                data-testid="dp-keypoint"
                onChange={(event) => session.set({ keypoint: +event.target.value })}
            >
                <option value="" hidden>
                    keypoint…
                </option>
                {KEYPOINTS.map((name, i) => (
                    <option key={name} value={i} className={person.keypoints?.[i][3] ? "" : "dp-dim"}>
                        {name}
                    </option>
                ))}
            </select>
            {keypoint !== null &&
                VISIBILITY.map((name, value) => (
                    <button
                        key={name}
                        className={`dp-button ${value === visibility ? "dp-on" : ""}`}
                        title={point ? `Make it ${name} (V)` : "Click on the photo where it is"}
                        aria-pressed={value === visibility}
                        disabled={!point && value > 0}
                        onClick={() => setVisibility(session, value)}
                    >
                        {name}
                    </button>
                ))}
            {keypoint !== null && (
                <button
                    className="dp-button"
                    title="Swap it with that of the other side (S)"
                    disabled={KEYPOINT_MIRROR[keypoint] === keypoint}
                    onClick={() => swapKeypoint(session, keypoint)}
                >
                    swap
                </button>
            )}
        </div>
    );
}
