"""Similarities of masks, keypoints and surface points: pure functions on arrays."""

from __future__ import annotations

import numpy as np

from annotator.labels.label_space import KEYPOINT_SIGMAS

KAPPAS = np.array([0, 0.351, 0.107, 0.126, 0.237, 0.173, 0.142, 0.128, 0.150])
"""Metres, per group of charts: torso, hands, feet, upper legs, lower legs, upper arms, lower arms, head
(``Mean_Distances`` of DensePose's ``densepose_coco_evaluation.py``)."""
CHART_GROUPS = np.array([0, 1, 1, 2, 2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 8, 8])
"""Group of each chart 0..24 (``CoarseParts`` there)."""
PCK_SHARE = 0.1
"""Of the box's longer side: how far off a right keypoint may be."""


def mask_iou(a: np.ndarray, b: np.ndarray, valid: np.ndarray | bool = True) -> float | None:
    """Intersection over union of two (H, W) bool masks on the ``valid`` pixels; ``None`` if neither has any."""
    union = np.count_nonzero((a | b) & valid)
    return np.count_nonzero(a & b & valid) / union if union else None


def keypoint_similarities(
    predicted: np.ndarray, is_predicted: np.ndarray, target: np.ndarray, labelled: np.ndarray, area: float
) -> np.ndarray:
    """COCO's similarity of each labelled keypoint, 0..1; their mean is the person's OKS.

    exp(−d² / (2 · area · (2σ)²)) with :data:`~annotator.labels.label_space.KEYPOINT_SIGMAS` (pycocotools,
    ``COCOeval.computeOks``); 0 for a keypoint that is not predicted.

    Args:
        predicted: (17, 2) x, y in image pixels.
        is_predicted: (17,) bool, which of them there are.
        target: (17, 2) x, y in image pixels.
        labelled: (17,) bool, which of the targets there are.
        area: of the target person in pixels.

    Returns:
        (n,) for the n labelled keypoints.
    """
    squared = ((np.asarray(predicted, np.float64) - target) ** 2).sum(axis=1)
    variance = (2.0 * KEYPOINT_SIGMAS) ** 2
    similarity = np.exp(-squared / (2 * variance * (area + np.spacing(1))))
    return np.where(is_predicted, similarity, 0.0)[labelled]


def keypoints_right(
    predicted: np.ndarray, is_predicted: np.ndarray, target: np.ndarray, labelled: np.ndarray, side: float
) -> np.ndarray:
    """PCK: which labelled keypoints are off by less than :data:`PCK_SHARE` of ``side``.

    Args:
        predicted, is_predicted, target, labelled: as of :func:`keypoint_similarities`.
        side: longer side of the target's box in pixels.

    Returns:
        (n,) bool for the n labelled keypoints; false for one that is not predicted.
    """
    distance = np.linalg.norm(np.asarray(predicted, np.float64) - target, axis=1)
    return (is_predicted & (distance < PCK_SHARE * side))[labelled]


def gps(distances: np.ndarray, charts: np.ndarray) -> float:
    """Geodesic point similarity of one person, 0..1: mean of exp(−d² / (2 · κ²)).

    Güler et al., DensePose, 2018, with the κ per group of charts of DensePose's evaluation.

    Args:
        distances: (n,) metres on the body between labelled and predicted point; inf where nothing is predicted.
        charts: (n,) labelled charts, 1..24, which decide κ.
    """
    kappa = KAPPAS[CHART_GROUPS[charts]]
    return float(np.exp(-(np.asarray(distances, np.float64) ** 2) / (2 * kappa**2)).mean())


def gpsm(gps_value: float, iou: float) -> float:
    """Masked GPS, 0..1: the geometric mean of GPS and the IoU of foreground and ``dp_masks``."""
    return float(np.sqrt(gps_value * iou))
