// The panel "Labelling progress": how the review goes, from the log of edits.

import { openPanel, promptOperator, useDatasetName } from "../api/host";
import { fetchProgress, type Progress as Answer, type ProgressQuery } from "../api/progress";
import { DayChart } from "./day_chart";
import { PROGRESS_STYLES } from "./progress_styles";
import { Tables } from "./progress_tables";
import { Tiles } from "./progress_tiles";
import { STYLES } from "./styles";

const PERIODS = { all: "All time", 1: "Today", 7: "Last 7 days", 30: "Last 30 days", other: "From … to …" };
type PeriodName = keyof typeof PERIODS;
const ALL: ProgressQuery = { prefix: "", since: null, until: null, by: null };

export function Progress() {
    const dataset = useDatasetName();
    return dataset ? <DatasetProgress key={dataset} dataset={dataset} /> : <p className="dp-dim">Open a dataset first.</p>;
}

function DatasetProgress({ dataset }: { dataset: string }) {
    const [query, setQuery] = React.useState(ALL);
    const [answer, setAnswer] = React.useState<Answer | null>(null);
    const [problem, setProblem] = React.useState("");
    const [isLoading, setLoading] = React.useState(false);
    const [count, refresh] = React.useReducer((before: number) => before + 1, 0);
    React.useEffect(() => {
        let isWanted = true;
        setLoading(true);
        fetchProgress(dataset, query)
            .then(
                (result) => isWanted && (setAnswer(result), setProblem("")),
                (error: Error) => isWanted && setProblem(error.message),
            )
            .finally(() => isWanted && setLoading(false));
        return () => void (isWanted = false);
    }, [dataset, query, count]);
    return (
        <div className="dp-review dp-report" data-testid="dp-report">
            <style>{STYLES + PROGRESS_STYLES}</style>
            <div className="dp-toolbar">
                <b>Labelling progress</b>
                {answer?.report && <Filters answer={answer} query={query} setQuery={setQuery} />}
                <div className="dp-group dp-end">
                    <span className="dp-dim" data-testid="dp-report-state">{isLoading ? "counting…" : ""}</span>
                    <button className="dp-button" onClick={() => promptOperator("@densepose/annotator/export_edit_log")}>
                        Export…
                    </button>
                    <button className="dp-button" disabled={isLoading} onClick={refresh} data-testid="dp-report-refresh">
                        Refresh
                    </button>
                </div>
            </div>
            <div className="dp-report-body">
                {problem && <p className="dp-problem">The numbers are not up to date: {problem}</p>}
                {answer ? <Body answer={answer} query={query} /> : !problem && <p className="dp-dim">Counting…</p>}
            </div>
        </div>
    );
}

function Body({ answer: { report, forecast }, query }: { answer: Answer; query: ProgressQuery }) {
    if (!report || !forecast) {
        return (
            <div className="dp-nothing">
                <h3>There is nothing to review yet</h3>
                <p>This dataset has no labelled people. Annotate its photos, or import a COCO-DensePose file.</p>
                <button className="dp-button" onClick={() => promptOperator("@densepose/annotator/annotate_people")}>
                    Annotate people
                </button>
            </div>
        );
    }
    const isAll = query.since === null && query.until === null && query.by === null;
    if (!report.total.seconds && !report.total.edits) {
        return (
            <div className="dp-nothing">
                <h3>{isAll ? "Nobody has edited anything yet" : "Nothing was done in this period"}</h3>
                <p>
                    {isAll
                        ? "Open the panel Review people, write your name at the bottom right, and approve or correct people. Each edit counts here, with the time it took."
                        : "Choose another period, or everybody."}
                </p>
                {isAll && (
                    <button className="dp-button" onClick={() => openPanel("densepose_review")}>
                        Review people
                    </button>
                )}
            </div>
        );
    }
    return (
        <>
            <Tiles report={report} forecast={forecast} />
            <DayChart days={report.days} />
            <Tables report={report} />
        </>
    );
}

interface FilterProps {
    answer: Answer;
    query: ProgressQuery;
    setQuery(query: ProgressQuery): void;
}

function Filters({ answer, query, setQuery }: FilterProps) {
    const [period, setPeriod] = React.useState<PeriodName>("all");
    const choose = (name: PeriodName) => {
        setPeriod(name);
        if (name === "all") setQuery({ ...query, since: null, until: null });
        else if (name !== "other") setQuery({ ...query, since: dayBefore(Number(name) - 1), until: null });
    };
    const dateInput = (name: "since" | "until", label: string) => (
        <input
            type="date"
            className="dp-date"
            aria-label={label}
            value={query[name] ?? ""}
            onChange={(event) => setQuery({ ...query, [name]: event.target.value || null })}
        />
    );
    return (
        <div className="dp-group">
            {answer.prefixes.length > 1 && (
                <select
                    aria-label="Labels"
                    value={answer.prefix}
                    onChange={(event) => setQuery({ ...query, prefix: event.target.value, by: null })}
                >
                    {answer.prefixes.map((prefix) => (
                        <option key={prefix}>{prefix}</option>
                    ))}
                </select>
            )}
            <select
                aria-label="Period"
                title="Days are those of UTC"
                data-testid="dp-report-period"
                value={period}
                onChange={(event) => choose(event.target.value as PeriodName)}
            >
                {Object.entries(PERIODS).map(([name, words]) => (
                    <option key={name} value={name}>
                        {words}
                    </option>
                ))}
            </select>
            {period === "other" && dateInput("since", "From")}
            {period === "other" && dateInput("until", "To")}
            <select
                aria-label="Annotator"
                data-testid="dp-report-by"
                value={query.by === null ? "everybody" : `=${query.by}`}
                onChange={({ target: { value } }) => setQuery({ ...query, by: value === "everybody" ? null : value.slice(1) })}
            >
                <option value="everybody">Everybody</option>
                {answer.by?.map((name) => (
                    <option key={name} value={`=${name}`}>
                        {name || "(no name)"}
                    </option>
                ))}
            </select>
        </div>
    );
}

/** A day as the server writes it, so many days before today. */
const dayBefore = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);
