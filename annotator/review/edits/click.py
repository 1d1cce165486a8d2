"""Making and mending a person's mask by clicks, with the network's help."""

from __future__ import annotations

from dataclasses import replace
from secrets import token_hex

import numpy as np

from annotator.geometry.boxes import union_box
from annotator.geometry.crops import recrop
from annotator.labels.people import Person
from annotator.review.edits.layers import on_mask, take_pixels, with_mask, without_pixels
from annotator.review.edits.models import ClickOnPerson, EditError
from annotator.review.edits.relabel import with_labels_of
from annotator.review.edits.scene import Changes, Scene


def click(scene: Scene, edit: ClickOnPerson) -> Changes:
    width, height = scene.size
    if not all(0 <= x < width and 0 <= y < height for x, y, _ in edit.clicks):
        raise EditError(edit.kind, "a click lies outside of the image", "clicks")
    if scene.label_click is None:
        raise EditError(edit.kind, "there is no model to follow the clicks")
    before = None if edit.person is None else with_mask(scene.person(edit.kind, edit.person))
    found = scene.label_click(before, edit.clicks)
    if found is None:
        problem = (
            "nobody was found there; draw a box around the person"
            if before is None
            else "nothing would be left"
        )
        raise EditError(edit.kind, problem, "clicks")
    found = _without_others(scene, edit, found, before)
    if not found.mask.any():
        raise EditError(edit.kind, "somebody else has these pixels: click on that person", "clicks")
    if before is None:
        person, key = found, token_hex(12)
    else:
        person, key = with_labels_of(_with_pixels(before, found), found), edit.person
    others = {other: one for other, one in scene.people.items() if other != key}
    return {key: person} | take_pixels(person, others)


def _without_others(scene: Scene, edit: ClickOnPerson, found: Person, before: Person | None) -> Person:
    """What was found, without pixels that are somebody else's, unless the new click says that this person is there."""
    taken = np.zeros_like(found.mask)
    x, y, positive = edit.clicks[-1]
    last = np.array([[x, y]])
    for key, other in scene.people.items():
        if key == edit.person or other.mask is None or other.crowd or key in scene.rejected:
            continue
        if not (positive and on_mask(other, last)[0]):
            taken |= recrop(other, found.box).mask
    if before is not None:
        taken &= ~recrop(before, found.box).mask
    return without_pixels(found, taken & found.mask)


def _with_pixels(person: Person, found: Person) -> Person:
    """A person with the mask that was found, and its own labels where it had some."""
    box = union_box(person.box, found.box)
    person, mask = recrop(person, box), recrop(found, box).mask
    return without_pixels(replace(person, mask=mask), ~mask)
