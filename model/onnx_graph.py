"""From a Keras graph to ONNX: tf2onnx traces it under the TensorFlow backend."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import keras
import numpy as np

from model.parity import ExportError

OPSET = 18
SMALL = 512
"""Tensors of fewer elements than this (biases, shapes) are not worth storing at half size."""


def trace(graph: Callable[[Any], dict], shape: tuple[int, int]) -> tuple[Any, Callable[[Any], dict]]:
    """The graph as ONNX model, and as TensorFlow function.

    Args:
        graph: from uint8 images [N, H, W, 3] to outputs by name.
        shape: H, W, fixed in the graph, which makes it a third faster on a CPU than dynamic ones; N stays dynamic.

    Raises:
        ExportError: Keras has another backend.
    """
    if keras.backend.backend() != "tensorflow":
        raise ExportError("export needs the TensorFlow backend: set KERAS_BACKEND=tensorflow")
    import tensorflow as tf
    import tf2onnx

    signature = [tf.TensorSpec((None, *shape, 3), tf.uint8, name="images")]
    function = tf.function(graph, input_signature=signature)
    proto, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET)
    return proto, function


def store_in_half(proto) -> None:
    """Keep large weights as float16 with a cast, which ONNX Runtime folds away when it loads the file."""
    import onnx

    casts = []
    for tensor in proto.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or np.prod(tensor.dims) < SMALL:
            continue
        name, half = tensor.name, f"{tensor.name}_half"
        tensor.CopyFrom(
            onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor).astype(np.float16), half)
        )
        casts.append(onnx.helper.make_node("Cast", [half], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *proto.graph.node]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)


def identity(model_id: str, precision: str, report: bytes, weights_license: str) -> dict[str, str]:
    """The fields that the descriptions of all files have, written now; arguments as of :func:`model.export.export_onnx`."""
    return {
        "model_id": model_id,
        "precision": precision,
        "report_sha256": hashlib.sha256(report).hexdigest() if report else "",
        "license": weights_license,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
