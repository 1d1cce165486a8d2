"""How well people in true boxes are labelled, as users get them: what says which epoch of the third stage is best.

Unlike :mod:`annotator.evaluation`, which takes the exported file and all the data, this takes the Keras cascade and few
people, so that it costs little of an epoch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from annotator.coco.parsing import read_person
from annotator.evaluation.accumulators import KeypointAccumulator, MaskAccumulator
from annotator.evaluation.ground_truth import DataSet, GroundTruth, GroundTruthMaps, has_mask, has_points
from annotator.evaluation.matching import labelled_points, sample_labels, surface_distances
from annotator.evaluation.similarity import gps
from annotator.geometry.boxes import union_box
from annotator.geometry.label_maps import LabelMaps
from annotator.geometry.letterbox import Letterbox
from annotator.inference.decoding import decode_box
from annotator.inference.photo_views import box_view
from annotator.inference.settings import Settings
from annotator.labels.maps import Maps
from annotator.labels.people import People, Person
from annotator.surface.body_geodesic import load_body_surface
from model.canvas import photo_of
from model.cascade import Cascade
from model.decoding import decode, describe
from model.devices import device_count
from model.sources import Record

MAX_PEOPLE = 200
"""At most so many people are measured."""
MAX_POINTS = 30
"""Of a person, at most so many surface points or densely labelled pixels: a distance on the body takes long."""
BATCH = 8
"""Views per device and call of the network. Always as many: for another number it would be compiled anew."""
METRICS = ("oks", "mask_iou", "gps")
SCORE = "val_score"
"""The mean of the :data:`METRICS` for which there are labels."""
SCORES = (*(f"val_{name}" for name in METRICS), SCORE)
"""What is measured, by its names in a run's log."""


@dataclass(frozen=True, slots=True)
class _View:
    """One of a photo's people, and what the network is shown of it."""

    ground_truth: GroundTruth
    target: Person
    letterbox: Letterbox
    square: np.ndarray
    """uint8 [side, side, 3]."""


class PeopleInBoxes:
    """Validation people, measured as the person view of ``evaluate`` does, but without flip and turned views.

    Args:
        records: of all validation data. Of people with a mask, keypoints or surface points,
            :data:`MAX_PEOPLE` are taken at regular distances, always the same.
    """

    def __init__(self, records: Sequence[Record]):
        people = [
            (record, index)
            for record in records
            for index, annotation in enumerate(record.annotations)
            if _is_labelled(annotation)
        ]
        self.people = people[:: math.ceil(len(people) / MAX_PEOPLE) or 1]
        """Records and the index of the annotation on it."""

    def measure(self, cascade: Cascade) -> dict[str, float]:
        """The :data:`SCORES`, each 0..1; those without labels are left out, and without any so is the score.

        Args:
            cascade: with all six stage nets.

        Raises:
            DataError, annotator.coco.reader.CocoError: a photo or an annotation that cannot be used, naming it.
        """
        masks, keypoints, similarities = MaskAccumulator("people"), KeypointAccumulator(), []
        settings, info = Settings(), describe(cascade.config)
        views, painted = self._views(cascade.config.input_size), None
        batch = BATCH * device_count()
        while some := list(islice(views, batch)):
            maps = _predict(cascade, np.stack([view.square for view in some]), batch)
            for i, view in enumerate(some):
                ground_truth, target = view.ground_truth, view.target
                person = decode_box(
                    maps[i], view.letterbox, ground_truth.image.size, info, settings, target.box
                )
                window = target.box if person is None else union_box(target.box, person.box)
                predicted = LabelMaps.paint([] if person is None else [person], window)
                alone = None
                if has_mask(target):
                    if ground_truth is not painted:
                        painted, maps_of_photo = ground_truth, ground_truth.maps()
                    alone = maps_of_photo.only(target, window)
                    masks.add(predicted.person, alone)
                keypoints.add(person, target)
                similarities += _gps(predicted, window, ground_truth, target, alone)
        values = dict(zip(METRICS, (keypoints.oks, masks.ious, similarities), strict=True))
        scores = {f"val_{name}": float(np.mean(some)) for name, some in values.items() if some}
        return scores | ({SCORE: float(np.mean(list(scores.values())))} if scores else {})

    def _views(self, side: int) -> Iterator[_View]:
        record = None
        for other, index in self.people:
            if other is not record:
                record, photo, ground_truth = other, photo_of(other), _ground_truth(other)
            target = ground_truth.people[index]
            letterbox = box_view(target.box, side)
            yield _View(ground_truth, target, letterbox, letterbox.apply(photo))


def rank(row: dict[str, float]) -> float:
    """What epochs are compared by, the lower the better: minus the score or, without one, the validation loss.

    So any score is better than a loss.
    """
    return -row[SCORE] if SCORE in row else row["val_loss"]


def _is_labelled(annotation: dict[str, Any]) -> bool:
    """Whether something of an annotation counts, as far as that is known before it is parsed."""
    if annotation.get("iscrowd") or annotation.get("flaw"):
        return False
    return any(any(annotation.get(name) or ()) for name in ("segmentation", "keypoints", "dp_I"))


def _ground_truth(record: Record) -> GroundTruth:
    size = int(record.image["width"]), int(record.image["height"])
    people = [read_person(annotation, size, record.annotation_file) for annotation in record.annotations]
    image = People(size, people, record.image["file_name"], extra=record.image)
    data = DataSet("validation", Path(record.annotation_file), record.path.parent, Path())
    return GroundTruth(data, image, record.iuv)


def _predict(cascade: Cascade, squares: np.ndarray, batch: int) -> Maps:
    """The maps of views, of which there are as many as ``batch`` or fewer."""
    blank = np.zeros((batch - len(squares), *squares.shape[1:]), np.uint8)
    # Half the time of a call that is no compiled graph.
    raw = cascade.predict_on_batch(np.concatenate([squares, blank]).astype(np.float32))
    decoded = decode({name: ops.convert_to_tensor(values) for name, values in raw.items()}, cascade.config)
    return Maps(**{name: np.array(ops.convert_to_numpy(values)) for name, values in decoded.items()})


def _gps(
    predicted: LabelMaps,
    window: tuple[int, int, int, int],
    ground_truth: GroundTruth,
    target: Person,
    alone: GroundTruthMaps | None,
) -> list[float]:
    """The person's GPS, if its surface is labelled: at points or, where there are none, at pixels."""
    if has_points(target):
        at, labels = labelled_points(target, ground_truth.image.size)
        at, labels = _some(at), _some(labels)
        found = sample_labels(predicted, at, window[:2])
    elif alone is not None and alone.charts.any():
        known = tuple(map(_some, np.nonzero(alone.charts)))
        found, labels = (
            np.stack([maps.charts[known], maps.u[known], maps.v[known]], axis=1).astype(np.float64)
            for maps in (predicted, alone)
        )
    else:
        return []
    distances = surface_distances(found, labels, load_body_surface())
    return [gps(distances, labels[:, 0].astype(np.int64))]


def _some(rows: np.ndarray) -> np.ndarray:
    """At most :data:`MAX_POINTS` of the rows, at regular distances."""
    return rows[:: math.ceil(len(rows) / MAX_POINTS)]
