// The name of a file, shortened at its beginning where it is too long: names of one dataset begin alike, and their ends tell them apart.

export function FileName({ path }: { path: string }) {
    return (
        <span className="dp-file">
            <bdi>{path.split("/").pop()}</bdi>
        </span>
    );
}
