"""The scripts that are programs: what they print and write."""

import json
import runpy
from pathlib import Path

import keras
import numpy as np

from annotator.inference.finder import Finder as OnnxFinder
from annotator.inference.settings import QUALITIES
from model.cascade import Cascade
from model.finder.network import Finder
from model.finder.weights import open_finder
from model.pose.network import PoseEstimator
from model.pose.weights import open_pose_estimator
from model.presets import PRESETS, TAPS, net_of
from model.weights import load_weights
from tests.model.conftest import write_source
from tests.model.tiny import tiny_network
from tests.scripts.running import SCRIPTS, call, run


def test_benchmark_prints_a_table_and_writes_json(tmp_path):
    path = tmp_path / "b.json"
    result = run("benchmark", "--images", 2, "--rounds", 1, "--json", path)
    assert result.returncode == 0, result.stderr[-2000:]
    measured = json.loads(path.read_text())
    speed = measured["speed"]
    assert 0 < speed["ratio"] < 2
    assert set(measured["milliseconds_per_image"]) == {"read", "network", "grouping", "decode", "write"}
    assert set(measured["grouping"]) == {"votes", "dbscan", "plain"}
    assert measured["grouping"]["plain"]["speed_up"] == 1
    for name in ("votes", "dbscan"):
        assert measured["grouping"][name]["speed_up"] > 1
        assert f"| grouping by {name}, against DBSCAN of all head vectors |" in result.stdout
    assert f"| one look's ratio to the bare session | {speed['ratio']:.2f} |" in result.stdout
    assert set(speed["images_per_second"]) == {*QUALITIES, "votes", "votes, one look"}
    for name, value in speed["images_per_second"].items():
        assert value > 0
        assert f"| photos to labels, {name} | {value:.1f} images/s |" in result.stdout
    for name, side in (("finder", OnnxFinder().side), ("pose_estimator", 256)):
        beside = measured[name]
        assert beside["side"] == side
        assert min(beside["looks"], beside["ms_per_image"]) > 0
        words = name.replace("_", " ")
        assert f"| {words}, in looks of the network | {beside['looks']:.2f} |" in result.stdout


def test_benchmark_without_the_work_of_the_network(tmp_path):
    path = tmp_path / "b.json"
    result = run("benchmark", "--free-network", "--images", 12, "--rounds", 1, "--json", path)
    assert result.returncode == 0, result.stderr[-2000:]
    measured = json.loads(path.read_text())["free_network"]
    for name in ("votes, one look", "votes", "normal"):
        of_way = measured[name]
        assert of_way["cpu_ms_per_photo"] > 0
        assert all(speed > 0 for speed in of_way["speed_of_workers"].values())
        assert f"| processor time, {name} | {of_way['cpu_ms_per_photo']:.1f} ms/photo |" in result.stdout
    assert 1 < measured["votes"]["mean_batch_of_second_looks"] <= measured["batch_size"]
    assert set(measured["cpu_ms_per_step"]) == {"read", "grouping", "decode", "write"}


def test_benchmark_measures_bare_sessions_in_float32_and_float16(tmp_path):
    path = tmp_path / "b.json"
    options = ("--sessions", "--device", "cpu", "--batch", 1, "--images", 1, "--rounds", 1, "--seconds", 0)
    result = run("benchmark", *options, "--json", path)
    assert result.returncode == 0, result.stderr[-2000:]
    measured = json.loads(path.read_text())
    assert max(measured["float16"]["differences"].values()) <= 1e-2
    for precision in ("float32", "float16"):
        session = measured[f"{precision}_session"]
        assert set(session["batches"]) == {"1"}
        assert min(session["photos_per_second"], session["ratio"], *session["batches"]["1"].values()) > 0
        assert f"{precision} on CPU, {session['onnxruntime']}" in result.stdout


def movenet_like(cascade: Cascade | PoseEstimator, folder: Path) -> Path:
    """Write backbone and pose net as the npm package has them: float16, batch norm folded to a bias, and whole numbers
    and other heads between."""
    arrays = {}
    for layer in map(cascade.get_layer, cascade.backbone_layers):
        name = layer.name.removeprefix("bn_").removesuffix("_bn").removesuffix("_BN")
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            arrays[f"{EXTRACTOR}model/{layer.name}/depthwise_weights"] = layer.get_weights()[0]
        elif isinstance(layer, keras.layers.Conv2D):
            arrays[f"{EXTRACTOR}model/{layer.name}/Conv2D_weights"] = layer.get_weights()[0]
        elif isinstance(layer, keras.layers.BatchNormalization):
            kind = "depthwise" if name.endswith("depthwise") else "Conv2D"
            arrays[f"{EXTRACTOR}model/{name}/{kind}_bn_offset"] = layer.get_weights()[1]
    for layer, names in MOVENET_POSE.items():
        arrays |= dict(zip(names, cascade.get_layer(layer).get_weights(), strict=True))
    arrays["kpt_regress_0/conv2d_6/BiasAdd/ReadVariableOp"] = np.zeros(34)
    weights = [{"name": "a/ExpandDims/dim", "shape": [3], "dtype": "int32"}]
    data = np.arange(3, dtype=np.int32).tobytes()
    for name, array in arrays.items():
        quantization = {"dtype": "float16", "original_dtype": "float32"}
        entry = {"name": f"StatefulPartitionedCall/{name}", "shape": list(array.shape), "dtype": "float32"}
        weights.append({**entry, "quantization": quantization})
        data += array.astype(np.float16).tobytes()
    (folder / "model.bin").write_bytes(data)
    manifest = folder / "model.json"
    manifest.write_text(json.dumps({"weightsManifest": [{"paths": ["model.bin"], "weights": weights}]}))
    return manifest


