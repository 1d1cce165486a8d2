"""Masks as polygons that give the same pixels again, also in tools that fill polygons less exactly."""

from __future__ import annotations

import cv2
import numpy as np

from annotator.geometry.boxes import Box
from annotator.geometry.regions import polygons

TOLERANCES = (0.5, 0.25, 0.0)
"""Pixels that an outline may be off; the first counts that keeps :data:`SAME`."""
SAME = 0.998
"""IoU of a mask with the pixels inside its outlines."""


def outlines(mask: np.ndarray, box: Box) -> list[np.ndarray]:
    """The outlines of a mask and of its holes, to be filled by the even-odd rule.

    They run a quarter of a pixel inside the outermost pixels. So these pixels are inside for tools that ask for a pixel's
    centre, as this package does, and also for those that cut off fractions and fill the border, as ultralytics does.

    Args:
        mask: (h, w) bool, of the box.
        box: x, y, w, h in image pixels.

    Returns:
        (n, 2) float64 each, x, y in image pixels, n ≥ 3.
    """
    doubled = mask.astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    found, _ = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    size = np.count_nonzero(mask)
    for tolerance in TOLERANCES:
        rings = [(_simple(ring, tolerance) + 0.5) / 2 + box[:2] for ring in found]
        if not rings or not tolerance:
            break
        filled = polygons(rings, box)
        both = np.count_nonzero(filled & mask)
        if both >= SAME * (size + np.count_nonzero(filled) - both):
            break
    return rings


def joined(rings: list[np.ndarray]) -> np.ndarray:
    """One outline (n, 2) of several, joined by lines that it goes there and back; holes stay holes by the even-odd rule."""
    from scipy.spatial import cKDTree

    whole, *others = rings
    for ring in others:
        distances, nearest = cKDTree(whole).query(ring)
        there = int(distances.argmin())
        here = int(nearest[there])
        detour = np.concatenate([ring[there:], ring[: there + 1]])
        whole = np.concatenate([whole[: here + 1], detour, whole[here:]])
    return whole


def _simple(ring: np.ndarray, tolerance: float) -> np.ndarray:
    """(n, 2) of a contour (m, 1, 2) of cells of half a pixel."""
    simple = cv2.approxPolyDP(ring, 2 * tolerance, closed=True)
    return (simple if len(simple) > 2 else ring).reshape(-1, 2)
