/** "1 person", "2 people": a number with its noun. */
export function counted(count: number, one: string, many: string): string {
    return `${count} ${count === 1 ? one : many}`;
}

export const countedPeople = (count: number) => counted(count, "person", "people");
