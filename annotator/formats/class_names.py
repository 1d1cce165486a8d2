"""What other tools' files call people and COCO's keypoints."""

from __future__ import annotations

import re

from annotator.coco.categories import keypoint_index
from annotator.labels.label_space import KEYPOINTS

PERSON = "person"
"""What a mask or box of a person is called in the files that are written."""
SKELETON = "person skeleton"
"""What a skeleton of keypoints is called, where a tool gives a label one kind of shape only."""
KEYPOINT_LABELS = tuple(name.replace(" ", "_") for name in KEYPOINTS)
_PERSON = re.compile(r"(a )?(person|people|human|pedestrian)s?($|[\W_])", re.IGNORECASE)


def is_person(label: str) -> bool:
    """Whether a label means a person: ``person``, ``Person_skeleton``, ``human``."""
    return bool(_PERSON.match(label.strip()))


def find_keypoint(label: str) -> int | None:
    """The index in :data:`~annotator.labels.label_space.KEYPOINTS` of a keypoint by its name, in whatever spelling, or its
    number in COCO's order from 1; ``None`` for other labels."""
    if label.isascii() and label.isdigit() and len(label) < 3 and 0 < int(label) <= len(KEYPOINTS):
        return int(label) - 1
    return keypoint_index(label)
