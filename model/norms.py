"""Batch norm of a pretrained backbone.

Published weights often come with batch norm folded into the convolutions. In further training nothing then normalizes
the activations: within hours nearly all of MobileNetV2's deeper channels are 0 or 6 for every input.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from model.cascade import Cascade


def _backbone_norms(cascade: Cascade) -> list[keras.layers.BatchNormalization]:
    layers = map(cascade.get_layer, cascade.backbone_layers)
    return [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]


def recalibrate_batch_norm(cascade: Cascade, images: np.ndarray) -> None:
    """Set the statistics of the backbone's batch norm to those of these images without changing its outputs.

    Scale and shift change with mean and variance so that every layer computes the same; training can then go on with
    live statistics.

    Args:
        images: uint8 or float [N, H, W, 3], RGB 0..255, as they come in training.
    """
    norms = _backbone_norms(cascade)
    inputs = keras.Model(cascade.input, {norm.name: norm.input for norm in norms})
    images = ops.cast(images, "float32")
    for name, x in inputs(images, training=False).items():
        norm = cascade.get_layer(name)
        gamma, beta, mean, variance = norm.get_weights()
        new_mean, new_variance = (
            ops.convert_to_numpy(a) for a in ops.moments(ops.cast(x, "float32"), (0, 1, 2))
        )
        slope = gamma / np.sqrt(variance + norm.epsilon)
        norm.set_weights(
            [
                slope * np.sqrt(new_variance + norm.epsilon),
                beta + slope * (new_mean - mean),
                new_mean,
                new_variance,
            ]
        )


def folded_convolutions(cascade: Cascade) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Kernel and bias of each of the backbone's convolutions, its batch norm folded into them, by the norm's name."""
    pairs = {}
    for norm in _backbone_norms(cascade):
        gamma, beta, mean, variance = norm.get_weights()
        slope = gamma / np.sqrt(variance + norm.epsilon)
        kernel = _before(norm).get_weights()[0]
        pairs[norm.name] = kernel * slope.reshape(_by_channel(norm)), beta - slope * mean
    return pairs


def interpolate_backbone(
    cascade: Cascade, past: dict[str, tuple[np.ndarray, np.ndarray]], share: float
) -> None:
    """Set the backbone's weights to the mean of its own and those before it was trained on.

    The mean often keeps what both have learned: Wortsman et al., "Robust fine-tuning of zero-shot models" (2022). Its
    batch norm is left without statistics, for :func:`recalibrate_batch_norm`.

    Args:
        past: from :func:`folded_convolutions`.
        share: of ``past``, 0..1.
    """
    for name, now in folded_convolutions(cascade).items():
        kernel, bias = (share * old + (1 - share) * new for old, new in zip(past[name], now, strict=True))
        norm = cascade.get_layer(name)
        one = np.ones_like(bias)
        _before(norm).set_weights([kernel])
        norm.set_weights([one * np.sqrt(1 + norm.epsilon), bias, 0 * one, one])


def _before(norm: keras.layers.BatchNormalization) -> keras.Layer:
    """The convolution whose output a norm takes."""
    return norm.input._keras_history.operation


def _by_channel(norm: keras.layers.BatchNormalization) -> tuple[int, ...]:
    """Shape in which an array of one number a channel multiplies the kernel before a norm."""
    return (-1, 1) if isinstance(_before(norm), keras.layers.DepthwiseConv2D) else (-1,)
