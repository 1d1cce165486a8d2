"""How good a model is on labelled data, measured on the way that photos of users take.

Two views: *scene* is the whole image as :func:`~annotator.inference.pipeline.annotate` labels it; *person* is each
labelled person's true box, as :func:`~annotator.inference.box_prompt.label_boxes` labels a box that a user draws.
"""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any

import cv2
import numpy as np

from annotator import __version__
from annotator.evaluation.accumulators import (
    LARGE,
    ChartAccumulator,
    CountAccumulator,
    KeypointAccumulator,
    MaskAccumulator,
    PartAccumulator,
    PrecisionAccumulator,
    look_up,
    true_points,
)
from annotator.evaluation.ground_truth import (
    DataSet,
    GroundTruth,
    TrueMaps,
    has_mask,
    has_points,
    read_ground_truth,
    usable,
)
from annotator.evaluation.report import metric
from annotator.geometry.boxes import around, box_iou
from annotator.geometry.crops import overlap
from annotator.geometry.label_maps import LabelMaps
from annotator.inference.box_prompt import label_boxes
from annotator.inference.network import Network, import_onnxruntime
from annotator.inference.pipeline import annotate
from annotator.inference.settings import Settings
from annotator.labels.maps import Maps
from annotator.labels.people import Person
from annotator.photos.atomic_files import whole_file
from annotator.photos.reading import PhotoError, read_photo
from annotator.surface.geodesic import Surface

VIEWS = ("scene", "person")
LEAST_OVERLAP = 0.3
"""IoU below which a prediction is of somebody else."""
AHEAD = 32
"""Images labelled before they are measured: measuring must not take time from the labelling that is timed."""


class SceneView:
    """Metrics of whole images."""

    def __init__(self, surface: Surface | None):
        self.masks, self.parts = MaskAccumulator("images"), PartAccumulator("images")
        self.points, self.dense = ChartAccumulator("points", surface), ChartAccumulator("pixels", surface)
        self.precision, self.keypoints, self.counts = (
            PrecisionAccumulator(surface),
            KeypointAccumulator(),
            CountAccumulator(),
        )
        self.false_areas: list[float] = []

    def add(self, ground_truth: GroundTruth, maps: TrueMaps, found: list[Person]) -> None:
        """Measure an image: what is known of it and the people found on it, most certain first."""
        painted = LabelMaps.paint(found, (0, 0, *ground_truth.image.size))
        self.masks.add(painted.person, maps)
        self.parts.add(painted, maps)
        _add_dense(self.dense, painted, maps)
        if ground_truth.complete and not ground_truth.people:
            self.false_areas.append(float(painted.person.mean()))
        for true in ground_truth.people:
            if has_points(true):
                at, labels = true_points(true, ground_truth.image.size)
                self.points.add(look_up(painted, at, (0, 0)), labels)
        self.precision.add(ground_truth, found)
        self.counts.add(ground_truth, found)
        for true, person in zip(ground_truth.people, match(ground_truth.people, found), strict=True):
            if usable(true):
                self.keypoints.add(person, true)

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
            "counting": self.counts.report(),
        }


class PersonView:
    """Metrics of people whose box is given."""

    def __init__(self, surface: Surface | None):
        self.masks, self.parts = MaskAccumulator("people"), PartAccumulator("people")
        self.points, self.dense = ChartAccumulator("points", surface), ChartAccumulator("pixels", surface)
        self.keypoints = KeypointAccumulator()

    def add(self, ground_truth: GroundTruth, maps: TrueMaps, true: Person, found: Person | None) -> None:
        """Measure one of the image's people and what was found in its box, if anything."""
        window = true.box if found is None else around(true.box, found.box)
        painted = LabelMaps.paint([] if found is None else [found], window)
        if has_mask(true):
            alone = maps.only(true, window)
            self.masks.add(painted.person, alone, large=max(true.box[2:]) >= LARGE)
            self.parts.add(painted, alone)
            _add_dense(self.dense, painted, alone)
        if has_points(true):
            at, labels = true_points(true, ground_truth.image.size)
            self.points.add(look_up(painted, at, window[:2]), labels)
        self.keypoints.add(found, true)

    def report(self) -> dict[str, Any]:
        return {
            "mask": {**self.masks.report(), "large": self.masks.report_large()},
            "parts": self.parts.report(),
            "points": self.points.report(),
            "dense": self.dense.report(),
            "keypoints": self.keypoints.report(),
        }


