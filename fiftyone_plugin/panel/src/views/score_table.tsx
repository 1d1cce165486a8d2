// The scores of all people who are to be decided: a histogram above each column, the worst people first.

import { fetchScores } from "../api/operators";
import type { ScoreColumn, ScoreTable as Table } from "../api/types";
import { withKeys } from "../input/keymap";
import { focusPanel } from "../input/panel_element";
import { MIN_ISSUE_SCORE } from "../state/labels";
import type { Session } from "../state/session";
import { countedPeople, digits } from "./counted";
import { FileName } from "./file_name";
import { Histogram } from "./histogram";

export function ScoreTable({ session }: { session: Session }) {
    const [order, setOrder] = React.useState("issue_score");
    const [table, setTable] = React.useState<Table | null>(null);
    const [isLoading, setLoading] = React.useState(true);
    React.useEffect(() => {
        let isWanted = true;
        setLoading(true);
        fetchScores(session.scope, order, 0).then(
            (result) => isWanted && setTable(result),
            (error) => session.set({ message: error.message }),
        ).finally(() => isWanted && setLoading(false));
        return () => void (isWanted = false);
    }, [session, order]);
    const showMore = async () => {
        if (isLoading) return; // not disabled, which would take the focus from it
        setLoading(true);
        const page = await fetchScores(session.scope, order, table!.rows.length).catch((error: Error) => session.set({ message: error.message }));
        // Another order may have been chosen meanwhile.
        if (page) setTable((now) => (now === table ? { ...now!, rows: [...now!.rows, ...page.rows], is_more: page.is_more } : now));
        setLoading(false);
    };
    const close = () => {
        focusPanel(document.activeElement);
        session.set({ scoresOpen: false });
    };
    return (
        <div className="dp-scores" data-testid="dp-scores">
            <div className="dp-row">
                <b>{isLoading || !table ? "Loading…" : `${countedPeople(table.people)} to decide`}</b>
                <span className="dp-dim">Click a score to sort by it, a person to go there.</span>
                <button autoFocus className="dp-button dp-end" onClick={close} title={withKeys("{j}")}>
                    Close
                </button>
            </div>
            {table && (
                <table>
                    <thead>
                        <tr>
                            <th>person</th>
                            {table.columns.map((column) => (
                                <ColumnHeader key={column.name} column={column} isOn={column.name === order} sortBy={setOrder} />
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
                                    void session.openPerson(row.sample, row.key);
                                }}
                            >
                                <td>
                                    <div className="dp-row">
                                        <FileName path={row.filepath} /> · {row.number}
                                    </div>
                                </td>
                                {row.scores.map((value, i) => (
                                    <Cell key={table.columns[i].name} column={table.columns[i]} value={value} />
                                ))}
                            </tr>
                        ))}
                    </tbody>
                </table>
            )}
            {table?.is_more && (
                <button className="dp-button" onClick={showMore} data-testid="dp-more-scores">
                    {isLoading ? "Loading…" : "Show more"}
                </button>
            )}
            {table && !table.is_more && table.rows.length < table.people && (
                <span className="dp-dim">{`The first ${digits(table.rows.length)} are listed. The queue has the others: filter it by a state or reason.`}</span>
            )}
        </div>
    );
}

function ColumnHeader({ column, isOn, sortBy }: { column: ScoreColumn; isOn: boolean; sortBy(name: string): void }) {
    return (
        <th>
            <button className={`dp-button ${isOn ? "dp-on" : ""}`} onClick={() => sortBy(column.name)}>
                {column.words}
            </button>
            <Histogram counts={column.histogram} />
        </th>
    );
}

function Cell({ column, value }: { column: ScoreColumn; value: number | null }) {
    if (value === null) return <td className="dp-dim">–</td>;
    const isWrong = column.is_issue && value >= MIN_ISSUE_SCORE;
    return (
        <td className={isWrong ? "dp-wrong" : ""}>
            <div className={`dp-bar ${column.is_issue ? "dp-issue" : "dp-confidence"}`}>
                <div style={{ width: `${100 * value}%` }} />
            </div>
            <span className="dp-number">{value.toFixed(2)}</span>
        </td>
    );
}
