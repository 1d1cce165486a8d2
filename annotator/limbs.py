"""What the labels of one body owe each other: limbs that hang together have one side, joints lie between parts.

The network says for every pixel by itself which side of the body it is on, and is right the more often the nearer
to the trunk. So a hand takes the side of its arm, and a knee that of its leg.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from annotator.densepose import (
    CHART_MIRROR,
    CHART_TO_PART,
    KEYPOINT_MIRROR,
    KEYPOINT_PARTS,
    KEYPOINTS,
    LIMBS,
    PARTS,
    mirror_uv,
)
from annotator.network import Maps

TOUCH = 3
"""Map pixels around a piece of a limb in which it is looked for what it hangs on."""
JOINTS = slice(5, 17)
"""Keypoints from the shoulders down."""
OTHER_SIDE = 0.3
"""What a joint's heatmap counts for that of the other side: a network that finds a knee may mistake its side."""
JOINT_BLUR = 0.06
"""How far around it parts tell of a joint: standard deviation, relative to the person's longer side."""
NO_PART = 0.02
"""Share of a part from which on it tells of a joint; below, the heatmap alone decides."""


def settle_sides(maps: Maps, around: np.ndarray) -> Maps:
    """Give forearms and lower legs the side of what they hang on, then hands and feet that of theirs.

    Each connected piece that touches more of the other side's limb than of its own is mirrored, with its U and V.

    Args:
        maps: of one image.
        around: (h, w) bool, one person and its rim.

    Returns:
        The maps, other charts, U and V in ``around``.
    """
    charts = maps.charts.copy()
    parts = CHART_TO_PART[charts] * around
    rows, columns = np.flatnonzero(around.any(axis=1)), np.flatnonzero(around.any(axis=0))
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    charts_here, parts_here = charts[window], parts[window]
    for outer, inner in LIMBS:
        pieces = [piece for part in outer for piece in _pieces(parts_here == part)]
        wrong = [piece for piece in pieces if _hangs_on_the_other_side(piece, parts_here, outer, inner)]
        for piece in wrong:
            charts_here[piece] = CHART_MIRROR[charts_here[piece]]
            parts_here[piece] = CHART_TO_PART[charts_here[piece]]
    turned = charts != maps.charts
    u, v = maps.u.copy(), maps.v.copy()
    u[turned], v[turned] = mirror_uv(maps.charts[turned], u[turned], v[turned])
    return replace(maps, charts=charts, u=u, v=v)


def _pieces(mask: np.ndarray) -> list[np.ndarray]:
    count, labels = cv2.connectedComponents(mask.astype(np.uint8))
    return [labels == label for label in range(1, count)]


def _hangs_on_the_other_side(
    piece: np.ndarray, parts: np.ndarray, outer: tuple[int, int], inner: tuple[int, int]
) -> bool:
    near = cv2.dilate(piece.astype(np.uint8), np.ones((2 * TOUCH + 1, 2 * TOUCH + 1), np.uint8)) > 0
    side = outer.index(parts[piece][0])
    touched = np.bincount(parts[near], minlength=len(PARTS))
    return bool(touched[inner[1 - side]] > touched[inner[side]])


def weigh_joints(heatmaps: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Heatmaps of one person, higher where the parts are that a joint lies between.

    A joint is looked for where the heatmap of either side has a peak, near its two parts of the right side.

    Args:
        heatmaps: (h, w, 17), values 0..1.
        parts: (h·n, w·n) parts of this person, 0 elsewhere, for a whole n.

    Returns:
        (h, w, 17); only where a heatmap is highest means something.
    """
    h, w, _ = heatmaps.shape
    step = parts.shape[0] // h
    rows, columns = np.flatnonzero(parts.any(axis=1)), np.flatnonzero(parts.any(axis=0))
    if not len(rows):
        return heatmaps
    extent = max(np.ptp(rows), np.ptp(columns)) + 1
    shares = (parts[..., None] == np.arange(len(PARTS))).astype(np.float32)
    shares = shares.reshape(h, step, w, step, -1).mean(axis=(1, 3))
    shares = cv2.GaussianBlur(shares, (0, 0), max(JOINT_BLUR * extent / step, 0.5))
    weighed = heatmaps.copy()
    for joint in range(len(KEYPOINTS))[JOINTS]:
        one, other = (shares[..., part] for part in KEYPOINT_PARTS[joint])
        between = (np.sqrt(one * other) + NO_PART) * ((one + other) / 2 + NO_PART)
        seen = heatmaps[..., joint] + OTHER_SIDE * heatmaps[..., KEYPOINT_MIRROR[joint]]
        weighed[..., joint] = seen * np.sqrt(between)
    return weighed
