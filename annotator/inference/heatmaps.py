"""Where a heatmap is highest, finer than its pixels.

Heatmaps are smoothed first, and near their peak taken for Gaussians, whose logarithm is a parabola: Zhang et al.,
"Distribution-aware coordinate representation for human pose estimation" (2020).
"""

from __future__ import annotations

import cv2
import numpy as np

SMOOTH = 1.0
"""Standard deviation in heatmap pixels; single pixels of an unsure heatmap mean little."""
FLOOR = 1e-4
"""Lower values count as this: their logarithm says nothing."""


def highest(heatmaps: np.ndarray, near: np.ndarray) -> np.ndarray:
    """The highest point of each heatmap within a region.

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
    """Where a parabola through values at −1, 0 and 1 is highest, at most half from 0; 0 where it has no top."""
    bend = before - 2 * middle + after
    top = np.divide(0.5 * (before - after), bend, out=np.zeros_like(middle), where=bend < 0)
    return np.clip(top, -0.49, 0.49)  # not on to the next pixel
