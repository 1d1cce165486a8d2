"""The shipped Keras weights and the shipped ONNX files are one model, one finder and one pose estimator, and the command exports it."""

import keras
import numpy as np

from annotator.cli import main
from annotator.examples import EXAMPLES
from annotator.geometry.letterbox import Letterbox
from annotator.inference.decoding import decode as decode_people
from annotator.inference.finder import DEFAULT_FINDER
from annotator.inference.finder import Finder as OnnxFinder
from annotator.inference.network import DEFAULT_MODEL, Network
from annotator.inference.pose_estimator import DEFAULT_POSE_ESTIMATOR
from annotator.inference.pose_estimator import PoseEstimator as OnnxPoseEstimator
from annotator.inference.settings import Settings
from annotator.photos.finding import find_photos
from annotator.photos.reading import read_photo
from model.decoding import decode
from model.finder.export import compare_boxes, decode_finder
from model.finder.network import places
from model.finder.weights import open_finder
from model.parity import compare, read_images
from model.pose.decoding import decode as decode_pose
from model.pose.weights import open_pose_estimator
from model.presets import STAGE_NETS
from model.pretrained import FINDER, LITE, POSE_ESTIMATOR, weights_of
from model.weights import open_cascade


def test_keras_weights_and_onnx_file_agree():
    cascade = open_cascade(LITE)
    assert cascade.stage_nets == STAGE_NETS
    images = read_images(find_photos(EXAMPLES)[:3], 256)
    maps = decode(cascade(images.astype("float32"), training=False), cascade.config)
    maps = {name: keras.ops.convert_to_numpy(value) for name, value in maps.items()}
    actual = Network().run(images)
    # Both files round the weights to 16 bits, one after batch norm is folded into them: near, not equal.
    people = maps["person"] > 0.5
    assert people.mean() > 0.05
    for name in ("person", "part_confidence", "chart_confidence", "u", "v", "head_vectors"):
        gap = np.abs(maps[name] - getattr(actual, name))[people]
        assert gap.mean() < 0.01, name
    for name in ("parts", "charts"):
        assert (maps[name] != getattr(actual, name))[people].mean() < 0.03, name
    assert np.abs(maps["keypoints"] - actual.keypoints).max() < 0.05


def test_the_finders_keras_weights_and_onnx_file_agree():
    finder, onnx = open_finder(FINDER), OnnxFinder()
    images = read_images(find_photos(EXAMPLES)[:3], onnx.side)
    found = finder(images.astype("float32"), training=False)
    centres, strides = (np.float32(values) for values in places(onnx.side, onnx.side))
    decoded = decode_finder(found, centres, strides, finder.config.bins, onnx.side)
    expected = tuple(keras.ops.convert_to_numpy(decoded[name]) for name in ("boxes", "scores"))
    assert (expected[1].max(axis=1) > 0.5).all()
    compare_boxes(expected, onnx.run(images)).check(onnx.info.precision)


def test_the_pose_estimators_keras_weights_and_onnx_file_agree():
    network, onnx = open_pose_estimator(POSE_ESTIMATOR), OnnxPoseEstimator()
    images = read_images(find_photos(EXAMPLES)[:3], onnx.side)
    logits = network(images.astype("float32"), training=False)
    maps = onnx.run(images)
    assert maps.keypoints[..., :5].max(axis=(1, 2)).min() > 0.3
    assert maps.person.max(axis=(1, 2)).min() > 0.5
    expected = {name: keras.ops.convert_to_numpy(values) for name, values in decode_pose(logits).items()}
    compare(expected, {name: getattr(maps, name) for name in expected}).check(onnx.info.precision)
    assert weights_of(onnx.path) == POSE_ESTIMATOR
    assert onnx.info.license == "CC BY-NC 4.0; keypoints: MoveNet Thunder, Apache-2.0"


def test_the_backbone_is_alive():
    """Most of its channels change somewhere in these images: what batch norm is there for, see :mod:`model.norms`."""
    cascade = open_cascade(LITE)
    layers = map(cascade.get_layer, cascade.backbone_layers)
    outputs = [layer.output for layer in layers if isinstance(layer, keras.layers.ReLU)]
    images = read_images(find_photos(EXAMPLES)[:3], 256).astype("float32")
    maps = keras.Model(cascade.input, outputs)(images, training=False)
    deviations = np.concatenate([np.std(x, axis=(0, 1, 2)) for x in maps])
    assert (deviations > 1e-3).mean() > 0.8


def test_all_are_small():
    assert LITE.stat().st_size <= 16e6
    assert DEFAULT_MODEL.stat().st_size <= 15e6
    assert max(FINDER.stat().st_size, DEFAULT_FINDER.stat().st_size) <= 8e6
    assert max(POSE_ESTIMATOR.stat().st_size, DEFAULT_POSE_ESTIMATOR.stat().st_size) <= 14.5e6


def test_export_command(tmp_path, capsys):
    options = ["--size", "128", "--fp16-weights", "--model-id", "x"]
    assert main(["export-model", str(LITE), str(tmp_path / "m.onnx"), *options]) == 0
    assert "largest difference" in capsys.readouterr().out
    network = Network(tmp_path / "m.onnx")
    assert (network.info.model_id, network.side) == ("x", 128)
    # People come apart at another size than the model was trained at, too.
    photo = read_photo(EXAMPLES / "gallery.jpg")
    letterbox = Letterbox(photo.shape[1::-1], network.side)
    maps = network.run(letterbox.apply(photo)[None])[0]
    people = decode_people(maps, letterbox, letterbox.size, network.info, Settings())
    assert len(people.people) == 3
