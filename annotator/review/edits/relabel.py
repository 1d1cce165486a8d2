"""People labelled anew by the network inside of pixels that are known, without losing what humans said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from annotator.labels.people import Person
from annotator.review.edits.keypoints import copied_keypoints, without_removed
from annotator.review.edits.layers import extend_labels, on_mask
from annotator.review.edits.scene import Scene
from annotator.review.edits.surface import with_points_updated
from annotator.surface import refit
from annotator.surface.body import load_body

BY_HAND = 1.0
"""Confidence of a keypoint that a human has set; no network is as sure."""


def relabel(scene: Scene, people: Sequence[Person]) -> list[Person]:
    """People with the network's parts, charts, U, V and keypoints inside of their masks.

    Surface points and keypoints that a human has set hold, and removed keypoints do not come back; what was painted or swapped by hand, or comes from no model,
    stays as it is. So do all labels of a person in whose mask the network sees nobody, or if it cannot be used.
    """
    if scene.label_masks is None:
        return list(people)
    return [
        person if found is None else with_labels_of(person, found)
        for person, found in zip(people, scene.label_masks(people), strict=True)
    ]


def with_labels_of(person: Person, found: Person) -> Person:
    """A person with the labels that the network has ``found`` inside of its mask, save for what a human has made."""
    changes: dict = {"quality": dict(found.quality)}
    issues = {name: value for name, value in found.issues.items() if name == "mask_border"}
    if not has_surface(person) or not is_by_hand(person, "surface"):
        surface = extend_labels(found, found.mask)
        changes |= {name: getattr(surface, name) for name in ("parts", "charts", "u", "v")}
    if not has_keypoints(person) or not is_by_hand(person, "keypoints"):
        (keypoints, seen), (ours, our_seen) = copied_keypoints(found), copied_keypoints(person)
        kept = set_by_hand(person)
        changes["keypoints"] = np.where(kept[:, None], ours, keypoints)
        changes["visibility"] = np.where(kept, our_seen, seen)
    if person.provenance.model or not (has_surface(person) or has_keypoints(person)):
        changes["provenance"] = replace(person.provenance, model=found.provenance.model)
    person = without_removed(replace(person, issues=person.issues | issues, **changes))
    if "charts" not in changes:
        return person
    if person.corrections is not None:
        rows = person.corrections[on_mask(person, person.corrections)]
        person = refit.refit(person, rows, load_body()) if len(rows) else person
    return with_points_updated(person)


def set_by_hand(person: Person) -> np.ndarray:
    """(17,) bool, the keypoints that a human has set, or of a layer that a human has made."""
    keypoints, seen = copied_keypoints(person)
    return (seen > 0) & (is_by_hand(person, "keypoints") | (keypoints[:, 2] >= BY_HAND))


def is_by_hand(person: Person, layer: str) -> bool:
    """Whether a human made this layer, one of :data:`annotator.labels.people.HAND_MADE`: labels of no model count, too."""
    return layer in person.hand_made or not person.provenance.model


def has_surface(person: Person) -> bool:
    """Whether any pixel has a part or a chart."""
    return any(layer is not None and layer.any() for layer in (person.parts, person.charts))


def has_keypoints(person: Person) -> bool:
    """Whether any keypoint is there."""
    return person.keypoints is not None and bool(person.seen().any())
