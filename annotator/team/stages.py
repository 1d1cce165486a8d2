"""The stages of a photo: it is labelled, then reviewed, then done; a reviewer hands back what is not good, with a comment.

Who did what and when is kept. Of one photo the stage is changed in a single step, from the stage that it was at.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from annotator.dataset.fields import Fields
from annotator.dataset.photo_summary import STAGES
from annotator.dataset.store import object_ids
from annotator.labels.messages import short
from annotator.team.expressions import appended, event, with_name
from annotator.team.fields import TeamFields, declare_team_fields, has_team_fields
from annotator.team.settings import TeamError, check_author, read_settings

if TYPE_CHECKING:
    import fiftyone as fo

LABEL, REVIEW, DONE = STAGES
MAX_COMMENT = 2000
"""Characters of a comment."""


@dataclass(frozen=True)
class Action:
    """A change of the stage."""

    before: tuple[str, ...]
    after: str
    words: str
    """What was done, for messages."""


ACTIONS = {
    "send": Action((LABEL,), REVIEW, "sent to review"),
    "done": Action((REVIEW,), DONE, "done"),
    "hand_back": Action((REVIEW, DONE), LABEL, "handed back"),
}
"""What people do; the history has also ``reopen`` (of a photo that was edited when it was done) and ``relabel`` (of one whose
file was replaced and that was labelled anew)."""


def change_stage(
    dataset: fo.Dataset, fields: Fields, sample_id: str, action: str, author: str, comment: str = ""
) -> None:
    """Take a photo to its next stage, or hand it back to whoever sent it; the author's lease ends.

    Args:
        action: one of :data:`ACTIONS`. One that the author has just done is not done twice.
        author: who does it; one of the annotators cannot be the reviewer, unless the settings allow it.
        comment: to the annotator; needed to hand a photo back.

    Raises:
        TeamError: it cannot be done: an unknown action, no name, no comment, another stage, or the author's own photo.
    """
    if action not in ACTIONS:
        raise TeamError(f"action: {short(action)} is none of {', '.join(ACTIONS)}")
    comment = comment.strip()[:MAX_COMMENT]
    check_author(author)
    if action == "hand_back" and not comment:
        raise TeamError("comment: is missing: say what is to be changed")
    declare_team_fields(dataset, fields)
    names, wanted = TeamFields(fields), ACTIONS[action]
    work = names.work
    condition: dict[str, Any] = {
        names.stage: {"$in": [*wanted.before, *([None] if LABEL in wanted.before else [])]}
    }
    if action == "done" and not read_settings(dataset).review_own:
        condition[f"{work}.annotators"] = {"$ne": author}
    by_author = {"$eq": [f"${work}.lease.by", {"$literal": author}]}
    values: dict[str, Any] = {
        names.stage: wanted.after,
        f"{work}.lease": {"$cond": [by_author, None, f"${work}.lease"]},
        f"{work}.skipped": [],
        f"{work}.history": appended(f"{work}.history", event(author, action, comment)),
        f"{work}.returned_to": f"${work}.sent_by" if action == "hand_back" else None,
        f"{work}.comment": {"$literal": comment},
        f"{work}.changed": "$$NOW",
    }
    if action == "send":
        values[f"{work}.sent_by"] = {"$literal": author}
        values[f"{work}.annotators"] = with_name(f"{work}.annotators", author)
    key = next(iter(object_ids([sample_id])), None)
    if dataset._sample_collection.update_one({**condition, "_id": key}, [{"$set": values}]).matched_count:
        return
    found = dataset._sample_collection.find_one({"_id": key}, [names.stage, work])
    if found is None:
        raise TeamError(f"{dataset.name!r} has no sample {short(sample_id)} any more")
    stage = found.get(names.stage) or LABEL
    last = ((found.get(work) or {}).get("history") or [{}])[-1]
    if stage == wanted.after and (last.get("author"), last.get("action")) == (author, action):
        return  # the answer was lost
    if stage in wanted.before:
        raise TeamError(
            "you have labelled this photo yourself: somebody else reviews it (see “Team settings”)"
        )
    who = f": {last['author']} was faster" if last.get("author") not in (None, author) else ""
    raise TeamError(f"not {wanted.words}: the photo is at the stage “{stage}” by now{who}")


def finished_samples(dataset: fo.Dataset, fields: Fields) -> set[str]:
    """Ids of the samples that a human has sent to review, or that are done: no run replaces predictions there."""
    return _finished(dataset, fields, {}) if has_team_fields(dataset, fields) else set()


def finished_among(dataset: fo.Dataset, fields: Fields, sample_ids: Collection[str]) -> set[str]:
    """Those of :func:`finished_samples` that are among these, also where a team has begun in another process."""
    return _finished(dataset, fields, {"_id": {"$in": object_ids(sample_ids)}})


def _finished(dataset: fo.Dataset, fields: Fields, condition: dict[str, Any]) -> set[str]:
    stages = {TeamFields(fields).stage: {"$in": [REVIEW, DONE]}}
    return {str(found["_id"]) for found in dataset._sample_collection.find(condition | stages, ["_id"])}


def restart(dataset: fo.Dataset, fields: Fields, sample_id: str, comment: str) -> None:
    """Put a photo whose labels were replaced back to the first stage; nothing if it was there."""
    names = TeamFields(fields)
    history = appended(f"{names.work}.history", event("", "relabel", comment))
    values = {names.stage: LABEL, f"{names.work}.history": history, f"{names.work}.changed": "$$NOW"}
    values |= dict.fromkeys((f"{names.work}.returned_to", f"{names.work}.sent_by"), None)
    values |= {f"{names.work}.annotators": [], f"{names.work}.comment": ""}
    condition = {"_id": next(iter(object_ids([sample_id])), None), names.stage: {"$in": [REVIEW, DONE]}}
    dataset._sample_collection.update_one(condition, [{"$set": values}])
