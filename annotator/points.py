"""Which surface points of a densely labelled person to write: COCO-DensePose keeps some per part, not every pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annotator.densepose import CHART_TO_PART, PARTS

CANDIDATES = 160
"""Pixels of a part among which its points are chosen; more are thinned out to this number first."""
ROUNDS = 2
"""Of moving each point to the middle of the pixels nearest to it."""
METHODS = ("even", "random")


@dataclass(frozen=True)
class PointSampling:
    """How many surface points to keep per visible part, and how they are chosen.

    ``even`` spreads them over the part, away from its outline; ``random`` draws pixels evenly at random. Both
    depend on the labels (and the seed) alone: the same person gets the same points in every run.

    Raises:
        ValueError: a negative number of points or an unknown method.
    """

    per_part: int = 13
    method: str = "even"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.per_part < 0:
            raise ValueError(f"per_part must be 0 or more points, not {self.per_part}")
        if self.method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}, not {self.method!r}")

    def pick(self, charts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of the chosen pixels of (h, w) ``charts``, part after part, in reading order within."""
        parts = CHART_TO_PART[charts].ravel()
        inside = np.flatnonzero(parts)
        pixels = inside[np.argsort(parts[inside], kind="stable")]
        ends = np.cumsum(np.bincount(parts[inside], minlength=len(PARTS)))
        groups = [pixels[a:b] for a, b in zip(ends[:-1], ends[1:], strict=True) if b > a]
        if not groups or self.per_part == 0:
            empty = np.zeros(0, np.int64)
            return empty, empty
        width = charts.shape[1]
        if self.method == "even":
            chosen = _even(groups, width, self.per_part)
        else:
            rng = np.random.default_rng(self.seed)
            chosen = [np.sort(rng.choice(g, min(self.per_part, len(g)), replace=False)) for g in groups]
        rows, columns = np.divmod(np.concatenate(chosen), width)
        return rows, columns


def _even(groups: list[np.ndarray], width: int, count: int) -> list[np.ndarray]:
    """k-means from farthest points, on all parts at once: rows are parts, columns their candidate pixels."""
    room = max(CANDIDATES, 4 * count)
    pixels = np.zeros((len(groups), room), np.int64)
    real = np.zeros((len(groups), room), bool)
    for row, group in enumerate(groups):
        n = min(len(group), room)
        pixels[row, :n] = group[(np.arange(n) * len(group) + len(group) // 2) // n]
        real[row, :n] = True
    at = np.stack(np.divmod(pixels, width), axis=-1).astype(np.float32)
    centres = _farthest(at, real, count)
    for _ in range(ROUNDS):
        member = _members(_distances(at, centres), real).astype(np.float32)
        size = member.sum(axis=1)[:, :, None]
        centres = np.where(size > 0, member.transpose(0, 2, 1) @ at / np.maximum(size, 1), centres)
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
    """(parts, count, 2) candidates, each as far as can be from those before it, the first near the middle."""
    rows = np.arange(len(at))
    middle = (at * real[:, :, None]).sum(axis=1) / real.sum(axis=1)[:, None]
    gap = np.where(real, -np.square(at - middle[:, None]).sum(axis=2), -np.inf)
    centres = np.empty((len(at), count, 2), np.float32)
    for i in range(count):
        centres[:, i] = at[rows, gap.argmax(axis=1)]
        fresh = np.square(at - centres[:, i, None]).sum(axis=2)
        gap = np.where(real, fresh, -1) if i == 0 else np.minimum(gap, fresh)
    return centres


def _distances(at: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Squared, (parts, candidates, centres)."""
    dots = at @ centres.transpose(0, 2, 1)
    return np.square(at).sum(axis=2)[:, :, None] + np.square(centres).sum(axis=2)[:, None] - 2 * dots


def _members(distance: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Which centre, (parts, candidates, centres) bool, each candidate is nearest to."""
    nearest = distance.argmin(axis=2)
    return (nearest[:, :, None] == np.arange(distance.shape[2])) & real[:, :, None]
