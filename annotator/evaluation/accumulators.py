"""Sums over images and people from which the metrics of an evaluation come."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from annotator.evaluation.average_precision import Candidates, average_precision
from annotator.evaluation.ground_truth import (
    UNKNOWN,
    GroundTruth,
    TrueMaps,
    area,
    foreground,
    has_keypoints,
    has_mask,
    has_part_masks,
    has_points,
    labelled_keypoints,
)
from annotator.evaluation.report import metric, share
from annotator.evaluation.similarity import gps, gpsm, keypoint_similarities, keypoints_right, mask_iou
from annotator.geometry.boxes import within
from annotator.geometry.crops import overlap
from annotator.geometry.label_maps import LabelMaps
from annotator.labels.label_space import CHARTS, PARTS
from annotator.labels.people import Person
from annotator.surface.geodesic import Surface

LARGE = 90
"""Pixels of the longer side from which a person's box is large."""
WELL_LABELLED = (5, 1500)
"""Labelled keypoints and area in pixels from which a person's OKS says much."""
EXCUSED = 0.5
"""Share of a prediction's mask on what is not labelled, from which it is no mistake."""
NO_SURFACE = "needs the body surface (--surface)"
MOST_COUNTED = 6
"""This many people or more are one column of the table of counts."""
MILLIMETRES = 5000
"""Length of the histogram of distances; no two points of a body are farther apart."""


@dataclass(slots=True)
class MaskAccumulator:
    """Person masks: one IoU per image or per person."""

    unit: str
    """What each IoU is of: ``images`` or ``people``."""
    ious: list[float] = field(default_factory=list)
    large: list[float] = field(default_factory=list)

    def add(self, found: np.ndarray, true: TrueMaps, large: bool = False) -> None:
        """Masks of one shape; ``large`` says whether it also counts as such. Nothing true counts nowhere."""
        iou = mask_iou(found, true.person, true.counted) if true.person.any() else None
        if iou is not None:
            self.ious.append(iou)
            if large:
                self.large.append(iou)

    def report(self) -> dict[str, Any]:
        return self._metrics(self.ious)

    def report_large(self) -> dict[str, Any]:
        return self._metrics(self.large)

    def _metrics(self, values: list[float]) -> dict[str, Any]:
        count = {self.unit: len(values)}
        return {
            "iou": metric(np.mean(values) if values else None, **count),
            "median_iou": metric(np.median(values) if values else None, **count),
        }


