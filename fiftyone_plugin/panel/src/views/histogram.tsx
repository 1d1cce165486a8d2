import { countedPeople } from "./counted";

/** Bars of equal steps from 0 to 1. */
export function Histogram({ counts }: { counts: number[] }) {
    const most = Math.max(...counts, 1);
    return (
        <div className="dp-histogram">
            {counts.map((count, i) => {
                const [from, to] = [i / counts.length, (i + 1) / counts.length];
                const height = `${Math.ceil((100 * count) / most)}%`;
                return <div key={i} style={{ height }} title={`${from.toFixed(2)}–${to.toFixed(2)}: ${countedPeople(count)}`} />;
            })}
        </div>
    );
}
