// The photo before the open one, of the same folder: its people can be copied.

import { fetchPhotoBefore } from "../api/operators";
import { unpackPerson } from "./people";
import type { ReviewState } from "./review_state";

/** Ask the server for it, once for each image. */
export async function loadPhotoBefore(state: ReviewState) {
    const { image } = state;
    if (!image || state.before?.of === image.sample) return;
    const of = image.sample;
    state.before = { of, sample: null, fileName: "", people: [] };
    let isKnown = false;
    await state.reportErrors(async () => {
        const found = await fetchPhotoBefore({ ...state.scope, prefix: image.prefix }, of);
        const people = await Promise.all(found.people.map((person) => unpackPerson(person)));
        isKnown = true;
        if (state.image?.sample !== of) return;
        const fileName = found.sample ? found.filepath.split("/").pop()! : "";
        state.set({
            before: { of, sample: found.sample, fileName, people },
            message: found.sample ? "" : "No photo of this folder that comes before has people.",
        });
    });
    // The next time it is asked for again.
    if (!isKnown && state.before?.of === of) state.before = null;
}
