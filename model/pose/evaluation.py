"""How well a pose estimator outlines labelled people in their true boxes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from model.pose.network import MASK_STRIDE, PoseEstimator
from model.pose.samples import Subject, show, subjects_of
from model.sources import Record

MAX_PEOPLE = 400
"""At most so many people are measured."""
BATCH = 8
"""Views per call of the network. Always as many: for another number it would be compiled anew."""


def validation_subjects(records: Sequence[Record]) -> list[Subject]:
    """The people that are measured: of those with a mask of their own :data:`MAX_PEOPLE`, taken at regular distances."""
    people = [subject for record in records for subject in subjects_of(record)]
    return people[:: math.ceil(len(people) / MAX_PEOPLE) or 1]


def mean_mask_iou(network: PoseEstimator, subjects: Sequence[Subject]) -> float:
    """The mean IoU of people's masks, 0..1, in pixels of the mask in their view, of those that are known.

    Raises:
        DataError, annotator.coco.reader.CocoError: a photo or an annotation that cannot be used, naming it.
    """
    ious = []
    for start in range(0, len(subjects), BATCH):
        some = subjects[start : start + BATCH]
        images, labels = zip(
            *(show(each, network.config.input_size, MASK_STRIDE) for each in some), strict=True
        )
        blank = [np.zeros_like(images[0])] * (BATCH - len(some))
        logits = network.predict_on_batch(np.stack([*images, *blank]).astype(np.float32))["mask"][..., 0]
        ious += [_iou(found > 0, each) for found, each in zip(logits, labels, strict=False)]
    return float(np.mean(ious))


def _iou(found: np.ndarray, labels: dict[str, np.ndarray]) -> float:
    known = labels["known"] > 0
    found, mask = found & known, (labels["mask"] > 0.5) & known
    return (found & mask).sum() / max((found | mask).sum(), 1)
