"""What the labels of one body owe each other: limbs that hang together have one side, joints lie between parts.

The network says for every pixel by itself which side of the body it is on, and is right the more often the nearer
to the trunk. So a hand takes the side of its arm where the two disagree, and a knee that of its leg.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from annotator.geometry.boxes import extent, within
from annotator.labels.label_space import (
    CHART_MIRROR,
    CHART_TO_PART,
    KEYPOINT_MIRROR,
    KEYPOINT_PARTS,
    KEYPOINTS,
    LIMBS,
    PART_MIRROR,
    PARTS,
    mirror_uv,
)
from annotator.labels.maps import Maps

TOUCH = 5
"""Map pixels around a piece of a limb in which it is looked for what it hangs on: a gap between the two may be as
wide."""
CLEARLY = 2
"""So many times as much of the other limb as of its own a piece must touch to be turned. On 100 renders, with
true masks, the mean IoU of parts in boxes is .545 where nothing is turned, .537 with 1, .553 with 2, .551 with 3 and 4."""
JOINTS = slice(5, 17)
"""Keypoints from the shoulders down."""
# When joints were first weighed by these three, and limbs given one side, OKS in true boxes of renders rose from 0.57 to
# 0.61; there is no metric of each alone.
OTHER_SIDE = 0.3
"""What a joint's heatmap counts for that of the other side: a network that finds a knee may mistake its side."""
JOINT_BLUR = 0.06
"""How far around it parts tell of a joint: standard deviation, relative to the person's longer side."""
NO_PART = 0.02
"""Share of a part from which on it tells of a joint; below, the heatmap alone decides."""


def resolve_sides(maps: Maps, around: np.ndarray) -> Maps:
    """Give limbs the side of what they hang on, from the trunk outwards.

    Forearms and lower legs get the side of what they hang on, then hands and feet that of theirs. Each connected
    piece is looked at by itself, and mirrored with its U and V where it clearly is on the wrong side.

    Args:
        maps: of one image.
        around: (h, w) bool, one person and its rim.

    Returns:
        The maps, other charts, U and V in ``around``.
    """
    box = extent(around)
    charts = maps.charts.copy()
    here = within(charts, box)
    parts = CHART_TO_PART[here] * within(around, box)
    for outer, inner in LIMBS:
        pieces = _pieces(parts, outer)
        for piece in [p for p in pieces if _hangs_on_the_other_limb(p, parts, outer, inner)]:
            here[piece] = CHART_MIRROR[here[piece]]
            parts[piece] = PART_MIRROR[parts[piece]]
    turned = charts != maps.charts
    u, v = maps.u.copy(), maps.v.copy()
    u[turned], v[turned] = mirror_uv(maps.charts[turned], u[turned], v[turned])
    return replace(maps, charts=charts, u=u, v=v)


def _pieces(parts: np.ndarray, sides: tuple[int, int]) -> list[np.ndarray]:
    """(h, w) bool of each connected piece of the left, then of the right part."""
    pieces = []
    for part in sides:
        count, labels = cv2.connectedComponents((parts == part).astype(np.uint8))
        pieces += [labels == label for label in range(1, count)]
    return pieces


def _hangs_on_the_other_limb(
    piece: np.ndarray, parts: np.ndarray, outer: tuple[int, int], inner: tuple[int, int]
) -> bool:
    side = outer.index(parts[piece][0])
    near = cv2.dilate(piece.astype(np.uint8), np.ones((2 * TOUCH + 1, 2 * TOUCH + 1), np.uint8)) > 0
    touched = np.bincount(parts[near], minlength=len(PARTS))
    return bool(touched[inner[1 - side]] > CLEARLY * touched[inner[side]])


def weigh_joints(heatmaps: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Heatmaps of one person, higher where the parts are that a joint lies between.

    A joint is looked for where the heatmap of either side has a peak, near its two parts of the right side.

    Args:
        heatmaps: (h, w, 17), values 0..1.
        parts: (h·n, w·n) parts of this person, 0 elsewhere, for a whole n.

    Returns:
        (h, w, 17); only where a heatmap is highest means something.
    """
    step = parts.shape[0] // heatmaps.shape[0]
    box = extent(parts)
    if box is None:
        return heatmaps
    # By slices: the mean over a reshaped array takes three times as long.
    shifts = [
        parts[i::step, j::step, None] == np.arange(len(PARTS)) for i in range(step) for j in range(step)
    ]
    shares = np.mean(shifts, axis=0, dtype=np.float32)
    shares = cv2.GaussianBlur(shares, (0, 0), max(JOINT_BLUR * max(box[2:]) / step, 0.5))
    weighed = heatmaps.copy()
    for joint in range(len(KEYPOINTS))[JOINTS]:
        one, other = (shares[..., part] for part in KEYPOINT_PARTS[joint])
        between = (np.sqrt(one * other) + NO_PART) * ((one + other) / 2 + NO_PART)
        seen = heatmaps[..., joint] + OTHER_SIDE * heatmaps[..., KEYPOINT_MIRROR[joint]]
        weighed[..., joint] = seen * np.sqrt(between)
    return weighed
