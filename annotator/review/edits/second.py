"""Taking what a second annotator of the photo has labelled."""

from __future__ import annotations

from dataclasses import replace
from secrets import token_hex

from annotator.labels.people import BOX_ARRAYS, HAND_MADE
from annotator.review.edits.layers import SURFACE_ROWS, take_pixels
from annotator.review.edits.models import TakeSecond
from annotator.review.edits.scene import Changes, Scene

LAYERS = {
    "mask": ("box", *BOX_ARRAYS, *SURFACE_ROWS),
    "keypoints": ("keypoints", "visibility", "removed_keypoints"),
}
"""Attributes of a person, by what the edit calls them: parts and surface go with the mask. In the order of
:data:`~annotator.labels.people.HAND_MADE`."""


def take_second(scene: Scene, edit: TakeSecond) -> Changes:
    theirs = scene.second_person(edit.kind, edit.second)
    if edit.person is None:
        key, taken = token_hex(12), replace(theirs, id=None, extra={})
    else:
        key = edit.person
        names = [name for layer in edit.layers for name in LAYERS[layer]]
        ours = scene.person(edit.kind, key)
        hand_made = tuple(
            kind
            for kind, layer in zip(HAND_MADE, LAYERS, strict=True)
            if kind in (theirs if layer in edit.layers else ours).hand_made
        )
        taken = replace(ours, hand_made=hand_made, **{name: getattr(theirs, name) for name in names})
    if taken.mask is None or "mask" not in edit.layers:
        return {key: taken}
    others = {other: person for other, person in scene.people.items() if other != key}
    return {key: taken} | take_pixels(taken, others)
