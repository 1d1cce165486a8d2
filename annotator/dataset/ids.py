"""COCO ids of images and people, which stay the same from export to export."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from annotator.coco.parsing import MAX_ID
from annotator.dataset.fields import Fields

if TYPE_CHECKING:
    import fiftyone as fo


def assign_ids(dataset: fo.Dataset, fields: Fields) -> None:
    """Assign an id to images and people that have none, or one that is used twice; saved in the dataset."""
    key = f"{fields.people}.detections.annotation_id"
    samples = dataset.exists(fields.people)
    images = dict(zip(*samples.values(["id", fields.image_id]), strict=True))
    labels = samples.values([f"{fields.people}.detections.id", key])
    people = {
        label: number
        for ids, numbers in zip(*labels, strict=True)
        for label, number in zip(ids or [], numbers or [], strict=True)
    }
    if missing := _new_ids(images):
        dataset.set_values(fields.image_id, missing, key_field="id")
    if missing := _new_ids(people):
        dataset.set_label_values(key, missing)


def _new_ids(ids: dict[str, int | None]) -> dict[str, int]:
    """New ids for the keys without one; of keys with the same id the first one keeps it.

    They follow the highest, or are the lowest that are free where there is no room after it.
    """
    used: set[int] = set()
    missing = []
    for key, number in ids.items():
        if number is None or number in used:
            missing.append(key)
        else:
            used.add(number)
    start = max(used, default=0) + 1
    if start + len(missing) > MAX_ID:
        start = 1
    free = (number for number in count(start) if number not in used)
    return dict(zip(missing, free, strict=False))
