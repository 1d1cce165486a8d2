"""From records of the training data to views of one person, which of their pixels are that person's, and what of the body they show."""

from __future__ import annotations

import cv2
import numpy as np

from annotator.geometry.boxes import FloatBox, bounding_box, pad_box
from model.augmentation import Augmentation
from model.canvas import CHART, MAX_OWNERS, OWNER, PART, PERSON, Canvas, paint, photo_of
from model.copy_paste import CopyPasteSources, compose
from model.crops import MIN_VIEWED_SIDE, Crop
from model.label_values import IGNORE
from model.pose.surface_labels import PART_LABEL, paint_from_keypoints, surface_labels
from model.samples import paint_points, swap_sides
from model.sources import Record, has_own_mask, is_ignored
from model.surroundings import surround

STRIDE, UV_STRIDE = 2, 4
"""Of masks and charts, and of U and V, in pixels of the view."""
MIN_PIXELS = 100
"""Of a person that are visible in the photo; of fewer nothing can be learnt."""
SURROUNDED = 0.8
"""Share of the photos that were cut at somebody's box which are shown in other surroundings."""
VISIBLE_BOX = 0.5
"""Share of the boxes that are those of the visible pixels, as a network proposes them; the rest are the labelled ones."""
JITTERED = 0.5
"""Share of the boxes whose sides are moved."""
JITTER = 0.03
"""Standard deviation by which each side is moved, of the box's length there."""
TRIES = 4
"""Scenes that are composed of a photo until a person is visible in it."""

Subject = tuple[Record, int]
"""A record and the index of the annotation on it."""


