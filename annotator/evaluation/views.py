"""The two views of an evaluation, each a set of accumulators: whole images, and people whose box is given."""

from __future__ import annotations

from typing import Any

import numpy as np

from annotator.evaluation.accumulators import (
    LARGE_SIDE,
    ChartAccumulator,
    CountAccumulator,
    KeypointAccumulator,
    MaskAccumulator,
    PartAccumulator,
    PrecisionAccumulator,
)
from annotator.evaluation.finding import FindingAccumulator
from annotator.evaluation.ground_truth import GroundTruth, GroundTruthMaps, has_mask, has_points, is_ignored
from annotator.evaluation.matching import labelled_points, match_people, sample_labels
from annotator.evaluation.report import metric
from annotator.evaluation.sides import SidesAccumulator
from annotator.geometry.boxes import union_box
from annotator.geometry.label_maps import LabelMaps
from annotator.labels.people import Person
from annotator.surface.geodesic import Surface


class SceneView:
    """Metrics of whole images."""

    def __init__(self, surface: Surface | None):
        self.masks, self.parts = MaskAccumulator("images"), PartAccumulator("images")
        self.points, self.dense = ChartAccumulator("points", surface), ChartAccumulator("pixels", surface)
        self.precision, self.keypoints = PrecisionAccumulator(surface), KeypointAccumulator()
        self.counts, self.finding, self.sides = CountAccumulator(), FindingAccumulator(), SidesAccumulator()
        self.false_areas: list[float] = []
        """Shares of images without people that are predicted to be people."""

    def add(self, ground_truth: GroundTruth, maps: GroundTruthMaps, predictions: list[Person]) -> None:
        """Add an image: its ground truth, and the people predicted on it, highest score first."""
        painted = LabelMaps.paint(predictions, (0, 0, *ground_truth.image.size))
        self.masks.add(painted.person, maps)
        self.parts.add(painted, maps)
        _add_dense(self.dense, painted, maps)
        if ground_truth.complete and not ground_truth.people:
            self.false_areas.append(float(painted.person.mean()))
        for target in ground_truth.people:
            if has_points(target):
                at, labels = labelled_points(target, ground_truth.image.size)
                self.points.add(sample_labels(painted, at, (0, 0)), labels)
        self.precision.add(ground_truth, predictions)
        self.counts.add(ground_truth, predictions)
        self.finding.add(ground_truth, predictions)
        matched = match_people(ground_truth.people, predictions)
        for target, prediction in zip(ground_truth.people, matched, strict=True):
            if not is_ignored(target):
                self.keypoints.add(prediction, target)
                self.sides.add(prediction, target, maps)

    def report(self) -> dict[str, Any]:
        areas = self.false_areas
        false_area = metric(
            np.mean(areas) if areas else None, "no complete image without people", images=len(areas)
        )
        return {
            "mask": {**self.masks.report(), "false_area": false_area},
            "parts": self.parts.report(),
            "points": self.points.report(),
            "dense": self.dense.report(),
            "precision": self.precision.report(),
            "keypoints": self.keypoints.report(),
            "sides": self.sides.report(),
            "counting": self.counts.report(),
            "finding": self.finding.report(),
        }


class PersonView:
    """Metrics of people whose box is given."""

    def __init__(self, surface: Surface | None):
        self.masks, self.parts = MaskAccumulator("people"), PartAccumulator("people")
        self.points, self.dense = ChartAccumulator("points", surface), ChartAccumulator("pixels", surface)
        self.keypoints, self.sides = KeypointAccumulator(), SidesAccumulator()

    def add(
        self, ground_truth: GroundTruth, maps: GroundTruthMaps, target: Person, prediction: Person | None
    ) -> None:
        """Add one of the image's people, and the person predicted in its box, if there is one."""
        window = target.box if prediction is None else union_box(target.box, prediction.box)
        painted = LabelMaps.paint([] if prediction is None else [prediction], window)
        if has_mask(target):
            alone = maps.only(target, window)
            self.masks.add(painted.person, alone, is_large=max(target.box[2:]) >= LARGE_SIDE)
            self.parts.add(painted, alone)
            _add_dense(self.dense, painted, alone)
        if has_points(target):
            at, labels = labelled_points(target, ground_truth.image.size)
            self.points.add(sample_labels(painted, at, window[:2]), labels)
        self.keypoints.add(prediction, target)
        self.sides.add(prediction, target, maps)

    def report(self) -> dict[str, Any]:
        return {
            "mask": {**self.masks.report(), "large": self.masks.report_large()},
            "parts": self.parts.report(),
            "points": self.points.report(),
            "dense": self.dense.report(),
            "keypoints": self.keypoints.report(),
            "sides": self.sides.report(),
        }


def _add_dense(accumulator: ChartAccumulator, predicted: LabelMaps, target: GroundTruthMaps) -> None:
    """Add all pixels with a dense label."""
    known = target.charts > 0
    rows = (np.stack([m.charts[known], m.u[known], m.v[known]], axis=1) for m in (predicted, target))
    accumulator.add(*rows)