EXTRACTOR = "center_net_mobile_net_v2fpn_feature_extractor/model_1/"
READ = "ReadVariableOp"
MOVENET_POSE = {
    "pose_widen": (f"{EXTRACTOR}model/Conv_1/Conv2D_weights", f"{EXTRACTOR}model/Conv_1/Conv2D_bn_offset"),
    **{
        f"pose_squeeze{stride}": (
            f"{EXTRACTOR}{name}/Conv2D/{READ}",
            f"{EXTRACTOR}{name}/BiasAdd/{READ}",
        )
        for stride, name in {32: "conv2d", 16: "conv2d_1", 8: "conv2d_2", 4: "conv2d_3"}.items()
    },
    **{
        layer: names
        for stride, name in {16: "separable_conv2d", 8: "separable_conv2d_1", 4: "separable_conv2d_2"}.items()
        for layer, names in {
            f"pose_mix{stride}_depthwise": (f"{EXTRACTOR}{name}/separable_conv2d/{READ}",),
            f"pose_mix{stride}_conv": (
                f"{EXTRACTOR}{name}/separable_conv2d_weights",
                f"{EXTRACTOR}{name}/separable_conv2d_bn_offset",
            ),
        }.items()
    },
    "pose_head_depthwise": (f"kpt_heatmap_0/separable_conv2d_4/separable_conv2d/{READ}",),
    "pose_head_conv": (
        f"kpt_heatmap_0/separable_conv2d_4/separable_conv2d/{READ}_1",
        f"kpt_heatmap_0/separable_conv2d_4/BiasAdd/{READ}",
    ),
    "pose_keypoints": (f"kpt_heatmap_0/conv2d_5/Conv2D/{READ}", f"kpt_heatmap_0/conv2d_5/BiasAdd/{READ}"),
}
"""What the tensors of the pose net's layers are called in the npm package's movenet-lightning.json."""


def give_it_movenets_norms(network: Cascade | PoseEstimator, rng: np.random.Generator) -> None:
    """Batch norm of the backbone that only adds."""
    for layer in network.layers:
        if layer.name in network.backbone_layers and isinstance(layer, keras.layers.BatchNormalization):
            scale, _, mean, variance = layer.get_weights()
            one = np.full_like(scale, np.sqrt(1 + layer.epsilon))
            layer.set_weights([one, rng.normal(0, 0.1, scale.shape), mean, variance])


def test_convert_movenet_keeps_the_function(tmp_path):
    movenet = Cascade(PRESETS["lite"])
    rng = np.random.default_rng(0)
    give_it_movenets_norms(movenet, rng)
    kernel = movenet.get_layer("pose_keypoints").kernel
    kernel.assign(rng.normal(0, 0.1, kernel.shape))
    out = tmp_path / "movenet.npz"
    result = run("convert-movenet", movenet_like(movenet, tmp_path), out)
    assert result.returncode == 0, result.stderr[-2000:]
    cascade = Cascade(PRESETS["lite"])
    assert load_weights(cascade, out) == list(cascade.stage_nets)
    image = rng.integers(0, 255, (1, 64, 64, 3)).astype("float32")
    for layer in (TAPS["mobilenet_v2"][8], "pose_keypoints"):
        expected, actual = (
            np.array(keras.Model(net.input, net.get_layer(layer).output)(image)) for net in (movenet, cascade)
        )
        assert np.ptp(expected) > 1e-3
        np.testing.assert_allclose(actual, expected, atol=2e-2 * np.ptp(expected))


def test_convert_movenet_makes_the_pose_estimator_of_thunder(tmp_path, monkeypatch):
    keras.utils.set_random_seed(0)
    thunder, rng = PoseEstimator(), np.random.default_rng(0)
    give_it_movenets_norms(thunder, rng)
    out = tmp_path / "pose.npz"
    assert call(monkeypatch, "convert-movenet", movenet_like(thunder, tmp_path), out) == 0
    image = rng.integers(0, 255, (1, 64, 64, 3)).astype("float32")
    expected, actual = (
        np.array(net(image)["keypoints"]) for net in (thunder, open_pose_estimator(out, new_nets=True))
    )
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(actual, expected, atol=2e-2 * np.ptp(expected))


def test_convert_movenet_refuses_other_files(tmp_path, monkeypatch, capsys):
    (tmp_path / "m.json").write_text("{}")
    assert call(monkeypatch, "convert-movenet", tmp_path / "m.json", tmp_path / "o.npz") == 1
    error = capsys.readouterr().err
    assert "not MoveNet Lightning" in error
    assert "Traceback" not in error


