// The name of a file, shortened where it is too long: names of one dataset begin alike, and their ends tell them apart.

const END = 14;

export function FileName({ path }: { path: string }) {
    const name = path.split("/").pop()!;
    return (
        <span className="dp-file">
            <span>{name.slice(0, -END)}</span>
            {name.slice(-END)}
        </span>
    );
}
