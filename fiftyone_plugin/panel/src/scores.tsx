// The scores of all people who are to be decided: a histogram above each column, the worst people first.

import { type Score, scores, type Scores } from "./calls";
import { FileName } from "./file_name";
import { leave } from "./keys";
import { LEAST_DOUBT } from "./labels";
import type { Session } from "./session";

export function ScoreTable({ session }: { session: Session }) {
    const [order, setOrder] = React.useState("doubt");
    const [table, setTable] = React.useState<Scores | null>(null);
    React.useEffect(() => {
        let isWanted = true;
        scores(session.place, order).then(
            (found) => isWanted && setTable(found),
            (error) => session.set({ message: error.message }),
        );
        return () => void (isWanted = false);
    }, [order]);
    const close = () => {
        if (document.activeElement) leave(document.activeElement);
        session.set({ scores: false });
    };
    return (
        <div className="dp-scores" data-testid="dp-scores">
            <div className="dp-row">
                <b>{table ? `${table.people} people to decide` : "Loading…"}</b>
                <span className="dp-dim">Click a score to see who is worst, a person to go there.</span>
                <button autoFocus className="dp-button dp-end" onClick={close} title="J">
                    Close
                </button>
            </div>
            {table && (
                <table>
                    <thead>
                        <tr>
                            <th>person</th>
                            {table.columns.map((score) => (
                                <Head key={score.name} score={score} isOn={score.name === order} choose={setOrder} />
                            ))}
                        </tr>
                    </thead>
                    <tbody>
                        {table.rows.map((row) => (
                            <tr
                                tabIndex={0}
                                onKeyDown={(event) => event.key === "Enter" && event.currentTarget.click()}
                                key={row.key}
                                className={row.key === session.selected ? "dp-on" : ""}
                                title={row.filepath}
                                data-testid="dp-score-row"
                                onClick={() => {
                                    close();
                                    void session.goTo(row.sample, row.key);
                                }}
                            >
                                <td>
                                    <div className="dp-row">
                                        <FileName path={row.filepath} /> · {row.number}
                                    </div>
                                </td>
                                {row.scores.map((value, i) => (
                                    <Cell key={table.columns[i].name} score={table.columns[i]} value={value} />
                                ))}
                            </tr>
                        ))}
                    </tbody>
                </table>
            )}
        </div>
    );
}

function Head({ score, isOn, choose }: { score: Score; isOn: boolean; choose(name: string): void }) {
    const most = Math.max(...score.histogram, 1);
    return (
        <th>
            <button className={`dp-button ${isOn ? "dp-on" : ""}`} onClick={() => choose(score.name)}>
                {score.words}
            </button>
            <Histogram counts={score.histogram} most={most} />
        </th>
    );
}

/** Bars of equal steps from 0 to 1. */
export function Histogram({ counts, most }: { counts: number[]; most: number }) {
    return (
        <div className="dp-histogram">
            {counts.map((count, i) => {
                const [from, to] = [i / counts.length, (i + 1) / counts.length];
                const height = `${Math.ceil((100 * count) / most)}%`;
                return <div key={i} style={{ height }} title={`${from.toFixed(2)}–${to.toFixed(2)}: ${count} people`} />;
            })}
        </div>
    );
}

function Cell({ score, value }: { score: Score; value: number | null }) {
    if (value === null) return <td className="dp-dim">–</td>;
    const isWrong = score.is_doubt && value >= LEAST_DOUBT;
    return (
        <td className={isWrong ? "dp-wrong" : ""}>
            <div className={`dp-bar ${score.is_doubt ? "dp-doubt" : "dp-sure"}`}>
                <div style={{ width: `${100 * value}%` }} />
            </div>
            <span className="dp-number">{value.toFixed(2)}</span>
        </td>
    );
}
