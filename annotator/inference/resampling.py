"""Charts, U and V of a person from the resolution of the maps to that of the image."""

from __future__ import annotations

import math

import cv2
import numpy as np

from annotator.geometry.letterbox import warp
from annotator.labels.maps import Maps


def resample_charts(
    maps: Maps, shown: np.ndarray, matrix: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Charts with smooth borders, and U, V interpolated within each chart.

    The maps hold one chart per pixel. The confidence of each chart, 0 on the pixels of others, is interpolated
    bilinearly, and the highest decides. U and V are means of the surrounding pixels of that chart alone, with the same
    weights, so that nothing is mixed across a border. (Inside hands and feet U or V of the body jumps along one line,
    but that of a network does not.)

    Args:
        maps: of one image.
        shown: (h, w) bool, the pixels of the maps that count.
        matrix: (2, 3) affine map from map pixels to pixels of the result, without rotation.
        size: width, height of the result.

    Returns:
        Charts (uint8), U and V (float16), each (height, width); 0 where none of the surrounding map pixels counts.
    """
    charts = np.zeros(size[::-1], np.uint8)
    highest = np.zeros(charts.shape, np.float32)
    u, v = np.zeros((2, *charts.shape), np.float16)
    confidence = maps.chart_confidence
    weighted = np.dstack([confidence, confidence * maps.u, confidence * maps.v])
    labels = np.where(shown, maps.charts, 0)
    present = np.flatnonzero(np.bincount(labels.ravel(), minlength=1)[1:]) + 1
    on_charts = labels == present[:, None, None].astype(np.uint8)
    boxes = zip(on_charts.any(axis=2), on_charts.any(axis=1), strict=True)
    for chart, on_chart, (on_rows, on_columns) in zip(present, on_charts, boxes, strict=True):
        # Only where the chart has any weight: the whole person for each chart would take several times as long.
        rows, rows_there = _slices(on_rows, *matrix[1, 1:], size[1])
        columns, columns_there = _slices(on_columns, *matrix[0, ::2], size[0])
        there = rows_there, columns_there
        if not charts[there].size:
            continue
        to_there = matrix.copy()
        to_there[:, 2] += matrix[:, :2] @ (columns.start, rows.start) - (
            columns_there.start,
            rows_there.start,
        )
        layers = cv2.copyTo(weighted[rows, columns], on_chart[rows, columns].view(np.uint8))
        layers = warp(layers, to_there, charts[there].shape[::-1], cv2.INTER_LINEAR)
        # cv2.split would take three times as long.
        weight, *weighted_uv = (cv2.extractChannel(layers, channel) for channel in range(3))
        wins = cv2.compare(weight, highest[there], cv2.CMP_GT)
        cv2.copyTo(weight, wins, highest[there])
        np.copyto(charts[there], np.uint8(chart), where=wins.view(bool))
        for values, sums in zip((u, v), weighted_uv, strict=True):
            # OpenCV converts to float16 ten times as fast as numpy, into integers of the same bits.
            halves = cv2.convertFp16(cv2.divide(sums, weight))
            cv2.copyTo(halves, wins, values[there].view(np.int16))
    return charts, u, v


def _slices(filled: np.ndarray, scale: float, offset: float, length: int) -> tuple[slice, slice]:
    """Along one axis: from the first to the last filled map pixel, and the pixels of the result, ``length`` in all, to
    which bilinear interpolation carries anything of those."""
    first, last = np.flatnonzero(filled)[[0, -1]].tolist()
    # From the centre before the first to the centre after the last.
    low, high = math.floor(scale * (first - 0.5) + offset), math.ceil(scale * (last + 1.5) + offset)
    return slice(first, last + 1), slice(min(max(low, 0), length), min(max(high, 0), length))
