"""Copy-paste augmentation: people cut from one photo and pasted into another, and occluders in front of them.

Renders and cut-outs have exact masks but few backgrounds; photos have many backgrounds but few labels. Pasting
combines the two, and makes labelled crowds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from pydantic import PositiveInt
from pydantic.dataclasses import dataclass as checked_dataclass

from annotator.geometry.boxes import crop
from annotator.geometry.letterbox import warp
from annotator.labels.people import Person
from model.canvas import CHART, OWNER, PART, PERSON, Canvas, moved_person, paint, photo_of
from model.fields import CHECKED, Range, Share
from model.label_values import IGNORE
from model.sources import Record, has_own_mask

MIN_SIDE = 48
"""Of a person's box in pixels: smaller ones are not worth cutting out."""
MAX_ENLARGEMENT = 1.5
"""How much larger than in its own photo a pasted person may be."""
MAX_HIDDEN = 0.6
"""Share of the people already there that a pasted one may cover."""
MIN_VISIBLE = 0.2
"""Share of a person that must be left for its keypoints and points to count."""
MAX_KEYPOINT_DISTANCE = 0.04
"""Of a box's longer side: a keypoint further than this from its person's own pixels is behind something."""
TILT = 8.0
"""Standard deviation in degrees of a pasted person's rotation, beside that of the whole sample."""
TRIES = 4
"""Placements tried before a person that covers too much is left out."""


@checked_dataclass(frozen=True, config=CHECKED)
class CopyPaste:
    """How often and how many people are pasted."""

    share: Share = 0.0
    """Share of the samples into which people are pasted."""
    people: PositiveInt = 3
    """Most people pasted into a sample."""
    height: Range = (0.25, 1.1)
    """Longer side of a pasted person's box relative to the photo's."""
    occluders: Share = 0.0
    """Share of the samples with people in which an occluder is pasted in front of one."""


@dataclass(frozen=True)
class CopyPasteSources:
    """Where pasted people and occluders come from."""

    people: Sequence[Sequence[tuple[Record, int]]] = ()
    """By source: records and the index of the annotation on it."""
    weights: Sequence[float] = ()
    """Share of the pasted people that comes from each source."""
    backgrounds: Sequence[Record] = ()
    """Photos without people, whose texture makes occluders."""

    @classmethod
    def from_records(
        cls, sources: Sequence[Sequence[Record]], weights: Sequence[float], backgrounds: Sequence[Record]
    ) -> CopyPasteSources:
        """The people of each source that have a mask of their own and are large enough to cut out."""
        people = [
            [
                (record, index)
                for record in records
                for index, annotation in enumerate(record.annotations)
                if has_own_mask(annotation, MIN_SIDE)
            ]
            for records in sources
        ]
        total = sum(weight for weight, some in zip(weights, people, strict=True) if some)
        shares = [weight / total if some else 0.0 for weight, some in zip(weights, people, strict=True)]
        return cls(people if any(people) else (), shares, backgrounds)


def compose(
    photo: np.ndarray,
    canvas: Canvas,
    sources: CopyPasteSources,
    copy_paste: CopyPaste,
    rng: np.random.Generator,
) -> np.ndarray:
    """Paste people and occluders into a photo and its canvas.

    Args:
        photo: uint8 [H, W, 3]; not changed.
        canvas: its labels; changed in place.

    Returns:
        The new photo.
    """
    areas = []
    if sources.people and rng.random() < copy_paste.share:
        photo, areas = photo.copy(), [_areas(canvas)]
        for _ in range(rng.integers(1, copy_paste.people + 1)):
            people = sources.people[rng.choice(len(sources.people), p=sources.weights)]
            cut = _cut_out(*people[rng.integers(len(people))])
            _paste_person(photo, canvas, cut, copy_paste, rng)
            areas.append(_areas(canvas))
    if sources.backgrounds and canvas.people and rng.random() < copy_paste.occluders:
        photo, areas = photo.copy(), areas or [_areas(canvas)]
        texture = photo_of(sources.backgrounds[rng.integers(len(sources.backgrounds))])
        person = canvas.people[rng.integers(len(canvas.people))]
        _occlude(photo, canvas, texture, person.box, rng)
    if areas:
        _forget_hidden(canvas, areas)
    return photo


