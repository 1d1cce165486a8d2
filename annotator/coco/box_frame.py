"""The coordinate frame of COCO-DensePose's surface labels: the annotation's bbox, with its fractions of pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from annotator.coco.rle import decode_labels, encode_labels
from annotator.geometry.boxes import Box
from annotator.labels.label_space import PARTS

MASK_SIDE = 256
"""Side of ``dp_masks`` in cells; they are stretched over the bbox."""
POINT_SCALE = 255
"""``dp_x`` at the right edge of the bbox, ``dp_y`` at its lower edge."""
Frame = tuple[float, float, float, float]
"""x, y, w, h of a bbox in image pixels, as in the file."""


def encode_part_masks(parts: np.ndarray, box: Box, frame: Frame) -> list[dict[str, Any] | list]:
    """``dp_masks`` in ``frame`` of (h, w) uint8 parts at ``box``; ``[]`` for a part that is not there."""
    columns = _pixels(frame[0], frame[2], box[0], box[2])
    rows = _pixels(frame[1], frame[3], box[1], box[3])
    # Rows first, which are copied whole, is several times as fast as both at once.
    return encode_labels(parts[rows][:, columns], len(PARTS) - 1)


def decode_part_masks(masks: list, box: Box, frame: Frame) -> np.ndarray:
    """(h, w) uint8 parts at ``box`` of ``dp_masks`` in ``frame``; where two overlap, the later part wins.

    Raises:
        ValueError: an entry that is neither ``[]`` nor an RLE of 256 × 256.
    """
    stretched = decode_labels(masks, (MASK_SIDE, MASK_SIDE))
    columns = _cells(frame[0], frame[2], box[0], box[2])
    rows = _cells(frame[1], frame[3], box[1], box[3])
    return stretched[np.ix_(rows, columns)]


def points_to_image(x: np.ndarray, y: np.ndarray, frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    """``dp_x``, ``dp_y`` in ``frame`` as image pixels."""
    return frame[0] + x / POINT_SCALE * frame[2], frame[1] + y / POINT_SCALE * frame[3]


def points_to_frame(x: np.ndarray, y: np.ndarray, frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    """Image pixels as ``dp_x``, ``dp_y`` in ``frame``."""
    return (x - frame[0]) / frame[2] * POINT_SCALE, (y - frame[1]) / frame[3] * POINT_SCALE


def _pixels(origin: float, length: float, start: int, count: int) -> np.ndarray:
    """(256,) index into ``count`` pixels from ``start`` of each cell of a frame from ``origin`` to ``origin + length``."""
    centres = origin + (np.arange(MASK_SIDE) + 0.5) / MASK_SIDE * length
    return np.clip(np.floor(centres).astype(int) - start, 0, count - 1)


def _cells(origin: float, length: float, start: int, count: int) -> np.ndarray:
    """(count,) cell 0..255 of each of ``count`` pixels from ``start``: the inverse of :func:`_pixels`."""
    centres = start + np.arange(count) + 0.5
    return np.clip(np.floor((centres - origin) / length * MASK_SIDE).astype(int), 0, MASK_SIDE - 1)
