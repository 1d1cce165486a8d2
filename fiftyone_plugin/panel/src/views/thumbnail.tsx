// The picture of a row of the queue; until it comes, and for a photo that cannot be read, a drawn person.

import { Drawing } from "./icons";

export function Thumbnail({ url }: { url: string | null | undefined }) {
    return (
        <span className="dp-thumbnail" aria-hidden>
            {url ? <img src={url} alt="" data-testid="dp-thumbnail" /> : <Drawing name={url === null ? "broken" : "person"} size={18} />}
        </span>
    );
}