def _areas(canvas: Canvas) -> np.ndarray:
    """(people + 1,) pixels of nobody and of each person."""
    counts = cv2.calcHist([canvas.labels], [OWNER], None, [256], [0, 256])[:, 0].astype(np.int64)
    missing = max(len(canvas.people) + 1 - len(counts), 0)  # people beyond MAX_OWNERS
    return np.pad(counts, (0, missing))[: len(canvas.people) + 1]


def _forget_hidden(canvas: Canvas, areas: list[np.ndarray]) -> None:
    """Remove the points of people of whom little is still visible.

    Args:
        areas: of each person after each step, those of people who came later being longer.
    """
    left = _areas(canvas)
    most = np.max([np.pad(area, (0, len(left) - len(area))) for area in areas], axis=0)
    for index in range(len(canvas.people)):
        if left[index + 1] < MIN_VISIBLE * most[index + 1]:
            hidden = {"keypoints": None, "visibility": None, "points": None, "extra": {"flaw": "hidden"}}
            canvas.people[index] = replace(canvas.people[index], **hidden)


@dataclass(slots=True)
class _CutOut:
    """One person with its own pixels; arrays cover its box."""

    photo: np.ndarray
    labels: np.ndarray
    uv: np.ndarray
    own: np.ndarray
    person: Person


def _cut_out(record: Record, index: int) -> _CutOut:
    photo = photo_of(record)
    canvas = paint(record, photo.shape[:2])
    person = canvas.people[index]
    photo, labels, uv = (crop(array, person.box) for array in (photo, canvas.labels, canvas.uv))
    own = labels[..., OWNER] == index + 1
    return _CutOut(photo, labels, uv, own, _without_hidden_keypoints(person, own))


def _without_hidden_keypoints(person: Person, own: np.ndarray) -> Person:
    """The person without the keypoints that are hidden behind what is not cut out with it."""
    if person.keypoints is None:
        return person
    height, width = own.shape
    far = cv2.distanceTransform((~own).view(np.uint8), cv2.DIST_L2, 5)
    x, y = np.floor(person.keypoints[:, :2] - person.box[:2]).astype(int).T
    away = far[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)] > MAX_KEYPOINT_DISTANCE * max(
        height, width
    )
    return replace(person, visibility=np.where(away, 0, person.visibility))


def _paste_person(
    photo: np.ndarray, canvas: Canvas, cut: _CutOut, copy_paste: CopyPaste, rng: np.random.Generator
) -> None:
    height, width = photo.shape[:2]
    w, h = cut.person.box[2:]
    low, high = np.log(copy_paste.height)
    side = np.exp(rng.uniform(low, high)) * max(height, width)
    scale = min(side / max(w, h), MAX_ENLARGEMENT)
    angle = np.deg2rad(rng.normal(0, TILT))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    there = canvas.labels[..., OWNER] > 0
    for _ in range(TRIES):
        centre = rng.uniform((-0.05 * width, 0), (1.05 * width, 1.1 * height))
        matrix = np.column_stack([turn, centre - turn @ (w / 2, h / 2)])
        window = _window(matrix, (w, h), width, height)
        if window[2] < 8 or window[3] < 8:
            continue
        alpha = _opacity(cut.own, matrix, window, scale)
        mine = alpha >= 0.5
        if mine.any() and (crop(there, window) & mine).sum() <= MAX_HIDDEN * there.sum():
            break
    else:
        return
    _blend(crop(photo, window), _tinted(cut.photo, rng), alpha[..., None], matrix, window, scale)
    _label(canvas, cut, mine, matrix, window)


