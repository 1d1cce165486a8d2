"""Test-time flip augmentation: predictions on an image and on its mirror image, averaged."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np

from annotator.labels.label_space import CHART_MIRROR, CHART_TO_PART, KEYPOINT_MIRROR, PART_MIRROR, mirror_uv
from annotator.labels.maps import Maps, PersonMaps

M = TypeVar("M", Maps, PersonMaps)


def predict(network: Any, images: np.ndarray, flip_augment: bool) -> Any:
    """The maps of a batch.

    Args:
        network: a :class:`~annotator.inference.network.Network`, or a pose estimator.
        images: uint8 [N, side, side, 3] RGB.
        flip_augment: average the maps with those of the mirrored images, at twice the cost.
    """
    if not flip_augment:
        return network.run(images)
    count = len(images)
    maps = network.run(np.concatenate([images, images[:, :, ::-1]]))
    return average(maps[:count], mirror(maps[count:]))


def mirror(maps: M) -> M:
    """Maps of mirrored images as maps of the images themselves; all arrays keep their shapes."""
    flipped = type(maps)(*(getattr(maps, field.name)[:, :, ::-1] for field in fields(maps)))
    u, v = mirror_uv(flipped.charts, flipped.u, flipped.v)
    changes = {
        "charts": CHART_MIRROR[flipped.charts],
        "u": u,
        "v": v,
        "keypoints": flipped.keypoints[..., KEYPOINT_MIRROR],
    }
    if isinstance(flipped, Maps):
        changes["parts"] = PART_MIRROR[flipped.parts]
        # Even channels are x, which runs the other way.
        signs = np.tile(np.float32([-1, 1]), flipped.head_vectors.shape[-1] // 2)
        changes["head_vectors"] = flipped.head_vectors * signs
    return replace(flipped, **changes)


def average(a: M, b: M) -> M:
    """The mean of two predictions of the same images; where their labels differ, the more confident one's label with
    half its confidence."""
    chart = a.chart_confidence >= b.chart_confidence
    same = a.charts == b.charts
    mean = {
        "person": (a.person + b.person) / 2,
        "charts": np.where(chart, a.charts, b.charts),
        "chart_confidence": _mean_confidence(a.chart_confidence, b.chart_confidence, same),
        "u": np.where(same, (a.u + b.u) / 2, np.where(chart, a.u, b.u)),
        "v": np.where(same, (a.v + b.v) / 2, np.where(chart, a.v, b.v)),
        "keypoints": (a.keypoints + b.keypoints) / 2,
    }
    parts = [CHART_TO_PART[maps.charts] for maps in (a, b)]
    if isinstance(a, Maps):
        parts = [maps.parts for maps in (a, b)]
        mean["parts"] = np.where(a.part_confidence >= b.part_confidence, *parts)
        mean["head_vectors"] = (a.head_vectors + b.head_vectors) / 2
    same_part = parts[0] == parts[1]
    return type(a)(**mean, part_confidence=_mean_confidence(a.part_confidence, b.part_confidence, same_part))


def _mean_confidence(a: np.ndarray, b: np.ndarray, same: np.ndarray) -> np.ndarray:
    return np.where(same, (a + b) / 2, np.maximum(a, b) / 2)
