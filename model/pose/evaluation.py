"""How well a pose estimator outlines and labels people in their true boxes."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from model.pose.network import NETS, Net, PoseEstimator
from model.pose.samples import Subject, show, subjects_of
from model.pose.surface_labels import CHARTS_OF
from model.sources import DataError, Record

MAX_PEOPLE = 400
"""At most so many people are measured."""
BATCH = 8
"""Views per call of the network. Always as many: for another number it would be compiled anew."""


def validation_subjects(records: Sequence[Record]) -> list[Subject]:
    """The people that are measured: of those with a mask of their own :data:`MAX_PEOPLE`, taken at regular distances."""
    people = [subject for record in records for subject in subjects_of(record)]
    return people[:: math.ceil(len(people) / MAX_PEOPLE) or 1]


def evaluate(network: PoseEstimator, subjects: Sequence[Subject]) -> dict[Net, float]:
    """How well each net does, 0..1, in people's views.

    Returns:
        ``mask``: mean IoU of masks, of the pixels that are known. ``surface``: mean share of a person's labelled pixels whose
        chart is one that the label allows (:data:`~model.pose.surface_labels.CHARTS_OF`), of people with such labels; not there
        if nobody has any.

    Raises:
        DataError, annotator.coco.reader.CocoError: a photo or an annotation that cannot be used, naming it.
    """
    scores: dict[Net, list[float]] = {net: [] for net in NETS}
    for start in range(0, len(subjects), BATCH):
        some = subjects[start : start + BATCH]
        images, labels = zip(*(show(each, network.config.input_size) for each in some), strict=True)
        blank = [np.zeros_like(images[0])] * (BATCH - len(some))
        logits = network.predict_on_batch(np.stack([*images, *blank]).astype(np.float32))
        for i, of_person in enumerate(labels):
            scores["mask"].append(_iou(logits["mask"][i, ..., 0] > 0, of_person))
            labelled = of_person["surface"] > 0
            if labelled.any():
                allowed = CHARTS_OF[of_person["surface"][labelled]]
                found = logits["charts"][i][labelled].argmax(axis=-1)
                scores["surface"].append(allowed[np.arange(len(found)), found].mean())
    return {net: float(np.mean(values)) for net, values in scores.items() if values}


def quality(scores: Mapping[Net, float], nets: Collection[Net]) -> float:
    """The mean score of these nets.

    Raises:
        DataError: none was measured.
    """
    measured = [score for net, score in scores.items() if net in nets]
    if not measured:
        raise DataError("validation: nobody has charts, parts or keypoints")
    return float(np.mean(measured))


def _iou(found: np.ndarray, labels: dict[str, np.ndarray]) -> float:
    known = labels["known"] > 0
    found, mask = found & known, (labels["mask"] > 0.5) & known
    return (found & mask).sum() / max((found | mask).sum(), 1)
