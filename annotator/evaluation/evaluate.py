"""Evaluate a model on labelled data, with the code that labels users' photos.

Two views: *scene* is the whole image, labelled by :func:`annotator.inference.pipeline.annotate`; *person* is the box of
each labelled person, labelled by :func:`annotator.inference.box_prompt.label_boxes`.
"""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections import Counter
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
from annotator.evaluation.ground_truth import DataSet, GroundTruth, is_ignored, read_ground_truth
from annotator.evaluation.photo_scores import photo_scores
from annotator.evaluation.report import metric
from annotator.evaluation.views import PersonView, SceneView
from annotator.inference.backends.session import import_onnxruntime
from annotator.inference.box_prompt import label_boxes
from annotator.inference.finder import finder_beside, open_finder
from annotator.inference.network import InferenceError, Network, run_blank
from annotator.inference.pipeline import annotate
from annotator.inference.pose_estimator import open_pose_estimator, pose_estimator_beside
from annotator.inference.settings import Settings
from annotator.labels.maps import Maps
from annotator.labels.people import Person
from annotator.photos.atomic_files import whole_file
from annotator.photos.reading import PhotoError, read_photo
from annotator.surface.geodesic import Surface

VIEWS = ("scene", "person")
CHUNK = 32
"""Images that are labelled before they are measured: measuring must not slow down the labelling, which is timed."""


def evaluate(
    source: DataSet,
    network: Network,
    settings: Settings,
    surface: Surface | None = None,
    views: tuple[str, ...] = VIEWS,
    limit: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
    scores: dict[str, dict[str, float]] | None = None,
) -> dict[str, Any]:
    """Measure a model on one data set.

    Args:
        source: the data.
        network: the model.
        settings: of inference; the person view has boxes and needs no proposals.
        surface: for distances on the body; without it they are null.
        views: some of :data:`VIEWS`.
        limit: number of images to evaluate, in the file's order; ``None`` for all.
        progress: called with the number of images done after each.
        scores: gets those of each photo that is labelled as a whole, by its ``file_name``, as of
            :func:`annotator.evaluation.photo_scores.photo_scores`.

    Returns:
        The report: ``annotations`` and ``photos`` (paths), ``images``, ``people`` (without crowds), ``other_classes``
        (annotations that are of no person, by the name of their category), ``failures`` (``file_name`` and ``reason`` of
        photos that cannot be used) and, for each view, its metrics as of :func:`annotator.evaluation.report.metric`.

    Raises:
        CocoError: a missing or malformed field; :func:`annotator.evaluation.ground_truth.check_data_set` finds it
            beforehand.
        ModelError: the model fails, on a blank image, too.
    """
    run_blank(network)  # the first call is slower
    evaluation = _Evaluation(network, settings, surface, views, scores)
    ground_truths = read_ground_truth(source, limit)
    while chunk := list(islice(ground_truths, CHUNK)):
        for _ in evaluation.measure(chunk):
            progress(evaluation.images)
    return {"annotations": str(source.annotations), "photos": str(source.images), **evaluation.report()}


