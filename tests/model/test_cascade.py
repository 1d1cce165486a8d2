"""The network's shape, layer by layer."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from model.cascade import Cascade
from model.presets import (
    OUTPUTS,
    PRESETS,
    REFINED_OUTPUTS,
    STAGE_NETS,
    TRAINED_IN_STAGE,
    CascadeConfig,
)
from tests.model.tiny import tiny_network

# Stage net: what it reads beside F, feature width, bottleneck depth and width, decoder widths, head.
THESIS = {
    "person": ([], 16, 3, 256, (32, 64, 128), (16, 5, 1)),
    "parts": (["person"], 24, 4, 192, (32, 64, 128), (24, 5, 15)),
    "charts": (["person", "parts"], 64, 4, 192, (32, 64, 128), (32, 5, 25)),
    "uv": (["charts"], 64, 4, 256, (192, 192, 192), (64, 5, 48)),
    "keypoints": (["parts"], 32, 3, 256, (32, 64, 128), (32, 5, 17)),
    "head_vectors": (["parts", "charts", "uv", "keypoints"], 128, 4, 256, (128, 128, 128), (32, 3, 2)),
}


@pytest.fixture(scope="module")
def thesis() -> Cascade:
    return Cascade(PRESETS["thesis"])


def test_thesis_has_24_5_million_parameters(thesis):
    assert thesis.count_params() == pytest.approx(24.5e6, rel=0.01)


def test_thesis_costs_161_gflop(thesis):
    """Two operations per multiply-add of every convolution, at 256×256."""
    sides = _sides(thesis, 256)
    operations = 0
    for layer in thesis.layers:
        if isinstance(layer, keras.layers.Conv2D):
            operations += 2 * np.prod(layer.kernel.shape) * sides[layer.name] ** 2
    assert operations == pytest.approx(161e9, rel=0.03)


def _sides(cascade: Cascade, size: int) -> dict[str, int]:
    """Side of every layer's output, from a symbolic pass at a fixed size."""
    layers = [layer for layer in cascade.layers if isinstance(layer, keras.layers.Conv2D)]
    probe = keras.Model(cascade.input, {layer.name: layer.output for layer in layers})
    shapes = probe.compute_output_spec(keras.KerasTensor((1, size, size, 3)))
    return {name: value.shape[1] for name, value in shapes.items()}


@pytest.mark.parametrize("stride", [2, 4, 8, 16, 32])
def test_thesis_pyramid(thesis, stride):
    width = {2: 32, 4: 64, 8: 128, 16: 192, 32: 256}[stride]
    layer = thesis.get_layer(f"squeeze{stride}_conv")
    assert (layer.filters, layer.kernel_size) == (width, (1, 1))


def test_thesis_features(thesis):
    assert thesis.get_layer("pyramid").output.shape[-1] == 672
    assert thesis.get_layer("features").output.shape[-1] == 384
    assert thesis.get_layer("features").negative_slope == pytest.approx(0.05)
    assert [thesis.get_layer(f"stem{i}_conv").kernel_size for i in range(2)] == [(5, 5), (5, 5)]
    assert _sides(thesis, 256)["features_conv"] == 128


@pytest.mark.parametrize("name", STAGE_NETS)
def test_thesis_stage_net(thesis, name):
    reads, features, depth, bottleneck, decoder, (head, head_kernel, channels) = THESIS[name]
    widths = {other: THESIS[other][1] for other in STAGE_NETS}
    first = thesis.get_layer(f"{name}_down0_0_conv")
    assert first.kernel.shape[2] == 384 + sum(widths[other] for other in reads)
    for level, width in enumerate((32, 64, 128)):
        for i in range(2):
            assert thesis.get_layer(f"{name}_down{level}_{i}_conv").filters == width
        assert thesis.get_layer(f"{name}_skip{level}_conv").filters == width // 2
        up = [thesis.get_layer(f"{name}_up{level}_{i}_conv") for i in ("in", 0, 1)]
        assert [layer.filters for layer in up] == [decoder[level]] * 3
    chain = [thesis.get_layer(f"{name}_dilated{i}_conv") for i in range(depth)]
    assert [(c.filters, c.dilation_rate[0]) for c in chain] == [(bottleneck, 2**i) for i in range(depth)]
    assert not any(layer.name == f"{name}_dilated{depth}_conv" for layer in thesis.layers)
    assert thesis.get_layer(f"{name}_features_relu").output.shape[-1] == features
    head_layer = thesis.get_layer(f"{name}_head_conv")
    assert (head_layer.filters, head_layer.kernel_size) == (head, (head_kernel, head_kernel))
    assert thesis.get_layer(name).filters == channels == OUTPUTS[name]


