"""Which surface points of a densely labelled person to write: COCO-DensePose keeps a few of each part."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from annotator.labels.label_space import CHART_TO_PART, PARTS

CANDIDATES = 8
"""Pixels of a part per point, among which its points are chosen; a larger part is thinned out first."""
ROUNDS = 2
"""Of moving each point to the middle of the pixels nearest to it."""
_PART_OF = np.zeros(256, np.uint8)
_PART_OF[: len(CHART_TO_PART)] = CHART_TO_PART
METHODS = ("even", "random")


@dataclass(frozen=True)
class PointSampling:
    """How many surface points to keep per visible part, and how they are chosen.

    ``even`` spreads them over the part, away from its outline; ``random`` draws pixels evenly at random. Both
    depend on the labels alone: the same person gets the same points in every run.

    Raises:
        ValueError: a negative number of points or an unknown method.
    """

    per_part: int = 13
    method: str = "even"

    def __post_init__(self) -> None:
        if self.per_part < 0:
            raise ValueError(f"per_part must be 0 or more points, not {self.per_part}")
        if self.method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}, not {self.method!r}")

    def pick(self, charts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of the chosen pixels of (h, w) ``charts``, part after part."""
        parts = cv2.LUT(charts, _PART_OF).ravel()  # several times as fast as NumPy
        inside = np.flatnonzero(parts > 0)  # several times as fast as of the numbers themselves
        labels = parts[inside]
        pixels = inside[np.argsort(labels, kind="stable")]
        ends = np.cumsum(np.bincount(labels, minlength=len(PARTS)))
        groups = [pixels[a:b] for a, b in pairwise(ends) if b > a]
        if not groups or self.per_part == 0:
            empty = np.zeros(0, np.int64)
            return empty, empty
        width = charts.shape[1]
        if self.method == "even":
            chosen = _even(groups, width, self.per_part)
        else:
            rng = np.random.default_rng(0)
            chosen = [np.sort(rng.choice(g, min(self.per_part, len(g)), replace=False)) for g in groups]
        rows, columns = np.divmod(np.concatenate(chosen), width)
        return rows, columns


def _even(groups: list[np.ndarray], width: int, count: int) -> list[np.ndarray]:
    """k-means from farthest points, on all parts at once.

    Arrays are (parts, candidate pixels, points); coordinates are complex numbers, column + row · i.
    """
    room = CANDIDATES * count
    pixels = np.zeros((len(groups), room), np.int64)
    real = np.zeros((len(groups), room), bool)
    for row, group in enumerate(groups):
        n = min(len(group), room)
        pixels[row, :n] = group[(np.arange(n) * len(group) + len(group) // 2) // n]
        real[row, :n] = True
    rows, columns = np.divmod(pixels, width)
    at = (columns + 1j * rows).astype(np.complex64)
    centres = _farthest(at, real, count)
    for _ in range(ROUNDS):
        member = _members(_distances(at, centres), real).astype(np.float32)
        size = member.sum(axis=1)
        middles = (at[:, None] @ member)[:, 0] / np.maximum(size, 1)
        centres = np.where(size > 0, middles, centres)
    # A centre may lie off the part (between the legs, say): the nearest of its own pixels stands for it.
    distance = _distances(at, centres)
    distance[~_members(distance, real)] = np.inf
    best = distance.argmin(axis=1)
    found = np.isfinite(distance.min(axis=1))
    return [
        group if len(group) <= count else np.sort(pixels[row, best[row, found[row]]])
        for row, group in enumerate(groups)
    ]


def _farthest(at: np.ndarray, real: np.ndarray, count: int) -> np.ndarray:
    """(parts, points) candidates, each as far as can be from those before it, the first near the middle."""
    parts = np.arange(len(at))
    middle = (at * real).sum(axis=1) / real.sum(axis=1)
    gap = np.where(real, -np.abs(at - middle[:, None]), -np.inf)
    centres = np.empty((len(at), count), np.complex64)
    for i in range(count):
        centres[:, i] = at[parts, gap.argmax(axis=1)]
        fresh = np.abs(at - centres[:, i, None])
        gap = np.where(real, fresh, -1) if i == 0 else np.minimum(gap, fresh)
    return centres


def _distances(at: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return np.abs(at[:, :, None] - centres[:, None])


def _members(distance: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Which point each candidate is nearest to, (parts, candidates, points) bool."""
    nearest = distance.argmin(axis=2)
    return (nearest[:, :, None] == np.arange(distance.shape[2])) & real[:, :, None]