class _Evaluation:
    """The evaluation of one data set."""

    def __init__(
        self,
        network: Network,
        settings: Settings,
        surface: Surface | None,
        views: tuple[str, ...],
        scores: dict[str, dict[str, float]] | None = None,
    ):
        self.settings, self.scores = settings, scores
        self.views = {
            name: kind(surface)
            for name, kind in zip(VIEWS, (SceneView, PersonView), strict=True)
            if name in views
        }
        self.networks = {name: _TimedNetwork(network) for name in self.views}
        self.finder = open_finder(network, settings) if "scene" in self.views else None
        self.pose = open_pose_estimator(network, settings)
        self.seconds = dict.fromkeys(self.views, 0.0)
        self.counts = dict.fromkeys(self.views, 0)
        self.images = self.people = 0
        self.other_classes: Counter[str] = Counter()
        self.failures: list[dict[str, str]] = []

    def measure(self, ground_truths: list[GroundTruth]) -> Iterator[None]:
        """Label and measure images; yields after each."""
        none = [None] * len(ground_truths)
        scenes = self._label_scenes(ground_truths) if "scene" in self.views else none
        for ground_truth, scene in zip(ground_truths, scenes, strict=True):
            self.images += 1
            self.other_classes.update(ground_truth.image.other_classes)
            try:
                self._measure(ground_truth, scene)
                self.people += sum(not person.crowd for person in ground_truth.people)
            except (PhotoError, InferenceError) as error:
                self.failures.append({"file_name": ground_truth.image.file_name, "reason": str(error)})
            yield

    def _label_scenes(self, ground_truths: list[GroundTruth]) -> list[list[Person] | PhotoError]:
        """The people predicted on each image, or why there are none."""
        begin = time.perf_counter()
        photos = [ground_truth.photo for ground_truth in ground_truths]
        results = list(annotate(photos, self.networks["scene"], self.settings, self.finder, pose=self.pose))
        self.seconds["scene"] += time.perf_counter() - begin
        scenes = []
        for ground_truth, result in zip(ground_truths, results, strict=True):
            if result.people is None:
                scenes.append(PhotoError(result.failure))
            else:
                scenes.append(_wrong_size(ground_truth, result.people.size) or result.people.people)
        return scenes

    def _measure(self, ground_truth: GroundTruth, scene: list[Person] | PhotoError | None) -> None:
        if isinstance(scene, PhotoError):
            raise scene
        pairs = self._label_boxes(ground_truth) if "person" in self.views else []
        maps = ground_truth.maps()
        if scene is not None:
            self.counts["scene"] += 1
            self.views["scene"].add(ground_truth, maps, scene)
            if self.scores is not None:
                self.scores[ground_truth.image.file_name] = photo_scores(ground_truth, maps, scene)
        for target, prediction in pairs:
            self.views["person"].add(ground_truth, maps, target, prediction)

    def _label_boxes(self, ground_truth: GroundTruth) -> list[tuple[Person, Person | None]]:
        """Each labelled person, and the one predicted in its box."""
        people = [person for person in ground_truth.people if not is_ignored(person)]
        begin = time.perf_counter()
        photo = read_photo(ground_truth.photo)
        if error := _wrong_size(ground_truth, photo.shape[1::-1]):
            raise error
        boxes = [person.box for person in people]
        predictions = label_boxes(photo, boxes, self.networks["person"], self.settings, self.pose)
        if people:  # otherwise the photo is read only to see that it can be
            self.seconds["person"] += time.perf_counter() - begin
        self.counts["person"] += len(people)
        return list(zip(people, predictions, strict=True))

    def report(self) -> dict[str, Any]:
        report = {
            "images": self.images,
            "people": self.people,
            "other_classes": dict(self.other_classes),
            "failures": self.failures,
        }
        for name, view in self.views.items():
            count = {"images" if name == "scene" else "people": self.counts[name]}
            seconds = {"network_ms": self.networks[name].seconds, "all_ms": self.seconds[name]}
            report[name] = view.report() | {
                "speed": {
                    key: metric(1000 * value / self.counts[name] if self.counts[name] else None, **count)
                    for key, value in seconds.items()
                }
            }
        return report


class _TimedNetwork:
    """A network that adds up the seconds of its calls."""

    def __init__(self, network: Network):
        self.path, self.info, self.side = network.path, network.info, network.side
        self.backend, self.batch_size = network.backend, network.batch_size
        self._network = network
        self.seconds = 0.0
        self._lock = Lock()

    def run(self, images: np.ndarray) -> Maps:
        with self._lock:  # waiting for another call does not count
            begin = time.perf_counter()
            maps = self._network.run(images)
            self.seconds += time.perf_counter() - begin
        return maps


def _wrong_size(ground_truth: GroundTruth, size: tuple[int, int]) -> PhotoError | None:
    """The error of a photo whose size is not that of its labels."""
    if tuple(size) == tuple(ground_truth.image.size):
        return None
    labelled = "{} × {}".format(*ground_truth.image.size)
    return PhotoError(f"has {size[0]} × {size[1]} pixels, but its labels are of {labelled}")


def describe(network: Network, settings: Settings, surface: Surface | None) -> dict[str, Any]:
    """The head of a report: date, model, settings, surface, versions."""
    return {
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "model": _file(network.path) | asdict(network.info),
        "finder": _file(finder_beside(network.path)) if settings.uses_finder else None,
        "pose_estimator": _file(pose_estimator_beside(network.path)) if settings.pose_estimator else None,
        "device": network.device,
        "settings": asdict(settings),
        "surface": None if surface is None else _file(surface.path),
        "versions": {
            "densepose-annotator": __version__,
            "python": platform.python_version(),
            "onnxruntime": import_onnxruntime().__version__,
            "numpy": np.__version__,
            "opencv": cv2.__version__,
        },
    }


def _file(path: Path) -> dict[str, str]:
    return {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write a report as JSON; a file that is there is replaced.

    Raises:
        FileNotFoundError: there is no folder for it.
    """
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
