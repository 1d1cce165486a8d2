"""Models that fail in ONNX Runtime, or give what is no number, for some of the images."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

GREY = 77
"""Of images that are all of it a model may fail."""


def write_failing(model: Path, path: Path, *, largest_batch: int | None = None, on_grey: str = "") -> Path:
    """Write a copy of a tiny model or finder that fails.

    Args:
        model: the file.
        path: of the copy.
        largest_batch: ONNX Runtime fails on more images at once; 0 for on all.
        on_grey: ``fails`` if ONNX Runtime fails on an image with a pixel of :data:`GREY`, ``nan`` if the outputs are NaN.
    """
    proto = onnx.load(model)
    constants = {
        "from_0": np.zeros(1, np.int64),
        "to_1": np.ones(1, np.int64),
        "nothing": np.zeros(1, np.float32),
    }
    nodes = [helper.make_node("Cast", ["images"], ["plain"], to=TensorProto.FLOAT)]
    terms = ["plain"]
    if largest_batch is not None:
        constants["allowed"] = np.zeros(largest_batch + 1, np.float32)
        nodes += [
            helper.make_node("Shape", ["images"], ["shape"]),
            helper.make_node("Slice", ["shape", "from_0", "to_1"], ["count"]),
            helper.make_node("Gather", ["allowed", "count"], ["of_count"]),
        ]
        terms.append("of_count")
    if on_grey:
        constants |= {"grey": np.array([GREY], np.uint8), "one_float": np.ones(1, np.float32)}
        nodes += [
            helper.make_node("Equal", ["images", "grey"], ["equal"]),
            helper.make_node("Cast", ["equal"], ["is_grey"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMin", ["is_grey", "channels"], ["all_grey"], keepdims=1),
            helper.make_node("ReduceMax", ["all_grey", "pixels"], ["bad"], keepdims=1),
        ]
        constants |= {"channels": np.array([3], np.int64), "pixels": np.array([1, 2], np.int64)}
        if on_grey == "nan":
            nodes += [
                helper.make_node("Sub", ["one_float", "bad"], ["good"]),
                helper.make_node("Div", ["good", "good"], ["one_or_nan"]),
                helper.make_node("Sub", ["one_or_nan", "one_float"], ["of_grey"]),
            ]
        else:
            nodes += [
                helper.make_node("Cast", ["bad"], ["bad_index"], to=TensorProto.INT64),
                helper.make_node("Gather", ["nothing", "bad_index"], ["of_grey"]),
            ]
        terms.append("of_grey")
    nodes.append(helper.make_node("Sum", terms, ["floats"]))
    kept = [node for node in proto.graph.node if list(node.output) != ["floats"]]
    assert len(kept) == len(proto.graph.node) - 1
    del proto.graph.node[:]
    proto.graph.node.extend(nodes + kept)
    proto.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in constants.items())
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, path)
    return path
