// Settings of the tool in use.

import { KEYPOINT_MIRROR, KEYPOINTS, PART_COLOURS, PARTS } from "../state/labels";
import { BRUSH_RADII } from "../state/review_state";
import type { Session } from "../state/session";
import { setVisibility, swapKeypoint } from "../tools/person_edits";
import { Toggle } from "./toggle";

/** By a keypoint's visibility. */
const VISIBILITIES = ["missing", "hidden", "visible"];

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
                    <Toggle on={session.erase} label="Erase" title="Erase (E)" set={(erase) => session.set({ erase })} />
                    <Toggle
                        on={session.layer === "part"}
                        label={session.layer === "part" ? "on parts" : "on the mask"}
                        title="Paint parts instead of the mask (L)"
                        set={(part) => session.set({ layer: part ? "part" : "mask" })}
                    />
                </>
            )}
            {tool === "brush" && (
                <>
                    <input
                        type="range"
                        min={Math.log(BRUSH_RADII[0])}
                        max={Math.log(BRUSH_RADII[1])}
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
                VISIBILITIES.map((name, value) => (
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
