"""From a pose estimator to one ONNX file that describes itself."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

import keras
import numpy as np
from keras import ops

from annotator.inference import pose_estimator as onnx_side
from annotator.inference.network import POSE_METADATA_KEY
from annotator.inference.pose_estimator import POSE_FORMAT_VERSION, PoseEstimatorInfo
from annotator.photos.atomic_files import whole_file
from model.export import OPSET, store_in_half
from model.parity import LIMITS, ExportError
from model.pose.network import PoseEstimator

PRECISIONS = ("float32", "float16-weights")


@dataclass(frozen=True)
class PoseParity:
    """Keras against ONNX Runtime on the same images."""

    heatmap: float
    """Largest difference of the heatmaps."""

    def table(self) -> str:
        return f"keypoints  largest difference {self.heatmap:.2e}"

    def check(self, precision: str) -> None:
        """Raise :class:`~model.parity.ExportError` if the two disagree by more than :data:`model.parity.LIMITS`."""
        if not self.heatmap <= LIMITS[precision][0]:
            raise ExportError(f"ONNX Runtime and Keras disagree:\n{self.table()}")


def export_pose_estimator(
    network: PoseEstimator,
    path: str | Path,
    images: np.ndarray,
    *,
    model_id: str,
    report: bytes = b"",
    weights_license: str = "",
    precision: str = "float32",
) -> PoseParity:
    """Write a pose estimator as ONNX and check it against Keras.

    Args:
        path: target; it appears only if the check passes.
        images: uint8 [N, S, S, 3] real images for the check, S a multiple of 32, fixed in the graph.
        model_id: for the metadata, and so are ``report`` and ``weights_license``; see :func:`model.export.export_onnx`.
        precision: one of :data:`PRECISIONS`.

    Raises:
        ExportError: wrong backend or precision, or Keras and ONNX Runtime disagree.
    """
    if keras.backend.backend() != "tensorflow":
        raise ExportError("export needs the TensorFlow backend: set KERAS_BACKEND=tensorflow")
    if precision not in PRECISIONS:
        raise ExportError(f"precision is {precision!r}: a pose estimator's must be {' or '.join(PRECISIONS)}")
    import onnx
    import tensorflow as tf
    import tf2onnx

    def graph(images):
        return {"keypoints": ops.sigmoid(network(ops.cast(images, "float32"), training=False))}

    side = images.shape[1]
    signature = [tf.TensorSpec((None, side, side, 3), tf.uint8, name="images")]
    function = tf.function(graph, input_signature=signature)
    proto, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET)
    if precision == "float16-weights":
        store_in_half(proto)
    info = PoseEstimatorInfo(
        format_version=POSE_FORMAT_VERSION,
        model_id=model_id,
        input_size=network.config.input_size,
        precision=precision,
        report_sha256=hashlib.sha256(report).hexdigest() if report else "",
        license=weights_license,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )
    onnx.helper.set_model_props(proto, {POSE_METADATA_KEY: json.dumps(asdict(info))})
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary:
        onnx.save(proto, temporary)
        expected = ops.convert_to_numpy(function(tf.constant(images))["keypoints"])
        actual = onnx_side.PoseEstimator(temporary).run(images)[0]
        parity = PoseParity(float(np.abs(expected - actual).max(initial=0.0)))
        parity.check(precision)
    return parity
