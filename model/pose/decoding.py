"""From the logits of a pose estimator to the maps that the annotator reads: the last part of its ONNX file."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from keras import ops

from annotator.labels.label_space import CHART_TO_PART
from model.blocks import Upsample

SAME_PART = (CHART_TO_PART[1:, None] == CHART_TO_PART[1:]).astype(np.float32)
"""(24, 24): 1 where two charts belong to one part."""


def decode(logits: dict, argmax: Callable = ops.argmax) -> dict:
    """The outputs of the ONNX file, by their names in :class:`annotator.labels.maps.PersonMaps`.

    Args:
        logits: outputs of :class:`~model.pose.network.PoseEstimator`.
        argmax: of a tensor along an ``axis``; the export has one of its own.
    """
    probability = ops.softmax(logits["charts"], axis=-1)
    best = argmax(probability, axis=-1)
    chart = ops.one_hot(best, len(SAME_PART))
    u, v = ops.split(Upsample(2, "bilinear")(logits["uv"]), 2, axis=-1)
    return {
        "keypoints": ops.sigmoid(logits["keypoints"]),
        "person": ops.sigmoid(logits["mask"][..., 0]),
        "charts": ops.cast(best + 1, "uint8"),
        "chart_confidence": ops.max(probability, axis=-1),
        "part_confidence": ops.minimum(ops.sum(probability * ops.matmul(chart, SAME_PART), axis=-1), 1.0),
        **{name: ops.clip(ops.sum(of * chart, axis=-1), 0.0, 1.0) for name, of in (("u", u), ("v", v))},
    }
