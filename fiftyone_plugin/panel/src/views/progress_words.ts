// Numbers of the progress in words.

/** A rate, or a dash where there is nothing to divide by. */
export const ratio = (a: number, b: number, digits = 0) => (b > 0 && a >= 0 ? number(a / b, digits) : "–");

export const number = (value: number, digits = 0) =>
    value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

export const percent = (a: number, b: number) => (b > 0 ? `${Math.round((100 * a) / b)} %` : "–");

/** Active time: seconds, minutes or hours. */
export function duration(seconds: number): string {
    if (seconds < 60) return `${number(seconds)} s`;
    if (seconds < 3600) return `${number(seconds / 60)} min`;
    return `${number(seconds / 3600, seconds < 36_000 ? 1 : 0)} h`;
}

export const dayOf = (date: string) =>
    new Date(`${date}T00:00Z`).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

export const nameOf = (author: string) => author || "(no name)";
