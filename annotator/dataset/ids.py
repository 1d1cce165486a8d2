"""COCO ids of images and people, which stay the same from export to export."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from annotator.coco.parsing import MAX_ID
from annotator.dataset.fields import Fields
from annotator.dataset.label_checks import is_whole
from annotator.dataset.store import write_values
from annotator.dataset.views import with_lists

if TYPE_CHECKING:
    import fiftyone as fo


def assign_ids(dataset: fo.Dataset, fields: Fields) -> None:
    """Assign an id to images and people that have none, or one that is used twice; saved in the dataset."""
    labels = f"{fields.people}.detections"
    key = f"{labels}.annotation_id"
    samples = with_lists(dataset.exists(fields.people), labels)
    images = dict(zip(*samples.values(["id", fields.image_id]), strict=True))
    columns = samples.values([f"{labels}.id", key])
    people = {
        (sample, label): number
        # A label that was copied to another sample has the same id there.
        for sample, ids, numbers in zip(images, *columns, strict=True)
        for label, number in zip(ids or [], numbers or [], strict=True)
        if label is not None
    }
    write_values(dataset, _new_ids(images), fields.image_id)
    write_values(dataset, _new_ids(people), key)


def _new_ids(ids: dict[Any, Any]) -> dict[Any, int]:
    """New ids for the keys without one; of keys with the same id the first one keeps it.

    They follow the highest, or are the lowest that are free where there is no room after it. What is no number stays: the
    photo cannot be read until somebody corrects it.
    """
    used: set[int] = set()
    missing = []
    for key, number in ids.items():
        if number is None or (is_whole(number) and number in used):
            missing.append(key)
        elif is_whole(number):
            used.add(int(number))
    start = max(used, default=0) + 1
    if start + len(missing) > MAX_ID:
        start = 1
    free = (number for number in count(start) if number not in used)
    return dict(zip(missing, free, strict=False))