def make_sample(
    record: Record,
    size: int,
    augmentation: Augmentation,
    rng: np.random.Generator,
    copy_paste_sources: CopyPasteSources,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """One training sample: somebody in a view of their box as at run time.

    Args:
        record: a photo, of whose people, and of those pasted in, one is shown.
        size: side of the sample in pixels.
        rng: every choice comes from it.
        copy_paste_sources: what may be pasted in, and backgrounds, for surroundings and occluders.

    Returns:
        The view, uint8 [size, size, 3] RGB, and labels of its person. At h = size / :data:`STRIDE`: ``mask``,
        float32 [h, h], the share of each pixel that is the person's, 0..1, ``known``, float32 [h, h], 1 where that is known, else 0,
        and ``surface``, uint8 [h, h], as :data:`~model.pose.surface_labels.CHARTS_OF` counts them. At h = size /
        :data:`UV_STRIDE`: ``uv_charts``, uint8 [h, h], the chart 1..24 where U and V are known, else 0, and
        ``uv``, uint8 [h, h, 2] of 0..255. Where nobody is visible nothing is known.

    Raises:
        DataError, annotator.coco.reader.CocoError: as :func:`model.samples.make_sample`.
    """
    for _ in range(TRIES):
        photo, canvas = _scene(record, augmentation, rng, copy_paste_sources)
        if people := _visible_people(canvas, record):
            break
    else:
        return np.zeros((size, size, 3), np.uint8), _nothing(size)
    index = people[rng.integers(len(people))]
    region = pad_box(_box(canvas, index, rng))
    return _view(photo, canvas, index, region, size, augmentation, rng)


def show(subject: Subject, size: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """As :func:`make_sample`, of this person in a plain view of their box."""
    record, index = subject
    photo = photo_of(record)
    canvas = paint(record, photo.shape[:2])
    region = pad_box(canvas.people[index].box)
    return _view(photo, canvas, index, region, size, None, np.random.default_rng(0))


def subjects_of(record: Record) -> list[Subject]:
    """The labelled people of a record that have a mask of their own and are large enough to be shown."""
    people = enumerate(record.annotations[:MAX_OWNERS])
    return [(record, index) for index, annotation in people if has_own_mask(annotation, MIN_VIEWED_SIDE)]


def _scene(
    record: Record, augmentation: Augmentation, rng: np.random.Generator, sources: CopyPasteSources
) -> tuple[np.ndarray, Canvas]:
    photo = photo_of(record)
    canvas = paint(record, photo.shape[:2])
    if record.cut_at_box and rng.random() < SURROUNDED:
        photo, canvas = surround(photo, canvas, sources.backgrounds, rng)
    return compose(photo, canvas, sources, augmentation.copy_paste, rng), canvas


def _visible_people(canvas: Canvas, record: Record) -> list[int]:
    """Indices of the people of a scene who can be shown; those of its record come first."""
    counts = np.bincount(canvas.labels[..., OWNER].ravel(), minlength=MAX_OWNERS + 1)
    several = {index for index, annotation in enumerate(record.annotations) if is_ignored(annotation)}
    return [
        index
        for index, person in enumerate(canvas.people[:MAX_OWNERS])
        if counts[index + 1] >= MIN_PIXELS
        and max(person.box[2:]) >= MIN_VIEWED_SIDE
        and not (index in several or person.crowd or person.extra.get("flaw"))
    ]


def _box(canvas: Canvas, index: int, rng: np.random.Generator) -> FloatBox:
    """A box of a person, about as it may be drawn or proposed."""
    box = canvas.people[index].box
    if rng.random() < VISIBLE_BOX:
        box = bounding_box(canvas.labels[..., OWNER] == index + 1)
    x, y, w, h = box
    if rng.random() >= JITTERED:
        return box
    left, top, right, bottom = rng.normal(0, JITTER, 4) * (w, h, w, h)
    return x + left, y + top, w + right - left, h + bottom - top


def _nothing(size: int) -> dict[str, np.ndarray]:
    """Labels of a sample of which nothing is known."""
    fine, coarse = size // STRIDE, size // UV_STRIDE
    return {
        "mask": np.zeros((fine, fine), np.float32),
        "known": np.zeros((fine, fine), np.float32),
        "surface": np.zeros((fine, fine), np.uint8),
        "uv_charts": np.zeros((coarse, coarse), np.uint8),
        "uv": np.zeros((coarse, coarse, 2), np.uint8),
    }


def _view(
    photo: np.ndarray,
    canvas: Canvas,
    index: int,
    region: FloatBox,
    size: int,
    augmentation: Augmentation | None,
    rng: np.random.Generator,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """A region of a photo, and the labels of one of its people."""
    crop = Crop.draw(region, photo, size, augmentation, rng)
    image = crop.photo(photo, augmentation, rng)
    own = canvas.labels[..., OWNER] == index + 1
    unknown = (canvas.labels[..., PERSON] == IGNORE) & ~own
    mask = cv2.resize(
        crop.labels(own.view(np.uint8)).astype(np.float32),
        (size // STRIDE,) * 2,
        interpolation=cv2.INTER_AREA,
    )
    known = 1 - crop.labels(unknown.view(np.uint8), STRIDE).astype(np.float32)
    paint_from_keypoints(canvas, index)
    surface, _, _ = _surface(canvas, index, crop, STRIDE)
    labels, uv, has_uv = _surface(canvas, index, crop, UV_STRIDE)
    uv_charts = np.where(has_uv & (labels <= PART_LABEL), labels, 0).astype(np.uint8)
    return image, {"mask": mask, "known": known, "surface": surface, "uv_charts": uv_charts, "uv": uv}


def _surface(
    canvas: Canvas, index: int, crop: Crop, stride: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels of :data:`~model.pose.surface_labels.CHARTS_OF` of one person, U and V, uint8 of 0..255, and where these are known, at a
    stride."""
    labels, uv = crop.labels(canvas.labels, stride), crop.labels(canvas.uv, stride)
    parts, charts, owner = (np.ascontiguousarray(labels[..., channel]) for channel in (PART, CHART, OWNER))
    paint_points(canvas.people, crop.matrix / stride, charts, uv, owner)
    # What keypoints say of a torso comes without.
    has_uv = uv.any(axis=2)
    if crop.flip:
        parts, charts, uv = swap_sides(parts, charts, uv)
    return surface_labels(charts, parts, owner == index + 1), uv, has_uv
