// What the colours of the overlay mean.

import { RAMP_GRADIENT } from "../canvas/colours";
import { BACK_CHARTS, CHART_COLOURS, CHARTS, PART_COLOURS, PARTS, personColour } from "../state/labels";
import type { Fill } from "../state/overlay";
import type { Session } from "../state/session";

const SIDES = "warm: right side of the person, cool: left";
const MEANINGS: Record<Fill, string> = {
    charts: `light: front, dark with stripes: back; ${SIDES}`,
    texture: `charts, paler along U, darker along V; ${SIDES}`,
    parts: `${SIDES}; front and back look alike: charts show them`,
    mask: "one colour for each person",
    u: "U, from 0 to 1",
    v: "V, from 0 to 1",
    none: "no colours: outlines only",
};

interface Swatch {
    name: string;
    colour: string;
    isStriped: boolean;
}

/** By part: front right, front left, back right, back left; what has no side or depth is in all it covers. */
function rowsOf(names: string[], colours: string[]): [string, Swatch[]][] {
    const rows = new Map<string, Swatch[]>();
    names.forEach((name, i) => {
        if (!i) return;
        const part = name.replace(/ ?(left|right|front|back|inner|outer) ?/g, "");
        const row = rows.get(part) ?? [];
        rows.set(part, row);
        for (let column = 0; column < 4; column++) {
            const other = [column % 2 ? /right/ : /left/, column < 2 ? /back|outer/ : /front|inner/];
            const isStriped = colours === CHART_COLOURS && BACK_CHARTS.has(i);
            if (!other.some((words) => words.test(name))) row[column] = { name, colour: colours[i], isStriped };
        }
    });
    return [...rows];
}

const HEADINGS = ["right", "left", "right, back", "left, back"];
const CHART_ROWS = rowsOf(CHARTS, CHART_COLOURS);
const PART_ROWS = rowsOf(PARTS, PART_COLOURS);

export function Legend({ session }: { session: Session }) {
    const { fill } = session.overlay;
    const rows = fill === "parts" ? PART_ROWS : fill === "charts" || fill === "texture" ? CHART_ROWS : null;
    const columns = fill === "parts" ? 2 : 4; // parts have no back
    return (
        <div className="dp-legend dp-dim" data-testid="dp-legend" data-fill={fill}>
            <span>
                <strong>{fill}</strong>: {MEANINGS[fill]}
            </span>
            {(fill === "u" || fill === "v") && <div className="dp-ramp" style={{ background: RAMP_GRADIENT }} />}
            {fill === "mask" && (
                <div className="dp-row">
                    {session.people.map(({ key }, index) => (
                        <span key={key} className="dp-dot" style={{ background: personColour(index) }}>
                            {index + 1}
                        </span>
                    ))}
                </div>
            )}
            {rows && (
                <details>
                    <summary>all colours</summary>
                    <table>
                        <thead>
                            <tr>
                                <th />
                                {HEADINGS.slice(0, columns).map((heading) => (
                                    <th key={heading}>{heading}</th>
                                ))}
                            </tr>
                        </thead>
                        <tbody>
                            {rows.map(([part, swatches]) => (
                                <tr key={part}>
                                    <td>{part}</td>
                                    {swatches.slice(0, columns).map(({ name, colour, isStriped }, i) => (
                                        <td key={i}>
                                            <span
                                                className={`dp-swatch ${isStriped && fill === "charts" ? "dp-striped" : ""}`}
                                                style={{ backgroundColor: colour }}
                                                title={name}
                                            />
                                        </td>
                                    ))}
                                </tr>
                            ))}
                        </tbody>
                    </table>
                    Rings of joints: blue left, red right.
                </details>
            )}
        </div>
    );
}
