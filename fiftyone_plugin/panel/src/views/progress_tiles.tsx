// The numbers that matter most.

import type { Forecast, Report } from "../api/progress";
import { dayOf, duration, number, ratio } from "./progress_words";

export function Tiles({ report: { total, photos }, forecast }: { report: Report; forecast: Forecast }) {
    const untouched = photos.find(({ name }) => name === "nothing to correct");
    const hours = total.seconds / 3600;
    return (
        <div className="dp-tiles">
            <Tile name="people" value={number(total.people)} words="people done" more={`${number(forecast.open)} still open`} />
            <Tile name="rate" value={ratio(total.people, hours)} words="people an hour" more={`${ratio(total.seconds, total.people)} s a person`} />
            <Tile
                name="photo"
                value={ratio(total.seconds / 60, total.photos, 1)}
                words="minutes a photo"
                more={untouched ? `${ratio(untouched.seconds / 60, untouched.photos, 1)} where nothing was wrong` : `${number(total.photos)} photos`}
            />
            <Tile name="time" value={duration(total.seconds)} words="of active work" more={`${number(total.edits)} edits`} />
            <ForecastTile forecast={forecast} />
        </div>
    );
}

function ForecastTile({ forecast: { open, hours, dates } }: { forecast: Forecast }) {
    if (!open) return <Tile name="forecast" value="Done" words="nobody is open" more="" />;
    const left = hours && `${work(hours[0])} of work left (${work(hours[1])} to ${hours[2] === null ? "much more" : work(hours[2])})`;
    if (!dates) {
        const why = "A date needs three days of work.";
        return <Tile name="forecast" value={hours ? work(hours[0]) : "–"} words="of work left" more={left ? `95 %: ${work(hours[1])} to ${hours[2] === null ? "much more" : work(hours[2])}` : why} />;
    }
    const [expected, least, most] = dates;
    const range = `95 %: ${dayOf(least)} to ${most ? dayOf(most) : "no end in sight"}`;
    return <Tile name="forecast" value={dayOf(expected)} words="is the end at the rate of the last two weeks" more={left ? `${range}; ${left}` : range} />;
}

const work = (hours: number) => duration(hours * 3600);

function Tile({ name, value, words, more }: { name: string; value: string; words: string; more: string }) {
    return (
        <div className="dp-tile" data-testid={`dp-tile-${name}`}>
            <div className="dp-tile-value">{value}</div>
            <div>{words}</div>
            <div className="dp-dim">{more}</div>
        </div>
    );
}
