// What is known of how many predictions up to an issue score are wrong, and what to do if that is too little.

import type { ErrorRate } from "../api/types";
import { percent } from "../state/labels";
import { countedPeople } from "./counted";

interface ErrorRateNoteProps {
    rate: ErrorRate;
    issueScore: number;
    use(issueScore: number): void;
    /** Share of the images that are to be checked, 0..1. */
    check(share: number): void;
}

export function ErrorRateNote({ rate, issueScore, use, check }: ErrorRateNoteProps) {
    const { proposed, max_wrong, confidence } = rate;
    const step = stepAt(rate, issueScore);
    const isKnown = proposed !== null && issueScore <= proposed;
    return (
        <div className={`dp-note ${isKnown ? "dp-good" : ""}`} data-testid="dp-error-rate">
            <span>
                {step.decided
                    ? `Decided by hand up to ${issueScore.toFixed(2)}: ${countedPeople(step.decided)}, ${step.wrong} wrong.`
                    : `Nobody up to ${issueScore.toFixed(2)} is decided by hand yet.`}{" "}
                {isKnown
                    ? `Of the rest at most ${percent(Math.max(stepAt(rate, proposed).at_most, 0.01))} are wrong (${percent(confidence)} sure).`
                    : advice(step, max_wrong)}
            </span>
            {proposed !== null && proposed !== issueScore && (
                <button className="dp-button" onClick={() => use(proposed)}>
                    {`Use ${proposed.toFixed(2)}: ${countedPeople(stepAt(rate, proposed).people)}, at most ${percent(max_wrong)} wrong`}
                </button>
            )}
            {!isKnown && step.more > 0 && step.more <= step.people && (
                <button className="dp-button" onClick={() => check(step.more / step.people)}>
                    {`Check ${Math.ceil((100 * step.more) / step.people)} % of them`}
                </button>
            )}
        </div>
    );
}

function advice({ decided, wrong, more, people }: ErrorRate["steps"][number], maxWrong: number): string {
    if (!people) return "Nobody is left up to this score.";
    if (decided && wrong / decided > 2 * maxWrong) return "That is too many: choose a lower score, or go on with the queue.";
    if (more > people) return "There are too few to be sure of the rest without looking: go on with the queue.";
    if (!more) return `Lower it to be sure that at most ${percent(maxWrong)} of the rest are wrong.`;
    return `${more} more without a mistake would show that at most ${percent(maxWrong)} of the rest are wrong.`;
}

const stepAt = ({ steps }: ErrorRate, issueScore: number) => steps[Math.round(issueScore * (steps.length - 1))];
