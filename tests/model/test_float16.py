"""Graphs that compute in float16: few casts, near the float32 ones, made without Keras."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from annotator.cli import main
from annotator.examples import EXAMPLES
from annotator.inference.network import DEFAULT_MODEL, ModelError, Network
from annotator.photos.finding import find_photos
from model.float16 import convert, nodes_before, to_float16
from model.parity import ExportError, read_images


def casts(proto: onnx.ModelProto) -> list[tuple[str, str]]:
    return [(node.input[0], node.output[0]) for node in proto.graph.node if node.op_type == "Cast"]


@pytest.fixture(scope="module")
def half(tmp_path_factory) -> tuple[Path, dict[str, float], dict[str, float]]:
    """The package's network in float16, and how far it is from the one there is."""
    path = tmp_path_factory.mktemp("half") / "lite.onnx"
    parity = convert(DEFAULT_MODEL, path, read_images(find_photos(EXAMPLES)[:2], 256))
    return path, parity.differences, parity.flipped


def test_the_packages_network_has_few_casts_and_says_nearly_the_same(half):
    path, differences, flipped = half
    proto = onnx.load(path)
    assert len(casts(proto)) <= 20
    assert 0 < max(differences.values()) <= 1e-2
    assert max(flipped.values()) <= 2e-3
    kinds = {output.name: output.type.tensor_type.elem_type for output in proto.graph.output}
    assert {name for name, kind in kinds.items() if kind != TensorProto.FLOAT16} == {"parts", "charts"}


def test_only_the_precision_is_described_otherwise(half):
    found, expected = vars(Network(half[0]).info), vars(Network().info)
    assert {name for name in found if found[name] != expected[name]} == {"precision"}
    assert found["precision"] == "float16"


def test_what_is_half_already_is_refused(half, tmp_path):
    with pytest.raises(ExportError, match=r"lite\.onnx: computes in float16 already"):
        convert(half[0], tmp_path / "m.onnx", np.zeros((1, 256, 256, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_a_finder_is_not_converted(tmp_path):
    with pytest.raises(ModelError, match="not a model of DensePose Annotator"):
        convert(
            DEFAULT_MODEL.with_name("finder.onnx"), tmp_path / "m.onnx", np.zeros((1, 640, 640, 3), np.uint8)
        )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "with --fp16 alone, not with no option"),
        (["--fp16-weights"], "not with --fp16-weights"),
        (["--fp16", "--raw"], "not with --raw"),
        (["--fp16", "--size", "128"], "not with --size"),
    ],
)
def test_an_onnx_file_is_only_made_half(tmp_path, capsys, options: list[str], words: str):
    out = tmp_path / "m.onnx"
    assert main(["export-model", str(DEFAULT_MODEL), str(out), *options]) == 1
    assert words in capsys.readouterr().err
    assert not out.exists()


def small_graph() -> onnx.ModelProto:
    """Two layers in a row, of which both the first and the second are read twice; and a weight that is stored at half size."""
    nodes = [
        helper.make_node("Cast", ["w_small"], ["w"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["x", "w"], ["net/first_1/out"], "first"),
        helper.make_node("Add", ["net/first_1/out", "w"], ["net/second_1/out"], "second"),
        helper.make_node("Sub", ["net/first_1/out", "net/second_1/out"], ["y"], "difference"),
        helper.make_node("Mul", ["net/first_1/out", "net/second_1/out"], ["z"], "product"),
    ]
    vector = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in "xyz"]
    weight = numpy_helper.from_array(np.float16([1, 2, 3]), "w_small")
    graph = helper.make_graph(nodes, "g", vector[:1], vector[1:], [weight])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


@pytest.mark.parametrize(
    ("float32", "expected"),
    [
        # The graph's input stays what it is.
        ([], {"x"}),
        (["first"], {"net/first_1/out"}),
        (["first", "second"], {"net/first_1/out", "net/second_1/out"}),
        (["second"], {"x", "net/first_1/out", "net/second_1/out"}),
    ],
)
def test_a_tensor_is_cast_once_where_it_leaves_its_kind(float32: list[str], expected: set[str]):
    from onnx.reference import ReferenceEvaluator

    proto, x = small_graph(), np.float32([0.5, 1, 2])
    y, z = ReferenceEvaluator(proto).run(None, {"x": x})
    to_float16(proto, float32)
    onnx.checker.check_model(proto, full_check=True)
    found = casts(proto)
    assert len(found) == len({name for name, _ in found}) == len(expected)
    assert {name for name, _ in found} == expected
    for actual, wanted in zip(ReferenceEvaluator(proto).run(None, {"x": x}), (y, z), strict=True):
        assert actual.dtype == np.float16
        np.testing.assert_allclose(actual, wanted, rtol=1e-3)


def test_the_nodes_before_a_layer():
    assert nodes_before(small_graph(), "second") >= {"first", "second"}
    assert not nodes_before(small_graph(), "first") & {"second", "product"}
    with pytest.raises(ValueError, match="the graph has no layer third"):
        nodes_before(small_graph(), "third")


def test_it_needs_no_keras():
    script = "import sys, model.float16\nprint(sorted({'keras', 'tensorflow', 'tf2onnx'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
