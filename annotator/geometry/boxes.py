"""Boxes: x, y, w, h."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

Box = tuple[int, int, int, int]
"""In whole image pixels."""
FloatBox = tuple[float, float, float, float]
"""In pixels and fractions of them."""
BOX_MARGIN = 0.1
"""Margin on each side, relative to the box: of the view of one person, and of the region around a labelled person that
counts in an incomplete image."""


def crop(array: np.ndarray, box: Box) -> np.ndarray:
    """The pixels (H, W, …) of a box that lies inside the image, as a view."""
    x, y, w, h = box
    return array[y : y + h, x : x + w]


def pixels_in_box(box: Sequence[float], shape: tuple[int, int]) -> np.ndarray:
    """(h, w) bool: pixels of an array of that shape whose centre is in the box."""
    across, down = (
        (np.arange(n) + 0.5 >= start) & (np.arange(n) + 0.5 < start + length)
        for n, start, length in zip(shape[::-1], box[:2], box[2:], strict=True)
    )
    return down[:, None] & across


def bounding_box(mask: np.ndarray) -> Box | None:
    """The smallest box around the pixels of a (h, w) array that are not 0, in its own pixels; ``None`` without any."""
    if mask.size and mask.dtype in (bool, np.uint8):  # OpenCV is several times as fast
        box = cv2.boundingRect(mask.view(np.uint8))
        return tuple(box) if box[2] else None
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    x, y = int(columns[0]), int(rows[0])
    return x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y


def pad_box(box: FloatBox, margin: float = BOX_MARGIN) -> FloatBox:
    """A box grown on every side by a share of its longer side, also beyond the image: the view of one person, in training
    as at run time."""
    x, y, w, h = box
    pad = margin * max(w, h)
    return x - pad, y - pad, w + 2 * pad, h + 2 * pad


def expand_box(box: Box, width: int, height: int) -> Box:
    """A box grown by :data:`BOX_MARGIN` on each side and clipped to an image of that size."""
    x, y, w, h = box
    pad_x, pad_y = math.ceil(BOX_MARGIN * w), math.ceil(BOX_MARGIN * h)
    x0, y0 = max(x - pad_x, 0), max(y - pad_y, 0)
    return x0, y0, min(x + w + pad_x, width) - x0, min(y + h + pad_y, height) - y0


def overlap_slices(a: Box, b: Box) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Slices of the intersection of two boxes in the arrays of each, as ((rows, columns) in a, (rows, columns) in b)."""
    x0, y0 = max(a[0], b[0]), max(a[1], b[1])
    x1 = max(min(a[0] + a[2], b[0] + b[2]), x0)
    y1 = max(min(a[1] + a[3], b[1] + b[3]), y0)
    return tuple((slice(y0 - y, y1 - y), slice(x0 - x, x1 - x)) for x, y, _, _ in (a, b))


def intersection_area(a: Sequence[float], b: Sequence[float]) -> float:
    """Area of the intersection of two boxes (x, y, w, h) in any unit."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(width, 0) * max(height, 0)


def box_iou(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two boxes (x, y, w, h); 0 where both are empty."""
    both = intersection_area(a, b)
    either = a[2] * a[3] + b[2] * b[3] - both
    return both / either if either > 0 else 0.0


def union_box(*boxes: Box) -> Box:
    """The smallest box around all of them."""
    x0, y0 = min(box[0] for box in boxes), min(box[1] for box in boxes)
    x1, y1 = max(box[0] + box[2] for box in boxes), max(box[1] + box[3] for box in boxes)
    return x0, y0, x1 - x0, y1 - y0


def clip_box(box: Sequence[float], size: tuple[int, int], slack: float = 0.0) -> Box:
    """The whole pixels that a box touches inside an image of ``size`` (width, height); w or h is 0 if it lies outside.

    A box without extent touches one pixel, too. Overlaps of up to ``slack`` pixels count as rounding errors.
    """
    sides = []
    for start, length, end in zip(box[:2], box[2:], size, strict=True):
        first = math.floor(start + slack)
        last = max(math.ceil(start + length - slack), first + 1)
        sides.append([min(max(edge, 0), end) for edge in (first, last)])
    (x0, x1), (y0, y1) = sides
    return x0, y0, x1 - x0, y1 - y0