@dataclass(slots=True)
class PartAccumulator:
    """IoU of person and parts over all pixels that carry the label."""

    unit: str
    both: np.ndarray = field(default_factory=lambda: np.zeros(len(PARTS), np.int64))
    either: np.ndarray = field(default_factory=lambda: np.zeros(len(PARTS), np.int64))
    true: np.ndarray = field(default_factory=lambda: np.zeros(len(PARTS), np.int64))
    masks: int = 0
    parts: int = 0

    def add(self, found: LabelMaps, true: TrueMaps) -> None:
        """Maps of one shape. Index 0 is the person; parts count where somebody's parts are labelled."""
        if not true.person.any():
            return
        self.masks += 1
        self._add(0, found.person[true.counted], true.person[true.counted])
        known = true.counted & (true.parts != UNKNOWN)
        seen, labelled = found.parts[known], true.parts[known]
        if not labelled.any():
            return
        self.parts += 1
        for part in range(1, len(PARTS)):
            self._add(part, seen == part, labelled == part)

    def _add(self, index: int, found: np.ndarray, true: np.ndarray) -> None:
        self.both[index] += np.count_nonzero(found & true)
        self.either[index] += np.count_nonzero(found | true)
        self.true[index] += np.count_nonzero(true)

    def report(self) -> dict[str, Any]:
        ious = [b / e if t else None for b, e, t in zip(self.both, self.either, self.true, strict=True)]
        known = [iou for iou in ious[1:] if iou is not None]
        names = ("person", *PARTS[1:])
        counts = [self.masks] + [self.parts] * (len(PARTS) - 1)
        return {
            "mean": metric(np.mean(known) if known else None, parts=len(known), **{self.unit: self.parts}),
            **{
                name: metric(iou, pixels=int(true), **{self.unit: count})
                for name, iou, true, count in zip(names, ious, self.true, counts, strict=True)
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
        self.true = np.zeros(len(CHARTS), np.int64)
        self.right = np.zeros(len(CHARTS), np.int64)
        self.error = np.zeros(2)
        self.distances = np.zeros(MILLIMETRES, np.int64)

    def add(self, found: np.ndarray, true: np.ndarray) -> np.ndarray | None:
        """Count points.

        Args:
            found: (n, 3) chart 0..24, U, V at the labelled points; chart 0 where no person was found.
            true: (n, 3) chart 1..24, U, V.

        Returns:
            (n,) metres between the two on the body, inf for no person; ``None`` without a surface.
        """
        chart, seen = true[:, 0].astype(np.int64), found[:, 0].astype(np.int64)
        right = seen == chart
        self.true += np.bincount(chart, minlength=len(CHARTS))
        self.right += np.bincount(chart[right], minlength=len(CHARTS))
        self.error += np.abs(found[right, 1:] - true[right, 1:]).sum(axis=0)
        distances = surface_distances(found, true, self.surface)
        if distances is not None:
            near = np.rint(distances[np.isfinite(distances)] * 1000).astype(np.int64)
            self.distances += np.bincount(near.clip(max=MILLIMETRES - 1), minlength=MILLIMETRES)
        return distances

    def report(self) -> dict[str, Any]:
        count, right = {self.unit: int(self.true.sum())}, int(self.right.sum())
        u, v = (error / right if right else None for error in self.error)
        no_right = "no point has the right chart"
        return {
            "accuracy": share(right, self.true.sum(), **count),
            "uv_error": metric(None if u is None else (u + v) / 2, no_right, **{self.unit: right}),
            "u_error": metric(u, no_right, **{self.unit: right}),
            "v_error": metric(v, no_right, **{self.unit: right}),
            **self._distances(count),
            "charts": {
                CHARTS[i]: share(self.right[i], self.true[i], **{self.unit: int(self.true[i])})
                for i in range(1, len(CHARTS))
            },
        }

    def _distances(self, count: dict[str, int]) -> dict[str, Any]:
        total = self.true.sum()
        names = ("within_5cm", "within_10cm", "median_distance")
        if self.surface is None:
            return {name: metric(None, NO_SURFACE, **count) for name in names}
        below = np.cumsum(self.distances)
        # A missed point is infinitely far off.
        median = int(np.searchsorted(below, total / 2)) / 1000
        missed = total > 0 and below[-1] < total / 2
        reason = {"reason": "most points were found on no person"} if missed else {}
        return {
            "within_5cm": share(below[50], total, **count),
            "within_10cm": share(below[100], total, **count),
            "median_distance": metric(None if missed or not total else median, **reason, **count),
        }


def surface_distances(found: np.ndarray, true: np.ndarray, surface: Surface | None) -> np.ndarray | None:
    """(n,) metres on the body between (n, 3) rows of chart, U, V; inf where a chart is 0."""
    if surface is None:
        return None
    a, b = (surface.nearest(rows[:, 0].astype(np.int64), rows[:, 1], rows[:, 2]) for rows in (true, found))
    return surface.distances(a, b)


def look_up(maps: LabelMaps, points: np.ndarray, origin: tuple[int, int]) -> np.ndarray:
    """(n, 3) chart, U, V of the pixels at (n, ≥ 2) image points; 0 outside the maps' window.

    Args:
        origin: x, y of the window's top-left corner in image pixels.
    """
    x, y = (np.floor(points[:, :2]).astype(np.int64) - origin).T
    height, width = maps.charts.shape
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    result = np.zeros((len(points), 3))
    x, y = x[inside], y[inside]
    result[inside] = np.stack([maps.charts[y, x], maps.u[y, x], maps.v[y, x]], axis=1)
    return result


def true_points(person: Person, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """(n, 2) pixels, inside the image of ``size`` (width, height), and (n, 3) chart, U, V of the points."""
    at = np.clip(person.points[:, :2], 0, np.array(size) - 1)
    return at, person.points[:, 2:].astype(np.float64)


class KeypointAccumulator:
    """OKS and PCK of people who have labelled keypoints."""

    def __init__(self) -> None:
        self.oks: list[float] = []
        self.well: list[float] = []
        self.right = self.points = 0

    def add(self, found: Person | None, true: Person) -> None:
        """A person and what was found for it, if anything."""
        labelled = labelled_keypoints(true)
        if not labelled.any():
            return
        similarity, right = compare_keypoints(found, true)
        self.oks.append(float(similarity.mean()))
        if len(similarity) >= WELL_LABELLED[0] and area(true) >= WELL_LABELLED[1]:
            self.well.append(self.oks[-1])
        self.right += int(right.sum())
        self.points += len(right)

    def report(self) -> dict[str, Any]:
        return {
            "oks": metric(np.mean(self.oks) if self.oks else None, people=len(self.oks)),
            "well_labelled_oks": metric(np.mean(self.well) if self.well else None, people=len(self.well)),
            "pck": share(self.right, self.points, points=self.points, people=len(self.oks)),
        }


def compare_keypoints(found: Person | None, true: Person) -> tuple[np.ndarray, np.ndarray]:
    """Similarity 0..1 and PCK's verdict of each keypoint labelled on ``true``; 0 and false without ``found``."""
    labelled = labelled_keypoints(true)
    if found is None or found.keypoints is None:
        count = int(labelled.sum())
        return np.zeros(count), np.zeros(count, bool)
    there = found.visibility > 0
    points, known = found.keypoints[:, :2], true.keypoints[:, :2]
    return (
        keypoint_similarities(points, there, known, labelled, area(true)),
        keypoints_right(points, there, known, labelled, max(true.box[2:])),
    )


class CountAccumulator:
    """Numbers of people on images where everybody is labelled."""

    def __init__(self) -> None:
        self.pairs: Counter[tuple[int, int]] = Counter()

    def add(self, ground_truth: GroundTruth, found: list[Person]) -> None:
        """Predictions on crowds are no people too many. Images that hold a flaw are left out."""
        people = [person for person in ground_truth.people if not person.crowd]
        if not ground_truth.complete or any(person.extra.get("flaw") for person in people):
            return
        excused = excuse(ground_truth, found, [not person.crowd for person in ground_truth.people])
        self.pairs[len(people), int((~excused).sum())] += 1

    def report(self) -> dict[str, Any]:
        images = self.pairs.total()
        peopled = {pair: n for pair, n in self.pairs.items() if pair[0] > 0}
        count = sum(peopled.values())
        table = np.zeros((MOST_COUNTED, MOST_COUNTED + 1), int)
        for (true, found), n in peopled.items():
            if true < MOST_COUNTED:
                table[true, min(found, MOST_COUNTED)] += n
        columns = [*map(str, range(MOST_COUNTED)), f"{MOST_COUNTED} or more"]
        return {
            "right": share(sum(n for (t, f), n in peopled.items() if t == f), count, images=count),
            "error": share(sum(abs(t - f) * n for (t, f), n in self.pairs.items()), images, images=images),
            "found_per_true": {
                str(true): dict(zip(columns, table[true].tolist(), strict=True))
                for true in range(1, MOST_COUNTED)
            },
        }


class PrecisionAccumulator:
    """Average precision of masks, surface points and keypoints."""

    def __init__(self, surface: Surface | None):
        self.surface = surface
        self.images: dict[str, list[Candidates]] = {"mask": [], "gps": [], "gpsm": [], "keypoints": []}

    def add(self, ground_truth: GroundTruth, found: list[Person]) -> None:
        self._add("mask", ground_truth, found, has_mask, lambda true: [overlap(p, true) for p in found])
        self._add(
            "keypoints", ground_truth, found, has_keypoints, lambda true: [_oks(p, true) for p in found]
        )
        if self.surface is None:
            return
        values = {
            id(true): self._gps(ground_truth, found, true) for true in ground_truth.people if has_points(true)
        }
        self._add("gps", ground_truth, found, has_points, lambda true: values[id(true)])
        self._add(
            "gpsm", ground_truth, found, has_part_masks, lambda true: _gpsm(found, true, values[id(true)])
        )

    def _add(self, name: str, ground_truth: GroundTruth, found: list[Person], labelled, similarity) -> None:
        needed = [labelled(person) for person in ground_truth.people]
        columns = [similarity(true) for true, n in zip(ground_truth.people, needed, strict=True) if n]
        self.images[name].append(
            Candidates(
                scores=np.array([person.score for person in found]),
                similarity=np.array(columns, np.float64).reshape(len(columns), len(found)).T,
                excused=excuse(ground_truth, found, needed),
            )
        )

    def _gps(self, ground_truth: GroundTruth, found: list[Person], true: Person) -> list[float]:
        at, labels = true_points(true, ground_truth.image.size)
        values = []
        for person in found:
            maps = LabelMaps.paint([person], person.box)
            distances = surface_distances(look_up(maps, at, person.box[:2]), labels, self.surface)
            values.append(gps(distances, labels[:, 0].astype(np.int64)))
        return values

    def report(self) -> dict[str, Any]:
        result = {}
        for name, images in self.images.items():
            people = sum(image.similarity.shape[1] for image in images)
            values = average_precision(images) or (None, None)
            without = self.surface is None and name in ("gps", "gpsm")
            reason = {"reason": NO_SURFACE} if without else {}
            for key, value in zip((name, f"{name}_50"), values, strict=True):
                result[key] = metric(value, people=people, images=len(images), **reason)
        return result


def _oks(found: Person, true: Person) -> float:
    return float(compare_keypoints(found, true)[0].mean())


def _gpsm(found: list[Person], true: Person, values: list[float]) -> list[float]:
    masked = foreground(true)
    return [gpsm(value, overlap(person, masked)) for person, value in zip(found, values, strict=True)]


def excuse(ground_truth: GroundTruth, found: list[Person], needed: list[bool]) -> np.ndarray:
    """(d,) bool: predictions that lie on something for which ``needed`` (of each true person) is false, or on
    surroundings where not everybody is labelled."""
    if ground_truth.complete and all(needed):
        return np.zeros(len(found), bool)
    unlabelled = ground_truth.unlabelled(needed)
    inside = []
    for person in found:
        inside.append(within(unlabelled, person.box)[person.mask].mean() >= EXCUSED)
    return np.array(inside, bool)