def _window(matrix: np.ndarray, size: tuple[int, int], width: int, height: int) -> tuple[int, int, int, int]:
    """x, y, w, h of what a rectangle of that size becomes, inside the photo."""
    w, h = size
    corners = matrix @ np.array([[0, w, 0, w], [0, 0, h, h], [1, 1, 1, 1]])
    x0, y0 = np.maximum(np.floor(corners.min(axis=1)) - 1, 0).astype(int)
    x1, y1 = np.minimum(np.ceil(corners.max(axis=1)) + 1, (width, height)).astype(int)
    return int(x0), int(y0), int(x1 - x0), int(y1 - y0)


def _into(array: np.ndarray, matrix: np.ndarray, window, interpolation: int) -> np.ndarray:
    """An array of the cut-out, moved into a window of the photo."""
    moved = matrix - np.array([[0, 0, window[0]], [0, 0, window[1]]])
    return warp(array, moved, window[2:], interpolation)


def _opacity(own: np.ndarray, matrix: np.ndarray, window, scale: float) -> np.ndarray:
    """(h, w) float32 in the window, a pixel less than the mask: its rim shows the old background."""
    tight = _smoothed(cv2.erode(own.astype(np.float32), np.ones((3, 3))), scale)
    return cv2.GaussianBlur(_into(tight, matrix, window, cv2.INTER_LINEAR), (0, 0), 0.6)


def _smoothed(array: np.ndarray, scale: float) -> np.ndarray:
    """Against aliasing, before an array is scaled down."""
    return cv2.GaussianBlur(array, (0, 0), 0.4 / scale) if scale < 0.7 else array


def _tinted(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The cut-out in a light of its own, float32."""
    gain = (rng.uniform(0.7, 1.3) * rng.uniform(0.92, 1.08, 3)).astype(np.float32)
    return np.clip(photo * gain + np.float32(rng.uniform(-20, 20)), 0, 255)


def _blend(below: np.ndarray, photo: np.ndarray, alpha: np.ndarray, matrix, window, scale: float) -> None:
    moved = _into(_smoothed(photo, scale), matrix, window, cv2.INTER_LINEAR)
    below[...] = np.rint(below * (1 - alpha) + moved * alpha)


def _label(canvas: Canvas, cut: _CutOut, mine: np.ndarray, matrix: np.ndarray, window) -> None:
    labels = _into(cut.labels, matrix, window, cv2.INTER_NEAREST)
    for channel in (PART, CHART):
        # Nearest neighbours and the soft mask differ by a pixel here and there.
        moved = labels[..., channel]
        moved[(labels[..., PERSON] != 1) | (moved == 0)] = IGNORE
    labels[..., PERSON] = 1
    labels[..., OWNER] = len(canvas.people) + 1
    crop(canvas.labels, window)[mine] = labels[mine]
    crop(canvas.uv, window)[mine] = _into(cut.uv, matrix, window, cv2.INTER_NEAREST)[mine]
    height, width = canvas.labels.shape[:2]
    # The person's points are in the pixels of its own photo; the matrix starts at the corner of its box.
    from_photo = matrix.copy()
    from_photo[:, 2] -= matrix[:, :2] @ cut.person.box[:2]
    x, y, w, h = cv2.boundingRect(mine.view(np.uint8))
    person = moved_person(cut.person, from_photo, (window[0] + x, window[1] + y, w, h), (0, 0, width, height))
    canvas.people.append(person)


def _occlude(photo: np.ndarray, canvas: Canvas, texture: np.ndarray, box, rng: np.random.Generator) -> None:
    """Put an irregular piece of a photo without people in front of a part of a box."""
    height, width = photo.shape[:2]
    x, y, w, h = box
    centre = rng.uniform((x, y), (x + w, y + h))
    radius = rng.uniform(0.12, 0.3) * np.sqrt(w * h)
    angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(4, 10)))
    stretch = rng.uniform(0.5, 1.5, 2)
    spokes = radius * rng.uniform(0.6, 1.2, len(angles))
    outline = centre + stretch * spokes[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
    cover = np.zeros((height, width), np.uint8)
    cv2.fillPoly(cover, [np.rint(outline).astype(np.int32)], 1)
    texture = cv2.resize(texture, (width, height), interpolation=cv2.INTER_AREA)
    hidden = cover > 0
    photo[hidden] = texture[hidden]
    canvas.labels[hidden] = 0
