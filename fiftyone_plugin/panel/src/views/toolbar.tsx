// Top: tools, overlays, undo, and whether everything is saved.

import { currentKey, displayKey, withKeys } from "../input/keymap";
import { toggleFullScreen } from "../input/full_screen";
import { type Fill, FILLS } from "../state/overlay";
import type { Session } from "../state/session";
import { loadPhotoBefore } from "../state/photo_before";
import { TOOL_NAMES, TOOLS, undo } from "../tools/tools";
import { Drawing } from "./icons";
import { Toggle } from "./toggle";

const SAVING_TEXTS = { saved: "saved", saving: "saving…", asking: "asking the network…", failing: "not saved yet" };

export function Toolbar({ session }: { session: Session }) {
    const { edits, overlay, drawing } = session;
    const canUndo = drawing.isActive || edits.can("undo") || session.cameFrom !== null;
    return (
        <div className="dp-toolbar">
            <button
                className="dp-button dp-for-narrow"
                onClick={() => session.set({ queueOpen: !session.queueOpen })}
            >
                Queue
            </button>
            <div className="dp-group">
                <button className="dp-button" title={withKeys("Image before ({Shift+D})")} onClick={() => void session.move(-1)}>
                    ‹
                </button>
                <button className="dp-button" title={withKeys("Next image ({d})")} onClick={() => void session.move(1)}>
                    ›
                </button>
            </div>
            <div className="dp-group dp-end">
                <button
                    className="dp-button dp-writes"
                    title={withKeys("Undo; take back the last corner ({Ctrl+z})")}
                    aria-label="Undo"
                    disabled={!canUndo}
                    onClick={() => undo(session)}
                >
                    <Icon path="M4 1 1 4l3 3M1 4h6a3 3 0 0 1 0 6H4" />
                </button>
                <button
                    className="dp-button dp-writes"
                    title={withKeys("Do again ({Ctrl+Shift+Z})")}
                    aria-label="Redo"
                    disabled={!edits.can("redo")}
                    onClick={() => void session.undo("redo")}
                >
                    <Icon path="m7 1 3 3-3 3M10 4H4a3 3 0 0 0 0 6h3" />
                </button>
                <span
                    className={`dp-saving dp-writes dp-${edits.saving}`}
                    title="What is not saved yet is tried again until it is"
                    data-testid="dp-saving"
                >
                    {SAVING_TEXTS[edits.saving]}
                </span>
                <button
                    className="dp-button"
                    title={withKeys("The panel on all of the screen, and back ({Shift+M})")}
                    aria-label="Full screen"
                    aria-pressed={session.isFullScreen}
                    onClick={(event) => toggleFullScreen(session, event.currentTarget)}
                >
                    <Icon path="M1 4V1h3M7 1h3v3M10 7v3H7M4 10H1V7" />
                </button>
                <button className="dp-button" title={withKeys("All keys, and how to change them ({?})")} onClick={() => session.set({ helpOpen: true })}>
                    ?
                </button>
            </div>
            <div className="dp-group" data-testid="dp-tools">
                {TOOL_NAMES.filter((tool) => tool === "select" || !session.team.readOnly).map((tool) => {
                    const { name, hint } = TOOLS[tool];
                    const key = displayKey(currentKey(TOOLS[tool].key));
                    return (
                        <button
                            key={tool}
                            className={`dp-button ${session.tool === tool ? "dp-on" : ""}`}
                            title={`${withKeys(hint)} (${key})`}
                            aria-label={name}
                            data-testid={`dp-tool-${tool}`}
                            aria-pressed={session.tool === tool}
                            onClick={() => {
                                session.useTool(tool);
                                if (tool === "paste") void loadPhotoBefore(session);
                            }}
                        >
                            <Drawing name={tool} /> <span className="dp-tool-name">{name}</span> <kbd>{key}</kbd>
                        </button>
                    );
                })}
            </div>
            {(session.setup?.prefixes ?? []).length > 1 && (
                <select
                    value={session.scope.prefix}
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
                    value={overlay.fill}
                    title={withKeys("Overlay ({t})")}
                    data-testid="dp-fill"
                    onChange={(event) => session.set({ overlay: { ...overlay, fill: event.target.value as Fill } })}
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
                    title={withKeys("Opacity of the overlay ({<} and {>})")}
                    onChange={(event) => session.set({ opacity: +event.target.value })}
                />
                <Toggle on={overlay.contours} label="U, V lines" title={withKeys("Lines of equal U (white) and V (black) ({i})")} set={(contours) => session.set({ overlay: { ...overlay, contours } })} />
                <Toggle on={session.skeleton} label="Skeleton" title={withKeys("Skeletons ({w})")} set={(skeleton) => session.set({ skeleton })} />
                <Toggle on={session.isFocused} label="Focus" title={withKeys("Only the selected person ({f}); photos of crowds open so")} set={(focused) => session.setFocused(focused)} />
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
