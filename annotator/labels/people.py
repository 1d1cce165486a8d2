"""Value types: one labelled person, and the people of one image.

Image coordinates everywhere: x to the right, y down, in pixels, and (0, 0) is the top-left corner of the
top-left pixel, so that the centre of that pixel is (0.5, 0.5).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from annotator.labels.label_space import KEYPOINTS

STATES = ("predicted", "edited", "approved", "rejected")
"""What a human has done with a person. All but ``predicted`` are human work and are never overwritten."""
EXPORT_CHOICES: dict[str, tuple[str, ...]] = {
    "approved": ("approved",),
    "reviewed": ("approved", "edited"),
    "all": ("approved", "edited", "predicted"),
}
"""The states of the people whom an export writes. Rejected people are chosen separately."""
DECIDED = ("approved", "rejected")
"""The states that end the review of a person; its issues no longer count."""
TASKS = ("mask", "parts", "charts", "keypoints")
"""What is labelled of a person; each has a confidence in :attr:`Person.quality`."""
HAND_MADE = ("surface", "keypoints")
"""What :attr:`Person.hand_made` can name: parts, charts, U and V together; which keypoint is which."""
UNSURE_KEYPOINT = 0.2
"""Confidence below which a keypoint is a guess: it is shown faint, as in the panel's ``frame.ts``, and no label for others.
Of `lite-1.2`'s keypoints of 339 people on COCO photos (true boxes of 24 pixels or more) one in eight below it is right, with a
similarity of 0.5 in OKS, and 65 % above it; below it are 66 % of those that are wrong or that nobody could label, and 12 % of
those that are right. Of those of the pose estimator, of 57 people, 66 % of the first and 5 % of the second."""
BOX_ARRAYS = ("mask", "parts", "charts", "u", "v")
"""Attributes of a person that are arrays (h, w) of its box."""


@dataclass(slots=True)
class Provenance:
    """Where a person's labels come from: model id, ISO 8601 time (UTC), review state, who edited last and
    what they have to say."""

    model: str = ""
    time: str = ""
    state: str = "predicted"
    author: str = ""
    comment: str = ""
    edited: bool = False
    """Whether a human has changed the labels, whatever was decided before or since."""


@dataclass(slots=True)
class Person:
    """One person. Arrays cover the box at image resolution: shape (h, w) of ``box``.

    A label that is not known is ``None`` (a person read from a file may have only keypoints, say).
    """

    box: tuple[int, int, int, int]
    """x, y, w, h in whole image pixels."""
    mask: np.ndarray | None = None
    """(h, w) bool."""
    parts: np.ndarray | None = None
    """(h, w) uint8, 0..14; 0 outside the mask."""
    charts: np.ndarray | None = None
    """(h, w) uint8, 0..24; 0 outside the mask."""
    u: np.ndarray | None = None
    """(h, w) float16 in 0..1, meaningful where ``charts`` > 0."""
    v: np.ndarray | None = None
    """(h, w) float16 in 0..1, meaningful where ``charts`` > 0."""
    keypoints: np.ndarray | None = None
    """(17, 3) float32: x, y in image pixels, confidence 0..1; all zero where a keypoint is missing."""
    visibility: np.ndarray | None = None
    """(17,) uint8, COCO's: 0 missing, 1 labelled but hidden, 2 visible."""
    points: np.ndarray | None = None
    """(n, 5) float32 surface points: x, y in image pixels, chart 1..24, U, V. Only on people read from a
    COCO-DensePose file, which knows the surface at points and not at every pixel."""
    corrections: np.ndarray | None = None
    """(n, 5) float32, as ``points``: what humans said of single pixels, which the dense labels agree with."""
    score: float = 1.0
    """Confidence that this is one person, 0..1."""
    quality: dict[str, float] = field(default_factory=dict)
    """Confidence, 0..1, by :data:`TASKS`."""
    issues: dict[str, float] = field(default_factory=dict)
    """What looks wrong, 0..1 each, see :data:`annotator.labels.quality.ISSUES`."""
    provenance: Provenance = field(default_factory=Provenance)
    hand_made: tuple[str, ...] = ()
    """What a human has painted or swapped, of :data:`HAND_MADE`: no model labels it anew."""
    removed_keypoints: tuple[int, ...] = ()
    """Indices of the keypoints that a human has removed: no model brings them back."""
    crowd: bool = False
    """COCO's ``iscrowd``: the mask covers a group."""
    id: int | None = None
    """Annotation id of the file it came from."""
    extra: dict[str, Any] = field(default_factory=dict)
    """The source annotation without its ids, kept for writing: fields that this class does not know, and the
    exact form of the others, which is written again as long as it says what the person holds."""

    def seen(self) -> np.ndarray:
        """(17,) uint8, the visibility; where it is not known, keypoints with any confidence are visible."""
        if self.visibility is not None:
            return self.visibility
        if self.keypoints is None:
            return np.zeros(len(KEYPOINTS), np.uint8)
        return np.where(self.keypoints[:, 2] > 0, 2, 0).astype(np.uint8)

    def labelled(self) -> np.ndarray:
        """(17,) uint8, the visibility of the keypoints that count as labels: as :meth:`seen`, but 0 below a confidence of
        :data:`UNSURE_KEYPOINT`."""
        if self.keypoints is None:
            return np.zeros(len(KEYPOINTS), np.uint8)
        return np.where(self.keypoints[:, 2] >= np.float32(UNSURE_KEYPOINT), self.seen(), np.uint8(0))

    def labelled_inside(self, size: tuple[int, int]) -> np.ndarray:
        """(17,) uint8, as :meth:`labelled`, but 0 outside of an image of ``size`` (width, height)."""
        labelled = self.labelled()
        if self.keypoints is None:
            return labelled
        xy = self.keypoints[:, :2]
        return np.where(((xy >= 0) & (xy <= size)).all(axis=1), labelled, np.uint8(0))


@dataclass(frozen=True, slots=True)
class PossiblePerson:
    """Where somebody may be of whom there is too little evidence for a label."""

    box: tuple[float, float, float, float]
    """x, y, w, h in image pixels."""
    score: float
    """Probability that somebody is there, 0..1."""


@dataclass(slots=True)
class People:
    """The people of one image."""

    size: tuple[int, int]
    """Width, height of the image in pixels, after EXIF rotation."""
    people: list[Person] = field(default_factory=list)
    file_name: str = ""
    """Path of the image relative to the images' folder, with ``/``."""
    id: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    """Fields of the source image record that this class does not know, kept for writing."""
    other_classes: dict[str, int] = field(default_factory=dict)
    """Annotations of the source file that are of no person, by the name of their category."""
    nobody: dict[str, str] | None = None
    """``author`` and ``time`` of the reviewer who has seen that nobody is there."""
    possible: list[PossiblePerson] = field(default_factory=list)
    """Those whom the labels may lack, most probable first."""
