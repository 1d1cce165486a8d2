"""Predictions matched to the ground truth of an image, predictions to be ignored, and the points where the two are compared."""

from __future__ import annotations

import numpy as np

from annotator.evaluation.ground_truth import GroundTruth, area, labelled_keypoints
from annotator.evaluation.similarity import keypoint_similarities, keypoints_right
from annotator.geometry.boxes import box_iou, crop
from annotator.geometry.crops import person_iou
from annotator.geometry.label_maps import LabelMaps
from annotator.labels.people import Person
from annotator.surface.geodesic import Surface

MIN_IOU = 0.3
"""Of a prediction and a person below which they are not matched."""
IGNORED_SHARE = 0.5
"""Share of a prediction's mask on unlabelled pixels from which the prediction is ignored."""


def match_people(targets: list[Person], predictions: list[Person]) -> list[Person | None]:
    """The prediction of each target, ``None`` for one that has none.

    The pairs have the largest sum of IoUs, of masks or, where one of the two has none, of boxes. No pair has less than
    :data:`MIN_IOU`, and crowds are not matched.
    """
    from scipy.optimize import linear_sum_assignment

    matched: list[Person | None] = [None] * len(targets)
    single = [i for i, target in enumerate(targets) if not target.crowd]
    ious = np.array([[_iou(prediction, targets[i]) for prediction in predictions] for i in single])
    if ious.size:
        ious[ious < MIN_IOU] = 0
        for row, column in zip(*linear_sum_assignment(ious, maximize=True), strict=True):
            if ious[row, column] > 0:
                matched[single[row]] = predictions[column]
    return matched


def _iou(prediction: Person, target: Person) -> float:
    if target.mask is None or prediction.mask is None:
        return box_iou(target.box, prediction.box)
    return person_iou(target, prediction)


def ignored_predictions(
    ground_truth: GroundTruth, predictions: list[Person], labelled: list[bool]
) -> np.ndarray:
    """(d,) bool: predictions on unlabelled pixels, which are no mistakes; see :meth:`.GroundTruth.unlabelled`.

    Args:
        ground_truth: of the image.
        predictions: the d predictions.
        labelled: for each person of the image, whether it has the labels in question.
    """
    if ground_truth.complete and all(labelled):
        return np.zeros(len(predictions), bool)
    unlabelled = ground_truth.unlabelled(labelled)
    shares = [crop(unlabelled, person.box)[person.mask].mean() for person in predictions]
    return np.array(shares) >= IGNORED_SHARE


def compare_keypoints(prediction: Person | None, target: Person) -> tuple[np.ndarray, np.ndarray]:
    """For each labelled keypoint its similarity 0..1, and whether PCK counts it as right; 0 and false without a
    prediction."""
    labelled = labelled_keypoints(target)
    if prediction is None or prediction.keypoints is None:
        count = int(labelled.sum())
        return np.zeros(count), np.zeros(count, bool)
    is_predicted = prediction.visibility > 0
    predicted, expected = prediction.keypoints[:, :2], target.keypoints[:, :2]
    return (
        keypoint_similarities(predicted, is_predicted, expected, labelled, area(target)),
        keypoints_right(predicted, is_predicted, expected, labelled, max(target.box[2:])),
    )


def sample_labels(maps: LabelMaps, points: np.ndarray, origin: tuple[int, int]) -> np.ndarray:
    """(n, 3) chart, U, V of the pixels at points; 0 outside the maps.

    Args:
        maps: of a window of the image.
        points: (n, ≥ 2) x, y in image pixels.
        origin: x, y of the window's top-left corner in image pixels.
    """
    x, y = (np.floor(points[:, :2]).astype(np.int64) - origin).T
    height, width = maps.charts.shape
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    labels = np.zeros((len(points), 3))
    x, y = x[inside], y[inside]
    labels[inside] = np.stack([maps.charts[y, x], maps.u[y, x], maps.v[y, x]], axis=1)
    return labels


def labelled_points(person: Person, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Surface points of a person: (n, 2) x, y in image pixels, clipped to the image, and (n, 3) chart, U, V.

    Args:
        person: with points.
        size: width and height of the image in pixels.
    """
    at = np.clip(person.points[:, :2], 0, np.array(size) - 1)
    return at, person.points[:, 2:].astype(np.float64)


def surface_distances(
    predicted: np.ndarray, target: np.ndarray, surface: Surface | None
) -> np.ndarray | None:
    """(n,) metres on the body between (n, 3) rows of chart, U, V; inf where a chart is 0; ``None`` without a surface."""
    if surface is None:
        return None
    a, b = (
        surface.nearest(rows[:, 0].astype(np.int64), rows[:, 1], rows[:, 2]) for rows in (target, predicted)
    )
    return surface.distances(a, b)
