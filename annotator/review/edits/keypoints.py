"""Setting a keypoint."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from annotator.labels.label_space import KEYPOINTS
from annotator.labels.people import Person
from annotator.review.edits.models import EditError, SetKeypoint
from annotator.review.edits.scene import Changes, Scene


def set_keypoint(scene: Scene, edit: SetKeypoint) -> Changes:
    person = scene.person(edit.kind, edit.person)
    width, height = scene.size
    if edit.visibility and not (0 <= edit.x <= width and 0 <= edit.y <= height):
        raise EditError(edit.kind, "lie outside the image", "x, y")
    keypoints, visibility = copied_keypoints(person)
    keypoints[edit.keypoint] = (edit.x, edit.y, 1.0) if edit.visibility else 0.0
    visibility[edit.keypoint] = edit.visibility
    removed = set(person.removed_keypoints) - {edit.keypoint} | (
        set() if edit.visibility else {edit.keypoint}
    )
    return {
        edit.person: replace(
            person, keypoints=keypoints, visibility=visibility, removed_keypoints=tuple(sorted(removed))
        )
    }


def without_removed(person: Person) -> Person:
    """A person without the keypoints that a human has removed."""
    if person.keypoints is None or not person.removed_keypoints:
        return person
    keypoints, visibility = copied_keypoints(person)
    removed = list(person.removed_keypoints)
    keypoints[removed], visibility[removed] = 0, 0
    return replace(person, keypoints=keypoints, visibility=visibility)


def copied_keypoints(person: Person) -> tuple[np.ndarray, np.ndarray]:
    """Copies of a person's (17, 3) keypoints and (17,) visibility; missing ones are zero."""
    blank = np.zeros((len(KEYPOINTS), 3), np.float32)
    return (blank if person.keypoints is None else person.keypoints.copy()), person.seen().copy()
