"""Masks as polygons, for tools that read no run lengths (Label Studio)."""

from __future__ import annotations

import cv2
import numpy as np

from annotator.geometry.boxes import Box

TOLERANCE = 0.5
"""Pixels that an outline may be off, so that it has few corners to drag."""


def trace(mask: np.ndarray, box: Box) -> list[list[float]]:
    """The outlines of a mask as COCO polygons, which have no holes: these are filled.

    Args:
        mask: (h, w) bool, of the box.
        box: x, y, w, h in image pixels.

    Returns:
        One flat list x, y, x, y … of at least three points per piece, in image pixels; (0, 0) is the top-left corner of the
        first pixel.
    """
    # Two cells per pixel: their centres lie inside the pixels that the outline must take in.
    doubled = mask.astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    outlines, _ = cv2.findContours(doubled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    polygons = []
    for outline in outlines:
        simple = cv2.approxPolyDP(outline, 2 * TOLERANCE, closed=True)
        if len(simple) < 3:
            simple = cv2.boxPoints(cv2.minAreaRect(outline))
        points = (simple.reshape(-1, 2) + 0.5) / 2 + box[:2]
        polygons.append(np.round(points, 2).ravel().tolist())
    return polygons
