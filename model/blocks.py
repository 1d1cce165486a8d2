"""The building blocks of the cascade. All maps are channels-last: [N, h, w, C]."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers, ops

MOMENTUM = 0.97
"""Of batch norm's running statistics: Keras's 0.99 lags behind in a stage of a few hundred steps, and the network then
predicts otherwise than in training."""


@keras.saving.register_keras_serializable("densepose")
class Upsample(layers.Layer):
    """Upsampling of [N, h, w, C] by a whole factor, nearest-neighbour unless said otherwise.

    Keras's ``UpSampling2D`` repeats rows and columns, which ONNX can only express as tiles and reshapes; a
    resize becomes one ``Resize`` node and takes a sixth off the whole network's time.
    """

    def __init__(self, factor: int = 2, interpolation: str = "nearest", **kwargs):
        super().__init__(**kwargs)
        self.factor = factor
        self.interpolation = interpolation

    def call(self, x):
        _, height, width, _ = ops.shape(x)
        size = height * self.factor, width * self.factor
        return ops.image.resize(x, size, interpolation=self.interpolation)

    def compute_output_shape(self, shape):
        return (shape[0], *(side and side * self.factor for side in shape[1:3]), shape[3])

    def get_config(self) -> dict:
        return {**super().get_config(), "factor": self.factor, "interpolation": self.interpolation}


def conv(x, width: int, kernel: int, name: str, *, norm: bool = False, dilation: int = 1):
    """Convolution, batch norm if asked for, ReLU."""
    x = layers.Conv2D(
        width, kernel, padding="same", use_bias=not norm, dilation_rate=dilation, name=f"{name}_conv"
    )(x)
    if norm:
        x = layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def separable(x, width: int, name: str, *, kernel: int = 3, norm: bool = False, residual: bool = False):
    """Convolution of each channel by itself, 1×1 across them, batch norm if asked for, the input added if asked for, ReLU."""
    y = layers.DepthwiseConv2D(kernel, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
    y = layers.Conv2D(width, 1, use_bias=not norm, name=f"{name}_conv")(y)
    if norm:
        y = layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_bn")(y)
    if residual:
        y = layers.Add(name=f"{name}_add")([x, y])
    return layers.ReLU(name=f"{name}_relu")(y)


def squeezed(x, width: int, name: str):
    """1×1 convolution and batch norm, for :func:`joined`."""
    x = layers.Conv2D(width, 1, use_bias=False, name=name)(x)
    return layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_bn")(x)


def deepest(tap, width: int, name: str):
    """Features of a backbone's last tap, at stride 32, each pixel's with what the whole view shows added: [N, h, w, width]."""
    x = layers.ReLU(name=f"{name}_relu32")(squeezed(tap, width, f"{name}_squeeze32"))
    everywhere = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_mean")(x)
    everywhere = layers.Conv2D(width, 1, name=f"{name}_everywhere")(everywhere)
    x = layers.Add(name=f"{name}_spread")([x, everywhere])
    return separable(x, width, f"{name}_mix32", norm=True)


def joined(x, finer, name: str, stride: int):
    """Features [N, h, w, C] upsampled and added to those of half their stride, [N, 2·h, 2·w, C], ReLU."""
    x = Upsample(2, "bilinear", name=f"{name}_up{stride}")(x)
    x = layers.Add(name=f"{name}_join{stride}")([x, finer])
    return layers.ReLU(name=f"{name}_join{stride}_relu")(x)


def dilated_unet(
    x,
    name: str,
    *,
    encoder: Sequence[int],
    decoder: Sequence[int],
    bottleneck: int,
    depth: int,
    features: int,
    norm: bool,
):
    """A small U-Net whose bottleneck is a chain of dilated convolutions, summed.

    Args:
        x: [N, h, w, C]; h and w divisible by ``2 ** len(encoder)``.
        encoder: width of each level's two 3×3 convolutions, outermost first.
        decoder: the same for the way up, outermost first.
        bottleneck: width of the ``depth`` 3×3 convolutions of dilation 1, 2, 4, …
        features: channels of the result.
        norm: batch norm after every convolution.

    Returns:
        [N, h, w, features], after ReLU: what later stages read.
    """
    skips = []
    for level, width in enumerate(encoder):
        for i in range(2):
            x = conv(x, width, 3, f"{name}_down{level}_{i}", norm=norm)
        skips.append(x)
        x = layers.MaxPooling2D(name=f"{name}_pool{level}")(x)
    chain = []
    for i in range(depth):
        x = conv(x, bottleneck, 3, f"{name}_dilated{i}", norm=norm, dilation=2**i)
        chain.append(x)
    x = layers.Add(name=f"{name}_sum")(chain) if depth > 1 else x
    for level in reversed(range(len(encoder))):
        width = decoder[level]
        x = Upsample(name=f"{name}_up{level}")(x)
        x = conv(x, width, 3, f"{name}_up{level}_in", norm=norm)
        skip = conv(skips[level], encoder[level] // 2, 1, f"{name}_skip{level}", norm=norm)
        x = layers.Concatenate(name=f"{name}_join{level}")([x, skip])
        for i in range(2):
            x = conv(x, width, 3, f"{name}_up{level}_{i}", norm=norm)
    return conv(x, features, 1, f"{name}_features", norm=norm)


def global_context(x, name: str, width: int, dilation: int):
    """A residual block with global context: a dilated 3×3 convolution whose result, pooled over the whole map by mean
    and maximum, is added at every pixel (Hu et al., "Squeeze-and-Excitation Networks", 2018, who multiply).

    Args:
        x: [N, h, w, width].

    Returns:
        [N, h, w, width], after ReLU.
    """
    local = conv(x, width, 3, f"{name}_in", norm=True, dilation=dilation)
    pooled = layers.Concatenate(name=f"{name}_pooled")(
        [
            layers.GlobalAveragePooling2D(name=f"{name}_mean")(local),
            layers.GlobalMaxPooling2D(name=f"{name}_max")(local),
        ]
    )
    overall = layers.Dense(width, use_bias=False, name=f"{name}_global")(pooled)
    # Of [N, 1, 1, C] the dense layer would become ten operations in ONNX, two of them casts.
    overall = layers.Reshape((1, 1, width), name=f"{name}_everywhere")(overall)
    local = layers.Conv2D(width, 3, padding="same", use_bias=False, name=f"{name}_out_conv")(local)
    both = layers.Add(name=f"{name}_join")([local, overall])
    both = layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_out_bn")(both)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_sum")([x, both]))
