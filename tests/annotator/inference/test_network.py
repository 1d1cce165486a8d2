"""Model files: the one of the package, and all that is not one."""

import json
import re
import subprocess
import sys

import numpy as np
import onnx
import pytest

from annotator.examples import EXAMPLES
from annotator.geometry.letterbox import Letterbox
from annotator.inference.network import DEFAULT_MODEL, METADATA_KEY, ModelError, Network
from annotator.photos.finding import find_photos
from annotator.photos.reading import read_photo
from tests.annotator.conftest import DESCRIPTION, SIDE


@pytest.fixture(scope="module")
def network() -> Network:
    return Network()


def test_the_packages_model_describes_itself(network):
    info = network.info
    assert (info.format_version, info.preset, info.input_size) == (1, "lite", 256)
    assert info.license == "CC BY-NC 4.0"
    assert len(info.report_sha256) == 64
    assert network.device == "CPU" or network.device.startswith("GPU")


def test_the_packages_model_is_small():
    assert DEFAULT_MODEL.stat().st_size < 15e6


def test_it_finds_the_astronaut(network):
    photo = read_photo(EXAMPLES / "astronaut.jpg")
    letterbox = Letterbox((photo.shape[1], photo.shape[0]), network.side)
    maps = network.run(letterbox.apply(photo)[None])
    scale = maps.person.shape[1] / 512
    face = maps.person[0, int(100 * scale) : int(180 * scale), int(180 * scale) : int(260 * scale)]
    assert face.mean() > 0.8
    assert (
        np.bincount(
            maps.parts[0][int(100 * scale) : int(150 * scale), int(190 * scale) : int(250 * scale)].ravel()
        ).argmax()
        == 14
    )


def test_axes_and_ranges(network):
    photos = [read_photo(path) for path in find_photos(EXAMPLES)[:2]]
    squares = [Letterbox((p.shape[1], p.shape[0]), network.side).apply(p) for p in photos]
    maps = network.run(np.stack(squares))
    side = network.side // network.info.output_stride
    assert maps.person.shape == maps.u.shape == maps.charts.shape == (2, side, side)
    # Head and pelvis, x and y.
    assert maps.head_vectors.shape == (2, side, side, 4)
    for values in (maps.person, maps.u, maps.v, maps.part_confidence, maps.keypoints):
        assert 0 <= values.min() <= values.max() <= 1
    np.testing.assert_array_equal(maps[1].charts, maps.charts[1])


def test_no_images_give_no_maps(network):
    maps = network.run(np.zeros((0, network.side, network.side, 3), np.uint8))
    assert {len(getattr(maps, name)) for name in maps.__slots__} == {0}


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(ModelError, match=r"none\.onnx: no such model file"):
        Network(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(ModelError, match=r"text\.onnx: ONNX Runtime cannot load it"):
        Network(tmp_path / "text.onnx")


def write_identity(path, shape: list, metadata: dict[str, str]) -> None:
    """A model that answers with its input."""
    helper = onnx.helper
    images, out = (helper.make_tensor_value_info(n, onnx.TensorProto.UINT8, shape) for n in ("images", "out"))
    graph = helper.make_graph([helper.make_node("Identity", ["images"], ["out"])], "g", [images], [out])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(proto, metadata)
    onnx.save(proto, path)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "not a model of DensePose Annotator"),
        ({METADATA_KEY: "{"}, "cannot be read"),
        ({METADATA_KEY: "[" * 100_000}, "cannot be read"),
        ({METADATA_KEY: "[1]"}, r"must be an object, not \[1\]"),
        ({METADATA_KEY: json.dumps({"format_version": 1})}, "lacks model_id, preset, .* and 5 more"),
        ({METADATA_KEY: json.dumps({"format_version": "1"})}, "format_version: '1' is not a whole number"),
        ({METADATA_KEY: json.dumps({"format_version": 2})}, "newer than 1: update densepose-annotator"),
    ],
)
def test_metadata_that_does_not_fit(tmp_path, metadata, message):
    write_identity(tmp_path / "m.onnx", ["N", 64, 64, 3], metadata)
    with pytest.raises(ModelError, match=r"m\.onnx: .*" + message):
        Network(tmp_path / "m.onnx")


@pytest.mark.parametrize(
    "shape",
    [["N", "H", "H", 3], ["N", 32, 64, 3], ["N", 33, 33, 3], ["N", 3, 64, 64], ["N", 64, 64]],
    ids=str,
)
def test_a_model_that_takes_other_images(tmp_path, shape):
    write_identity(tmp_path / "m.onnx", shape, {METADATA_KEY: json.dumps(DESCRIPTION)})
    with pytest.raises(ModelError, match=rf"m\.onnx: its input has the shape {re.escape(str(shape))}, not"):
        Network(tmp_path / "m.onnx")


def test_heads_are_measured_by_the_side_whatever_the_file_measures_them_by(tmp_path, tiny_model):
    proto = onnx.load(tiny_model)
    path = tmp_path / "m.onnx"
    onnx.helper.set_model_props(proto, {METADATA_KEY: json.dumps(DESCRIPTION | {"input_size": SIDE // 2})})
    onnx.save(proto, path)
    images = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3), np.uint8)
    network = Network(path)
    assert network.side == SIDE
    np.testing.assert_allclose(
        network.run(images).head_vectors, Network(tiny_model).run(images).head_vectors / 2
    )


def test_a_model_that_breaks_the_contract(tmp_path, tiny_model):
    proto = onnx.load(tiny_model)
    path = tmp_path / "m.onnx"
    onnx.helper.set_model_props(proto, {METADATA_KEY: json.dumps(DESCRIPTION | {"keypoint_stride": 3})})
    onnx.save(proto, path)
    with pytest.raises(ModelError, match=r"m\.onnx: its keypoint_stride, 3, must be a multiple of .*, 2"):
        Network(path)
    onnx.helper.set_model_props(proto, {METADATA_KEY: json.dumps(DESCRIPTION)})
    del proto.graph.output[-1]
    onnx.save(proto, path)
    with pytest.raises(ModelError, match=r"m\.onnx: has no output `keypoints`"):
        Network(path)


def test_without_onnxruntime_the_error_names_the_extras():
    script = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "from annotator.inference.network import Network\n"
        "try:\n    Network()\nexcept ImportError as error:\n    print(error)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "densepose-annotator[cpu]" in result.stdout
    assert "densepose-annotator[gpu]" in result.stdout
