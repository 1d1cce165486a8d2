"""Accumulators of an evaluation: each adds up images or people, and reports metrics of one kind of label.

Ground truth is called target, as in supervision. ``report`` returns metrics as of :mod:`annotator.evaluation.report`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from annotator.evaluation.average_precision import Candidates, average_precision
from annotator.evaluation.ground_truth import (
    UNKNOWN,
    GroundTruth,
    GroundTruthMaps,
    area,
    foreground,
    has_keypoints,
    has_mask,
    has_part_masks,
    has_points,
    labelled_keypoints,
)
from annotator.evaluation.matching import (
    compare_keypoints,
    ignored_predictions,
    labelled_points,
    sample_labels,
    surface_distances,
)
from annotator.evaluation.report import metric, share
from annotator.evaluation.similarity import gps, gpsm, mask_iou
from annotator.geometry.crops import person_iou
from annotator.geometry.label_maps import LabelMaps
from annotator.labels.label_space import CHARTS, PARTS
from annotator.labels.people import Person
from annotator.surface.geodesic import Surface

LARGE_SIDE = 90
"""Pixels of the longer side from which a person's box is large."""
WELL_LABELLED = (5, 1500)
"""Labelled keypoints and area in pixels from which a person is well labelled: of fewer, OKS says little."""
NO_SURFACE = "needs the body surface (--surface)"
MAX_COUNT = 6
"""This many people or more are one column of the table of counts."""
MAX_MILLIMETRES = 5000
"""Length of the histogram of distances; no two points of a body are farther apart."""


@dataclass(slots=True)
class MaskAccumulator:
    """Person masks: one IoU per image or per person."""

    unit: str
    """What each IoU is of: ``images`` or ``people``."""
    ious: list[float] = field(default_factory=list)
    large_ious: list[float] = field(default_factory=list)

    def add(self, predicted: np.ndarray, target: GroundTruthMaps, is_large: bool = False) -> None:
        """Add an image or a person; targets without a person are left out.

        Args:
            predicted: (H, W) bool.
            target: of the same shape.
            is_large: whether the IoU counts among those of large people, too.
        """
        iou = mask_iou(predicted, target.person, target.valid) if target.person.any() else None
        if iou is not None:
            self.ious.append(iou)
            if is_large:
                self.large_ious.append(iou)

    def report(self) -> dict[str, Any]:
        return self._metrics(self.ious)

    def report_large(self) -> dict[str, Any]:
        return self._metrics(self.large_ious)

    def _metrics(self, values: list[float]) -> dict[str, Any]:
        count = {self.unit: len(values)}
        return {
            "iou": metric(np.mean(values) if values else None, **count),
            "median_iou": metric(np.median(values) if values else None, **count),
        }


@dataclass(slots=True)
class PartAccumulator:
    """Person and parts: the IoU of each over all labelled pixels. Index 0 of the arrays is the person."""

    unit: str
    """What is added: ``images`` or ``people``."""
    intersection: np.ndarray = field(default_factory=lambda: np.zeros(len(PARTS), np.int64))
    union: np.ndarray = field(default_factory=lambda: np.zeros(len(PARTS), np.int64))
    labelled: np.ndarray = field(default_factory=lambda: np.zeros(len(PARTS), np.int64))
    """Pixels."""
    with_mask: int = 0
    """How many were added that have a mask."""
    with_parts: int = 0
    """How many of them have parts."""

    def add(self, predicted: LabelMaps, target: GroundTruthMaps) -> None:
        """Add an image or a person, both (H, W); targets without a person are left out."""
        if not target.person.any():
            return
        self.with_mask += 1
        self._add(0, predicted.person[target.valid], target.person[target.valid])
        known = target.valid & (target.parts != UNKNOWN)
        predicted_parts, target_parts = predicted.parts[known], target.parts[known]
        if not target_parts.any():
            return
        self.with_parts += 1
        for part in range(1, len(PARTS)):
            self._add(part, predicted_parts == part, target_parts == part)

    def _add(self, index: int, predicted: np.ndarray, target: np.ndarray) -> None:
        self.intersection[index] += np.count_nonzero(predicted & target)
        self.union[index] += np.count_nonzero(predicted | target)
        self.labelled[index] += np.count_nonzero(target)

    def report(self) -> dict[str, Any]:
        ious = [
            intersection / union if labelled else None
            for intersection, union, labelled in zip(
                self.intersection, self.union, self.labelled, strict=True
            )
        ]
        known = [iou for iou in ious[1:] if iou is not None]
        names = ("person", *PARTS[1:])
        counts = [self.with_mask] + [self.with_parts] * (len(PARTS) - 1)
        return {
            "mean": metric(
                np.mean(known) if known else None, parts=len(known), **{self.unit: self.with_parts}
            ),
            **{
                name: metric(iou, pixels=int(labelled), **{self.unit: count})
                for name, iou, labelled, count in zip(names, ious, self.labelled, counts, strict=True)
            },
        }


