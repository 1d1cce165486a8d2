"""The label space of COCO-DensePose: parts, charts, keypoints, their mirror images and their colours.

"Left" and "right" are always the person's own. Index 0 is background wherever an index counts from 1.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

PARTS: tuple[str, ...] = (
    "background",
    "torso",
    "right hand",
    "left hand",
    "left foot",
    "right foot",
    "right upper leg",
    "left upper leg",
    "right lower leg",
    "left lower leg",
    "left upper arm",
    "right upper arm",
    "left lower arm",
    "right lower arm",
    "head",
)
"""Coarse parts 0..14, the order of ``dp_masks`` (entry ``i - 1`` is part ``i``)."""

CHARTS: tuple[str, ...] = (
    "background",
    "torso back",
    "torso front",
    "right hand",
    "left hand",
    "left foot",
    "right foot",
    "right upper leg back",
    "left upper leg back",
    "right upper leg front",
    "left upper leg front",
    "right lower leg back",
    "left lower leg back",
    "right lower leg front",
    "left lower leg front",
    "left upper arm front",
    "right upper arm front",
    "left upper arm back",
    "right upper arm back",
    "left lower arm inner",
    "right lower arm inner",
    "left lower arm outer",
    "right lower arm outer",
    "head right",
    "head left",
)
"""Charts 0..24 of the body surface, the values of ``dp_I``."""

KEYPOINTS: tuple[str, ...] = (
    "nose",
    "left eye",
    "right eye",
    "left ear",
    "right ear",
    "left shoulder",
    "right shoulder",
    "left elbow",
    "right elbow",
    "left wrist",
    "right wrist",
    "left hip",
    "right hip",
    "left knee",
    "right knee",
    "left ankle",
    "right ankle",
)
"""The 17 COCO keypoints in COCO order."""

HEAD_KEYPOINTS = slice(0, 5)
"""Nose, eyes and ears: the mean of those labelled is a person's head point."""
SHOULDER_KEYPOINTS = slice(5, 7)
HIP_KEYPOINTS = slice(11, 13)
"""Both hips: their middle is a person's pelvis point."""

KEYPOINT_PARTS: tuple[tuple[int, ...], ...] = (
    *((14,) for _ in range(5)),
    (1, 10), (1, 11), (10, 12), (11, 13), (12, 3), (13, 2),
    (1, 7), (1, 6), (7, 9), (6, 8), (9, 4), (8, 5),
)  # fmt: skip
"""Parts that each keypoint may lie on: a joint belongs to both of its neighbours."""

SKELETON: tuple[tuple[int, int], ...] = (
    (15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7), (6, 8),
    (7, 9), (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6),
)  # fmt: skip
"""COCO's limbs as pairs of 0-based keypoint indices."""

KEYPOINT_SIGMAS = np.array(
    [26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89], np.float32
) / 1000  # fmt: skip
"""Per-keypoint standard deviations of COCO's object keypoint similarity (pycocotools ``Params``)."""

CHART_TO_PART = np.array(
    [0, 1, 1, 2, 3, 4, 5, 6, 7, 6, 7, 8, 9, 8, 9, 10, 11, 10, 11, 12, 13, 12, 13, 14, 14], np.uint8
)
"""Coarse part of each chart."""
CHART_PARTS = np.resize(CHART_TO_PART, 256)
"""The same as OpenCV's ``LUT`` takes it, ten times as fast as numpy."""

PART_MIRROR = np.array([0, 1, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 14], np.uint8)
CHART_MIRROR = np.array(
    [0, 1, 2, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15, 18, 17, 20, 19, 22, 21, 24, 23], np.uint8
)
KEYPOINT_MIRROR = np.array([0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15], np.uint8)

LIMBS: tuple[tuple[tuple[int, int], tuple[int, int]], ...] = (
    ((12, 13), (10, 11)), ((9, 8), (7, 6)), ((3, 2), (12, 13)), ((4, 5), (9, 8)),
)  # fmt: skip
"""Parts of the left and the right limb, and those that they hang on; nearer to the trunk first."""

_MIRROR_U = np.isin(np.arange(25), [3, 4, 5, 6, 23, 24])
_MIRROR_V = np.isin(np.arange(25), [1, 2])


def with_mirrored(parts: Collection[int]) -> set[int]:
    """Parts 1..14 and those that they are on a mirror image."""
    return {*parts, *PART_MIRROR[list(parts)].tolist()}


def mirror_uv(charts: np.ndarray, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """U, V of the mirrored surface points; ``charts`` are the charts *before* mirroring.

    All three arrays have one shape, U and V in 0..1. The charts are parametrised almost symmetrically: V
    runs from left to right on the torso, U runs around hands, feet and head, and on the limbs both stay.
    Against the exact mirror point on the surface these rules are 2-9 mm off on average per chart, at most
    16 mm on the torso's front for the mean and 68 mm at a fingertip.
    """
    return np.where(_MIRROR_U[charts], 1 - u, u), np.where(_MIRROR_V[charts], 1 - v, v)


def _hex(*colours: str) -> np.ndarray:
    return np.array([[int(c[i : i + 2], 16) for i in (0, 2, 4)] for c in colours], np.uint8)


PART_COLOURS = _hex(
    "000000", "8dd35f", "ff5555", "5599ff", "0044aa", "aa0000", "ff9955", "37abc8", "d45500", "216778",
    "8787de", "ffcc00", "b380ff", "ffe680", "ff80e5",
)  # fmt: skip
"""RGB of each part 0..14: warm colours on the right side of the body, cold ones on the left."""

CHART_COLOURS = _hex(
    "000000", "5aa02c", "aade87", "ff5555", "5599ff", "0044aa", "aa0000", "ff7f2a", "2c89a0", "ffb380",
    "87cdde", "c83737", "164450", "de8787", "5fbcd3", "8787de", "ffcc00", "5f5fd3", "d4aa00", "c6afe9",
    "ffeeaa", "9955ff", "e9c94f", "ff55dd", "ffaaee",
)  # fmt: skip
"""RGB of each chart 0..24, in the families of :data:`PART_COLOURS`."""
