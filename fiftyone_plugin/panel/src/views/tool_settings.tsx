// Settings of the tool in use.

import { withKeys } from "../input/keymap";
import { KEYPOINT_MIRROR, KEYPOINTS, PART_COLOURS, PARTS } from "../state/labels";
import { BRUSH_RADII } from "../state/review_state";
import type { Session } from "../state/session";
import { nextMissing } from "../tools/keypoints";
import { pastePeople } from "../tools/move";
import { setVisibility, swapKeypoint } from "../tools/person_edits";
import { Toggle } from "./toggle";

/** By a keypoint's visibility. */
const VISIBILITIES = ["missing", "hidden", "visible"];

/** What is painted, in words, and more of them. */
const LAYERS = [
    ["mask", "Mask", "Paint who is a pixel’s person"],
    ["part", "Part", "Paint which part of the body a pixel is"],
] as const;

export function ToolSettings({ session }: { session: Session }) {
    const { tool } = session;
    if (tool === "keypoints") return <KeypointSettings session={session} />;
    if (tool === "paste") return <PasteSettings session={session} />;
    const paints = tool === "brush" || tool === "polygon";
    if (!paints && tool !== "bucket" && tool !== "surface") return null;
    const onParts = session.layer === "part" || !paints;
    return (
        <div className="dp-group dp-settings">
            {paints && (
                <>
                    <Toggle on={session.erase} label="Erase" title={withKeys("Erase ({e})")} set={(erase) => session.set({ erase })} />
                    <span className="dp-choice">
                        {LAYERS.map(([layer, label, title]) => (
                            <Toggle key={layer} on={session.layer === layer} label={label} title={withKeys(`${title} ({l})`)} set={() => session.set({ layer })} />
                        ))}
                    </span>
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
                        title={withKeys("Size of the brush ({[} and {]}, Ctrl + wheel)")}
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
    const next = nextMissing(session);
    const isMissing = (i: number) => !person.keypoints?.[i][3];
    const indices = KEYPOINTS.map((_, i) => i);
    const groups = [["missing", indices.filter(isMissing)], ["set", indices.filter((i) => !isMissing(i))]] as const;
    return (
        <div className="dp-group dp-settings">
            <select
                value={keypoint ?? ""}
                title={withKeys("Keypoint ({Tab}); a missing one is set by the next click")}
                data-testid="dp-keypoint"
                onChange={(event) => session.set({ keypoint: +event.target.value })}
            >
                <option value="" hidden>
                    {next === null ? "keypoint…" : `next: ${KEYPOINTS[next]}`}
                </option>
                {groups.map(
                    ([group, indices]) =>
                        indices.length > 0 && (
                            <optgroup key={group} label={group}>
                                {indices.map((i) => (
                                    <option key={i} value={i}>
                                        {KEYPOINTS[i]}
                                    </option>
                                ))}
                            </optgroup>
                        ),
                )}
            </select>
            {keypoint !== null &&
                VISIBILITIES.map((name, value) => (
                    <button
                        key={name}
                        className={`dp-button ${value === visibility ? "dp-on" : ""}`}
                        title={point ? withKeys(`Make it ${name} ({v})`) : "Click on the photo where it is"}
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
                    title={withKeys("Swap it with that of the other side ({s})")}
                    disabled={KEYPOINT_MIRROR[keypoint] === keypoint}
                    onClick={() => swapKeypoint(session, keypoint)}
                >
                    swap
                </button>
            )}
        </div>
    );
}

/** Which photo people are copied from. */
function PasteSettings({ session }: { session: Session }) {
    const { before, image } = session;
    if (!before?.sample || before.of !== image?.sample) return null;
    return (
        <div className="dp-group dp-settings">
            <span className="dp-dim">from {before.fileName}</span>
            <button
                className="dp-button"
                title="Copy everybody who is not labelled here (Enter)"
                data-testid="dp-paste-all"
                onClick={() => pastePeople(session, before.people)}
            >
                Copy all {before.people.length}
            </button>
        </div>
    );
}
