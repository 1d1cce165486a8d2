/** "200,000": many digits are hard to read. */
export const digits = (count: number) => count.toLocaleString("en");

/** "1 person", "2 people": a number with its noun. */
export function counted(count: number, one: string, many: string): string {
    return `${digits(count)} ${count === 1 ? one : many}`;
}

export const countedPeople = (count: number) => counted(count, "person", "people");