class ChartAccumulator:
    """Charts, U and V at labelled surface points, or at densely labelled pixels.

    Args:
        unit: what is counted: ``points`` or ``pixels``.
        surface: for distances on the body; without it they are null.
    """

    def __init__(self, unit: str, surface: Surface | None):
        self.unit, self.surface = unit, surface
        self.labelled = np.zeros(len(CHARTS), np.int64)
        self.right = np.zeros(len(CHARTS), np.int64)
        self.uv_error = np.zeros(2)
        self.distances = np.zeros(MAX_MILLIMETRES, np.int64)
        """Histogram, in millimetres."""

    def add(self, predicted: np.ndarray, target: np.ndarray) -> np.ndarray | None:
        """Add points.

        Args:
            predicted: (n, 3) chart 0..24, U, V at the labelled points; chart 0 where no person was predicted.
            target: (n, 3) chart 1..24, U, V.

        Returns:
            (n,) metres between the two on the body, inf for no person; ``None`` without a surface.
        """
        chart, predicted_chart = target[:, 0].astype(np.int64), predicted[:, 0].astype(np.int64)
        right = predicted_chart == chart
        self.labelled += np.bincount(chart, minlength=len(CHARTS))
        self.right += np.bincount(chart[right], minlength=len(CHARTS))
        self.uv_error += np.abs(predicted[right, 1:] - target[right, 1:]).sum(axis=0)
        distances = surface_distances(predicted, target, self.surface)
        if distances is not None:
            finite = np.rint(distances[np.isfinite(distances)] * 1000).astype(np.int64)
            self.distances += np.bincount(finite.clip(max=MAX_MILLIMETRES - 1), minlength=MAX_MILLIMETRES)
        return distances

    def report(self) -> dict[str, Any]:
        count, right = {self.unit: int(self.labelled.sum())}, int(self.right.sum())
        u, v = (error / right if right else None for error in self.uv_error)
        no_right = "no point has the right chart"
        return {
            "accuracy": share(right, self.labelled.sum(), **count),
            "uv_error": metric(None if u is None else (u + v) / 2, no_right, **{self.unit: right}),
            "u_error": metric(u, no_right, **{self.unit: right}),
            "v_error": metric(v, no_right, **{self.unit: right}),
            **self._distances(count),
            "charts": {
                CHARTS[i]: share(self.right[i], self.labelled[i], **{self.unit: int(self.labelled[i])})
                for i in range(1, len(CHARTS))
            },
        }

    def _distances(self, count: dict[str, int]) -> dict[str, Any]:
        total = self.labelled.sum()
        names = ("within_5cm", "within_10cm", "median_distance")
        if self.surface is None:
            return {name: metric(None, NO_SURFACE, **count) for name in names}
        below = np.cumsum(self.distances)
        # The distance of a point on no person is infinite, and so may be the median.
        median = int(np.searchsorted(below, total / 2)) / 1000
        is_infinite = total > 0 and below[-1] < total / 2
        reason = {"reason": "most points were found on no person"} if is_infinite else {}
        return {
            "within_5cm": share(below[50], total, **count),
            "within_10cm": share(below[100], total, **count),
            "median_distance": metric(None if is_infinite or not total else median, **reason, **count),
        }


class KeypointAccumulator:
    """OKS and PCK of people who have labelled keypoints."""

    def __init__(self) -> None:
        self.oks: list[float] = []
        self.well_labelled_oks: list[float] = []
        self.right = self.points = 0

    def add(self, prediction: Person | None, target: Person) -> None:
        """Add a person and its prediction, ``None`` if it has none."""
        if not labelled_keypoints(target).any():
            return
        similarity, right = compare_keypoints(prediction, target)
        self.oks.append(float(similarity.mean()))
        if len(similarity) >= WELL_LABELLED[0] and area(target) >= WELL_LABELLED[1]:
            self.well_labelled_oks.append(self.oks[-1])
        self.right += int(right.sum())
        self.points += len(right)

    def report(self) -> dict[str, Any]:
        return {
            "oks": metric(np.mean(self.oks) if self.oks else None, people=len(self.oks)),
            "well_labelled_oks": metric(
                np.mean(self.well_labelled_oks) if self.well_labelled_oks else None,
                people=len(self.well_labelled_oks),
            ),
            "pck": share(self.right, self.points, points=self.points, people=len(self.oks)),
        }


