"""The pose estimator's network, its weights file and its ONNX file, which is the same function and describes itself."""

import hashlib
import json
from dataclasses import fields

import cv2
import keras
import numpy as np
import pytest

from annotator.cli import main
from annotator.examples import EXAMPLES
from annotator.inference.network import ModelError, Network
from annotator.inference.pose_estimator import PoseEstimator as OnnxPoseEstimator
from annotator.labels.label_space import CHART_TO_PART
from annotator.labels.maps import PersonMaps
from annotator.photos.finding import find_photos
from model.finder.weights import is_finder
from model.parity import LIMITS, ExportError, read_images
from model.pose.export import export_pose_estimator
from model.pose.network import NETS, PoseEstimator
from model.pose.weights import is_pose_estimator, open_pose_estimator, save_pose_estimator
from model.weights import CONFIG_KEY, WeightsError, open_cascade, save_arrays
from tests.model.pose.tiny import TINY

SIDE = 96


@pytest.fixture(scope="module")
def network() -> PoseEstimator:
    keras.utils.set_random_seed(0)
    return PoseEstimator(TINY)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return read_images(find_photos(EXAMPLES)[:3], SIDE)


@pytest.fixture(scope="module")
def exported(network, images, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "pose.onnx"
    options = {"model_id": "trial", "report": b"{}", "weights_license": "CC0-1.0"}
    return path, export_pose_estimator(network, path, images, **options)


def test_agrees_with_keras_on_real_images(network, exported, images):
    path, parity = exported
    assert max(parity.differences.values()) <= LIMITS["float32"][0]
    assert "largest difference" in parity.table()
    assert set(parity.differences) | set(parity.flipped) == {field.name for field in fields(PersonMaps)}
    maps = OnnxPoseEstimator(path).run(images)
    logits = {name: np.array(values) for name, values in network(images.astype("float32")).items()}
    for actual, expected in ((maps.keypoints, logits["keypoints"]), (maps.person, logits["mask"][..., 0])):
        assert np.ptp(expected) > 1e-3
        np.testing.assert_allclose(actual, 1 / (1 + np.exp(-expected)), atol=1e-4)


def test_charts_are_the_most_probable_ones(network, exported, images):
    maps = OnnxPoseEstimator(exported[0]).run(images)
    logits = {name: np.array(values) for name, values in network(images.astype("float32")).items()}
    probability = np.exp(logits["charts"]) / np.exp(logits["charts"]).sum(axis=-1, keepdims=True)
    best = maps.charts.astype(int)[..., None] - 1
    assert len(np.unique(best)) > 1
    chosen = np.take_along_axis(probability, best, axis=-1)[..., 0]
    np.testing.assert_allclose(chosen, probability.max(axis=-1), atol=1e-4)
    np.testing.assert_allclose(maps.chart_confidence, chosen, atol=1e-4)
    of_part = [probability[..., CHART_TO_PART[1:] == part].sum(axis=-1) for part in range(15)]
    expected = np.take_along_axis(np.stack(of_part), CHART_TO_PART[maps.charts][None], axis=0)[0]
    np.testing.assert_allclose(maps.part_confidence, expected, atol=1e-4)
    # U and V are half as fine: at the corner of four pixels theirs is the mean of these.
    uv = cv2.resize(logits["uv"][0], (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_LINEAR)
    for values, of_charts in ((maps.u[0], uv[..., :24]), (maps.v[0], uv[..., 24:])):
        expected = np.clip(np.take_along_axis(of_charts, best[0], axis=-1)[..., 0], 0, 1)
        np.testing.assert_allclose(values, expected, atol=1e-3)


def test_describes_itself(exported):
    pose = OnnxPoseEstimator(exported[0])
    info = pose.info
    assert (pose.side, info.input_size) == (SIDE, TINY.input_size)
    assert (info.model_id, info.precision, info.license) == ("trial", "float32", "CC0-1.0")
    assert info.report_sha256 == hashlib.sha256(b"{}").hexdigest()
    with pytest.raises(ModelError, match=r"pose\.onnx: not a model .*`densepose_annotator_pose_estimator`\)"):
        Network(exported[0])


def test_a_wrong_graph_is_not_written(network, images, tmp_path, monkeypatch):
    with pytest.raises(ExportError, match="precision is 'float16'"):
        export_pose_estimator(network, tmp_path / "bad.onnx", images, model_id="x", precision="float16")
    monkeypatch.setitem(LIMITS, "float32", (-1.0, 0.0))
    with pytest.raises(ExportError, match="disagree"):
        export_pose_estimator(network, tmp_path / "bad.onnx", images, model_id="x")
    assert not list(tmp_path.iterdir())


def test_its_weights_reopen_from_the_file_alone_and_the_command_exports_them(network, tmp_path, capsys):
    weights = tmp_path / "p.npz"
    save_pose_estimator(network, weights, "float16")
    with np.load(weights) as file:
        assert {file[name].dtype.name for name in file.files if name.endswith("/kernel")} == {"float16"}
    reopened = open_pose_estimator(weights)
    assert reopened.config == TINY
    for a, b in zip(network.variables, reopened.variables, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)
    assert is_pose_estimator(weights)
    assert not is_finder(weights)
    assert main(["export-model", str(weights), str(tmp_path / "p.onnx"), "--fp16-weights"]) == 0
    assert "largest difference" in capsys.readouterr().out
    pose = OnnxPoseEstimator(tmp_path / "p.onnx")
    assert (pose.side, pose.info.precision) == (64, "float16-weights")
    assert main(["export-model", str(weights), str(tmp_path / "q.onnx"), "--fp16"]) == 1
    assert "p.npz: a pose estimator has no --fp16" in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 cut off"])
def test_names_broken_files(tmp_path, content):
    path = tmp_path / "p.npz"
    if content is not None:
        path.write_bytes(content)
    assert not is_pose_estimator(path)
    with pytest.raises(WeightsError, match=r"p\.npz"):
        open_pose_estimator(path)


@pytest.mark.parametrize("missing", [("mask",), ("surface",), NETS])
def test_only_who_trains_it_does_without_a_net(network, tmp_path, missing):
    path = tmp_path / "p.npz"
    save_pose_estimator(network, path, untrained=missing)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    assert not [name for name in arrays if name.startswith(tuple(f"{net}_" for net in missing))]
    with pytest.raises(
        WeightsError, match=rf"p\.npz: has no {' net and no '.join(missing)} net: .*train-pose --start"
    ):
        open_pose_estimator(path)
    for variable in open_pose_estimator(path, new_nets=True).variables:
        if variable.path in arrays:
            np.testing.assert_array_equal(variable, arrays[variable.path])


def test_refuses_other_weights(network, tmp_path):
    path = tmp_path / "p.npz"
    save_pose_estimator(network, path)
    with pytest.raises(WeightsError, match=r"p\.npz: not a weights file of a cascade"):
        open_cascade(path)
    save_arrays(path, {CONFIG_KEY: np.array(json.dumps({"pose_estimator": TINY.to_dict()}))})
    with pytest.raises(WeightsError, match=r"p\.npz: not all weights of a pose estimator.*Conv1/kernel"):
        open_pose_estimator(path, new_nets=True)
    save_arrays(path, {CONFIG_KEY: np.array(json.dumps({"pose_estimator": {"depth": 3}}))})
    with pytest.raises(WeightsError, match=r"p\.npz: not a weights file of a pose estimator"):
        open_pose_estimator(path)
