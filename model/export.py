"""From a trained cascade to one ONNX file that decodes itself and describes itself."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from keras import ops

from annotator.inference.network import METADATA_KEY, Network
from annotator.photos.atomic_files import whole_file
from model.cascade import Cascade
from model.decoding import decode, describe
from model.float16 import backbone_nodes, to_float16
from model.onnx_graph import identity, store_in_half, trace
from model.parity import ExportError, Parity, compare
from model.presets import STAGE_NETS


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
        images: uint8 [N, H, W, 3] real images for the check, H = W a multiple of 32, fixed in the graph.
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
    if cascade.stage_nets != STAGE_NETS:
        raise ExportError(
            f"the model has only the stage nets {', '.join(cascade.stage_nets)}: train it further"
        )
    proto = _trace(cascade, images.shape[1:3], raw=raw)
    if precision == "float16":
        to_float16(proto, backbone_nodes(proto))
    elif precision == "float16-weights":
        store_in_half(proto)
    about = describe(cascade.config, **identity(model_id, precision, report, weights_license))
    key = f"{METADATA_KEY}_raw" if raw else METADATA_KEY
    import onnx

    onnx.helper.set_model_props(proto, {key: json.dumps(asdict(about))})
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
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

    def graph(images):
        maps = cascade(ops.cast(images, "float32"), training=False)
        # keras.ops.argmax tells −0 from 0 by bit casts, for which ONNX has no operation.
        return maps if raw else decode(maps, cascade.config, tf.math.argmax)

    proto, _ = trace(graph, shape)
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
