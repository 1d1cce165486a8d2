"""Adding and deleting people, and deciding whether a possible person is one."""

from __future__ import annotations

from secrets import token_hex

import numpy as np

from annotator.geometry.boxes import Box, FloatBox, clip_box
from annotator.geometry.crops import recrop
from annotator.labels.people import Person
from annotator.review.edits.layers import take_pixels, without_pixels
from annotator.review.edits.models import AcceptPossible, Add, AddEmpty, Delete, DismissPossible, EditError
from annotator.review.edits.scene import Changes, Scene

MIN_BOX_SIDE = 4
"""Pixels of the shorter side of a box that can hold a person."""


def add(scene: Scene, edit: Add) -> Changes:
    return _label_box(scene, edit.kind, edit.box)


def accept_possible(scene: Scene, edit: AcceptPossible) -> Changes:
    return _label_box(scene, edit.kind, scene.possible_person(edit.kind, edit.possible).box)


def dismiss_possible(scene: Scene, edit: DismissPossible) -> Changes:
    scene.possible_person(edit.kind, edit.possible)
    return {}


def _label_box(scene: Scene, kind: str, float_box: FloatBox) -> Changes:
    box = _pixel_box(scene, kind, float_box)
    if scene.label_box is None:
        raise EditError(kind, "there is no model to label the box", "box")
    person = scene.label_box(box)
    if person is None:
        problem = "nobody found in the box; draw it closer, or add an empty person and paint"
        raise EditError(kind, problem)
    mask, rejected = person.mask, scene.rejected
    for key, other in scene.people.items():
        if key not in rejected and other.mask is not None and not other.crowd:
            mask = mask & ~recrop(other, person.box).mask
    person = without_pixels(person, ~mask)
    if not person.mask.any():
        raise EditError(kind, "everybody in the box is labelled already; split a person instead")
    return {token_hex(12): person} | take_pixels(person, rejected)


def add_empty(scene: Scene, edit: AddEmpty) -> Changes:
    box = _pixel_box(scene, edit.kind, edit.box)
    return {token_hex(12): Person(box, mask=np.zeros(box[3:1:-1], bool))}


def delete(scene: Scene, edit: Delete) -> Changes:
    scene.person(edit.kind, edit.person)
    return {edit.person: None}


def _pixel_box(scene: Scene, kind: str, float_box: FloatBox) -> Box:
    box = clip_box(float_box, scene.size)
    if min(box[2:]) < MIN_BOX_SIDE:
        problem = f"the box must have {MIN_BOX_SIDE} or more pixels each way inside the image"
        raise EditError(kind, problem, "box")
    return box