def _add_dense(accumulator: ChartAccumulator, found: LabelMaps, true: TrueMaps) -> None:
    known = true.charts > 0
    seen, labels = (np.stack([m.charts[known], m.u[known], m.v[known]], axis=1) for m in (found, true))
    accumulator.add(seen, labels)


def match(people: list[Person], found: list[Person]) -> list[Person | None]:
    """The prediction that stands for each true person, ``None`` for one that was not found.

    Pairs are chosen for the largest sum of IoUs, of masks or, where the true person has none, of boxes; no pair
    has less than :data:`LEAST_OVERLAP`. Crowds have none.
    """
    from scipy.optimize import linear_sum_assignment

    matched: list[Person | None] = [None] * len(people)
    single = [i for i, person in enumerate(people) if not person.crowd]
    fits = np.array([[_fit(people[i], person) for person in found] for i in single])
    if fits.size:
        fits[fits < LEAST_OVERLAP] = 0
        for row, column in zip(*linear_sum_assignment(fits, maximize=True), strict=True):
            if fits[row, column] > 0:
                matched[single[row]] = found[column]
    return matched


def _fit(true: Person, found: Person) -> float:
    return box_iou(true.box, found.box) if true.mask is None else overlap(true, found)


class _Timed:
    """A network that adds up the seconds of its calls."""

    def __init__(self, network: Network):
        self.info, self.side, self._network = network.info, network.side, network
        self.seconds = 0.0
        self._lock = Lock()

    def run(self, images: np.ndarray) -> Maps:
        with self._lock:  # waiting for another call does not count
            begin = time.perf_counter()
            maps = self._network.run(images)
            self.seconds += time.perf_counter() - begin
        return maps


def evaluate(
    source: DataSet,
    network: Network,
    settings: Settings,
    surface: Surface | None = None,
    views: tuple[str, ...] = VIEWS,
    limit: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, Any]:
    """Measure a model on one data set.

    Args:
        source: the data.
        network: the model.
        settings: of decoding; the person view has no use for ``zoom_in``.
        surface: for everything about distances on the body, which is null without.
        views: out of :data:`VIEWS`.
        limit: at most so many images, in the file's order; ``None`` for all.
        progress: called with the number of images done after each.

    Returns:
        ``images``, ``people`` (crowds not counted), ``failures`` (``file_name`` and ``reason`` of photos that
        cannot be used), and per view its metrics: each a dict of ``value`` and the number of things it rests
        on, or of ``value`` null and a ``reason``.

    Raises:
        CocoError: a missing or malformed field; :func:`~annotator.evaluation.ground_truth.check_data_set` finds it beforehand.
    """
    network.run(np.zeros((1, network.side, network.side, 3), np.uint8))  # the first call is slower
    run = _Run(network, settings, surface, views)
    ground_truths = read_ground_truth(source, limit)
    while chunk := list(islice(ground_truths, AHEAD)):
        for _ in run.measure(chunk):
            progress(run.images)
    return {"annotations": str(source.annotations), "photos": str(source.images), **run.report()}


