"""COCO ids of images and people, which stay the same from export to export."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from typing import TYPE_CHECKING, Any

from annotator.coco.parsing import MAX_ID
from annotator.dataset.fields import Fields
from annotator.dataset.photo_index import Summaries
from annotator.dataset.store import write_values

if TYPE_CHECKING:
    import fiftyone as fo

AT_ONCE = 5000
"""Ids that are written at once."""
_IMAGES = [{"$project": {"number": "$image_id"}}]
_PEOPLE = [
    {"$unwind": {"path": "$people", "includeArrayIndex": "place"}},
    {"$match": {"people.key": {"$ne": ""}}},
    # A label that was copied to another sample has the same id there.
    {"$project": {"label": "$people.key", "number": "$people.id", "place": 1}},
]
"""The stages that turn summaries into images, and into people, in their order."""


def assign_ids(dataset: fo.Dataset, fields: Fields) -> None:
    """Assign an id to images and people that have none, or one that is used twice; saved in the dataset.

    What this takes grows with the number of those that have none, not with the dataset.
    """
    photos = Summaries(dataset, fields)
    _assign(photos, _IMAGES, dataset, fields.image_id)
    _assign(photos, _PEOPLE, dataset, f"{fields.people}.detections.annotation_id")


def _assign(photos: Summaries, entries: list[dict[str, Any]], dataset: fo.Dataset, path: str) -> None:
    """New ids for those without one; of those with the same id the first one keeps it.

    They follow the highest, or are the lowest that are free where there is no room after it. What is no number stays: the
    photo cannot be read until somebody corrects it.
    """
    ids = [
        *entries,
        {"$match": {"number": {"$type": "number"}}},
        {"$group": {"_id": "$number", "n": {"$sum": 1}}},
    ]
    twice = [row["_id"] for row in photos.aggregate([*ids, {"$match": {"n": {"$gt": 1}}}])]
    wanted = {"$match": {"number": {"$in": [None, *twice]}}}
    ordered = [{"$sort": {"_id": 1}}, *entries, wanted]
    missing = next((row["n"] for row in photos.aggregate([*entries, wanted, {"$count": "n"}])), 0)
    if not missing:
        return
    highest = next((row["max"] for row in photos.aggregate([*ids, _MAX])), 0)
    if highest + missing <= MAX_ID:
        free: Iterator[int] = count(max(highest, 0) + 1)
    else:
        used = {row["_id"] for row in photos.aggregate(ids)}
        free = (number for number in count(1) if number not in used)
    new, kept = photos.aggregate(ordered), set()
    while rows := list(islice(new, AT_ONCE)):
        values: dict[Any, int] = {}
        for row in rows:
            if row["number"] is not None and row["number"] not in kept:
                kept.add(row["number"])
                continue
            sample = str(row["_id"])
            values[(sample, row["label"]) if "label" in row else sample] = next(free)
        write_values(dataset, values, path)


_MAX = {"$group": {"_id": None, "max": {"$max": "$_id"}}}
