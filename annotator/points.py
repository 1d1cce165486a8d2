"""Which pixels of a dense surface label become COCO-DensePose's annotated points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

METHODS = ("even", "random")


@dataclass(frozen=True)
class PointSampling:
    """How many points a person gets and where.

    COCO-DensePose's annotators were shown up to 14 points per part, spread evenly over its pixels
    (Güler et al., DensePose, 2018, section 2.1).
    """

    per_part: int = 14
    method: str = "even"

    def __post_init__(self):
        if self.per_part < 0:
            raise ValueError(f"points per part is {self.per_part}: it cannot be negative")
        if self.method not in METHODS:
            raise ValueError(f"point sampling method is {self.method!r}: use one of {', '.join(METHODS)}")


def sample_points(parts: np.ndarray, charts: np.ndarray, sampling: PointSampling) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the chosen pixels, part by part.

    Args:
        parts: (h, w) uint8, 0..14.
        charts: (h, w) uint8, 0..24; only pixels on a chart are chosen.
        sampling: number per part, and ``even`` (every so many pixels along a space-filling curve) or
            ``random``. Both give the same points for the same label.
    """
    rows, columns = np.nonzero((parts > 0) & (charts > 0))
    if not len(rows) or not sampling.per_part:
        return rows[:0], columns[:0]
    if sampling.method == "even":
        key = _curve(rows, columns)
    else:
        key = np.random.default_rng(len(rows)).permutation(len(rows))
    part = parts[rows, columns]
    order = np.lexsort((key, part))
    starts = np.flatnonzero(np.diff(part[order], prepend=0))
    counts = np.diff(starts, append=len(order))
    chosen = []
    for start, count in zip(starts, counts, strict=True):
        number = min(sampling.per_part, count)
        chosen.append(start + ((np.arange(number) + 0.5) * count / number).astype(int))
    picked = order[np.concatenate(chosen)]
    return rows[picked], columns[picked]


def _curve(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Position along the Z-order curve: pixels that follow each other on it are near each other."""
    key = np.zeros(len(rows), np.int64)
    for axis, values in enumerate((columns, rows)):
        spread = values.astype(np.int64)
        for shift, mask in ((16, 0x0000FFFF0000FFFF), (8, 0x00FF00FF00FF00FF), (4, 0x0F0F0F0F0F0F0F0F),
                            (2, 0x3333333333333333), (1, 0x5555555555555555)):  # fmt: skip
            spread = (spread | (spread << shift)) & mask
        key |= spread << axis
    return key
