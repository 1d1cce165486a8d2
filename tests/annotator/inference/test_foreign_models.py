"""Model and finder files that say they are ours and break the contract are refused when they are opened."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from annotator.inference.finder import Finder
from annotator.inference.network import METADATA_KEY, InferenceError, ModelError, Network
from tests.annotator.conftest import DESCRIPTION, SIDE

OPEN = {"network": Network, "finder": Finder}
Change = Callable[[onnx.ModelProto, str], None]


def insert(
    proto: onnx.ModelProto, name: str, operation: str, constants: dict[str, np.ndarray], **attributes
) -> None:
    """Put an operation between an output and what gave it."""
    before = f"{name}_before_{operation}"
    for node in proto.graph.node:
        for names in (node.input, node.output):
            names[:] = [before if of == name else of for of in names]
    proto.graph.node.append(helper.make_node(operation, [before, *constants], [name], **attributes))
    proto.graph.initializer.extend(numpy_helper.from_array(array, of) for of, array in constants.items())


def every_second_row(proto: onnx.ModelProto, name: str) -> None:
    values = {"start": 0, "end": 99, "axis": 1, "step": 2}
    insert(proto, name, "Slice", {of: np.array([value], np.int64) for of, value in values.items()})


def last_twice(proto: onnx.ModelProto, name: str) -> None:
    """Along the last axis."""
    pads = np.zeros(2 * len(output(proto, name).type.tensor_type.shape.dim), np.int64)
    pads[-1] = 1
    insert(proto, name, "Pad", {"pads": pads}, mode="edge")


def cast(kind: int) -> Change:
    def change(proto: onnx.ModelProto, name: str) -> None:
        insert(proto, name, "Cast", {}, to=kind)
        output(proto, name).type.tensor_type.elem_type = kind

    return change


def scaled(factor: float) -> Change:
    return lambda proto, name: insert(proto, name, "Mul", {"factor": np.array(factor, np.float32)})


def shifted(proto: onnx.ModelProto, name: str) -> None:
    """Times 32."""
    insert(proto, name, "BitShift", {"by": np.array(5, np.uint8)}, direction="LEFT")


def output(proto: onnx.ModelProto, name: str) -> onnx.ValueInfoProto:
    return next(of for of in proto.graph.output if of.name == name)


@pytest.fixture(params=["sizes in the file", "sizes left open"])
def changed(
    request, tmp_path: Path, tiny_model: Path, tiny_finder: Finder
) -> Callable[[str, str, Change], Path]:
    """Writes a file with one output changed."""

    def write(what: str, name: str, change: Change) -> Path:
        proto = onnx.load(tiny_model if what == "network" else tiny_finder.path)
        change(proto, name)
        for of in proto.graph.output:
            kind = of.type.tensor_type
            sizes = [f"{of.name}_{axis}" for axis in range(len(kind.shape.dim))]
            of.CopyFrom(helper.make_tensor_value_info(of.name, kind.elem_type, sizes))
        if request.param == "sizes in the file":
            for of in proto.graph.output:
                of.type.tensor_type.ClearField("shape")
            proto = onnx.shape_inference.infer_shapes(proto, data_prop=True)
        onnx.save(proto, tmp_path / "m.onnx")
        return tmp_path / "m.onnx"

    return write


@pytest.mark.parametrize(
    ("what", "name", "change", "words"),
    [
        ("network", "person", every_second_row, "float32 [N, 32, 32]"),
        ("network", "charts", every_second_row, "uint8 [N, 32, 32]"),
        ("network", "keypoints", every_second_row, "float32 [N, 16, 16, 17]"),
        ("network", "keypoints", last_twice, "float32 [N, 16, 16, 17]"),
        ("network", "head_vectors", last_twice, "float32 [N, 32, 32, 2·points]"),
        ("network", "u", last_twice, "float32 [N, 32, 32]"),
        ("network", "parts", cast(TensorProto.INT64), "uint8 [N, 32, 32]"),
        ("network", "charts", cast(TensorProto.FLOAT), "uint8 [N, 32, 32]"),
        ("network", "person", cast(TensorProto.DOUBLE), "float32 [N, 32, 32]"),
        ("network", "head_vectors", cast(TensorProto.FLOAT16), "float32 [N, 32, 32, 2·points]"),
        ("finder", "boxes", last_twice, "float32 [N, K, 4]"),
        ("finder", "boxes", cast(TensorProto.INT32), "float32 [N, K, 4]"),
        ("finder", "scores", last_twice, "float32 [N, K]"),
        ("finder", "scores", cast(TensorProto.DOUBLE), "float32 [N, K]"),
    ],
)
def test_an_output_of_another_shape_or_type_is_named(
    changed, what: str, name: str, change: Change, words: str
):
    path = changed(what, name, change)
    with pytest.raises(ModelError, match=rf"m\.onnx: (its )?output `{name}` is .*, not {re.escape(words)}$"):
        OPEN[what](path)


@pytest.mark.parametrize("what", OPEN)
def test_files_that_keep_to_it_are_opened_whether_or_not_they_say_their_sizes(changed, what: str):
    OPEN[what](changed(what, "", lambda proto, name: None))


@pytest.mark.parametrize(
    ("what", "name", "change", "words"),
    [
        ("network", "person", scaled(40), "values from 0 to 40, not 0 to 1"),
        ("network", "v", scaled(-1), "values from -1 to -1, not 0 to 1"),
        ("network", "charts", shifted, "values from 32 to 32, not 0 to 24"),
        ("network", "keypoints", scaled(float("nan")), "values that are NaN or infinite"),
        ("network", "head_vectors", scaled(float("inf")), "values that are NaN or infinite"),
        ("finder", "scores", scaled(3), "values from 0 to 3, not 0 to 1"),
        ("finder", "boxes", scaled(float("nan")), "values that are NaN or infinite"),
    ],
)
def test_values_out_of_their_range_are_named(tmp_path, tiny_model, tiny_finder, what, name, change, words):
    proto = onnx.load(tiny_model if what == "network" else tiny_finder.path)
    change(proto, name)
    onnx.save(proto, tmp_path / "m.onnx")
    images = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    images[:, 8:40, 8:40, 0] = 255
    with pytest.raises(InferenceError, match=rf"^output `{name}` has {words}$"):
        OPEN[what](tmp_path / "m.onnx").run(images)


def test_what_rounding_puts_beside_the_range_is_clipped(tmp_path, tiny_model):
    proto = onnx.load(tiny_model)
    insert(proto, "person", "Mul", {"factor": np.array(1.005, np.float32)})
    onnx.save(proto, tmp_path / "m.onnx")
    images = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    images[:, 8:40, 8:40, 0] = 255
    assert Network(tmp_path / "m.onnx").run(images).person.max() == 1


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ({"charts": 25}, "its metadata say 25 charts, not 24"),
        ({"parts": 24}, "its metadata say 24 parts, not 14"),
        ({"keypoints": 133}, "its metadata say 133 keypoints, not 17"),
        ({"label_space": "smpl"}, "its label space is 'smpl', not 'coco-densepose'"),
        ({"output_stride": 0}, "its output_stride must be 1 or more pixels, not 0"),
        (
            {"input_size": "256"},
            "its metadata `densepose_annotator`: input_size: '256' is not a whole number",
        ),
        ({"model_id": 5}, "its metadata `densepose_annotator`: model_id: 5 is not text"),
        ({"stride": 2}, "its metadata `densepose_annotator`: 'stride': no such field"),
        ({"output_stride": 4}, "its output `person` is float32 [N, 32, 32], not float32 [N, 16, 16]"),
        (
            {"keypoint_stride": 48, "output_stride": 16},
            "must be a multiple of its output_stride, 16, and divide",
        ),
    ],
)
def test_a_description_that_does_not_fit_is_named(tmp_path, tiny_model, described: dict, words: str):
    proto = onnx.load(tiny_model)
    helper.set_model_props(proto, {METADATA_KEY: json.dumps(DESCRIPTION | described)})
    onnx.save(proto, tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=rf"m\.onnx: .*{re.escape(words)}"):
        Network(tmp_path / "m.onnx")


@pytest.mark.parametrize(
    ("batch", "name", "kind", "words"),
    [
        (
            1,
            "images",
            TensorProto.UINT8,
            "its input has the shape [1, 64, 64, 3], not [N, H, W, 3] with a free N",
        ),
        ("N", "photos", TensorProto.UINT8, "its inputs are `photos` of type tensor(uint8), not `images`"),
        ("N", "images", TensorProto.FLOAT, "its inputs are `images` of type tensor(float), not `images`"),
    ],
)
@pytest.mark.parametrize("what", OPEN)
def test_another_input_is_named(tmp_path, tiny_model, tiny_finder, what, batch, name, kind, words):
    proto = onnx.load(tiny_model if what == "network" else tiny_finder.path)
    proto.graph.input[0].CopyFrom(helper.make_tensor_value_info(name, kind, [batch, SIDE, SIDE, 3]))
    for node in proto.graph.node:
        node.input[:] = [name if of == "images" else of for of in node.input]
    onnx.save(proto, tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=rf"m\.onnx: {re.escape(words)}"):
        OPEN[what](tmp_path / "m.onnx")
