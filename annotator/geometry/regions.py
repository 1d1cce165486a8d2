"""Regions of pixels: strokes of a brush, polygons, areas of one label, sides of a line, nearest pixels.

Unless it says otherwise a function takes points (n, 2), x, y in image pixels, and gives the pixels of a box
(x, y, w, h) whose centre is inside the region, as a (h, w) bool array.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np

from annotator.geometry.boxes import Box

GEODESIC_SIDE = 160
"""Pixels of the longer side of a mask, to which larger ones are scaled down before distances inside them are measured."""
BLOCK = 8
"""Side, in pixels, of the squares in which the nearest known pixel is looked for first."""


def stroke(points: np.ndarray, radius: float, box: Box) -> np.ndarray:
    """The pixels within ``radius`` pixels of the line through the points, or of the one point."""
    x, y, w, h = box
    inside = np.zeros((h, w), bool)
    points = points - (x, y)
    for a, b in pairwise(points if len(points) > 1 else np.repeat(points, 2, axis=0)):
        low = np.clip(np.floor(np.minimum(a, b) - radius), 0, (w, h)).astype(int)
        high = np.clip(np.ceil(np.maximum(a, b) + radius), 0, (w, h)).astype(int)
        if (high <= low).any():
            continue
        columns = np.arange(low[0], high[0]) + 0.5
        rows = np.arange(low[1], high[1])[:, None] + 0.5
        near = _segment_distance(columns, rows, a, b)[0] <= radius**2
        inside[low[1] : high[1], low[0] : high[0]] |= near
    return inside


def polygon(points: np.ndarray, box: Box) -> np.ndarray:
    """The pixels inside a closed outline; where it crosses itself, by the even-odd rule."""
    return polygons([points], box)


def polygons(outlines: Sequence[np.ndarray], box: Box) -> np.ndarray:
    """The pixels whose centres lie inside closed outlines (n, 2), by the even-odd rule: one inside another is a hole."""
    x, y, w, h = box
    starts = np.concatenate([np.asarray(points, np.float64) for points in outlines]) - (x, y)
    ends = np.concatenate([np.roll(points, -1, axis=0) for points in outlines]) - (x, y)
    # The rows whose middle an edge crosses.
    spans = np.ceil(np.stack([starts[:, 1], ends[:, 1]]) - 0.5).clip(0, h).astype(int)
    first, count = spans.min(axis=0), np.abs(spans[1] - spans[0])
    edge = np.repeat(np.arange(len(starts)), count)
    rows = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    a, b = starts[edge], ends[edge]
    at = a[:, 0] + (rows + 0.5 - a[:, 1]) * (b[:, 0] - a[:, 0]) / (b[:, 1] - a[:, 1])
    # Every pixel whose centre is to the right of an edge has crossed it once more.
    crossings = np.zeros((h, w + 1), np.int32)
    np.add.at(crossings, (rows, np.ceil(at - 0.5).clip(0, w).astype(int)), 1)
    return crossings.cumsum(axis=1)[:, :w] % 2 > 0


def connected_area(labels: np.ndarray, row: int, column: int) -> np.ndarray:
    """(h, w) bool: the pixels of (h, w) labels that have the label of one pixel and are connected to it along edges."""
    _, pieces = cv2.connectedComponents((labels == labels[row, column]).astype(np.uint8), connectivity=4)
    return pieces == pieces[row, column]


def right_of_line(points: np.ndarray, box: Box) -> np.ndarray:
    """The pixels to the right of a line that goes from the first point to the last and on at both ends.

    Args:
        points: two or more; no two neighbouring ones are the same.
    """
    x, y, w, h = box
    points = points - (x, y)
    reach = 4 * (w + h)
    first, last = points[0] - points[1], points[-1] - points[-2]
    ends = [
        points[0] + first / np.linalg.norm(first) * reach,
        points[-1] + last / np.linalg.norm(last) * reach,
    ]
    line = np.concatenate([ends[:1], points, ends[1:]])
    columns, rows = np.arange(w) + 0.5, np.arange(h)[:, None] + 0.5
    nearest, side = np.full((h, w), np.inf), np.zeros((h, w))
    for a, b in pairwise(line):
        distance, across = _segment_distance(columns, rows, a, b)
        # At a corner two segments are equally near; the one that faces the pixel more squarely knows its side.
        closer = (distance < nearest - 1e-9) | ((distance < nearest + 1e-9) & (np.abs(across) > np.abs(side)))
        nearest, side = np.where(closer, distance, nearest), np.where(closer, across, side)
    return side > 0


def nearest_seed(mask: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """The index of the seed that is nearest to each pixel of a mask, along paths inside the mask.

    Args:
        mask: (h, w) bool.
        seeds: (n, 2) x, y in the mask's pixels; one off the mask is moved to the mask's nearest pixel.

    Returns:
        (h, w) int64; −1 off the mask. Pieces without a seed get the one nearest in a straight line.
    """
    step = max(1.0, max(mask.shape) / GEODESIC_SIDE)
    width, height = (max(round(side / step), 1) for side in mask.shape[::-1])
    small = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA) > 0
    rows, columns = np.nonzero(small)
    scale = np.array(small.shape[::-1]) / mask.shape[::-1]
    centres = np.column_stack([columns, rows]) + 0.5
    straight = np.linalg.norm(centres[:, None] - seeds[None] * scale, axis=2)
    paths = _path_lengths(small, straight.argmin(axis=0))
    owner = np.where(np.isfinite(paths).any(axis=0), paths.argmin(axis=0), straight.argmin(axis=1))
    owners = np.full(small.shape, -1)
    owners[rows, columns] = owner
    pixels = (np.indices(mask.shape).transpose(1, 2, 0) * scale[::-1]).astype(int)
    return np.where(mask, owners[pixels[..., 0], pixels[..., 1]], -1)


def nearest_known(known: np.ndarray, where: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The row and column of the nearest known pixel, for each pixel.

    Args:
        known: (h, w) bool, somewhere true.
        where: (h, w) bool, somewhere true: the only pixels to find it for, which is faster where they are few or
            close together. Rows and columns of the others are arbitrary.
    """
    from scipy.ndimage import distance_transform_edt

    if where is None:
        rows, columns = distance_transform_edt(~known, return_distances=False, return_indices=True)
        return rows, columns
    window = _window(known, where)
    nearest = np.empty((2, *known.shape), np.int32)
    for index, side, found in zip(nearest, window, nearest_known(known[window]), strict=True):
        index[window] = found + side.start
    return nearest[0], nearest[1]


