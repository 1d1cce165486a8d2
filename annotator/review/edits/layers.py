"""A person's layers (mask, parts, charts, U, V, surface points) changed together, so that they keep agreeing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from annotator.geometry import regions
from annotator.geometry.boxes import Box
from annotator.geometry.crops import crop_to_mask, recrop
from annotator.labels.label_space import CHART_TO_PART
from annotator.labels.people import Person
from annotator.review.edits.scene import Changes

SURFACE_ROWS = ("points", "corrections")
"""Attributes of a person: one row per pixel of which the place on the body is known."""


def with_mask(person: Person) -> Person:
    """A person with a mask; a missing one is made of the pixels that have a part or a chart."""
    if person.mask is not None:
        return person
    labelled = [layer > 0 for layer in (person.parts, person.charts) if layer is not None]
    return replace(person, mask=np.any([np.zeros(person.box[3:1:-1], bool), *labelled], axis=0))


def with_part_layer(person: Person) -> Person:
    """A person with parts; missing ones are those of the charts."""
    if person.parts is not None:
        return person
    blank = np.zeros(person.box[3:1:-1], np.uint8)
    return replace(person, parts=blank if person.charts is None else CHART_TO_PART[person.charts])


def without_pixels(person: Person, removed: np.ndarray) -> Person:
    """A person without the pixels of a (h, w) bool array, in the smallest box around the rest."""
    changes = {"mask": person.mask & ~removed}
    for name in ("parts", "charts", "u", "v"):
        array = getattr(person, name)
        if array is not None:
            changes[name] = np.where(removed, array.dtype.type(0), array)
    for name in SURFACE_ROWS:
        rows = getattr(person, name)
        changes[name] = None if rows is None else rows[~removed[pixels_of(rows, person.box)]]
    return crop_to_mask(replace(person, **changes))


def with_part(person: Person, where: np.ndarray, part: int) -> Person:
    """A person with one part in the pixels of a (h, w) bool array; part 0 takes their chart, too."""
    person = with_part_layer(person)
    changes = {"parts": np.where(where, np.uint8(part), person.parts)}
    if part == 0 and person.charts is not None:
        changes["charts"] = np.where(where, np.uint8(0), person.charts)
    for name in SURFACE_ROWS:
        rows = getattr(person, name)
        if rows is not None:
            # What was said of the surface of another part does not hold any more.
            same = CHART_TO_PART[rows[:, 2].astype(int)] == part
            changes[name] = rows[same | ~where[pixels_of(rows, person.box)]]
    return replace(person, **changes)


def take_pixels(taker: Person, others: Mapping[str, Person]) -> Changes:
    """The others, without the pixels that they share with the taker's mask: a pixel is of one person."""
    changes: Changes = {}
    for key, other in others.items():
        if other.mask is not None and not other.crowd:
            taken = recrop(taker, other.box).mask & other.mask
            if taken.any():
                changes[key] = without_pixels(other, taken)
    return changes


def extend_labels(person: Person, where: np.ndarray) -> Person:
    """A person whose painted pixels have labels, too: those of the nearest pixels that have some.

    A painted part keeps its part and gets charts, U and V from the nearest pixel of the same part; a part
    that was nowhere before has none until its surface is corrected.

    Args:
        person: with a mask.
        where: (h, w) bool, the painted pixels.
    """
    if person.parts is not None and person.parts.any():
        person = replace(person, parts=person.parts.copy())
        _copy_from_nearest(person.parts > 0, where & (person.parts == 0), person.parts)
    if person.charts is None or not person.charts.any():
        return person
    charts, u, v = person.charts.copy(), person.u.copy(), person.v.copy()
    of_charts = CHART_TO_PART[charts]
    parts = of_charts if person.parts is None else person.parts
    wrong = where & ((of_charts != parts) | (charts == 0))
    sources = np.where(wrong, np.uint8(0), of_charts)
    groups = np.unique(parts[wrong]) if person.parts is not None else np.zeros(1, np.uint8)
    for part in groups.tolist():
        here = wrong if person.parts is None else wrong & (parts == part)
        known = sources == part if part else sources > 0
        if known.any():
            _copy_from_nearest(known, here, charts, u, v)
        else:
            charts[here] = 0
    return replace(person, charts=charts, u=u, v=v)


def _copy_from_nearest(known: np.ndarray, where: np.ndarray, *layers: np.ndarray) -> None:
    """Give pixels the values of the nearest known ones, in place; none of them is known itself."""
    if where.any():
        rows, columns = (index[where] for index in regions.nearest_known(known, where))
        for layer in layers:
            layer[where] = layer[rows, columns]


def pixels_of(points: np.ndarray, box: Box) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of the box's pixel nearest to each of (n, 2…) points, which begin with x, y."""
    columns, rows = np.clip(np.floor(points[:, :2] - box[:2]), 0, np.array(box[2:]) - 1).astype(int).T
    return rows, columns


def on_mask(person: Person, points: np.ndarray) -> np.ndarray:
    """(n,) bool: which points, (n, 2…), lie on a pixel of the person's mask, or of its box if it has no mask."""
    rows, columns = pixels_of(points, person.box)
    inside = (np.floor(points[:, :2] - person.box[:2]) == np.column_stack([columns, rows])).all(axis=1)
    return inside if person.mask is None else inside & person.mask[rows, columns]
