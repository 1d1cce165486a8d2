"""Moving a person as a whole, and pasting people of another image."""

from __future__ import annotations

from dataclasses import replace
from secrets import token_hex

import numpy as np

from annotator.geometry.boxes import box_iou, clip_box
from annotator.geometry.crops import crop_to_mask, recrop
from annotator.labels.people import Person, Provenance
from annotator.review.edits.layers import SURFACE_ROWS, take_pixels, without_pixels
from annotator.review.edits.models import EditError, Move, Paste
from annotator.review.edits.scene import Changes, Scene

MOST_TAKEN = 0.5
"""Share of a copy's pixels that other people have, or IoU of its box with theirs, from which it is left out: that is who is labelled already."""


def move(scene: Scene, edit: Move) -> Changes:
    person = scene.person(edit.kind, edit.person)
    if not (edit.dx or edit.dy):
        return {}
    moved = _moved(person, edit.dx, edit.dy, scene.size)
    if moved is None:
        raise EditError(edit.kind, "the person would lie outside of the image", "dx, dy")
    others = {key: other for key, other in scene.people.items() if key != edit.person}
    return {edit.person: moved} | (take_pixels(moved, others) if moved.mask is not None else {})


def paste(scene: Scene, edit: Paste) -> Changes:
    size, file_name, people = scene.copied_people(edit.source)
    if size != scene.size:
        problem = f"{file_name} has another size, {size[0]} × {size[1]}: its people have no place here"
        raise EditError(edit.kind, problem, "source")
    added: Changes = {}
    for key in edit.copied:
        if key not in people:
            raise EditError(edit.kind, f"{file_name} does not have that person any more", "copied")
        copy = _free_copy(scene, people[key])
        if copy is not None:
            provenance = Provenance(model=copy.provenance.model, comment=f"copied from {file_name}")
            added[token_hex(12)] = replace(copy, provenance=provenance, id=None, extra={}, quality={})
    if not added:
        raise EditError(edit.kind, "everybody who was copied is labelled here already", "copied")
    return added


def _free_copy(scene: Scene, person: Person) -> Person | None:
    """The person without the pixels that others have; ``None`` if those are most of them, or of one who is only a box if
    somebody has about the same."""
    if person.mask is None or not person.mask.any():
        others = [other.box for key, other in scene.people.items() if key not in scene.rejected]
        return None if any(box_iou(person.box, box) > MOST_TAKEN for box in others) else person
    taken = np.zeros_like(person.mask)
    for key, other in scene.people.items():
        if key not in scene.rejected and other.mask is not None and not other.crowd:
            taken |= recrop(other, person.box).mask
    taken &= person.mask
    if np.count_nonzero(taken) > MOST_TAKEN * np.count_nonzero(person.mask):
        return None
    return without_pixels(person, taken)


def _moved(person: Person, dx: int, dy: int, size: tuple[int, int]) -> Person | None:
    """The person at another place; what leaves the image is cut off. ``None`` if nothing is left."""
    x, y, w, h = person.box
    box = x + dx, y + dy, w, h
    inside = clip_box(box, size)
    if not (inside[2] and inside[3]):
        return None
    changes: dict = {"box": box}
    for name in SURFACE_ROWS:
        rows = getattr(person, name)
        if rows is not None:
            rows = rows + np.array([dx, dy, 0, 0, 0], rows.dtype)
            kept = ((rows[:, :2] >= inside[:2]) & (rows[:, :2] < np.add(inside[:2], inside[2:]))).all(axis=1)
            changes[name] = rows[kept]
    if person.keypoints is not None:
        keypoints, seen = person.keypoints.copy(), person.seen().copy()
        keypoints[seen > 0, :2] += (dx, dy)
        gone = (seen > 0) & ~((keypoints[:, :2] >= 0) & (keypoints[:, :2] <= size)).all(axis=1)
        keypoints[gone], seen[gone] = 0, 0
        changes |= {"keypoints": keypoints, "visibility": seen}
    moved = recrop(replace(person, **changes), inside)
    if person.mask is not None and person.mask.any() and not moved.mask.any():
        return None
    return crop_to_mask(moved)