def _window(known: np.ndarray, where: np.ndarray) -> tuple[slice, slice]:
    """Slices of rows and columns that hold all pixels ``where`` and all their nearest known ones."""
    from scipy.ndimage import distance_transform_edt

    def blocks(mask: np.ndarray) -> np.ndarray:
        rows, columns = (np.arange(0, side, BLOCK) for side in mask.shape)
        return np.logical_or.reduceat(np.logical_or.reduceat(mask, rows, axis=0), columns, axis=1)

    away = distance_transform_edt(~blocks(known))[blocks(where)].max()
    # The pixels of two blocks may be farther apart than the blocks, by a block's diagonal at most.
    reach = int(np.ceil(BLOCK * (away + 2**0.5)))
    sides = (np.flatnonzero(where.any(axis=axis)) for axis in (1, 0))
    return tuple(slice(max(side[0] - reach, 0), side[-1] + reach + 1) for side in sides)


def _segment_distance(columns, rows, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The squared distance of pixel centres to a segment, and how far to the right of its line they lie."""
    along = b - a
    length = float(along @ along)
    px, py = columns - a[0], rows - a[1]
    t = np.clip((px * along[0] + py * along[1]) / length, 0, 1) if length else 0.0
    distance = (px - t * along[0]) ** 2 + (py - t * along[1]) ** 2
    across = (py * along[0] - px * along[1]) / (length**0.5 or 1.0)
    return distance, across


def _path_lengths(mask: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """(starts, pixels) lengths of the shortest paths inside a mask to its pixels, in the order of ``np.nonzero``."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import dijkstra

    number = np.full((mask.shape[0] + 1, mask.shape[1] + 2), -1)
    number[:-1, 1:-1][mask] = np.arange(np.count_nonzero(mask))
    own = number[:-1, 1:-1]
    edges = []
    for below, right, length in ((0, 1, 1.0), (1, 0, 1.0), (1, 1, 2**0.5), (1, -1, 2**0.5)):
        other = number[below : below + mask.shape[0], 1 + right : 1 + right + mask.shape[1]]
        both = (own >= 0) & (other >= 0)
        edges.append((own[both], other[both], np.full(np.count_nonzero(both), length)))
    a, b, lengths = (np.concatenate(column) for column in zip(*edges, strict=True))
    count = np.count_nonzero(mask)
    graph = coo_array((lengths, (a, b)), (count, count)).tocsr()
    return dijkstra(graph, directed=False, indices=starts)