def nanodet_like(finder: Finder, folder: Path) -> Path:
    """Write a finder as the npm package has NanoDet-g: float16, blue first, 80 classes, whole numbers between."""
    config = finder.config
    names = ["stem"]
    for stride, repeats in zip((4, 8, 16, 32), config.repeats, strict=True):
        pairs = [f"{i}{part}" for i in range(repeats) for part in "ab"]
        names += [f"block{stride}_{part}" for part in ("in", *pairs, "out")]
    names += [f"lateral{stride}" for stride in (8, 16, 32)]
    names += [f"{part}{stride}" for stride in (8, 16, 32) for part in ("head", "found")]
    weights = [{"name": "unknown_0", "shape": [2], "dtype": "int32"}]
    data = np.arange(2, dtype=np.int32).tobytes()
    for number, name in enumerate(names):
        kernel, bias = finder.get_layer(name).get_weights()
        if name == "stem":
            kernel = kernel[:, :, ::-1]
        if name.startswith("found"):
            others = [np.ones((*array.shape[:-1], 79)) for array in (kernel, bias)]
            kernel, bias = (
                np.concatenate([array[..., :1], more, array[..., 1:]], axis=-1)
                for array, more in zip((kernel, bias), others, strict=True)
            )
        # Numbers have gaps, and 10 comes after 9.
        for title, array in ((f"split_{3 * number + 1}", kernel), (f"unknown_{3 * number + 2}", bias)):
            quantization = {"dtype": "float16", "original_dtype": "float32"}
            entry = {"name": f"PartitionedCall/{title}", "shape": list(array.shape), "dtype": "float32"}
            weights.append({**entry, "quantization": quantization})
            data += array.astype(np.float16).tobytes()
    (folder / "nanodet.bin").write_bytes(data)
    manifest = folder / "nanodet.json"
    manifest.write_text(json.dumps({"weightsManifest": [{"paths": ["nanodet.bin"], "weights": weights}]}))
    return manifest


def test_convert_nanodet_keeps_the_function(tmp_path):
    keras.utils.set_random_seed(0)
    nanodet = Finder()
    out = tmp_path / "nanodet.npz"
    result = run("convert-nanodet", nanodet_like(nanodet, tmp_path), out)
    assert result.returncode == 0, result.stderr[-2000:]
    image = np.random.default_rng(0).integers(0, 255, (1, 64, 64, 3)).astype("float32")
    expected, actual = (np.array(net(image)) for net in (nanodet, open_finder(out)))
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(actual, expected, atol=2e-2 * np.ptp(expected))


def test_convert_nanodet_refuses_other_files(tmp_path, monkeypatch, capsys):
    (tmp_path / "n.json").write_text('{"weightsManifest": []}')
    assert call(monkeypatch, "convert-nanodet", tmp_path / "n.json", tmp_path / "o.npz") == 1
    error = capsys.readouterr().err
    assert "n.json: not NanoDet-g" in error
    assert "Traceback" not in error
    assert not (tmp_path / "o.npz").exists()


def test_benchmark_of_a_collection_measures_its_review_and_export(tmp_path):
    path = tmp_path / "b.json"
    result = run("benchmark", "--collection", 20, "--json", path)
    assert result.returncode == 0, result.stderr[-2000:]
    figures = json.loads(path.read_text())["20"]
    goals = runpy.run_path(str(SCRIPTS / "collection_benchmark.py"))["GOALS"]
    for name, goal in goals.items():
        assert (
            f"| {name} | {figures[name]:.2f} | {'≥' if name.endswith('per_s') else '≤'} {goal} |"
            in result.stdout
        )
    assert "export_of_dense_labels_photos_per_s" in goals
    assert figures["export_memory_mb"] > 50 < figures["export_of_dense_labels_memory_mb"]


def test_benchmark_training_prints_the_ratio(tmp_path):
    write_source(tmp_path / "data", 4)
    source = {
        "annotations": str(tmp_path / "data" / "train.json"),
        "images": str(tmp_path / "data" / "images"),
    }
    plan = {"epochs": 1, "batch": 2, "size": 64, "learning_rate": 0.001}
    plan |= {"frozen_epochs": 1, "frozen_batch_norm_epochs": 1, "learning": ["head_vectors"]}
    config = {
        "model": tiny_network().to_dict(),
        "backbone_weights": None,
        "data": [source],
        "validation": [source],
        "stages": [plan, plan, plan],
    }
    (tmp_path / "c.json").write_text(json.dumps(config))
    result = run("benchmark-training", tmp_path / "c.json", "--steps", 1, "--rounds", 1)
    assert result.returncode == 0, result.stderr[-2000:]
    head_vectors = [layer for layer in Cascade(tiny_network()).layers if net_of(layer.name) == "head_vectors"]
    learning = sum(
        layer.count_params()
        for layer in head_vectors
        if not isinstance(layer, keras.layers.BatchNormalization)
    )
    assert f"lite, stage 3, batches of 2 at 64×64, {learning:,} weights that learn\n" in result.stdout
    assert "| ratio | " in result.stdout
