"""The network's decoded maps of a batch of images."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np


@dataclass(slots=True)
class Maps:
    """Decoded maps of N images; h = H / output_stride, w = W / output_stride."""

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

    def __getitem__(self, index: int | slice) -> Maps:
        """The maps of one image, without the first axis, or of several."""
        return Maps(*(getattr(self, field.name)[index] for field in fields(self)))