@pytest.mark.parametrize("preset", PRESETS)
def test_outputs_at_output_stride(preset):
    cascade = Cascade(PRESETS[preset])
    shapes = cascade.compute_output_spec(keras.KerasTensor((2, 64, 96, 3)))
    stride = cascade.config.output_stride
    assert {n: s.shape for n, s in shapes.items()} == {
        n: (2, 64 // stride, 96 // stride, cascade.config.channels(n)) for n in OUTPUTS
    }


@pytest.mark.parametrize(
    ("changes", "stride"),
    [
        ({"backbone_width": 0.6, "input_size": 96}, 2),
        ({"feature_stride": 2, "taps": ((2, 4), (32, 8))}, 1),
        ({"feature_stride": 8, "taps": ((8, 8), (16, 8))}, 4),
    ],
)
def test_widths_and_strides_can_be_others(changes, stride):
    cascade = Cascade(dataclasses.replace(tiny_network(), **changes))
    shapes = cascade.compute_output_spec(keras.KerasTensor((1, 64, 96, 3)))
    assert {name: shapes[name].shape[1:3] for name in OUTPUTS} == dict.fromkeys(
        OUTPUTS, (64 // stride, 96 // stride)
    )


def test_a_training_stage_has_only_its_nets():
    cascade = Cascade(PRESETS["lite"], TRAINED_IN_STAGE[1])
    assert set(cascade.output) == {"person", "parts"}
    assert not [layer.name for layer in cascade.layers if layer.name.startswith("charts")]


def test_the_context_net_adds_to_charts_and_keypoints_alone():
    """At first it has nothing to say; what it says later reaches every place from anywhere in the image."""
    cascade = Cascade(PRESETS["lite"])
    plain = Cascade(dataclasses.replace(PRESETS["lite"], context=None))
    for layer in plain.layers:
        layer.set_weights(cascade.get_layer(layer.name).get_weights())
    rng = np.random.default_rng(0)
    image = rng.uniform(0, 255, (1, 128, 128, 3)).astype("float32")
    before = plain(image)
    for name, value in cascade(image).items():
        np.testing.assert_allclose(value, before[name], atol=1e-5, err_msg=name)

    for name in REFINED_OUTPUTS:
        cascade.get_layer(f"context_{name}").kernel.assign_add(
            rng.normal(0, 100, (1, 1, 96, OUTPUTS[name])).astype("float32")
        )
    said = {name: np.array(value - before[name]) for name, value in cascade(image).items()}
    assert {name for name, change in said.items() if np.abs(change).max() > 1e-4} == set(REFINED_OUTPUTS)
    other = image.copy()
    other[:, :32, :32] = 255 - other[:, :32, :32]
    far = np.array(cascade(other)["charts"] - plain(other)["charts"] - said["charts"])[:, -16:, -16:]
    assert np.abs(far).max() > 1e-4


def test_a_training_stage_without_all_it_reads_has_no_context_net():
    nets = TRAINED_IN_STAGE[1] + TRAINED_IN_STAGE[2]
    assert not [layer for layer in Cascade(PRESETS["lite"], nets).layers if layer.name.startswith("context")]


def test_config_survives_json():
    for config in PRESETS.values():
        assert CascadeConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_reloads_from_its_file_alone(tmp_path):
    cascade = Cascade(PRESETS["lite"], TRAINED_IN_STAGE[1])
    cascade.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    image = np.random.default_rng(0).integers(0, 255, (1, 64, 64, 3)).astype("float32")
    for name, value in cascade(image).items():
        np.testing.assert_allclose(again(image)[name], value, atol=1e-6)
