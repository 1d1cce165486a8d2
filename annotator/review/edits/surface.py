"""Correcting the surface: single pixels, or left and right, front and back swapped."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from annotator.labels.label_space import CHART_TO_PART, with_mirrored
from annotator.labels.people import Person
from annotator.review.edits.layers import on_mask, pixels_of
from annotator.review.edits.models import CorrectSurface, EditError, SwapDepth, SwapSides
from annotator.review.edits.scene import Changes, Scene
from annotator.surface import refit
from annotator.surface.body import load_body


def correct_surface(scene: Scene, edit: CorrectSurface) -> Changes:
    person = scene.person(edit.kind, edit.person)
    rows = np.array(edit.corrections)
    if person.mask is None or not on_mask(person, rows).all():
        raise EditError(edit.kind, "a point does not lie on the person", "corrections")
    rows = rows.astype(np.float32)
    if person.corrections is not None:
        # A new correction replaces an older one of the same pixel; other tools may have taken the pixel away.
        again = (np.floor(person.corrections[:, None, :2]) == np.floor(rows[None, :, :2])).all(-1).any(1)
        rows = np.concatenate([person.corrections[~again & on_mask(person, person.corrections)], rows])
    corrected = refit.refit(person, rows, load_body())
    return {edit.person: with_points_updated(replace(corrected, corrections=rows))}


def swap_sides(scene: Scene, edit: SwapSides) -> Changes:
    person = scene.person(edit.kind, edit.person)
    both = None if edit.parts is None else with_mirrored(edit.parts)
    swapped = refit.swap_sides(person, edit.parts)
    return {edit.person: replace(swapped, corrections=_corrections_of_others(person, both))}


def swap_depth(scene: Scene, edit: SwapDepth) -> Changes:
    person = scene.person(edit.kind, edit.person)
    if person.charts is None:
        raise EditError(edit.kind, "this person has no charts to swap", "person")
    swapped = refit.swap_depth(person, load_body(), edit.parts)
    corrections = _corrections_of_others(person, edit.parts)
    return {edit.person: with_points_updated(replace(swapped, corrections=corrections))}


def with_points_updated(person: Person) -> Person:
    """Surface points with the values of the dense labels at their pixels, where these have any."""
    if person.points is None or person.charts is None:
        return person
    points = person.points.copy()
    rows, columns = pixels_of(points, person.box)
    here = on_mask(person, points) & (person.charts[rows, columns] > 0)
    dense = [layer[rows, columns] for layer in (person.charts, person.u, person.v)]
    points[here, 2:] = np.column_stack(dense)[here]
    return replace(person, points=points)


def _corrections_of_others(person: Person, parts: Collection[int] | None) -> np.ndarray | None:
    """(n, 5) the corrections that still hold once ``parts``, None for all, are swapped."""
    if parts is None or person.corrections is None:
        return None
    others = ~np.isin(CHART_TO_PART[person.corrections[:, 2].astype(int)], list(parts))
    return person.corrections[others] if others.any() else None
