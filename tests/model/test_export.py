"""The exported file: same answers as Keras, decoded inside, self-describing, refused when it lies."""

import hashlib
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace

import keras
import numpy as np
import onnx
import pytest

from annotator.examples import EXAMPLES
from annotator.inference.network import ModelError, Network
from annotator.labels.maps import Maps
from annotator.photos.finding import find_photos
from annotator.photos.reading import PhotoError
from model import export
from model.cascade import Cascade
from model.export import export_onnx
from model.parity import LIMITS, ExportError, compare, read_images
from model.presets import REFINED_OUTPUTS
from tests.model.tiny import tiny_network


@pytest.fixture(scope="module")
def cascade() -> Cascade:
    """A narrow network on the backbone of ``lite``, whose weights are most of its file."""
    # With other initial weights the labels of many pixels may be nearly tied, and float16 decides them otherwise.
    keras.utils.set_random_seed(0)
    cascade = Cascade(replace(tiny_network(), backbone_width=1.0, input_size=256))
    for name in REFINED_OUTPUTS:  # the context net's logits are zero at first
        kernel = cascade.get_layer(f"context_{name}").kernel
        kernel.assign(np.random.default_rng(0).normal(0, 0.1, kernel.shape))
    return cascade


@pytest.fixture(scope="module")
def efficient() -> Cascade:
    """Narrow nets on the backbone of ``base``."""
    keras.utils.set_random_seed(0)
    changes = {
        "preset": "base",
        "backbone": "efficientnet_v2_s",
        "backbone_width": 1.0,
        "taps": ((4, 8), (32, 8)),
    }
    return Cascade(replace(tiny_network(), **changes))


@pytest.fixture(scope="module", autouse=True)
def traced_once() -> Iterator[None]:
    """All files here are of one network, and tracing it takes most of the time of an export."""
    trace, traced = export._trace, {}

    def trace_once(cascade: Cascade, shape: tuple[int, int], *, raw: bool) -> onnx.ModelProto:
        key = (id(cascade), shape, raw)
        if key not in traced:
            traced[key] = trace(cascade, shape, raw=raw)
        return deepcopy(traced[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "_trace", trace_once)
        yield


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return read_images(find_photos(EXAMPLES)[:3], 128)


def test_a_photo_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "b.png").write_bytes(b"no image")
    with pytest.raises(PhotoError, match=r"b\.png: not an image"):
        read_images([find_photos(EXAMPLES)[0], tmp_path / "b.png"], 64)


