"""From records of the training data to a square photo and the boxes of the people in it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from pydantic.dataclasses import dataclass as checked_dataclass

from annotator.evaluation.ground_truth import has_mask
from annotator.geometry.letterbox import warp, warp_photo
from annotator.labels.people import Person
from model.augmentation import Photometric, augment_pixels
from model.canvas import OWNER, paint, photo_of
from model.copy_paste import CopyPaste, CopyPasteSources, compose
from model.fields import CHECKED, Range, Share
from model.sources import Record, is_ignored

PAD, IGNORED, PERSON = 0, 1, 2
"""What a row of the labels is: nothing, a region in which nothing is learnt where no person is labelled, or a person."""
MAX_LABELS = 64
"""Boxes of a sample; further ones, the smallest, are left out."""
MIN_SIDE = 6.0
"""Longer side in pixels of a box from which a person counts; smaller ones are ignored."""
MIN_VISIBLE = 0.35
"""Share of a box inside the sample from which a person counts; others are ignored."""
MIN_UNCOVERED = 0.15
"""Share of a box that is left, after others were pasted over its person, from which the person counts."""


@checked_dataclass(frozen=True, config=CHECKED)
class FinderAugmentation:
    """How photos are varied."""

    mosaic: Share = 0.5
    """Share of the samples that are four photos side by side (Bochkovskiy et al., "YOLOv4", 2020)."""
    scale: Range = (0.35, 1.6)
    """Size of a photo relative to the square, or to its quarter, that it fills."""
    flip: Share = 0.5
    photometric: Photometric = "strong"
    copy_paste: CopyPaste = field(default_factory=CopyPaste)
    """Occluders are only pasted where people are."""


@dataclass(frozen=True)
class _Tile:
    """A window of the sample, in pixels."""

    x: int
    y: int
    width: int
    height: int


def make_sample(
    records: list[Record],
    size: int,
    augmentation: FinderAugmentation,
    rng: np.random.Generator,
    copy_paste_sources: CopyPasteSources | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """One training sample.

    Args:
        records: a photo, or four for a mosaic.
        size: side of the sample in pixels.
        rng: every choice comes from it.
        copy_paste_sources: people who may be pasted in.

    Returns:
        The photo, uint8 [size, size, 3] RGB, and the labels, float32 [:data:`MAX_LABELS`, 5]: left, top, right, bottom in
        pixels of the sample, and what is there, see :data:`PERSON`.

    Raises:
        DataError, annotator.coco.reader.CocoError: as :func:`model.samples.make_sample`.
    """
    image = np.full((size, size, 3), rng.integers(256, size=3, dtype=np.uint8))
    labels = []
    for record, tile in zip(records, _tiles(len(records), size, rng), strict=True):
        labels += _show(record, tile, image, augmentation, rng, copy_paste_sources)
    image = augment_pixels(image, augmentation.photometric, rng)
    table = np.zeros((MAX_LABELS, 5), np.float32)
    labels = sorted(labels, key=lambda row: (row[2] - row[0]) * (row[3] - row[1]), reverse=True)
    for index, row in enumerate(labels[:MAX_LABELS]):
        table[index] = row
    return image, table


def _tiles(count: int, size: int, rng: np.random.Generator) -> list[_Tile]:
    if count == 1:
        return [_Tile(0, 0, size, size)]
    x, y = rng.integers(round(0.3 * size), round(0.7 * size), 2)
    return [
        _Tile(0, 0, x, y),
        _Tile(x, 0, size - x, y),
        _Tile(0, y, x, size - y),
        _Tile(x, y, size - x, size - y),
    ]


def _show(
    record: Record,
    tile: _Tile,
    image: np.ndarray,
    augmentation: FinderAugmentation,
    rng: np.random.Generator,
    copy_paste_sources: CopyPasteSources | None,
) -> list[tuple[float, ...]]:
    """Draw a photo into a tile; returns its labels in pixels of the whole sample."""
    photo = photo_of(record)
    rows = [(*_corners(a["bbox"]), IGNORED if is_ignored(a) else PERSON) for a in record.annotations]
    if copy_paste_sources is not None and rng.random() < augmentation.copy_paste.share:
        canvas = paint(record, photo.shape[:2])
        has_pixels = [has_mask(person) for person in canvas.people]
        # Its share is drawn above: painting takes long, and most samples do without.
        photo = compose(photo, canvas, copy_paste_sources, replace(augmentation.copy_paste, share=1.0), rng)
        rows = _visible(canvas.people, canvas.labels[..., OWNER], rows, has_pixels)
    height, width = photo.shape[:2]
    low, high = np.log(augmentation.scale)
    scale = np.exp(rng.uniform(low, high)) * max(tile.width / width, tile.height / height)
    # Anywhere in the tile, or any part of it where it is larger.
    x, y = (
        rng.uniform(min(room - side * scale, 0), max(room - side * scale, 0))
        for room, side in ((tile.width, width), (tile.height, height))
    )
    matrix = np.array([[scale, 0, x], [0, scale, y]])
    if rng.random() < augmentation.flip:
        matrix[0] = [-scale, 0, tile.width - x]
    part = image[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
    inside = np.ones((height, width), np.uint8)
    shown = warp(inside, matrix, (tile.width, tile.height), cv2.INTER_NEAREST) > 0
    part[shown] = warp_photo(photo, matrix, (tile.width, tile.height))[shown]
    if not record.complete:
        rows.append((0, 0, width, height, IGNORED))
    return [row for row in (_place(row, matrix, tile) for row in rows) if row]


def _corners(bbox: list[float]) -> tuple[float, float, float, float]:
    x, y, w, h = bbox
    return x, y, x + w, y + h


def _visible(
    people: list[Person], owner: np.ndarray, rows: list[tuple[float, ...]], has_pixels: list[bool]
) -> list[tuple[float, ...]]:
    """The rows after people were pasted: the boxes of what is still to be seen of each mask.

    Args:
        people: of the photo, then those who were pasted, all of whom have pixels of their own.
        owner: (H, W) 1 + index into ``people``.
        rows: of the photo's people.
        has_pixels: which of them have pixels of their own.
    """
    rows = rows + [(*_corners(person.box), PERSON) for person in people[len(rows) :]]
    has_pixels = has_pixels + [True] * (len(rows) - len(has_pixels))
    left = []
    for index, (row, has_own) in enumerate(zip(rows, has_pixels, strict=True)):
        if not has_own:
            left.append(row)
            continue
        x, y, w, h = cv2.boundingRect((owner == index + 1).view(np.uint8))
        least = MIN_UNCOVERED * (row[2] - row[0]) * (row[3] - row[1])
        if w > 0:
            left.append((x, y, x + w, y + h, row[4] if w * h >= least else IGNORED))
    return left


def _place(row: tuple[float, ...], matrix: np.ndarray, tile: _Tile) -> tuple[float, ...] | None:
    """A row in the sample's pixels, cut at the tile; ``None`` where nothing of it is in there."""
    xs = sorted(matrix[0, 0] * x + matrix[0, 2] for x in (row[0], row[2]))
    ys = sorted(matrix[1, 1] * y + matrix[1, 2] for y in (row[1], row[3]))
    x0, x1 = np.clip(xs, 0, tile.width)
    y0, y1 = np.clip(ys, 0, tile.height)
    if x1 - x0 < 1 or y1 - y0 < 1:
        return None
    visible = (x1 - x0) * (y1 - y0) / ((xs[1] - xs[0]) * (ys[1] - ys[0]))
    counts = row[4] == PERSON and visible >= MIN_VISIBLE and max(x1 - x0, y1 - y0) >= MIN_SIDE
    kind = PERSON if counts else IGNORED
    return x0 + tile.x, y0 + tile.y, x1 + tile.x, y1 + tile.y, kind
