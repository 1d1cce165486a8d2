"""Test-time flip augmentation: predictions on an image and on its mirror image, averaged."""

from __future__ import annotations

import numpy as np

from annotator.inference.network import Network
from annotator.labels.label_space import CHART_MIRROR, KEYPOINT_MIRROR, PART_MIRROR, mirror_uv
from annotator.labels.maps import Maps


def predict(network: Network, images: np.ndarray, flip_augment: bool) -> Maps:
    """The network's maps of a batch.

    Args:
        network: the model.
        images: uint8 [N, side, side, 3] RGB.
        flip_augment: average the maps with those of the mirrored images, at twice the cost.
    """
    if not flip_augment:
        return network.run(images)
    count = len(images)
    maps = network.run(np.concatenate([images, images[:, :, ::-1]]))
    return average(maps[:count], mirror(maps[count:]))


def mirror(maps: Maps) -> Maps:
    """Maps of mirrored images as maps of the images themselves; all arrays keep their shapes."""
    flipped = Maps(*(getattr(maps, name)[:, :, ::-1] for name in Maps.__slots__))
    u, v = mirror_uv(flipped.charts, flipped.u, flipped.v)
    return Maps(
        person=flipped.person,
        parts=PART_MIRROR[flipped.parts],
        part_confidence=flipped.part_confidence,
        charts=CHART_MIRROR[flipped.charts],
        chart_confidence=flipped.chart_confidence,
        u=u,
        v=v,
        # Even channels are x, which runs the other way.
        head_vectors=flipped.head_vectors * np.tile(np.float32([-1, 1]), flipped.head_vectors.shape[-1] // 2),
        keypoints=flipped.keypoints[..., KEYPOINT_MIRROR],
    )


def average(a: Maps, b: Maps) -> Maps:
    """The mean of two predictions of the same images; where their labels differ, the more confident one's label with
    half its confidence."""
    part = a.part_confidence >= b.part_confidence
    chart = a.chart_confidence >= b.chart_confidence
    same = a.charts == b.charts
    return Maps(
        person=(a.person + b.person) / 2,
        parts=np.where(part, a.parts, b.parts),
        part_confidence=_mean_confidence(a.part_confidence, b.part_confidence, a.parts == b.parts),
        charts=np.where(chart, a.charts, b.charts),
        chart_confidence=_mean_confidence(a.chart_confidence, b.chart_confidence, same),
        u=np.where(same, (a.u + b.u) / 2, np.where(chart, a.u, b.u)),
        v=np.where(same, (a.v + b.v) / 2, np.where(chart, a.v, b.v)),
        head_vectors=(a.head_vectors + b.head_vectors) / 2,
        keypoints=(a.keypoints + b.keypoints) / 2,
    )


def _mean_confidence(a: np.ndarray, b: np.ndarray, same: np.ndarray) -> np.ndarray:
    return np.where(same, (a + b) / 2, np.maximum(a, b) / 2)
