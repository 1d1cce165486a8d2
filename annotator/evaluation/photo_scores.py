"""Scores of single photos, for a paired comparison of two models: one number from 0 to 1 per task."""

from __future__ import annotations

import numpy as np

from annotator.evaluation.accumulators import (
    ChartAccumulator,
    KeypointAccumulator,
    MaskAccumulator,
    PartAccumulator,
)
from annotator.evaluation.finding import FindingAccumulator
from annotator.evaluation.ground_truth import GroundTruth, GroundTruthMaps, has_points, is_ignored
from annotator.evaluation.matching import labelled_points, match_people, sample_labels
from annotator.geometry.label_maps import LabelMaps
from annotator.labels.people import Person

TASKS = {
    "finding": "finding people",
    "masks": "masks",
    "parts": "parts",
    "surface": "surface (charts, U, V)",
    "keypoints": "keypoints",
}
"""Keys of the scores, and what they are called."""


def photo_scores(
    ground_truth: GroundTruth, maps: GroundTruthMaps, predictions: list[Person]
) -> dict[str, float]:
    """Scores of one photo, by the keys of :data:`TASKS`; a task of which nothing is labelled there is left out.

    - ``finding``: F1 of the people at a mask IoU of 0.5,
    - ``masks``: IoU of all people together with their ground truth,
    - ``parts``: mean IoU of the parts that are labelled,
    - ``surface``: of all labelled points (of a photo without any, pixels) the mean of 1 less the mean error of U and V where the
      chart is right, 0 where it is not,
    - ``keypoints``: mean OKS, 0 of people who are not found.

    Args:
        predictions: on the whole photo, highest score first.
    """
    painted = LabelMaps.paint(predictions, (0, 0, *ground_truth.image.size))
    finding = FindingAccumulator()
    finding.add(ground_truth, predictions)
    masks, parts, keypoints = MaskAccumulator("images"), PartAccumulator("images"), KeypointAccumulator()
    masks.add(painted.person, maps)
    parts.add(painted, maps)
    matched = match_people(ground_truth.people, predictions)
    for target, prediction in zip(ground_truth.people, matched, strict=True):
        if not is_ignored(target):
            keypoints.add(prediction, target)
    found, people, counted = sum(finding.found), len(finding.found), len(finding.right)
    values = {
        "finding": 2 * found / (people + counted) if people else None,
        "masks": np.mean(masks.ious) if masks.ious else None,
        "parts": parts.report()["mean"]["value"],
        "surface": _surface(ground_truth, maps, painted),
        "keypoints": np.mean(keypoints.oks) if keypoints.oks else None,
    }
    return {task: float(value) for task, value in values.items() if value is not None}


def _surface(ground_truth: GroundTruth, maps: GroundTruthMaps, painted: LabelMaps) -> float | None:
    accumulator = ChartAccumulator("points", None)
    for target in ground_truth.people:
        if has_points(target) and not is_ignored(target):
            at, labels = labelled_points(target, ground_truth.image.size)
            accumulator.add(sample_labels(painted, at, (0, 0)), labels)
    if not accumulator.labelled.sum():
        known = maps.charts > 0
        accumulator.add(
            *(np.stack([m.charts[known], m.u[known], m.v[known]], axis=1) for m in (painted, maps))
        )
    labelled = accumulator.labelled.sum()
    return (accumulator.right.sum() - accumulator.uv_error.mean()) / labelled if labelled else None
