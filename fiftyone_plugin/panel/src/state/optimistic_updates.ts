// People as they will be once the pending edits are saved, as far as the panel can tell.

import { personKeys, type PersonState, singleEdits } from "../api/types";
import { KEYPOINTS } from "./labels";
import type { Person } from "./people";
import type { Job } from "./saver";

/** Change the people of one image, by key, as the jobs on it will. */
export function applyPending(people: Map<string, Person>, jobs: Job[]) {
    for (const edit of jobs.flatMap(({ edit }) => (typeof edit === "string" ? [] : singleEdits(edit)))) {
        const [key, ...merged] = personKeys(edit);
        for (const gone of edit.kind === "delete" ? [key] : merged) people.delete(gone);
        const person = people.get(key);
        if (!person) continue;
        if (edit.kind === "decide") {
            person.state = edit.state as PersonState;
            person.comment = (edit.comment as string | undefined) ?? person.comment;
        } else [person.state, person.edited] = ["edited", true];
        if (edit.kind === "set_keypoint") {
            const { x, y, visibility } = edit as unknown as { x: number; y: number; visibility: number };
            person.keypoints ??= KEYPOINTS.map(() => [0, 0, 0, 0]);
            person.keypoints[edit.keypoint as number] = visibility ? [x, y, 1, visibility] : [0, 0, 0, 0];
        }
    }
}
