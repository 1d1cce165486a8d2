"""A pretrained backbone's batch norm gets real statistics and computes what it did before."""

import keras
import numpy as np
import pytest

from model.cascade import Cascade
from model.norms import recalibrate_batch_norm
from tests.model.tiny import tiny_network


@pytest.fixture
def cascade() -> Cascade:
    keras.utils.set_random_seed(1)
    return Cascade(tiny_network(), ("person",))


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)


def norms(cascade: Cascade) -> list[keras.layers.BatchNormalization]:
    layers = [cascade.get_layer(name) for name in cascade.backbone_layers]
    return [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]


def test_measured_norms_compute_the_same(cascade, images):
    for norm in norms(cascade):  # folded: a bias and nothing else
        gamma, beta, mean, variance = norm.get_weights()
        norm.set_weights([gamma * np.sqrt(1 + norm.epsilon), beta + 0.1, 0 * mean, 0 * variance + 1])
    before = keras.ops.convert_to_numpy(cascade(images.astype("float32"), training=False)["person"])
    recalibrate_batch_norm(cascade, images)
    after = keras.ops.convert_to_numpy(cascade(images.astype("float32"), training=False)["person"])
    np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-4)
    for norm in norms(cascade):
        assert np.abs(keras.ops.convert_to_numpy(norm.moving_mean)).max() > 0


def test_live_batches_then_change_little(cascade, images):
    """Training mode normalizes by the batch: on the measured images it answers as in use."""
    recalibrate_batch_norm(cascade, images)
    layers = [cascade.get_layer(name).output for name in ("Conv1_relu", "block_3_expand_relu")]
    backbone = keras.Model(cascade.input, layers)
    for live, still in zip(
        backbone(images.astype("float32"), training=True),
        backbone(images.astype("float32"), training=False),
        strict=True,
    ):
        np.testing.assert_allclose(live, still, atol=0.02)
