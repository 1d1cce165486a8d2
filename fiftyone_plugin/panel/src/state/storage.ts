// Values in the browser's session storage: they outlive a reload of the page, but not its tab.

/** The stored value, `fallback` if there is none. */
export const readStored = <T>(key: string, fallback: T): T => JSON.parse(sessionStorage.getItem(key) ?? "null") ?? fallback;

export function store(key: string, value: unknown) {
    try {
        sessionStorage.setItem(key, JSON.stringify(value));
    } catch {
        // The storage is full: the page still has the value, only a reload would lose it.
    }
}
