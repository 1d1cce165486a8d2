"""Charts, U and V of a person from the resolution of the maps to that of the image."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from annotator.geometry.boxes import bounding_box, crop
from annotator.labels.maps import Maps, PersonMaps


def resample_charts(
    maps: Maps | PersonMaps, shown: np.ndarray, matrix: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
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
        Charts (uint8), U and V (float16), and the interpolated confidence of the chart (float32), each (height, width); 0 where
        none of the surrounding map pixels counts.
    """
    charts = np.zeros(size[::-1], np.uint8)
    highest = np.zeros(charts.shape, np.float32)
    best = np.zeros((*charts.shape, 3), np.float32)
    """Of the chart that wins so far: its confidence, and that times U and V."""
    box = bounding_box(shown)
    if box is None:
        return charts, *np.zeros((2, *charts.shape), np.float16), highest
    # In a rim of zeros, which spares OpenCV a slow way for pixels whose neighbours are beyond the edge.
    labels = _in_rim(cv2.copyTo(crop(maps.charts, box), crop(shown, box).view(np.uint8)))
    confidence, u, v = (
        np.ascontiguousarray(crop(values, box)) for values in (maps.chart_confidence, maps.u, maps.v)
    )
    weighted = _in_rim(cv2.merge([confidence, cv2.multiply(confidence, u), cv2.multiply(confidence, v)]))
    present = np.flatnonzero(np.bincount(labels.ravel(), minlength=1)[1:]) + 1
    on_charts = labels == present[:, None, None].astype(np.uint8)
    all_rows = _slices(on_charts.any(axis=2), box[1] - 1, *matrix[1, 1:].tolist(), size[1])
    all_columns = _slices(on_charts.any(axis=1), box[0] - 1, *matrix[0, ::2].tolist(), size[0])
    to_there = np.zeros((2, 3))
    to_there[0, 0], to_there[1, 1] = matrix[0, 0], matrix[1, 1]
    # Charts are small: what a call costs counts for more than its pixels.
    for chart, on_chart, (rows, rows_there, down), (columns, columns_there, across) in zip(
        present.tolist(), on_charts.view(np.uint8), all_rows, all_columns, strict=True
    ):
        # Only where the chart has any weight: the whole person for each chart would take several times as long.
        there = rows_there, columns_there
        here = charts[there]
        if not here.size:
            continue
        to_there[:, 2] = across, down
        layers = cv2.copyTo(weighted[rows, columns], on_chart[rows, columns])
        layers = cv2.warpAffine(layers, to_there, here.shape[::-1])
        weight, highest_here = cv2.extractChannel(layers, 0), highest[there]
        wins = cv2.compare(weight, highest_here, cv2.CMP_GT)
        cv2.copyTo(weight, wins, highest_here)
        cv2.copyTo(layers, wins, best[there])
        # Later charts have higher numbers; np.copyto would take several times as long.
        cv2.max(here, cv2.min(wins, chart), here)
    # cv2.split would take three times as long.
    weighted_uv = (cv2.extractChannel(best, channel) for channel in (1, 2))
    divisor = np.where(charts > 0, highest, np.float32(1))
    # OpenCV converts to float16 ten times as fast as numpy, into integers of the same bits.
    u, v = (cv2.convertFp16(cv2.divide(sums, divisor)).view(np.float16) for sums in weighted_uv)
    return charts, u, v, highest


def _in_rim(array: np.ndarray) -> np.ndarray:
    return cv2.copyMakeBorder(array, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)


def _slices(
    filled: np.ndarray, origin: int, scale: float, offset: float, length: int
) -> Iterator[tuple[slice, slice, float]]:
    """Along one axis, for each chart: its pixels of the crop and one more on either side, the pixels of the result to which
    bilinear interpolation carries anything of those, and the offset of OpenCV's affine map from the ones to the others.

    Args:
        filled: (charts, n) bool, where along the axis of the crop each chart has pixels; it has some, none in the rim.
        origin: of the crop with its rim on the maps.
        scale, offset: from the maps to the result.
        length: of the result.
    """
    first = filled.argmax(axis=1)
    last = filled.shape[1] - 1 - filled[:, ::-1].argmax(axis=1)
    # From the centre before the first to the centre after the last.
    low = np.floor(scale * (first + origin - 0.5) + offset)
    high = np.ceil(scale * (last + origin + 1.5) + offset)
    ends = np.clip([low, high], 0, length).astype(int).tolist()
    for start, stop, low, high in zip(first.tolist(), last.tolist(), *ends, strict=True):
        # OpenCV's whole numbers are the centres of pixels, as in annotator.geometry.letterbox.warp.
        shift = offset + (scale * (start - 1 + origin) - low) + (0.5 * scale - 0.5)
        yield slice(start - 1, stop + 2), slice(low, high), shift
