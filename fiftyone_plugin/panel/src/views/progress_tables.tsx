// The numbers by annotator, tool, edit, issue, and part of the body.

import type { Report, Row } from "../api/progress";
import { duration, nameOf, number, percent, ratio } from "./progress_words";

type Column = [title: string, value: (row: Row) => string];

const EDITS: Column = ["edits", ({ edits }) => number(edits)];
const PEOPLE: Column = ["people", ({ people }) => number(people)];
const TIME: Column = ["time", ({ seconds }) => duration(seconds)];
const AN_EDIT: Column = ["s an edit", ({ seconds, edits }) => ratio(seconds, edits)];
const A_PERSON: Column = ["s a person", ({ seconds, people }) => ratio(seconds, people)];
/** How far an annotator agrees with others on the same photos. */
const AGREEMENT = [["masks, IoU", "mask"], ["keypoints, OKS", "keypoints"]];
const SHOWN = 10;

export function Tables({ report }: { report: Report }) {
    return (
        <div className="dp-tables">
            <Table
                title="Annotators"
                rows={report.authors.map((row) => ({ ...row, name: nameOf(row.name) }))}
                columns={[
                    ["people done", ({ people }) => number(people)],
                    ["an hour", ({ people, seconds }) => ratio(people, seconds / 3600)],
                    A_PERSON,
                    ["photos", ({ photos }) => number(photos)],
                    ["min a photo", ({ seconds, photos }) => ratio(seconds / 60, photos, 1)],
                    EDITS,
                    TIME,
                    ...AGREEMENT.filter(([, task]) => report.authors.some(({ agreement }) => task in agreement)).map(
                        ([title, task]): Column => [title, ({ agreement }) => agreement[task]?.toFixed(2) ?? "–"],
                    ),
                ]}
            />
            <Table
                title="Issues of the model"
                help="By the worst issue that a person had before anybody edited it. Right: the share of them that was corrected."
                rows={report.issues}
                columns={[PEOPLE, ["right", ({ corrected, people }) => percent(corrected, people)], A_PERSON, TIME]}
            />
            <Table title="Most often corrected" help="Keypoints, parts and charts." rows={report.targets} columns={[EDITS]} />
            <Table title="Tools" rows={report.tools} columns={[EDITS, AN_EDIT, TIME]} />
            <Table title="Edits" rows={report.kinds} columns={[EDITS, AN_EDIT, TIME]} />
            <Table
                title="Photos"
                help="Where nothing was to correct, the time is from opening a photo to the decision."
                rows={report.photos}
                columns={[["photos", ({ photos }) => number(photos)], ["min a photo", ({ seconds, photos }) => ratio(seconds / 60, photos, 1)], TIME]}
            />
        </div>
    );
}

function Table({ title, help, rows, columns }: { title: string; help?: string; rows: Row[]; columns: Column[] }) {
    const [isWhole, setWhole] = React.useState(false);
    if (!rows.length) return null;
    return (
        <section data-testid={`dp-table-${title.split(" ")[0].toLowerCase()}`}>
            <table>
                <thead>
                    <tr>
                        <th title={help}>
                            <span className={help && "dp-explained"}>{title}</span>
                        </th>
                        {columns.map(([name]) => (
                            <th key={name} className="dp-number">
                                {name}
                            </th>
                        ))}
                    </tr>
                </thead>
                <tbody>
                    {(isWhole ? rows : rows.slice(0, SHOWN)).map((row) => (
                        <tr key={row.name}>
                            <td title={row.name}>{row.name}</td>
                            {columns.map(([name, value]) => (
                                <td key={name} className="dp-number">
                                    {value(row)}
                                </td>
                            ))}
                        </tr>
                    ))}
                </tbody>
            </table>
            {rows.length > SHOWN && (
                <button className="dp-chip" onClick={() => setWhole(!isWhole)}>
                    {isWhole ? "Fewer" : `All ${rows.length}`}
                </button>
            )}
        </section>
    );
}
