// Drawings of 16 × 16 for tools and empty places, one path each.

const circle = (x: number, y: number, r: number) => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;

const PATHS: Record<string, string> = {
    select: "M4 2l8.5 6.5-4.2.7L6.2 13z",
    keypoints: `${circle(3.5, 4, 1.5)}${circle(8, 8.5, 1.5)}${circle(13, 5, 1.5)}M4.6 5.1l2.3 2.3M9.2 7.6l2.6-1.7M8 10v4`,
    brush: "M14 2L8.5 7.5M8.5 7.5C6 7 4.5 8.5 4.3 10.5c-.1 1.4-1 2-2.3 2 2 1.5 6.5 1.6 7.3-2 .3-1.3 0-2.3-.8-3z",
    polygon: "M3 6.5L8.5 2 14 6l-2.5 7.5H5z",
    bucket: "M6.5 2.5l6.5 6.5-5 4.5L2.5 8zM5 1l1.5 1.5M14.2 10.5c1 1.5 1 3 0 3s-1-1.5 0-3z",
    split: "M8 1.5v2M8 6v2M8 10.5v2M8 14.5v.5M5.5 4H2.5v8h3M10.5 4h3v8h-3",
    heads: `${circle(4.5, 4.5, 2)}${circle(11.5, 4.5, 2)}M1.5 13.5c0-3 1-4.5 3-4.5s3 1.5 3 4.5M8.5 13.5c0-3 1-4.5 3-4.5s3 1.5 3 4.5`,
    merge: "M3 2v2.5c0 3.5 5 3 5 6.5v3M13 2v2.5C13 8 8 7.5 8 11M5.8 12L8 14.2 10.2 12",
    add: `${circle(6, 4.5, 2.2)}M1.5 14c0-3.5 1.7-5 4.5-5s4.5 1.5 4.5 5M13 5v5M10.5 7.5h5`,
    surface: "M2.5 3.5c3.5 1.5 7.5 1.5 11 0v9c-3.5 1.5-7.5 1.5-11 0zM2.5 8c3.5 1.5 7.5 1.5 11 0M6 4.3v9M10 4.3v9",
    click: "M6.5 6.5l7.5 3-3.3 1.3-1.3 3.4zM6.5 1.5v2M1.5 6.5h2M3 3l1.4 1.4M10 3L8.6 4.4M3 10l1.4-1.4",
    move: "M8 1.5v13M1.5 8h13M6 3.5l2-2 2 2M6 12.5l2 2 2-2M3.5 6l-2 2 2 2M12.5 6l2 2-2 2",
    paste: `M6 5h8v9.5H6zM10 5V1.5H2V11h4${circle(10, 8, 1.2)}M7.9 12.6c0-2 .7-2.7 2.1-2.7s2.1.7 2.1 2.7`,
    person: `${circle(8, 4.5, 2.5)}M3 14.5c0-4 1.8-5.5 5-5.5s5 1.5 5 5.5`,
    broken: "M2 3h12v10H2zM2 10.5l3.5-3.5 2 2.5 1.5-1 2 3M10 3l-1 2.5 1.5 1",
    done: `${circle(8, 8, 6)}M5 8.2l2.2 2.3L11.2 6`,
    filters: "M2 3h12L9.5 8.5v5l-3-1.5V8.5z",
    folder: "M2 4h4l1.5 1.5H14v7.5H2z",
};

/** Nothing for a name without a drawing. */
export function Drawing({ name, size = 14 }: { name: string; size?: number }) {
    if (!PATHS[name]) return null;
    return (
        <svg
            width={size}
            height={size}
            viewBox="0 0 16 16"
            fill="none"
            stroke="currentColor"
            strokeWidth={size > 20 ? 1 : 1.4}
            strokeLinecap="round"
            strokeLinejoin="round"
            aria-hidden
        >
            <path d={PATHS[name]} />
        </svg>
    );
}
