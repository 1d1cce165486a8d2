// Points and lines in image pixels.

export type Point = [x: number, y: number];

export const distance = (a: Point, b: Point) => Math.hypot(a[0] - b[0], a[1] - b[1]);

/** A line without the points that lie within `tolerance` of it (Ramer, Douglas and Peucker). */
export function simplifyLine(line: Point[], tolerance: number): Point[] {
    if (line.length < 3) return line;
    const [first, last] = [line[0], line[line.length - 1]];
    const length = distance(first, last);
    let [farthest, most] = [0, 0];
    for (let i = 1; i < line.length - 1; i++) {
        const [x, y] = [line[i][0] - first[0], line[i][1] - first[1]];
        const off = length
            ? Math.abs(x * (last[1] - first[1]) - y * (last[0] - first[0])) / length
            : distance(line[i], first);
        if (off > most) [farthest, most] = [i, off];
    }
    if (most <= tolerance) return [first, last];
    const start = simplifyLine(line.slice(0, farthest + 1), tolerance);
    return [...start.slice(0, -1), ...simplifyLine(line.slice(farthest), tolerance)];
}

/** A line whose neighbouring points are farther apart than `tolerance`. */
export const withoutRepeats = (line: Point[], tolerance: number) =>
    line.filter((point, i) => !i || distance(point, line[i - 1]) > tolerance);

/** x, y, width and height of the rectangle between two corners. */
export const boxBetween = ([x0, y0]: Point, [x1, y1]: Point): [number, number, number, number] =>
    [Math.min(x0, x1), Math.min(y0, y1), Math.abs(x1 - x0), Math.abs(y1 - y0)];
