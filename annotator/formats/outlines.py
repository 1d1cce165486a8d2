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
    """One outline (n, 2) of several, joined by lines that it goes there and back; holes stay holes by the even-odd rule.

    The lines are as short as can be: tools that draw the border of what they fill, as ultralytics does, draw them, too.
    """
    from scipy.spatial import cKDTree

    whole, *others = map(_dense, rings)
    added, gaps = whole, [(np.inf, np.zeros(2), 0)] * len(others)
    while others:
        tree = cKDTree(added)
        for i, ring in enumerate(others):
            # The longer side: so many pixels such a line has.
            distances, nearest = tree.query(ring, p=np.inf)
            there = int(distances.argmin())
            if distances[there] < gaps[i][0]:
                gaps[i] = distances[there], added[nearest[there]], there
        i = min(range(len(others)), key=lambda i: gaps[i][0])
        (_, point, there), ring = gaps.pop(i), others.pop(i)
        here = int(np.flatnonzero((whole == point).all(axis=1))[0])
        added = np.concatenate([ring[there:], ring[: there + 1]])
        whole = np.concatenate([whole[: here + 1], added, whole[here:]])
    return _corners(whole)


def _dense(ring: np.ndarray) -> np.ndarray:
    """The same outline with a point at least at every pixel."""
    ends = np.roll(ring, -1, axis=0)
    counts = np.maximum(np.ceil(np.abs(ends - ring).max(axis=1)).astype(int), 1)
    edge = np.repeat(np.arange(len(ring)), counts)
    along = (np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts)) / counts[edge]
    return ring[edge] + along[:, None] * (ends - ring)[edge]


def _corners(ring: np.ndarray) -> np.ndarray:
    """The same outline without the points that lie on a straight way from the one before to the next."""
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    across = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    return ring[(np.abs(across) > 1e-6) | ((before * after).sum(axis=1) <= 0)]


def _simple(ring: np.ndarray, tolerance: float) -> np.ndarray:
    """(n, 2) of a contour (m, 1, 2) of cells of half a pixel."""
    simple = cv2.approxPolyDP(ring, 2 * tolerance, closed=True)
    return (simple if len(simple) > 2 else ring).reshape(-1, 2)
