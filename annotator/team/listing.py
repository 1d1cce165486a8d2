"""What the queue and the panel show of a team's work: stages, who works on what, and what waits for whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from annotator.dataset.fields import Fields
from annotator.team.expressions import holder
from annotator.team.fields import TeamFields
from annotator.team.stages import DONE, LABEL, REVIEW, STAGES

if TYPE_CHECKING:
    import fiftyone as fo

    from annotator.dataset.photo_index import Summaries

KINDS = ("mine", "returned", LABEL, REVIEW, DONE)
"""Of photos, by which the queue is filtered: labelled by the author or worked on now, handed back to the author, at the stage
``label``, to be reviewed by the author, done."""


def work_filter(work: str, author: str, review_own: bool) -> dict[str, Any]:
    """A filter of summaries (:mod:`annotator.dataset.photo_summary`) for the photos of one of :data:`KINDS`.

    Args:
        author: as whom one of the team sees it.
        review_own: whether photos are reviewed by those who have labelled them.
    """
    if work == "mine" and author:
        is_held = {"work.lease.by": author, "$expr": {"$gt": ["$work.lease.until", "$$NOW"]}}
        return {"$or": [{"work.annotators": author}, is_held]}
    if work == "returned" and author:
        return {"stage": STAGES.index(LABEL), "work.returned_to": author}
    if work not in STAGES:
        return {"_id": None}
    others = {"work.annotators": {"$ne": author}} if work == REVIEW and not review_own else {}
    return {"stage": STAGES.index(work), **others}


def count_kinds(
    photos: Summaries, by_stage: Mapping[str, int], author: str, review_own: bool
) -> dict[str, int]:
    """The numbers of the photos of each of :data:`KINDS`.

    Args:
        by_stage: numbers of photos by the number of their stage.
    """

    def count(match: dict[str, Any]) -> int:
        return next((row["n"] for row in photos.aggregate([{"$match": match}, {"$count": "n"}])), 0)

    counts = {name: count(work_filter(name, author, review_own)) for name in ("mine", "returned")}
    counts |= {stage: by_stage.get(str(number), 0) for number, stage in enumerate(STAGES)}
    if not review_own:
        counts[REVIEW] -= count({"work.annotators": author, "stage": STAGES.index(REVIEW)})
    return counts


def photo_work(dataset: fo.Dataset, fields: Fields, sample_id: str) -> dict[str, Any]:
    """The work on one photo, for the panel: ``stage``, ``holder``, ``annotators``, ``returned_to``, ``comment``, and
    ``history`` with times in ISO 8601, UTC. All is empty if nobody has worked on it."""
    from bson import ObjectId

    names = TeamFields(fields)
    columns = {"stage": f"${names.stage}", "holder": holder(names.work), "work": f"${names.work}"}
    match = {"$match": {"_id": ObjectId(sample_id)}}
    found = next(iter(dataset._sample_collection.aggregate([match, {"$project": columns}])), {})
    work = found.get("work") or {}
    return {
        "stage": found.get("stage") or LABEL,
        "holder": found.get("holder"),
        "annotators": work.get("annotators") or [],
        "returned_to": work.get("returned_to"),
        "comment": work.get("comment") or "",
        "history": [
            entry | {"time": f"{entry['time'].isoformat(timespec='seconds')}Z"}
            for entry in work.get("history") or []
        ],
    }
