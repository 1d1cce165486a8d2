// What was done on each day, a bar a day, a colour an annotator.

import type { Day } from "../api/progress";
import { dayOf, duration, nameOf, number } from "./progress_words";

const COLOURS = ["#ff8f3d", "#5b8def", "#4cae6d", "#c678dd", "#e5c07b", "#56b6c2", "#ff7a7a", "#9aa0a6"];
const MEASURES = { people: "People done", seconds: "Active time", edits: "Edits" };
type Measure = keyof typeof MEASURES;
const DAY_MS = 86_400_000;
const HEIGHT = 140;
/** Days that are named below the bars. */
const LABELS = 8;

export function DayChart({ days }: { days: Day[] }) {
    const [measure, setMeasure] = React.useState<Measure>("people");
    const authors = [...new Set(days.map(({ author }) => author))];
    const colour = (author: string) => COLOURS[Math.min(authors.indexOf(author), COLOURS.length - 1)];
    const words = (value: number) => (measure === "seconds" ? duration(value) : number(value));
    const bars = barsOf(days);
    const step = Math.ceil(bars.length / LABELS);
    // What was taken back makes a day negative: it is shown as nothing.
    const heightOf = (day: Day) => Math.max(day[measure], 0);
    const most = Math.max(...bars.map(({ rows }) => rows.reduce((sum, day) => sum + heightOf(day), 0)), 1e-9);
    return (
        <section className="dp-chart" data-testid="dp-chart">
            <div className="dp-row">
                <select aria-label="Measure" value={measure} onChange={(event) => setMeasure(event.target.value as Measure)}>
                    {Object.entries(MEASURES).map(([name, label]) => (
                        <option key={name} value={name}>
                            {label}
                        </option>
                    ))}
                </select>
                <span className="dp-dim">a {bars[0]?.length === 1 ? "day" : "week"} (UTC)</span>
                <span className="dp-legend">
                    {authors.slice(0, COLOURS.length).map((author, i) => (
                        <span key={author}>
                            <i style={{ background: colour(author) }} /> {i < COLOURS.length - 1 || authors.length === COLOURS.length ? nameOf(author) : "others"}
                        </span>
                    ))}
                </span>
            </div>
            <div className="dp-plot">
                <div className="dp-axis">
                    <span>{words(most)}</span>
                    <span>0</span>
                </div>
                <div className="dp-bars">
                    {bars.map(({ day, rows }, i) => (
                        <div key={day} className="dp-day" title={[dayOf(day), ...rows.map((row) => `${nameOf(row.author)}: ${words(row[measure])}`)].join("\n")}>
                            <div className="dp-stack" style={{ height: HEIGHT }}>
                                {rows.map((row) => (
                                    <div key={row.author} style={{ height: (HEIGHT * heightOf(row)) / most, background: colour(row.author) }} />
                                ))}
                            </div>
                            <span className="dp-dim">{i % step === 0 && dayOf(day)}</span>
                        </div>
                    ))}
                </div>
            </div>
        </section>
    );
}

interface Bar {
    /** The first day. */
    day: string;
    /** In days. */
    length: number;
    rows: Day[];
}

/** A bar for each day from the first to the last, also for those on which nothing was done; a week each, if they are many. */
function barsOf(days: Day[]): Bar[] {
    if (!days.length) return [];
    const time = (day: string) => Date.parse(`${day}T00:00Z`);
    const [first, last] = [time(days[0].day), time(days[days.length - 1].day)];
    const length = (last - first) / DAY_MS < 90 ? 1 : 7;
    const bars: Bar[] = [];
    for (let at = first; at <= last; at += length * DAY_MS) {
        bars.push({ day: new Date(at).toISOString().slice(0, 10), length, rows: [] });
    }
    for (const day of days) {
        const { rows } = bars[Math.floor((time(day.day) - first) / DAY_MS / length)];
        const same = rows.find(({ author }) => author === day.author);
        if (!same) rows.push({ ...day });
        else for (const name of ["edits", "people", "seconds"] as const) same[name] += day[name];
    }
    return bars;
}
