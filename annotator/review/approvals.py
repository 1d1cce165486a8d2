"""Approving at once all predictions up to an issue score, after a spot check, and taking that back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.dataset.fields import Fields, require_fields
from annotator.dataset.info import remember_bulk_approval
from annotator.dataset.label_checks import LabelError, check_document, readable
from annotator.dataset.photo_file import find_change
from annotator.dataset.photo_index import Summaries
from annotator.dataset.photo_summary import kind
from annotator.dataset.store import (
    StoreError,
    find_document,
    find_without_masks,
    update_document,
)
from annotator.labels.people import DECIDED
from annotator.labels.quality import combined_score
from annotator.photos.reading import PhotoError
from annotator.review import undo
from annotator.team.edit_log import Edited, EditLog

if TYPE_CHECKING:
    import fiftyone as fo

    Samples = fo.core.collections.SampleCollection

AT_ONCE = 1000
"""Samples that are read at once."""
MAX_CHECK = 2000
"""Images that are drawn: more would be no spot check, and the panel asks for all of them by their ids."""
DECISION = ("review", "author", "time")
"""Attributes of a person's label that an approval sets."""
Decisions = dict[str, list[str | None]]
"""The values of :data:`DECISION`, by the id of a person's label."""


def spot_check(
    samples: Samples, fields: Fields, issue_score: float, share: float, seed: int
) -> dict[str, Any]:
    """A random choice of the images whose people :func:`approve_below` would approve, to be checked before.

    Args:
        issue_score: 0..1, of :func:`approve_below`.
        share: 0..1, of the images that are drawn.
        seed: of the draw.

    Returns:
        ``images`` and ``people``: how many would be approved; ``check``: ids of the images drawn, at most :data:`MAX_CHECK`.

    Raises:
        FieldError: as :func:`annotator.dataset.fields.check_people`.
    """
    counted = [*_predicted_below(issue_score), {"$project": {"people": {"$size": "$keys"}}}]
    chosen = {row["_id"]: row["people"] for row in Summaries(samples, fields).aggregate(counted)}
    ids, wanted = sorted(chosen), min(math.ceil(share * len(chosen)), MAX_CHECK)
    drawn = np.random.default_rng(seed).permutation(len(ids))[:wanted]
    return {"images": len(ids), "people": sum(chosen.values()), "check": [str(ids[i]) for i in drawn]}


def approve_below(
    samples: Samples,
    fields: Fields,
    issue_score: float,
    author: str,
    maps: Path,
    request_id: str,
    failures: dict[str, str] | None = None,
    begun: Callable[[int], None] = lambda images: None,
) -> Iterator[int]:
    """Approve the predictions that nobody reviewed with at most this issue score, image by image. Possible people stay to
    be decided. Images whose labels cannot be read, or whose photo has changed since it was labelled, are left out.

    The decisions before are on disk before the first person is approved.

    Args:
        issue_score: 0..1. People of unknown issue score are not approved.
        author: who approves.
        maps: the folder of the dataset's maps, beside which the decisions before are saved.
        request_id: 16 hexadecimal digits that no other approval has, by which :func:`take_back` finds it. Under
            one that was used before, that approval goes on with the people that it was about.
        failures: gets, by its path, why an image was left out; also one with people for which the database has no room.
        begun: called with the number of images, before the first.

    Yields:
        The number of people of an image that were approved.

    Raises:
        FieldError: as :func:`annotator.dataset.fields.check_people`.
        ValueError: not a request id.
    """
    folder, failures = _approvals(maps), {} if failures is None else failures
    if undo.find_token(folder, request_id) is None:
        approved = ["approved", author, datetime.now(timezone.utc).isoformat()]
        remember_bulk_approval(samples._dataset, fields.prefix, approved[-1])
        undo.save_rows(folder, approved, _predictions_below(samples, fields, issue_score), request_id)
    approved, images, before = undo.load_rows(folder, undo.find_token(folder, request_id))
    begun(images)
    for sample_id, old in before:
        new = dict.fromkeys(old, approved)
        count = _replace_decisions(samples._dataset, sample_id, fields, old, new, failures, same_photo=True)
        _record(samples._dataset, fields, approved[1], f"{request_id}-{sample_id}", sample_id, count)
        yield count


def take_back(
    dataset: fo.Dataset,
    fields: Fields,
    maps: Path,
    request_id: str,
    failures: dict[str, str] | None = None,
    begun: Callable[[int], None] = lambda images: None,
) -> Iterator[int]:
    """Undo :func:`approve_below`, except for people whom somebody has changed since, and for images whose labels cannot be
    read.

    Args:
        maps: the folder of the dataset's maps.
        request_id: of the approval.
        failures, begun: as of :func:`approve_below`.

    Yields:
        The number of people of an image who are as they were before. Nothing if there is no approval of that id:
        the server never heard of it, or it is older than :data:`annotator.review.undo.KEPT_DAYS` days.

    Raises:
        ValueError: not a request id.
    """
    token = undo.find_token(_approvals(maps), request_id)
    if token is None:
        return
    failures = {} if failures is None else failures
    approved, images, before = undo.load_rows(_approvals(maps), token)
    begun(images)
    for sample_id, old in before:
        count = _replace_decisions(dataset, sample_id, fields, dict.fromkeys(old, approved), old, failures)
        if EditLog(dataset, fields.prefix).has(f"{request_id}-{sample_id}"):
            _record(dataset, fields, approved[1], f"{request_id}+{sample_id}", sample_id, -count)
        yield count


