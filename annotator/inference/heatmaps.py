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
    smooth = cv2.GaussianBlur(heatmaps, (0, 0), SMOOTH).reshape(
        heatmaps.shape
    )  # of one, OpenCV drops the axis
    rows, columns = np.nonzero(near)
    peak = smooth[rows, columns].argmax(axis=0)
    row, column, channel = rows[peak], columns[peak], np.arange(heatmaps.shape[2])
    log = np.log(np.maximum(np.pad(smooth, ((1, 1), (1, 1), (0, 0)), mode="edge"), FLOOR))
    middle = log[row + 1, column + 1, channel]
    x = column + 0.5 + _vertex(log[row + 1, column, channel], middle, log[row + 1, column + 2, channel])
    y = row + 0.5 + _vertex(log[row, column + 1, channel], middle, log[row + 2, column + 1, channel])
    return np.stack([x, y], axis=1)


def _vertex(before: np.ndarray, middle: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Position of the maximum of a parabola through values at −1, 0 and 1, within half of 0; 0 where it has none."""
    bend = before - 2 * middle + after
    top = np.divide(0.5 * (before - after), bend, out=np.zeros_like(middle), where=bend < 0)
    return np.clip(top, -0.49, 0.49)  # stay on this pixel
