"""From a pose estimator to one ONNX file that describes itself."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from keras import ops

from annotator.inference import pose_estimator as onnx_side
from annotator.inference.network import POSE_METADATA_KEY
from annotator.inference.pose_estimator import POSE_FORMAT_VERSION, PoseEstimatorInfo
from annotator.photos.atomic_files import whole_file
from model.onnx_graph import identity, store_in_half, trace
from model.parity import ExportError, Parity, compare
from model.pose.decoding import decode
from model.pose.network import PoseEstimator

PRECISIONS = ("float32", "float16-weights")


def export_pose_estimator(
    network: PoseEstimator,
    path: str | Path,
    images: np.ndarray,
    *,
    model_id: str,
    report: bytes = b"",
    weights_license: str = "",
    precision: str = "float32",
) -> Parity:
    """Write a pose estimator as ONNX and check it against Keras.

    Args:
        path: target; it appears only if the check passes.
        images: uint8 [N, S, S, 3] real images for the check, S a multiple of 32, fixed in the graph.
        model_id: for the metadata, and so are ``report`` and ``weights_license``; see :func:`model.export.export_onnx`.
        precision: one of :data:`PRECISIONS`.

    Raises:
        ExportError: wrong backend or precision, or Keras and ONNX Runtime disagree.
    """
    if precision not in PRECISIONS:
        raise ExportError(f"precision is {precision!r}: a pose estimator's must be {' or '.join(PRECISIONS)}")
    import onnx
    import tensorflow as tf

    def graph(images):
        # keras.ops.argmax tells −0 from 0 by bit casts, for which ONNX has no operation.
        return decode(network(ops.cast(images, "float32"), training=False), tf.math.argmax)

    side = images.shape[1]
    proto, function = trace(graph, (side, side))
    if precision == "float16-weights":
        store_in_half(proto)
    info = PoseEstimatorInfo(
        format_version=POSE_FORMAT_VERSION,
        input_size=network.config.input_size,
        **identity(model_id, precision, report, weights_license),
    )
    onnx.helper.set_model_props(proto, {POSE_METADATA_KEY: json.dumps(asdict(info))})
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary:
        onnx.save(proto, temporary)
        expected = {name: map.numpy() for name, map in function(tf.constant(images)).items()}
        actual = onnx_side.PoseEstimator(temporary).run(images)
        parity = compare(expected, {name: getattr(actual, name) for name in expected})
        parity.check(precision)
    return parity
