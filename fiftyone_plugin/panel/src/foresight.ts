// People as they will be once the edits that wait are saved, as far as the panel can tell.

import { type Edit, singles, type State } from "./calls";
import { KEYPOINTS } from "./labels";
import type { Person } from "./people";
import type { Job } from "./saver";

/** Of the people that an edit names; those after the first are merged with that one. */
export const keysOf = ({ person, people }: Edit) => (people ?? (person ? [person] : [])) as string[];

/** Change people by key, those of one image, as the jobs on it will. */
export function foresee(people: Map<string, Person>, jobs: Job[]) {
    for (const edit of jobs.flatMap(({ edit }) => (typeof edit === "string" ? [] : singles(edit)))) {
        const [key, ...merged] = keysOf(edit);
        for (const gone of edit.kind === "delete" ? [key] : merged) people.delete(gone);
        const person = people.get(key);
        if (!person) continue;
        if (edit.kind === "decide") {
            person.state = edit.state as State;
            person.comment = (edit.comment as string | undefined) ?? person.comment;
        } else [person.state, person.edited] = ["edited", true];
        if (edit.kind === "set_keypoint") {
            const { x, y, visibility } = edit as unknown as { x: number; y: number; visibility: number };
            person.keypoints ??= KEYPOINTS.map(() => [0, 0, 0, 0]);
            person.keypoints[edit.keypoint as number] = visibility ? [x, y, 1, visibility] : [0, 0, 0, 0];
        }
    }
}