def _record(
    dataset: fo.Dataset, fields: Fields, author: str, log_id: str, sample_id: str, count: int
) -> None:
    """Write to the log of edits how many people of a sample were approved; negative: were taken back."""
    document = find_document(dataset, sample_id, ["filepath"]) if count else None
    if document is not None:
        edited = Edited(sample_id, document["filepath"], author, log_id)
        EditLog(dataset, fields.prefix).record(
            edited, "bulk_approval" if count > 0 else "bulk_take_back", count
        )


def _refusal(document: dict[str, Any], fields: Fields, same_photo: bool) -> str | None:
    """Why the decisions on an image cannot be replaced unseen, if so."""
    try:
        check_document(document, fields)
        change = find_change(document["filepath"], document.get(fields.source)) if same_photo else None
    except (LabelError, PhotoError) as error:
        return str(error)
    return change and change.reason


def _approvals(maps: Path) -> Path:
    return undo.history_folder(maps) / "approvals"


def _replace_decisions(
    dataset: fo.Dataset,
    sample_id: str,
    fields: Fields,
    old: Decisions,
    new: Decisions,
    failures: dict[str, str],
    same_photo: bool = False,
) -> int:
    """Replace the decisions on some people of one sample, however often somebody else saves it meanwhile.

    An approval is of thousands of samples: no more of them is read than it needs, above all no masks.

    Args:
        old: the people whose decision is replaced; one who has another decision keeps it.
        new: what replaces it.
        failures: gets, by its path, why a sample was left out.
        same_photo: whether it is left out if its photo has changed since it was labelled.

    Returns:
        The number of people whose decision is the new one now.
    """
    field = f"{fields.people}.detections"
    require_fields(dataset, [fields.people])
    while document := find_without_masks(dataset, sample_id, fields):
        if reason := _refusal(document, fields, same_photo):
            failures[document["filepath"]] = reason
            return 0
        people = (document.get(fields.people) or {}).get("detections") or []
        values = {}
        for place, person in enumerate(people):
            key = str(person["_id"])
            if key in old and _decision(person) == old[key]:
                decision = dict(zip(DECISION, new[key], strict=True))
                person.update(decision)
                values |= {f"{field}.{place}.{name}": value for name, value in decision.items()}
        open_scores = [
            readable("issue_score", person.get("issue_score")) or 0.0
            for person in people
            if person.get("review") not in DECIDED
        ]
        missing = (document.get(fields.possible) or {}).get("detections") or []
        open_scores += [readable("confidence", label.get("confidence")) or 0.0 for label in missing]
        values |= {fields.issue_score: combined_score(open_scores)} if values else {}
        try:
            done = not values or update_document(dataset, document, values)
        except StoreError as error:
            failures[document["filepath"]] = str(error)
            return 0
        if done:
            return sum(_decision(person) == new.get(str(person["_id"])) for person in people)
    return 0


def _decision(person: dict[str, Any]) -> list[str | None]:
    return [person.get(name) for name in DECISION]


def _predicted_below(issue_score: float) -> list[dict[str, Any]]:
    """The stages that turn summaries into the images with such predictions, and the ids of their labels, ``keys``."""
    score = {"$arrayElemAt": ["$$p.scores", 0]}
    is_chosen = {
        "$and": [
            {"$eq": ["$$p.state", "predicted"]},
            {"$ne": [score, None]},
            {"$lte": [score, issue_score]},
        ]
    }
    chosen = {"$filter": {"input": "$people", "as": "p", "cond": is_chosen}}
    return [
        {"$match": {"kinds": kind("predicted")}},
        {"$project": {"keys": {"$map": {"input": chosen, "as": "p", "in": "$$p.key"}}}},
        {"$match": {"keys.0": {"$exists": True}}},
    ]


def _predictions_below(
    samples: Samples, fields: Fields, issue_score: float
) -> Iterator[tuple[str, Decisions]]:
    """The id of each image, and the predictions on it that :func:`approve_below` approves."""
    people = f"{fields.people}.detections"
    columns = [f"{people}.{name}" for name in ("_id", *DECISION)]
    rows = Summaries(samples, fields).aggregate([*_predicted_below(issue_score), {"$sort": {"_id": 1}}])
    while page := list(islice(rows, AT_ONCE)):
        keys = {row["_id"]: set(row["keys"]) for row in page}
        for document in samples._dataset._sample_collection.find({"_id": {"$in": list(keys)}}, columns):
            labels = (document.get(fields.people) or {}).get("detections") or []
            wanted = [label for label in labels if str(label.get("_id")) in keys[document["_id"]]]
            decisions = {
                str(label["_id"]): [readable(name, label.get(name)) for name in DECISION] for label in wanted
            }
            # Somebody may have decided since.
            decisions = {key: of for key, of in decisions.items() if of[0] in (None, "predicted")}
            if decisions:
                yield str(document["_id"]), decisions
