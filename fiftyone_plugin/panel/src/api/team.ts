// The operators with which a team works, see fiftyone_plugin/team.py.

import { callOperator, type Scope } from "./operators";
import type { PhotoWork, StageAction } from "./team_types";

/** Take the first of some photos that nobody has; null if all are taken. */
export const takeNext = (
    scope: Scope, author: string, candidates: string[], stage: string, leaving: string | null, resume: boolean,
) => callOperator<{ sample: string | null }>(scope, "team_next", { author, candidates, stage, leaving, resume });

/** Take a photo that is opened, or keep it, and leave the one before. */
export const takePhoto = (scope: Scope, author: string, sample: string, leaving: string | null) =>
    callOperator<PhotoWork>(scope, "team_take", { author, sample, leaving });

export const changeStage = (scope: Scope, author: string, sample: string, action: StageAction, comment: string) =>
    callOperator<PhotoWork>(scope, "team_stage", { author, sample, action, comment });
