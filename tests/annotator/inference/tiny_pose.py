"""A pose estimator that sees dots: keypoints with an odd number, the left ones, where it is blue, the others where it is green,
the person where it is red, and all only in the upper three quarters of the view. Elsewhere a pixel is hardly the
person's. What is red is an arm, the rest a torso from the front; U runs down the view and V across it."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from annotator.inference.network import POSE_METADATA_KEY
from annotator.labels.label_space import KEYPOINTS
from annotator.labels.people import Person

SIDE, STRIDE = 64, 4
SEEN = SIDE * 3 // 4
GUESS = 0.25
"""Probability of the person where it is not red."""
ARM, TORSO = 15, 2
"""Charts."""
DESCRIPTION = {
    "format_version": 1,
    "model_id": "dots",
    "input_size": SIDE,
    "precision": "float32",
    "report_sha256": "",
    "license": "CC0-1.0",
    "created": "2026-01-01T00:00:00+00:00",
}


RED, GREEN, BLUE = 0, 1, 2
BOX = (40, 20, 60, 80)
DOT = 10


def write_pose_estimator(path: Path, red: int = ARM, **described) -> Path:
    """Write its file: ``red`` is the chart of what is red, ``described`` are other values of its description."""
    seen = np.zeros((1, 1, SIDE, 1), np.float32)
    seen[:, :, :SEEN] = 1 / 255
    count = SIDE // STRIDE
    along = (np.arange(2 * count, dtype=np.float32) + 0.5) / (2 * count)
    constants = {
        "down": along[:, None],
        "across": along[None],
        "zero": np.float32(0),
        "arm": np.float32(red),
        "torso": np.float32(TORSO),
        "seen": seen,
        "colours": np.array([1 + i % 2 for i in range(len(KEYPOINTS))], np.int64),
        "red": np.array(0, np.int64),
        "half": np.float32(0.5),
        "guess": np.float32(GUESS),
        "sure": np.float32(1 - GUESS),
    }
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
        helper.make_node("Mul", ["redness", "sure"], ["surplus"]),
        helper.make_node("Add", ["surplus", "guess"], ["person"]),
        helper.make_node("Greater", ["redness", "half"], ["is_arm"]),
        helper.make_node("Where", ["is_arm", "arm", "torso"], ["numbers"]),
        helper.make_node("Cast", ["numbers"], ["charts"], to=TensorProto.UINT8),
        helper.make_node("Identity", ["person"], ["chart_confidence"]),
        helper.make_node("Identity", ["person"], ["part_confidence"]),
        helper.make_node("Mul", ["redness", "zero"], ["flat"]),
        helper.make_node("Add", ["flat", "down"], ["u"]),
        helper.make_node("Add", ["flat", "across"], ["v"]),
    ]
    maps = dict.fromkeys(("person", "chart_confidence", "part_confidence", "u", "v"), TensorProto.FLOAT)
    graph = helper.make_graph(
        nodes,
        "pose",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", SIDE, SIDE, 3])],
        [
            helper.make_tensor_value_info(
                "keypoints", TensorProto.FLOAT, ["N", count, count, len(KEYPOINTS)]
            ),
            *(
                helper.make_tensor_value_info(name, kind, ["N", 2 * count, 2 * count])
                for name, kind in (maps | {"charts": TensorProto.UINT8}).items()
            ),
        ],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {POSE_METADATA_KEY: json.dumps(DESCRIPTION | described)})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return path


def dotted(*dots: tuple[float, float, int, int], size: tuple[int, int] = (160, 120)) -> np.ndarray:
    """A black photo with square dots, each x, y of its middle, colour and brightness."""
    photo = np.zeros((*size[::-1], 3), np.uint8)
    for x, y, colour, value in dots:
        photo[int(y - DOT / 2) : int(y + DOT / 2), int(x - DOT / 2) : int(x + DOT / 2), colour] = value
    return photo


def person_in(box: tuple[int, int, int, int] = BOX, keypoints: np.ndarray | None = None) -> Person:
    """Somebody who fills a box."""
    return Person(box, mask=np.ones(box[:1:-1], bool), keypoints=keypoints)
