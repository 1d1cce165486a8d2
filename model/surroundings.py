"""Surroundings for photos that were cut at somebody's box.

People fill such a photo to its border, which no other photo shows: a network that learns from the border finds people
there. In surroundings the photo lies anywhere, and of those nothing is learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from annotator.geometry.boxes import Box, crop
from annotator.labels.people import Person
from model.canvas import Canvas, moved_person, photo_of
from model.label_values import IGNORE
from model.sources import Record

MARGIN = (0.0, 0.5)
"""Width of the surroundings on each side, of the photo's longer side."""
MAX_TRIM = 0.2
"""Most that is trimmed of a side, of the photo's length there; half of the sides are not. So the border also runs through
people, and not only around them."""
REFLECTED = 0.3
"""Share of the photos that lie in their own reflection, where the border is no edge."""
FEATHER = 0.02
"""Width of the blend into another photo, of the longer side."""
NOT_SHOWN = {"keypoints": None, "visibility": None, "points": None}
UNKNOWN = (IGNORE, IGNORE, IGNORE, 0)
"""Labels of the surroundings, as of :attr:`model.canvas.Canvas.labels`."""


def surround(
    photo: np.ndarray, canvas: Canvas, backgrounds: Sequence[Record], rng: np.random.Generator
) -> tuple[np.ndarray, Canvas]:
    """A photo, trimmed, in the middle of another one or of its own reflection.

    Args:
        photo: uint8 [H, W, 3] RGB; not changed.
        canvas: its labels; not changed.
        backgrounds: photos without people; if there are none, all photos are reflected.

    Returns:
        The larger photo, and its canvas: of the surroundings nothing is known.

    Raises:
        DataError: a background that cannot be read, as of :func:`model.canvas.photo_of`.
    """
    x, y, w, h = shown = _trimmed(photo.shape[1], photo.shape[0], rng)
    margins = np.rint(rng.uniform(*MARGIN, 4) * max(w, h)).astype(int)
    top, _, left, _ = margins
    around = cv2.copyMakeBorder(crop(photo, shown), *margins, cv2.BORDER_REFLECT_101)
    if backgrounds and rng.random() >= REFLECTED:
        background = photo_of(backgrounds[rng.integers(len(backgrounds))])
        around = _blend(around, background, (left, top, w, h))
    labels = cv2.copyMakeBorder(crop(canvas.labels, shown), *margins, cv2.BORDER_CONSTANT, value=UNKNOWN)
    uv = cv2.copyMakeBorder(crop(canvas.uv, shown), *margins, cv2.BORDER_CONSTANT, value=(0, 0))
    shift = np.array([[1.0, 0, left - x], [0, 1.0, top - y]])
    people = [_shifted(person, shift, (left, top, w, h)) for person in canvas.people]
    return around, Canvas(labels, uv, people)


def _trimmed(width: int, height: int, rng: np.random.Generator) -> Box:
    """x, y, w, h of what is left of a photo."""
    left, right, top, bottom = np.maximum(rng.uniform(-MAX_TRIM, MAX_TRIM, 4), 0)
    x0, x1 = int(left * width), width - int(right * width)
    y0, y1 = int(top * height), height - int(bottom * height)
    return x0, y0, x1 - x0, y1 - y0


def _blend(photo: np.ndarray, background: np.ndarray, shown: Box) -> np.ndarray:
    """The photo inside of a box, the background outside."""
    height, width = photo.shape[:2]
    background = cv2.resize(background, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    inside = np.zeros((height, width), np.float32)
    crop(inside, shown)[...] = 1
    alpha = cv2.GaussianBlur(inside, (0, 0), FEATHER * max(shown[2:]))[..., None]
    # What is labelled is as it was: the blend lies outside.
    alpha = np.maximum(np.clip(2 * alpha, 0, 1), inside[..., None])
    return np.rint(background + alpha * (photo - background)).astype(np.uint8)


def _shifted(person: Person, shift: np.ndarray, shown: Box) -> Person:
    x, y, w, h = person.box
    x0, y0 = x + int(shift[0, 2]), y + int(shift[1, 2])
    left, top = max(x0, shown[0]), max(y0, shown[1])
    right, bottom = min(x0 + w, shown[0] + shown[2]), min(y0 + h, shown[1] + shown[3])
    if right <= left or bottom <= top:
        return replace(person, box=(left, top, 0, 0), **NOT_SHOWN, extra={"flaw": "trimmed"})
    return moved_person(person, shift, (left, top, right - left, bottom - top), shown)
