"""From a trained cascade to one ONNX file that decodes itself and describes itself.

This is the only module that calls TensorFlow: tf2onnx traces the Keras model under that backend.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

import keras
import numpy as np
from keras import ops

from annotator.inference.network import METADATA_KEY, Network
from annotator.photos.atomic_files import whole_file
from model.cascade import Cascade
from model.decoding import decode, describe
from model.float16 import backbone_nodes, to_float16
from model.parity import ExportError, Parity, compare
from model.presets import STAGE_NETS

OPSET = 18
SMALL = 512
"""Tensors of fewer elements than this (biases, shapes) are not worth storing at half size."""


def export_onnx(
    cascade: Cascade,
    path: str | Path,
    images: np.ndarray,
    *,
    model_id: str,
    report: bytes = b"",
    weights_license: str = "",
    precision: str = "float32",
    raw: bool = False,
) -> Parity | None:
    """Write the cascade as ONNX and check it against Keras.

    Args:
        cascade: with all six stage nets.
        path: target; it appears only if the check passes.
        images: uint8 [N, H, W, 3] real images for the check, H = W a multiple of 32. H and W are fixed in
            the graph, which makes it a third faster on a CPU than dynamic ones; N stays dynamic.
        model_id: name under which labels made by this file are known.
        report: bytes of the training report, whose SHA-256 goes into the metadata.
        weights_license: for the metadata.
        precision: a key of :data:`~model.parity.LIMITS`. With ``float16`` outputs that else are float32 are
            float16, and the backbone computes in float32: it has few of the operations and causes most of the error.
        raw: the undecoded maps instead, for evaluation; the annotator refuses such a file.

    Returns:
        The parity with Keras, or None for a raw graph.

    Raises:
        ExportError: wrong backend, missing stage nets, or a difference above :data:`~model.parity.LIMITS`.
    """
    if keras.backend.backend() != "tensorflow":
        raise ExportError("export needs the TensorFlow backend: set KERAS_BACKEND=tensorflow")
    if cascade.stage_nets != STAGE_NETS:
        raise ExportError(
            f"the model has only the stage nets {', '.join(cascade.stage_nets)}: train it further"
        )
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    proto = _trace(cascade, images.shape[1:3], raw=raw)
    if precision == "float16":
        to_float16(proto, backbone_nodes(proto))
    elif precision == "float16-weights":
        store_in_half(proto)
    _describe(proto, cascade.config, model_id, report, weights_license, precision, raw=raw)
    import onnx

    with whole_file(path) as temporary:
        onnx.save(proto, temporary)
        parity = None
        if not raw:
            expected = decode(cascade(ops.cast(images, "float32"), training=False), cascade.config)
            expected = {name: ops.convert_to_numpy(value) for name, value in expected.items()}
            # As Network gives them.
            expected["head_vectors"] = expected["head_vectors"] * (
                cascade.config.input_size / images.shape[1]
            )
            actual = Network(temporary).run(images)
            parity = compare(expected, {name: getattr(actual, name) for name in expected})
            parity.check(precision)
    return parity


def _trace(cascade: Cascade, shape: tuple[int, int], *, raw: bool):
    import tensorflow as tf
    import tf2onnx

    def graph(images):
        maps = cascade(ops.cast(images, "float32"), training=False)
        # keras.ops.argmax tells −0 from 0 by bit casts, for which ONNX has no operation.
        return maps if raw else decode(maps, cascade.config, tf.math.argmax)

    signature = [tf.TensorSpec((None, *shape, 3), tf.uint8, name="images")]
    function = tf.function(graph, input_signature=signature)
    proto, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET)
    for node in proto.graph.node:
        if node.op_type == "Resize" and any(a.name == "mode" and a.s == b"nearest" for a in node.attribute):
            _simplify_resize(node)
    return proto


def _simplify_resize(node) -> None:
    """Nearest-neighbour upsampling by a whole factor, in the attributes that every ONNX Runtime provider knows.

    tf2onnx writes TensorFlow's coordinate mode, which ONNX has dropped; for whole factors both are the same.
    """
    import onnx

    plain = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    del node.attribute[:]
    node.attribute.extend(onnx.helper.make_attribute(name, value) for name, value in plain.items())


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


def _describe(proto, config, model_id, report, weights_license, precision, *, raw) -> None:
    import onnx

    about = describe(
        config,
        model_id=model_id,
        precision=precision,
        report_sha256=hashlib.sha256(report).hexdigest() if report else "",
        license=weights_license,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )
    key = f"{METADATA_KEY}_raw" if raw else METADATA_KEY
    onnx.helper.set_model_props(proto, {key: json.dumps(asdict(about))})
