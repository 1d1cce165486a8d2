"""The networks' decoded maps of a batch of images."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np


class _Maps:
    """What is common to dataclasses of maps."""

    __slots__ = ()

    def __getitem__(self, index: int | slice) -> Any:
        """The maps of one image, without the first axis, or of several."""
        return type(self)(*(getattr(self, field.name)[index] for field in fields(self)))


@dataclass(slots=True)
class Maps(_Maps):
    """The cascade's maps of N images; h = H / output_stride, w = W / output_stride."""

    person: np.ndarray
    """float32 [N, h, w], probability."""
    parts: np.ndarray
    """uint8 [N, h, w], 1..14, meaningful on people only."""
    part_confidence: np.ndarray
    """float32 [N, h, w]."""
    charts: np.ndarray
    """uint8 [N, h, w], 1..24."""
    chart_confidence: np.ndarray
    """float32 [N, h, w]."""
    u: np.ndarray
    """float32 [N, h, w], 0..1, of that chart."""
    v: np.ndarray
    """float32 [N, h, w], 0..1, of that chart."""
    head_vectors: np.ndarray
    """float32 [N, h, w, 2·points]: x, y of the head point, and of further points that this model has, as
    (point − image centre) / :attr:`.Network.side`."""
    keypoints: np.ndarray
    """float32 [N, H / keypoint_stride, W / keypoint_stride, 17] heatmaps, 0..1."""


@dataclass(slots=True)
class PersonMaps(_Maps):
    """The pose estimator's maps of the person in the middle of each of N views; s is a quarter of their side, or less."""

    keypoints: np.ndarray
    """float32 [N, s, s, 17] heatmaps, 0..1, a peak of 1 at each keypoint."""
    person: np.ndarray
    """float32 [N, 2s, 2s], the probability that a pixel is the person's."""
    charts: np.ndarray
    """uint8 [N, 2s, 2s], 1..24, meaningful on the person only."""
    chart_confidence: np.ndarray
    """float32 [N, 2s, 2s]."""
    part_confidence: np.ndarray
    """float32 [N, 2s, 2s], of the part that the chart belongs to."""
    u: np.ndarray
    """float32 [N, 2s, 2s], 0..1, of that chart."""
    v: np.ndarray
    """float32 [N, 2s, 2s], 0..1, of that chart."""
