"""The arrays of a person cropped to another box, and compared with those of another person."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from annotator.geometry.boxes import Box, bounding_box, overlap_slices
from annotator.labels.people import BOX_ARRAYS, Person


def recrop(person: Person, box: Box) -> Person:
    """The same person with arrays that cover ``box``; what lies outside of it is lost, new pixels are 0."""
    if box == person.box:
        return person
    arrays = {name: _moved(getattr(person, name), person.box, box) for name in BOX_ARRAYS}
    return replace(person, box=box, **arrays)


def crop_to_mask(person: Person) -> Person:
    """The same person in the smallest box around the mask; one without mask pixels stays as it is."""
    inner = None if person.mask is None else bounding_box(person.mask)
    if inner is None:
        return person
    x, y, w, h = inner
    return recrop(person, (person.box[0] + x, person.box[1] + y, w, h))


def shared_area(a: Person, b: Person) -> int:
    """Pixels that the masks of two people have in common."""
    in_a, in_b = overlap_slices(a.box, b.box)
    return np.count_nonzero(a.mask[in_a] & b.mask[in_b])


def person_iou(a: Person, b: Person) -> float:
    """IoU of the masks of two people, 0..1, on the image."""
    both = shared_area(a, b)
    return both / max(np.count_nonzero(a.mask) + np.count_nonzero(b.mask) - both, 1)


def _moved(array: np.ndarray | None, old: Box, new: Box) -> np.ndarray | None:
    if array is None:
        return None
    moved = np.zeros(new[3:1:-1], array.dtype)
    here, there = overlap_slices(new, old)
    moved[here] = array[there]
    return moved
