"""Peaks of heatmaps with sub-pixel precision.

Heatmaps are smoothed, then a parabola is fitted to their logarithm around the maximum, which is exact for a Gaussian:
Zhang et al., "Distribution-aware coordinate representation for human pose estimation" (2020).
"""

from __future__ import annotations

import cv2
import numpy as np

SMOOTH = 1.0
"""Standard deviation of the smoothing, in heatmap pixels; single pixels of an unsure heatmap mean little."""
FLOOR = 1e-4
"""Lower values are raised to this before the logarithm."""


def find_peaks(heatmaps: np.ndarray, near: np.ndarray) -> np.ndarray:
    """The peak of each heatmap within a region.

    Args:
        heatmaps: float32 (h, w, n).
        near: (h, w) bool, not empty.

    Returns:
        (n, 2): x, y in heatmap pixels, at most half a pixel from the middle of the highest pixel of ``near``.
    """
    count = heatmaps.shape[2]
    smooth = cv2.GaussianBlur(heatmaps, (0, 0), SMOOTH).reshape(
        heatmaps.shape
    )  # of one, OpenCV drops the axis
    rows, columns = np.nonzero(near)
    # Along the first axis argmax takes several times as long.
    peak = smooth[rows, columns].T.copy().argmax(axis=1)
    row, column, channel = rows[peak], columns[peak], np.arange(count)
    # The pixel beyond an edge is that on the edge.
    up, left = np.maximum(row - 1, 0), np.maximum(column - 1, 0)
    down, right = np.minimum(row + 1, smooth.shape[0] - 1), np.minimum(column + 1, smooth.shape[1] - 1)
    around = smooth[[row, row, row, up, down], [column, left, right, column, column], channel]
    middle, before_x, after_x, before_y, after_y = np.log(np.maximum(around, FLOOR))
    x = column + 0.5 + _vertex(before_x, middle, after_x)
    y = row + 0.5 + _vertex(before_y, middle, after_y)
    return np.stack([x, y], axis=1)


def _vertex(before: np.ndarray, middle: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Position of the maximum of a parabola through values at −1, 0 and 1, within half of 0; 0 where it has none."""
    bend = before - 2 * middle + after
    top = np.divide(0.5 * (before - after), bend, out=np.zeros_like(middle), where=bend < 0)
    return np.clip(top, -0.49, 0.49)  # stay on this pixel
