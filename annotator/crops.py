"""A person's box-cropped arrays: moved to another box, compared with another's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from annotator.people import Person

Box = tuple[int, int, int, int]
ARRAYS = ("mask", "parts", "charts", "u", "v")


def recrop(person: Person, box: Box) -> Person:
    """The same person with arrays that cover ``box``; what lies outside of it is lost, new pixels are 0."""
    if box == person.box:
        return person
    arrays = {name: _moved(getattr(person, name), person.box, box) for name in ARRAYS}
    return replace(person, box=box, **arrays)


def tight(person: Person) -> Person:
    """The same person in the smallest box around the mask; one without mask pixels stays as it is."""
    if person.mask is None or not person.mask.any():
        return person
    rows, columns = np.flatnonzero(person.mask.any(axis=1)), np.flatnonzero(person.mask.any(axis=0))
    x, y = person.box[:2]
    low, high = (int(columns[0]), int(rows[0])), (int(columns[-1]), int(rows[-1]))
    return recrop(person, (x + low[0], y + low[1], high[0] - low[0] + 1, high[1] - low[1] + 1))


def around(*boxes: Box) -> Box:
    """The smallest box around all."""
    x0, y0 = min(box[0] for box in boxes), min(box[1] for box in boxes)
    x1, y1 = max(box[0] + box[2] for box in boxes), max(box[1] + box[3] for box in boxes)
    return x0, y0, x1 - x0, y1 - y0


def clipped(box: tuple[float, float, float, float], size: tuple[int, int]) -> Box:
    """The whole pixels that a box touches inside an image of ``size`` (width, height); w or h may be 0."""
    x0, y0 = (int(np.clip(np.floor(box[i]), 0, size[i])) for i in (0, 1))
    x1, y1 = (int(np.clip(np.ceil(box[i] + box[i + 2]), 0, size[i])) for i in (0, 1))
    return x0, y0, max(x1 - x0, 0), max(y1 - y0, 0)


def overlap(a: Person, b: Person) -> float:
    """IoU of two masks in image coordinates."""
    x0, y0 = max(a.box[0], b.box[0]), max(a.box[1], b.box[1])
    x1 = min(a.box[0] + a.box[2], b.box[0] + b.box[2])
    y1 = min(a.box[1] + a.box[3], b.box[1] + b.box[3])
    if x1 <= x0 or y1 <= y0:
        return 0.0
    both = np.count_nonzero(_within(a, x0, y0, x1, y1) & _within(b, x0, y0, x1, y1))
    return both / max(np.count_nonzero(a.mask) + np.count_nonzero(b.mask) - both, 1)


def _moved(array: np.ndarray | None, old: Box, new: Box) -> np.ndarray | None:
    if array is None:
        return None
    moved = np.zeros(new[3:1:-1], array.dtype)
    x0, y0 = max(old[0], new[0]), max(old[1], new[1])
    x1, y1 = min(old[0] + old[2], new[0] + new[2]), min(old[1] + old[3], new[1] + new[3])
    if x0 < x1 and y0 < y1:
        seen = array[y0 - old[1] : y1 - old[1], x0 - old[0] : x1 - old[0]]
        moved[y0 - new[1] : y1 - new[1], x0 - new[0] : x1 - new[0]] = seen
    return moved


def _within(person: Person, x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    x, y = person.box[:2]
    return person.mask[y0 - y : y1 - y, x0 - x : x1 - x]
