"""The finder's ONNX file: same boxes as Keras, decoded inside, self-describing, not taken for a cascade's."""

import hashlib

import keras
import numpy as np
import pytest

from annotator.examples import EXAMPLES
from annotator.inference.finder import Finder as OnnxFinder
from annotator.inference.network import DEFAULT_MODEL, ModelError, Network
from annotator.photos.finding import find_photos
from model.finder.export import MIN_OVERLAP, PEAKS, compare_boxes, export_finder
from model.finder.network import Finder, boxes_of, places
from model.parity import LIMITS, ExportError, read_images
from tests.model.finder.tiny import TINY

SIDE = 128


@pytest.fixture(scope="module")
def finder() -> Finder:
    keras.utils.set_random_seed(0)
    return Finder(TINY)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return read_images(find_photos(EXAMPLES)[:3], SIDE)


@pytest.fixture(scope="module")
def exported(finder, images, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "finder.onnx"
    parity = export_finder(finder, path, images, model_id="trial", report=b"{}", weights_license="Apache-2.0")
    return path, parity


def test_agrees_with_keras_on_real_images(finder, exported, images):
    path, parity = exported
    assert parity.score <= LIMITS["float32"][0]
    assert parity.overlap >= MIN_OVERLAP["float32"]
    assert "least IoU" in parity.table()
    boxes, scores = OnnxFinder(path).run(images)
    found = np.array(finder(images.astype("float32")))
    centres, strides = (np.float32(values) for values in places(SIDE, SIDE))
    expected = np.clip(boxes_of(found, centres, strides, TINY.bins), 0, SIDE)
    count = min(PEAKS, len(centres))
    assert boxes.shape == (3, count, 4)
    assert scores.shape == (3, count)
    logits = found[..., 0]
    np.testing.assert_allclose(scores, np.sort(1 / (1 + np.exp(-logits)))[:, ::-1][:, :count], atol=1e-4)
    for i in range(3):
        best = expected[i, logits[i].argmax()]
        assert np.abs(boxes[i, :5] - best).max(axis=1).min() < 0.1


def test_describes_itself(exported):
    finder = OnnxFinder(exported[0])
    assert finder.side == SIDE
    info = finder.info
    assert (info.model_id, info.input_size, info.precision) == ("trial", TINY.input_size, "float32")
    assert info.report_sha256 == hashlib.sha256(b"{}").hexdigest()
    assert info.license == "Apache-2.0"


def test_half_weights(finder, images, tmp_path):
    parity = export_finder(finder, tmp_path / "f.onnx", images, model_id="x", precision="float16-weights")
    assert parity.overlap >= MIN_OVERLAP["float16-weights"]
    assert OnnxFinder(tmp_path / "f.onnx").info.precision == "float16-weights"


def test_a_wrong_graph_is_not_written(finder, images, tmp_path, monkeypatch):
    monkeypatch.setitem(MIN_OVERLAP, "float32", 1.1)
    with pytest.raises(ExportError, match="disagree"):
        export_finder(finder, tmp_path / "bad.onnx", images, model_id="x")
    with pytest.raises(ExportError, match="precision is 'float16'"):
        export_finder(finder, tmp_path / "bad.onnx", images, model_id="x", precision="float16")
    assert not list(tmp_path.iterdir())


def test_boxes_are_compared_whatever_their_order():
    boxes = np.float32([[[0, 0, 10, 10], [20, 20, 30, 40], [1, 1, 2, 2]]])
    scores = np.float32([[0.9, 0.9, 0.01]])
    moved = boxes[:, [1, 0, 2]].copy()
    moved[0, 2] += 30
    assert compare_boxes((boxes, scores), (moved, scores)).overlap == pytest.approx(1, abs=1e-5)
    moved[0, 0, 2] += 10
    assert compare_boxes((boxes, scores), (moved, scores)).overlap == pytest.approx(0.5, abs=1e-5)


def test_a_cascades_file_is_refused_and_the_other_way_round(exported):
    with pytest.raises(ModelError, match=r"lite\.onnx: not a person finder .*, but `densepose_annotator`\)"):
        OnnxFinder(DEFAULT_MODEL)
    with pytest.raises(ModelError, match=r"finder\.onnx: not a model .*, but `densepose_annotator_finder`\)"):
        Network(exported[0])
