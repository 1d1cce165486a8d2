// What outlives a reload of the page, but not its tab.

/** The value that was kept last, `otherwise` if none was. */
export const kept = <T>(key: string, otherwise: T): T => JSON.parse(sessionStorage.getItem(key) ?? "null") ?? otherwise;

export function keep(key: string, value: unknown) {
    try {
        sessionStorage.setItem(key, JSON.stringify(value));
    } catch {
        // The browser's store is full: the page still has the value, only a reload would lose it.
    }
}