@pytest.fixture(scope="module")
def exported(cascade, images, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    parity = export_onnx(
        cascade, path, images, model_id="trial", report=b"{}", weights_license="CC BY-NC 4.0"
    )
    return path, parity


def test_agrees_with_keras_on_real_images(exported):
    _, parity = exported
    assert set(parity.differences) | set(parity.flipped) == set(Maps.__dataclass_fields__)
    assert max(parity.differences.values()) <= LIMITS["float32"][0] == 1e-3
    assert max(parity.flipped.values()) <= 1e-3
    assert "largest difference" in parity.table()


def test_describes_itself(exported):
    info = Network(exported[0]).info
    assert (info.model_id, info.preset, info.output_stride, info.keypoint_stride) == ("trial", "lite", 2, 4)
    assert info.report_sha256 == hashlib.sha256(b"{}").hexdigest()
    assert info.license == "CC BY-NC 4.0"


def test_batch_is_dynamic_and_types_are_the_contract(exported, images):
    network = Network(exported[0])
    assert network.side == 128
    one, three = network.run(images[:1]), network.run(images)
    np.testing.assert_allclose(three[0].person, one[0].person, atol=1e-5)
    assert {n: getattr(three, n).dtype.name for n in Maps.__dataclass_fields__} == {
        "person": "float32",
        "parts": "uint8",
        "part_confidence": "float32",
        "charts": "uint8",
        "chart_confidence": "float32",
        "u": "float32",
        "v": "float32",
        "head_vectors": "float32",
        "keypoints": "float32",
    }
    assert three.person.shape == (3, 64, 64)
    assert three.keypoints.shape == (3, 32, 32, 17)
    assert 1 <= three.parts.min() <= three.parts.max() <= 14
    assert 1 <= three.charts.min() <= three.charts.max() <= 24


def test_decoding_follows_the_raw_maps(cascade, exported, images):
    raw = {name: np.asarray(value) for name, value in cascade(images.astype("float32")).items()}
    maps = Network(exported[0]).run(images)
    np.testing.assert_allclose(maps.person, 1 / (1 + np.exp(-raw["person"][..., 0])), atol=1e-4)
    chart = maps.charts.astype(int)
    n, y, x = np.indices(chart.shape)
    np.testing.assert_allclose(maps.u, np.clip(raw["uv"][n, y, x, chart - 1], 0, 1), atol=1e-4)
    np.testing.assert_allclose(maps.v, np.clip(raw["uv"][n, y, x, 24 + chart - 1], 0, 1), atol=1e-4)
    # The embedding of a pixel is its head vector plus its own place, in units of the image's side, x first.
    vectors, place = raw["head_vectors"] * 256 / 128, (np.arange(64) + 0.5) / 64 - 0.5
    np.testing.assert_allclose(maps.head_vectors[..., 0], vectors[..., 0] + place[None, None, :], atol=1e-4)
    np.testing.assert_allclose(maps.head_vectors[..., 1], vectors[..., 1] + place[None, :, None], atol=1e-4)


def test_half_weights_are_half_the_file(cascade, exported, images, tmp_path):
    path = tmp_path / "small.onnx"
    parity = export_onnx(cascade, path, images, model_id="trial", precision="float16-weights")
    assert path.stat().st_size < 0.55 * exported[0].stat().st_size
    assert max(parity.differences.values()) <= LIMITS["float16-weights"][0]
    assert Network(path).info.precision == "float16-weights"


def test_float16_runs(cascade, images, tmp_path):
    path = tmp_path / "half.onnx"
    parity = export_onnx(cascade, path, images, model_id="trial", precision="float16")
    assert 0 < max(parity.differences.values()) <= LIMITS["float16"][0] == 1e-2
    assert max(parity.flipped.values()) <= LIMITS["float16"][1] == 5e-3
    assert sum(node.op_type == "Cast" for node in onnx.load(path).graph.node) <= 10


def test_raw_graph_is_for_evaluation_only(cascade, images, tmp_path):
    path = tmp_path / "raw.onnx"
    assert export_onnx(cascade, path, images, model_id="trial", raw=True) is None
    assert {o.name for o in onnx.load(path).graph.output} == {*cascade.output}
    with pytest.raises(ModelError, match=r"raw\.onnx: not a model of DensePose Annotator"):
        Network(path)


def test_a_wrong_graph_is_not_written(cascade, images, tmp_path, monkeypatch):
    monkeypatch.setitem(LIMITS, "float16-weights", (1e-12, 0.0))
    with pytest.raises(ExportError, match="disagree on"):
        export_onnx(cascade, tmp_path / "bad.onnx", images, model_id="trial", precision="float16-weights")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_another_backbone_keeps_the_contract(efficient, images, tmp_path, precision):
    path, small = tmp_path / "m.onnx", images[:1, ::2, ::2]
    parity = export_onnx(efficient, path, small, model_id="trial", precision=precision)
    assert max(parity.differences.values()) <= LIMITS[precision][0]
    network = Network(path)
    assert (network.side, network.info.preset, network.info.output_stride) == (64, "base", 2)
    assert network.run(small).keypoints.shape == (1, 16, 16, 17)


def test_needs_all_stage_nets(images, tmp_path):
    with pytest.raises(ExportError, match="only the stage nets person"):
        export_onnx(Cascade(tiny_network(), ("person",)), tmp_path / "m.onnx", images, model_id="trial")


def test_comparison_leaves_out_values_of_flipped_labels_and_where_nobody_is():
    shape = (1, 2, 2)
    maps = {
        name: np.zeros(shape, np.float32)
        for name in ("person", "u", "v", "part_confidence", "chart_confidence")
    }
    maps |= {"parts": np.ones(shape, np.uint8), "charts": np.ones(shape, np.uint8)}
    maps["head_vectors"] = np.zeros((*shape, 4), np.float32)
    maps["person"][:] = 0.9
    maps["person"][0, 1, 0] = 0.01
    other = {name: value.copy() for name, value in maps.items()}
    other["charts"][0, 0, 0] = 2
    other["u"][0, 0, 0] = 0.9
    other["u"][0, 1, 0] = 0.9
    other["v"][0, 1, 1] = 0.1
    other["head_vectors"][0, 1, 0] = 0.9
    other["head_vectors"][0, 0, 0, 3] = 0.2
    parity = compare(maps, other)
    assert parity.flipped == {"parts": 0.0, "charts": 0.25}
    assert parity.differences["u"] == 0
    assert parity.differences["v"] == pytest.approx(0.1)
    assert parity.differences["head_vectors"] == pytest.approx(0.2)
    with pytest.raises(ExportError, match="v"):
        parity.check("float32")
