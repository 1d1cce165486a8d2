"""Painting the mask and the parts: brush, polygon and bucket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from annotator.geometry import regions
from annotator.geometry.boxes import Box, clip_box, union_box
from annotator.geometry.crops import crop_to_mask, recrop
from annotator.review.edits.layers import (
    extend_labels,
    take_pixels,
    with_mask,
    with_part,
    with_part_layer,
    without_pixels,
)
from annotator.review.edits.models import EditError, Fill, FillArea, Paint
from annotator.review.edits.scene import Changes, Scene


def paint(scene: Scene, edit: Paint) -> Changes:
    points = np.array(edit.points)
    return _draw(scene, edit, edit.radius, lambda box: regions.stroke(points, edit.radius, box))


def fill(scene: Scene, edit: Fill) -> Changes:
    points = np.array(edit.points)
    return _draw(scene, edit, 0.0, lambda box: regions.polygon(points, box))


def _draw(scene: Scene, edit: Paint | Fill, margin: float, shape: Callable[[Box], np.ndarray]) -> Changes:
    """Paint or erase a shape, which gives the pixels (h, w) of a box that it covers.

    ``margin`` is how far the shape reaches beyond the points.
    """
    person = scene.person(edit.kind, edit.person)
    low, high = np.min(edit.points, axis=0) - margin, np.max(edit.points, axis=0) + margin
    touched = clip_box((*low, *(high - low)), scene.size)
    # Off the image, or a polygon that is a line.
    if not all(touched[2:]) or (high <= low).any():
        return {}
    if edit.erase:
        touched = person.box
    person = recrop(with_mask(person), union_box(person.box, touched))
    drawn = shape(person.box)
    if edit.erase and edit.layer == "mask":
        return {edit.person: without_pixels(person, drawn)}
    if edit.erase:
        return {edit.person: with_part(person, drawn & person.mask, 0)}
    fresh = drawn & ~person.mask
    person = replace(person, mask=person.mask | drawn)
    if edit.layer == "part":
        person = with_part(person, drawn, edit.part)
    # What is taken from the background may be another's.
    others = {key: other for key, other in scene.people.items() if key != edit.person}
    taken = take_pixels(replace(person, mask=fresh), others)
    return {
        edit.person: crop_to_mask(extend_labels(person, fresh if edit.layer == "mask" else drawn))
    } | taken


def fill_area(scene: Scene, edit: FillArea) -> Changes:
    person = scene.person(edit.kind, edit.person)
    if person.mask is None:
        raise EditError(edit.kind, "this person has no mask to fill", "person")
    column, row = (
        int(np.floor(at - start)) for at, start in zip((edit.x, edit.y), person.box[:2], strict=True)
    )
    if not (0 <= row < person.box[3] and 0 <= column < person.box[2] and person.mask[row, column]):
        raise EditError(edit.kind, "the place does not lie on the person", "x, y")
    person = with_part_layer(person)
    # Blank pixels inside the mask are an area, those outside are not.
    where = regions.connected_area(np.where(person.mask, person.parts, np.uint8(255)), row, column)
    return {edit.person: extend_labels(with_part(person, where, edit.part), where)}