class CountAccumulator:
    """Numbers of people on images where everybody is labelled."""

    def __init__(self) -> None:
        self.pairs: Counter[tuple[int, int]] = Counter()
        """Images by the number of people and of predictions."""

    def add(self, ground_truth: GroundTruth, predictions: list[Person]) -> None:
        """Add an image; predictions on crowds do not count, and images with a flaw are left out."""
        people = [person for person in ground_truth.people if not person.crowd]
        if not ground_truth.complete or any(person.extra.get("flaw") for person in people):
            return
        ignored = ignored_predictions(
            ground_truth, predictions, [not person.crowd for person in ground_truth.people]
        )
        self.pairs[len(people), int((~ignored).sum())] += 1

    def report(self) -> dict[str, Any]:
        images = self.pairs.total()
        with_people = {pair: images for pair, images in self.pairs.items() if pair[0] > 0}
        count = sum(with_people.values())
        table = np.zeros((MAX_COUNT, MAX_COUNT + 1), int)
        for (labelled, predicted), n in with_people.items():
            if labelled < MAX_COUNT:
                table[labelled, min(predicted, MAX_COUNT)] += n
        columns = [*map(str, range(MAX_COUNT)), f"{MAX_COUNT} or more"]
        return {
            "right": share(sum(n for (a, b), n in with_people.items() if a == b), count, images=count),
            "error": share(sum(abs(a - b) * n for (a, b), n in self.pairs.items()), images, images=images),
            "found_per_true": {
                str(labelled): dict(zip(columns, table[labelled].tolist(), strict=True))
                for labelled in range(1, MAX_COUNT)
            },
        }


class PrecisionAccumulator:
    """Average precision of masks, surface points (GPS, GPSm) and keypoints."""

    def __init__(self, surface: Surface | None):
        self.surface = surface
        self.images: dict[str, list[Candidates]] = {"mask": [], "gps": [], "gpsm": [], "keypoints": []}

    def add(self, ground_truth: GroundTruth, predictions: list[Person]) -> None:
        """Add an image."""
        self._add(
            "mask", ground_truth, predictions, has_mask, lambda t: [person_iou(p, t) for p in predictions]
        )
        self._add(
            "keypoints", ground_truth, predictions, has_keypoints, lambda t: [_oks(p, t) for p in predictions]
        )
        if self.surface is None:
            return
        values = {
            id(target): self._gps(ground_truth, predictions, target)
            for target in ground_truth.people
            if has_points(target)
        }
        self._add("gps", ground_truth, predictions, has_points, lambda t: values[id(t)])
        self._add(
            "gpsm", ground_truth, predictions, has_part_masks, lambda t: _gpsm(predictions, t, values[id(t)])
        )

    def _add(
        self,
        name: str,
        ground_truth: GroundTruth,
        predictions: list[Person],
        is_labelled: Callable[[Person], bool],
        similarities: Callable[[Person], list[float]],
    ) -> None:
        """Add an image to one of the precisions; ``similarities`` are those of all predictions to a target."""
        labelled = [is_labelled(person) for person in ground_truth.people]
        columns = [similarities(t) for t, counts in zip(ground_truth.people, labelled, strict=True) if counts]
        self.images[name].append(
            Candidates(
                scores=np.array([person.score for person in predictions]),
                similarity=np.array(columns, np.float64).reshape(len(columns), len(predictions)).T,
                ignored=ignored_predictions(ground_truth, predictions, labelled),
            )
        )

    def _gps(self, ground_truth: GroundTruth, predictions: list[Person], target: Person) -> list[float]:
        at, labels = labelled_points(target, ground_truth.image.size)
        values = []
        for person in predictions:
            maps = LabelMaps.paint([person], person.box)
            distances = surface_distances(sample_labels(maps, at, person.box[:2]), labels, self.surface)
            values.append(gps(distances, labels[:, 0].astype(np.int64)))
        return values

    def report(self) -> dict[str, Any]:
        result = {}
        for name, images in self.images.items():
            people = sum(image.similarity.shape[1] for image in images)
            values = average_precision(images) or (None, None)
            needs_surface = self.surface is None and name in ("gps", "gpsm")
            reason = {"reason": NO_SURFACE} if needs_surface else {}
            for key, value in zip((name, f"{name}_50"), values, strict=True):
                result[key] = metric(value, people=people, images=len(images), **reason)
        return result


def _oks(prediction: Person, target: Person) -> float:
    return float(compare_keypoints(prediction, target)[0].mean())


def _gpsm(predictions: list[Person], target: Person, gps_values: list[float]) -> list[float]:
    masked = foreground(target)
    return [gpsm(value, person_iou(p, masked)) for p, value in zip(predictions, gps_values, strict=True)]
