"""A finder small enough to reason about: whatever is red is one person, whatever is green another."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from annotator.inference.finder import FINDER_METADATA_KEY

SIDE = 64
DESCRIPTION = {
    "format_version": 1,
    "model_id": "tiny-finder-1",
    "input_size": SIDE,
    "precision": "float32",
    "report_sha256": "",
    "license": "none",
    "created": "2026-01-01T00:00:00+00:00",
}


def write_finder(path: Path, **described) -> Path:
    """Write the file of a finder whose boxes are the extents of what is at least half red, and half green, and whose scores
    are how red or green that is at most; ``described`` are other values of its description."""
    constants = {
        "two_colours": np.array([0, 1], np.int64),
        "white": np.array(255, np.float32),
        "half": np.array(0.5, np.float32),
        "one": np.array(1, np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["floats", "white"], ["unit"]),
        helper.make_node("Transpose", ["unit"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Gather", ["planes", "two_colours"], ["colours"], axis=1),
        helper.make_node("Greater", ["colours", "half"], ["is_coloured"]),
        helper.make_node("Cast", ["is_coloured"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["colours", "mask"], ["likely"]),
        helper.make_node("ReduceMax", ["likely", "both_axes"], ["scores"], keepdims=0),
        *_extent("x_axis", "y_axis", "left", "right"),
        *_extent("y_axis", "x_axis", "top", "bottom"),
        helper.make_node("Concat", ["left", "top", "right", "bottom"], ["boxes"], axis=2),
    ]
    constants |= {
        "both_axes": np.array([2, 3], np.int64),
        "y_axis": np.array([2], np.int64),
        "x_axis": np.array([3], np.int64),
    }
    graph = helper.make_graph(
        nodes,
        "finder",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", SIDE, SIDE, 3])],
        [
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["N", 2, 4]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 2]),
        ],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {FINDER_METADATA_KEY: json.dumps(DESCRIPTION | described)})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return path


def _extent(along: str, across: str, first: str, end: str) -> list[onnx.NodeProto]:
    """The first and the last pixel, plus one, of the mask along an axis; [N, 2, 1]."""
    nodes = [helper.make_node("ReduceMax", ["mask", across], [f"{first}_any"], keepdims=0)]
    for name, is_last in ((first, 0), (end, 1)):
        index = helper.make_node(
            "ArgMax", [f"{first}_any"], [f"{name}_index"], axis=2, keepdims=1, select_last_index=is_last
        )
        nodes += [
            index,
            helper.make_node("Cast", [f"{name}_index"], [f"{name}_float"], to=TensorProto.FLOAT),
        ]
    nodes.append(helper.make_node("Identity", [f"{first}_float"], [first]))
    nodes.append(helper.make_node("Add", [f"{end}_float", "one"], [end]))
    return nodes
