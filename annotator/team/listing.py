"""What the queue and the panel show of a team's work: stages, who works on what, and what waits for whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from annotator.dataset.fields import Fields
from annotator.team.expressions import holder
from annotator.team.fields import TeamFields, has_team_fields
from annotator.team.settings import read_settings
from annotator.team.stages import DONE, LABEL, REVIEW, STAGES

if TYPE_CHECKING:
    import fiftyone as fo

KINDS = ("mine", "returned", LABEL, REVIEW, DONE)
"""Of photos, by which the queue is filtered: labelled by the author or worked on now, handed back to the author, at the stage
``label``, to be reviewed by the author, done."""


@dataclass(frozen=True)
class PhotoWork:
    """The work on a photo."""

    stage: str = LABEL
    holder: str | None = None
    """Who works on it now."""
    annotators: tuple[str, ...] = ()
    returned_to: str | None = None


class TeamWork:
    """The work on all photos of a dataset, as one of the team sees it.

    Args:
        author: whose work it is.
    """

    def __init__(self, dataset: fo.Dataset, fields: Fields, author: str) -> None:
        self._author, self._review_own = author, read_settings(dataset).review_own
        self._photos = _read_work(dataset, fields)

    def of(self, sample_id: str) -> PhotoWork:
        """The work on one photo."""
        return self._photos.get(sample_id, _UNTOUCHED)

    def kinds(self, sample_id: str) -> list[str]:
        """Those of :data:`KINDS` that the photo is."""
        work, author = self.of(sample_id), self._author
        is_annotator = author in work.annotators
        kinds = []
        if author and (is_annotator or work.holder == author):
            kinds.append("mine")
        if author and work.stage == LABEL and work.returned_to == author:
            kinds.append("returned")
        if work.stage != REVIEW or self._review_own or not is_annotator:
            kinds.append(work.stage)
        return kinds


_UNTOUCHED = PhotoWork()


def _read_work(dataset: fo.Dataset, fields: Fields) -> dict[str, PhotoWork]:
    """By the ids of the samples that anybody has worked on."""
    if not has_team_fields(dataset, fields):
        return {}
    names = TeamFields(fields)
    columns = {
        "stage": f"${names.stage}",
        "holder": holder(names.work),
        "annotators": f"${names.work}.annotators",
        "returned_to": f"${names.work}.returned_to",
    }
    touched = {"$match": {names.work: {"$type": "object"}}}
    found = dataset._sample_collection.aggregate([touched, {"$project": columns}])
    return {
        str(row["_id"]): PhotoWork(
            row["stage"] if row.get("stage") in STAGES else LABEL,
            row.get("holder"),
            tuple(row.get("annotators") or ()),
            row.get("returned_to"),
        )
        for row in found
    }


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
