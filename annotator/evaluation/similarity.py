"""How well labels fit: similarities of masks, keypoints and surface points, as pure functions on arrays."""

from __future__ import annotations

import numpy as np

from annotator.labels.label_space import KEYPOINT_SIGMAS

KAPPAS = np.array([0, 0.351, 0.107, 0.126, 0.237, 0.173, 0.142, 0.128, 0.150])
"""Metres, per group of charts: torso, hands, feet, upper legs, lower legs, upper arms, lower arms, head
(``Mean_Distances`` of DensePose's ``densepose_coco_evaluation.py``)."""
CHART_GROUPS = np.array([0, 1, 1, 2, 2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 8, 8])
"""Group of each chart 0..24 (``CoarseParts`` there)."""
PCK_SHARE = 0.1
"""Of a box's longer side: how far a right keypoint may be off."""


def mask_iou(a: np.ndarray, b: np.ndarray, counted: np.ndarray | bool = True) -> float | None:
    """Intersection over union of two bool masks of one shape, over the pixels that are ``counted``.

    ``None`` where neither mask has a counted pixel.
    """
    either = np.count_nonzero((a | b) & counted)
    return np.count_nonzero(a & b & counted) / either if either else None


def keypoint_similarities(
    points: np.ndarray, found: np.ndarray, true: np.ndarray, labelled: np.ndarray, area: float
) -> np.ndarray:
    """COCO's similarity of each labelled keypoint, 0..1; their mean is the person's OKS.

    exp(−d² / (2 · area · (2σ)²)) with :data:`~annotator.labels.label_space.KEYPOINT_SIGMAS` (pycocotools,
    ``COCOeval.computeOks``); 0 for a keypoint that was not found.

    Args:
        points: (17, 2) image pixels, predicted.
        found: (17,) bool, which of them there are.
        true: (17, 2) image pixels.
        labelled: (17,) bool, which of them are known.
        area: of the true person in pixels.

    Returns:
        (n,) for the n labelled ones.
    """
    squared = ((np.asarray(points, np.float64) - true) ** 2).sum(axis=1)
    variance = (2.0 * KEYPOINT_SIGMAS) ** 2
    similarity = np.exp(-squared / (2 * variance * (area + np.spacing(1))))
    return np.where(found, similarity, 0.0)[labelled]


def keypoints_right(
    points: np.ndarray, found: np.ndarray, true: np.ndarray, labelled: np.ndarray, side: float
) -> np.ndarray:
    """PCK: which labelled keypoints are off by less than :data:`PCK_SHARE` of ``side``.

    Args are those of :func:`keypoint_similarities`; ``side`` is the true box's longer side in pixels.

    Returns:
        (n,) bool for the n labelled ones; false for a keypoint that was not found.
    """
    distance = np.linalg.norm(np.asarray(points, np.float64) - true, axis=1)
    return (found & (distance < PCK_SHARE * side))[labelled]


def gps(distances: np.ndarray, charts: np.ndarray) -> float:
    """Geodesic point similarity of one person, 0..1: mean of exp(−d² / (2 · κ²)).

    Güler et al., DensePose, 2018, with the κ per group of charts of DensePose's evaluation.

    Args:
        distances: (n,) metres on the body between labelled and predicted point; inf where nothing was
            predicted.
        charts: (n,) the labelled charts, 1..24, which say which κ goes with each.
    """
    kappa = KAPPAS[CHART_GROUPS[charts]]
    return float(np.exp(-(np.asarray(distances, np.float64) ** 2) / (2 * kappa**2)).mean())


def gpsm(gps_value: float, iou: float) -> float:
    """Masked GPS, 0..1: the geometric mean of GPS and the IoU of foreground and ``dp_masks``."""
    return float(np.sqrt(gps_value * iou))
