"""People put together from single shapes, as annotation tools have them: a mask, polygons, a box, a point per keypoint."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from annotator.formats.values import FAR, FormatError, image_size, number
from annotator.geometry.boxes import Box, FloatBox, clip_box, crop, union_box
from annotator.geometry.regions import polygons
from annotator.labels.label_space import KEYPOINTS
from annotator.labels.messages import short
from annotator.labels.people import STATES, Person, Provenance

MAX_CORNERS = 1_000_000
BOX_SLACK = 0.01
"""Pixels that a box may reach into further pixels without taking them in: its decimals, or shares, were rounded."""


class PersonShapes:
    """The shapes of one person on an image of ``size`` (width, height)."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self.masks: list[tuple[np.ndarray, Box]] = []
        self.boxes: list[FloatBox] = []
        self.keypoints = np.zeros((len(KEYPOINTS), 3), np.float32)
        self.visibility = np.zeros(len(KEYPOINTS), np.uint8)
        self.score = 1.0
        self.provenance = Provenance()
        self.crowd = False

    def add_mask(self, mask: np.ndarray, box: Box) -> None:
        """A (h, w) bool mask that covers ``box``.

        Raises:
            FormatError: the box is not inside the image.
        """
        x, y, w, h = box
        if x < 0 or y < 0 or w < 1 or h < 1 or x + w > self.size[0] or y + h > self.size[1]:
            raise FormatError(f"{box} is not inside the image of {self.size[0]} × {self.size[1]} pixels")
        self.masks.append((mask, box))

    def add_polygon(self, *rings: np.ndarray) -> None:
        """The pixels inside outlines (n, 2) of image pixels, by the even-odd rule.

        Raises:
            FormatError: less than three corners, no finite numbers, or outside the image.
        """
        if any(len(ring) < 3 for ring in rings) or not rings:
            raise FormatError("less than 3 corners")
        corners = np.concatenate(rings)
        if len(corners) > MAX_CORNERS:
            raise FormatError(f"{len(corners)} corners, more than {MAX_CORNERS}")
        if not (np.abs(corners) <= FAR).all():
            raise FormatError("corners that are no numbers of pixels")
        self.add_box(*corners.min(axis=0), *np.ptp(corners, axis=0))
        box = clip_box(self.boxes.pop(), self.size)
        self.masks.append((polygons(rings, box), box))

    def add_box(self, x: float, y: float, w: float, h: float) -> None:
        """A box in image pixels.

        Raises:
            FormatError: it has no place in the image.
        """
        box = tuple(float(side) for side in (x, y, w, h))
        if w < 0 or h < 0:
            raise FormatError(f"width {w:g} and height {h:g} must not be negative")
        if not all(clip_box(box, self.size)[2:]):
            raise FormatError(
                f"x {x:g}, y {y:g}, width {w:g}, height {h:g} lie outside the image of {self.size[0]} × {self.size[1]} pixels"
            )
        self.boxes.append(box)

    def add_keypoint(self, index: int, x: float, y: float, visibility: int) -> None:
        """A keypoint in image pixels; one of visibility 0 is none.

        Raises:
            FormatError: it is there twice.
        """
        if not visibility:
            return
        if self.visibility[index]:
            raise FormatError(f"{KEYPOINTS[index]} is there twice")
        self.keypoints[index] = x, y, 1
        self.visibility[index] = visibility

    def set_fact(self, name: str, value: str) -> None:
        """One of what :func:`facts` gives; other names are passed over.

        Raises:
            FormatError: a value that it cannot have.
        """
        if name == "review":
            if value not in STATES:
                raise FormatError(f"review: {short(value)} is not one of {', '.join(STATES)}")
            self.provenance.state = value
        elif name == "score":
            self.score = number(value, "score", 0, 1)
        elif name in ("author", "comment"):
            setattr(self.provenance, name, value)
        elif name == "edited":
            self.provenance.edited = value.lower() == "true"
        elif name == "crowd":
            self.crowd = value.lower() == "true"

    def extent(self) -> FloatBox:
        """The box around everything."""
        boxes = [box for _, box in self.masks] or self.boxes
        if boxes:
            return union_box(*boxes)
        seen = self.keypoints[self.visibility > 0, :2]
        return (*seen.min(axis=0), *np.ptp(seen, axis=0))

    def person(self) -> Person:
        """The person; a mask without a pixel is no mask.

        Raises:
            FormatError: all keypoints are outside the image.
        """
        box = clip_box(self.extent(), self.size, BOX_SLACK)
        if not all(box[2:]):
            raise FormatError(
                f"all keypoints lie outside the image of {self.size[0]} × {self.size[1]} pixels"
            )
        mask = np.zeros(box[3:1:-1], bool)
        for pixels, (x, y, w, h) in self.masks:
            crop(mask, (x - box[0], y - box[1], w, h))[...] |= pixels
        has_keypoints = self.visibility.any()
        return Person(
            box=box,
            mask=mask if mask.any() else None,
            keypoints=self.keypoints if has_keypoints else None,
            visibility=self.visibility if has_keypoints else None,
            score=self.score,
            provenance=self.provenance,
            crowd=self.crowd,
        )


class ImageShapes:
    """The shapes of an image, sorted by whom they belong to."""

    def __init__(self, width: object, height: object, names: tuple[str, str] = ("width", "height")) -> None:
        self.size = image_size(width, height, names)
        self._groups: dict[Hashable, PersonShapes] = {}
        self._loose: list[tuple[int, float, float, int]] = []

    def group(self, key: Hashable | None) -> PersonShapes:
        """The person of a group; ``None`` is a new one with every call."""
        return self._groups.setdefault(object() if key is None else key, PersonShapes(self.size))

    def add_loose_keypoint(self, index: int, x: float, y: float, visibility: int) -> None:
        """A keypoint that nothing ties to a person."""
        self._loose.append((index, x, y, visibility))

    def people(self) -> list[Person]:
        """The people. A loose keypoint belongs to the only person there is, or else to the smallest box that it lies in.

        Raises:
            FormatError: a keypoint of nobody.
        """
        groups = list(self._groups.values())
        if not groups and self._loose:
            groups = [PersonShapes(self.size)]
        for index, x, y, visibility in self._loose:
            owner = groups[0] if len(groups) == 1 else _smallest_around(groups, x, y)
            if owner is None:
                raise FormatError(
                    f"{KEYPOINTS[index]}: in no person's box: tie it to its person, or remove it"
                )
            owner.add_keypoint(index, x, y, visibility)
        return [group.person() for group in groups if group.masks or group.boxes or group.visibility.any()]


def _smallest_around(groups: list[PersonShapes], x: float, y: float) -> PersonShapes | None:
    around = {}
    for group in groups:
        if group.masks or group.boxes:
            left, top, w, h = group.extent()
            if left <= x <= left + w and top <= y <= top + h:
                around[w * h] = group
    return around[min(around)] if around else None


def facts(person: Person) -> dict[str, str]:
    """What else there is to say of a person, as text by names: its state, and whatever differs from the default."""
    known = person.provenance
    said = {
        "review": known.state,
        "score": "" if person.score == 1 else f"{person.score:.4f}",
        "author": known.author,
        "comment": known.comment,
        "edited": "true" if known.edited else "",
        "crowd": "true" if person.crowd else "",
    }
    return {name: value for name, value in said.items() if value}