class _Run:
    """One data set on its way through the views."""

    def __init__(self, network: Network, settings: Settings, surface: Surface | None, views: tuple[str, ...]):
        self.settings = settings
        self.views = {
            name: kind(surface)
            for name, kind in zip(VIEWS, (SceneView, PersonView), strict=True)
            if name in views
        }
        self.networks = {name: _Timed(network) for name in self.views}
        self.seconds = dict.fromkeys(self.views, 0.0)
        self.shown = dict.fromkeys(self.views, 0)
        self.images = self.people = 0
        self.failures: list[dict[str, str]] = []

    def measure(self, ground_truths: list[GroundTruth]) -> Iterator[None]:
        """Label and measure images; yields after each."""
        found = self._label_scenes(ground_truths) if "scene" in self.views else [None] * len(ground_truths)
        for ground_truth, people in zip(ground_truths, found, strict=True):
            self.images += 1
            try:
                self._measure(ground_truth, people)
                self.people += sum(not person.crowd for person in ground_truth.people)
            except PhotoError as error:
                self.failures.append({"file_name": ground_truth.image.file_name, "reason": str(error)})
            yield

    def _label_scenes(self, ground_truths: list[GroundTruth]) -> list[list[Person] | PhotoError]:
        begin = time.perf_counter()
        results = list(annotate([t.photo for t in ground_truths], self.networks["scene"], self.settings))
        self.seconds["scene"] += time.perf_counter() - begin
        found = []
        for ground_truth, result in zip(ground_truths, results, strict=True):
            if result.people is None:
                found.append(PhotoError(result.failure))
            else:
                found.append(_checked_size(ground_truth, result.people.size) or result.people.people)
        return found

    def _measure(self, ground_truth: GroundTruth, scene: list[Person] | PhotoError | None) -> None:
        if isinstance(scene, PhotoError):
            raise scene
        boxed = self._label_boxes(ground_truth) if "person" in self.views else []
        maps = ground_truth.maps()
        if scene is not None:
            self.shown["scene"] += 1
            self.views["scene"].add(ground_truth, maps, scene)
        for true, person in boxed:
            self.views["person"].add(ground_truth, maps, true, person)

    def _label_boxes(self, ground_truth: GroundTruth) -> list[tuple[Person, Person | None]]:
        people = [person for person in ground_truth.people if usable(person)]
        begin = time.perf_counter()
        photo = read_photo(ground_truth.photo)
        if error := _checked_size(ground_truth, photo.shape[1::-1]):
            raise error
        boxes = [person.box for person in people]
        found = label_boxes(photo, boxes, self.networks["person"], self.settings)
        if people:  # a photo is read for them, or else only to see that it can be
            self.seconds["person"] += time.perf_counter() - begin
        self.shown["person"] += len(people)
        return list(zip(people, found, strict=True))

    def report(self) -> dict[str, Any]:
        report = {"images": self.images, "people": self.people, "failures": self.failures}
        for name, view in self.views.items():
            count = {"images" if name == "scene" else "people": self.shown[name]}
            seconds = {"network_ms": self.networks[name].seconds, "all_ms": self.seconds[name]}
            report[name] = view.report() | {
                "speed": {
                    key: metric(1000 * value / self.shown[name] if self.shown[name] else None, **count)
                    for key, value in seconds.items()
                }
            }
        return report


def _checked_size(ground_truth: GroundTruth, size: tuple[int, int]) -> PhotoError | None:
    if tuple(size) == tuple(ground_truth.image.size):
        return None
    labelled = "{} × {}".format(*ground_truth.image.size)
    return PhotoError(f"has {size[0]} × {size[1]} pixels, but its labels are of {labelled}")


def describe(network: Network, settings: Settings, surface: Surface | None) -> dict[str, Any]:
    """What a report says of the run as a whole: date, model, settings, surface, versions."""
    return {
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "model": {"file": network.path.name, "sha256": _digest(network.path), **asdict(network.info)},
        "device": network.device,
        "settings": asdict(settings),
        "surface": None if surface is None else {"file": surface.path.name, "sha256": _digest(surface.path)},
        "versions": {
            "densepose-annotator": __version__,
            "python": platform.python_version(),
            "onnxruntime": import_onnxruntime().__version__,
            "numpy": np.__version__,
            "opencv": cv2.__version__,
        },
    }


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write it as JSON; a file that is there is replaced.

    Raises:
        FileNotFoundError: there is no folder for it.
    """
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
