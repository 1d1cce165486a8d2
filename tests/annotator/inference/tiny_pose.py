"""A pose estimator that sees dots: keypoints with an odd number, the left ones, where it is blue, the others where it is green,
the person where it is red, and all only in the upper three quarters of the view. Elsewhere a pixel is as likely the person's as
not."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from annotator.inference.network import POSE_METADATA_KEY
from annotator.labels.label_space import KEYPOINTS

SIDE, STRIDE = 64, 4
SEEN = SIDE * 3 // 4
DESCRIPTION = {
    "format_version": 1,
    "model_id": "dots",
    "input_size": SIDE,
    "precision": "float32",
    "report_sha256": "",
    "license": "CC0-1.0",
    "created": "2026-01-01T00:00:00+00:00",
}


def write_pose_estimator(path: Path, **described) -> Path:
    """Write its file; ``described`` are other values of its description."""
    seen = np.zeros((1, 1, SIDE, 1), np.float32)
    seen[:, :, :SEEN] = 1 / 255
    constants = {
        "seen": seen,
        "colours": np.array([1 + i % 2 for i in range(len(KEYPOINTS))], np.int64),
        "red": np.array(0, np.int64),
        "half": np.float32(0.5),
    }
    count = SIDE // STRIDE
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Mul", ["planes", "seen"], ["visible"]),
        helper.make_node(
            "AveragePool", ["visible"], ["small"], kernel_shape=[STRIDE] * 2, strides=[STRIDE] * 2
        ),
        helper.make_node("Gather", ["small", "colours"], ["dots"], axis=1),
        helper.make_node("Transpose", ["dots"], ["keypoints"], perm=[0, 2, 3, 1]),
        helper.make_node("AveragePool", ["visible"], ["fine"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Gather", ["fine", "red"], ["redness"], axis=1),
        helper.make_node("Mul", ["redness", "half"], ["surplus"]),
        helper.make_node("Add", ["surplus", "half"], ["mask"]),
    ]
    graph = helper.make_graph(
        nodes,
        "pose",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", SIDE, SIDE, 3])],
        [
            helper.make_tensor_value_info(
                "keypoints", TensorProto.FLOAT, ["N", count, count, len(KEYPOINTS)]
            ),
            helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["N", 2 * count, 2 * count]),
        ],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {POSE_METADATA_KEY: json.dumps(DESCRIPTION | described)})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return path
