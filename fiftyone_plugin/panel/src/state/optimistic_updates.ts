// People as they will be once the pending edits are saved, as far as the panel can tell.

import { type Edit, personKeys, possibleKey, singleEdits } from "../api/types";
import type { Image } from "./image_loader";
import { KEYPOINTS } from "./labels";
import type { Job } from "./saver";

export const addsPerson = (edit: Edit) =>
    edit.kind.startsWith("add") || ["accept_possible", "paste"].includes(edit.kind) || (edit.kind === "click" && !edit.person);

/** Change the people of one image as the jobs on it will. */
export function applyPending(image: Image, jobs: Job[]) {
    const { people, possible } = image;
    image.adding = jobs.filter(({ edit }) => typeof edit !== "string" && addsPerson(edit)).length;
    for (const edit of jobs.flatMap(({ edit }) => (typeof edit === "string" ? [] : singleEdits(edit)))) {
        possible.delete(possibleKey(edit) ?? "");
        if (edit.kind === "nobody") {
            image.nobody = edit.nobody;
            if (edit.nobody) possible.clear();
        }
        const [key, ...merged] = personKeys(edit);
        for (const gone of edit.kind === "delete" ? [key] : merged) people.delete(gone);
        const person = people.get(key);
        if (!person) continue;
        if (edit.kind === "decide") {
            person.state = edit.state;
            person.comment = edit.comment ?? person.comment;
        } else [person.state, person.edited] = ["edited", true];
        if (edit.kind === "set_keypoint") {
            const { keypoint, visibility, x, y } = edit;
            person.keypoints ??= KEYPOINTS.map(() => [0, 0, 0, 0]);
            person.keypoints[keypoint] = visibility ? [x!, y!, 1, visibility] : [0, 0, 0, 0];
        }
    }
}
