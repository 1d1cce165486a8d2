"""Whether two labelled people of a photo are the same person."""

from __future__ import annotations

import numpy as np

from annotator.geometry.boxes import Box, box_iou, overlap_slices
from annotator.labels.people import Person

OVERLAP = 0.5
"""A new person and one who was kept are the same if they share more than this of the smaller of their masks, or, if
one has no pixels or is a crowd, if the IoU of their boxes is more than this."""


def overlaps_more(box: Box, deleted: list[Box], replaced: list[Box]) -> bool:
    """Whether a box has an IoU above :data:`OVERLAP` with one that was deleted, and a higher one than with all replaced."""
    best = max((box_iou(box, other) for other in deleted), default=0.0)
    return best > OVERLAP and best > max((box_iou(box, other) for other in replaced), default=0.0)


def is_same(person: Person, kept: Person) -> bool:
    """Whether a new person and one who was kept overlap by more than :data:`OVERLAP`."""
    if not (_has_pixels(person) and _has_pixels(kept)) or kept.crowd or person.crowd:
        return box_iou(person.box, kept.box) > OVERLAP
    here, there = overlap_slices(person.box, kept.box)
    both = np.count_nonzero(person.mask[here] & kept.mask[there])
    return both > OVERLAP * min(np.count_nonzero(person.mask), np.count_nonzero(kept.mask))


def _has_pixels(person: Person) -> bool:
    return person.mask is not None and bool(person.mask.any())
