"""The person finder: one look at the whole photo, a score and a box at every place of three grids.

The network is NanoDet-g's (RangiLyu, https://github.com/RangiLyu/nanodet, Apache-2.0): a CSP backbone of plain
convolutions, a path aggregation neck that only adds, and a head per grid. Its start is trained on the 80 classes of COCO,
of which only the person is kept (``scripts/convert-nanodet``).
"""

from __future__ import annotations

from dataclasses import asdict

import keras
from keras import layers, ops
from pydantic.dataclasses import dataclass

from model.blocks import Upsample
from model.fields import CHECKED, Side

SLOPE = 0.1
"""Of the leaky ReLUs."""
MEAN, DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""Of ImageNet's red, green and blue (0..255), to which the start was normalized."""
STRIDES = (8, 16, 32)
"""Pixels between the places of each grid."""


@dataclass(frozen=True, config=CHECKED)
class FinderConfig:
    """The shape of the network."""

    input_size: Side = 640
    """Side in pixels of the squares at which it works best; any multiple of 32 will do."""
    widths: tuple[int, ...] = (32, 64, 128, 256)
    """Channels of the backbone at strides 4, 8, 16, 32."""
    repeats: tuple[int, ...] = (1, 2, 2, 3)
    """Pairs of convolutions in the inner path at each of these strides."""
    neck: int = 128
    """Channels of the neck and the heads."""
    bins: int = 11
    """Bins of the distribution of each distance to a side of the box, one stride apart."""

    def to_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, config: dict) -> FinderConfig:
        """The inverse of :meth:`to_dict`, also after a trip through JSON."""
        return cls(**{name: tuple(v) if isinstance(v, list) else v for name, v in config.items()})


@keras.saving.register_keras_serializable("densepose")
class HalfSize(layers.Layer):
    """Downsampling of [N, h, w, C] to half the size, bilinear; h and w are even."""

    def call(self, x):
        _, height, width, _ = ops.shape(x)
        return ops.image.resize(x, (height // 2, width // 2), interpolation="bilinear")

    def compute_output_shape(self, shape):
        return (shape[0], *(side and side // 2 for side in shape[1:3]), shape[3])


@keras.saving.register_keras_serializable("densepose")
class Finder(keras.Model):
    """The network as a functional Keras model.

    Input: float or uint8 [N, H, W, 3], RGB 0..255, H and W multiples of 32. Output: [N, A, 1 + 4·bins] float32, of the A
    places of all grids in the order of :func:`places`: the logit of the score, and for the distances to the left, upper,
    right and lower side of the box the logits of their bins.
    """

    def __init__(self, config: FinderConfig | dict | None = None, **kwargs):
        config = FinderConfig.from_dict(config) if isinstance(config, dict) else config or FinderConfig()
        images = keras.Input((None, None, 3), name="images")
        scale = [1 / value for value in DEVIATION]
        offset = [-mean / value for mean, value in zip(MEAN, DEVIATION, strict=True)]
        x = layers.Rescaling(scale, offset, name="normalize")(images)
        x = _conv(x, config.widths[0], "stem", stride=2)
        x = layers.ZeroPadding2D(1, name="stem_pool_pad")(x)
        x = layers.MaxPooling2D(3, 2, name="stem_pool")(x)
        levels = []
        for i, (width, repeats) in enumerate(zip(config.widths, config.repeats, strict=True)):
            x = _block(x, width, repeats, f"block{4 << i}", stride=2 if i else 1)
            levels.append(x)
        fine, middle, coarse = (
            layers.Conv2D(config.neck, 1, name=f"lateral{stride}")(level)
            for stride, level in zip(STRIDES, levels[1:], strict=True)
        )
        middle = layers.Add(name="down16")([middle, Upsample(2, "bilinear", name="up16")(coarse)])
        fine = layers.Add(name="down8")([fine, Upsample(2, "bilinear", name="up8")(middle)])
        middle = layers.Add(name="join16")([middle, HalfSize(name="half16")(fine)])
        coarse = layers.Add(name="join32")([coarse, HalfSize(name="half32")(middle)])
        outputs = []
        channels = 1 + 4 * config.bins
        for stride, level in zip(STRIDES, (fine, middle, coarse), strict=True):
            head = _conv(level, config.neck, f"head{stride}")
            found = layers.Conv2D(channels, 1, name=f"found{stride}", dtype="float32")(head)
            outputs.append(layers.Reshape((-1, channels), name=f"flat{stride}", dtype="float32")(found))
        super().__init__(images, layers.Concatenate(axis=1, name="found", dtype="float32")(outputs), **kwargs)
        self.config = config

    def get_config(self) -> dict:
        return {"config": self.config.to_dict(), "name": self.name}


def _conv(x, width: int, name: str, *, stride: int = 1):
    """3×3 convolution, leaky ReLU."""
    if stride == 2:
        # As PyTorch pads: on all sides. Keras's "same" pads right and below alone.
        x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    padding = "valid" if stride == 2 else "same"
    x = layers.Conv2D(width, 3, strides=stride, padding=padding, name=name)(x)
    return layers.LeakyReLU(negative_slope=SLOPE, name=f"{name}_relu")(x)


def _block(x, width: int, repeats: int, name: str, *, stride: int):
    """A cross stage partial block: [N, h, w, 2·width]."""
    start = x = _conv(x, width, f"{name}_in", stride=stride)
    for i in range(repeats):
        first = _conv(x, width // 2, f"{name}_{i}a")
        second = _conv(first, width // 2, f"{name}_{i}b")
        x = layers.Concatenate(name=f"{name}_{i}")([second, first])
    return layers.Concatenate(name=name)([_conv(x, width, f"{name}_out"), start])


def places(height: int, width: int) -> tuple[list[list[float]], list[float]]:
    """The centres (A, 2) as x, y in input pixels and the strides (A,) of the places at which people are looked for."""
    centres, strides = [], []
    for stride in STRIDES:
        for row in range(height // stride):
            for column in range(width // stride):
                centres.append([(column + 0.5) * stride, (row + 0.5) * stride])
                strides.append(float(stride))
    return centres, strides


def boxes_of(found, centres, strides, bins: int):
    """The boxes of a finder's output.

    Args:
        found: [N, A, 1 + 4·bins].
        centres: [A, 2] or [N, A, 2], strides: [A] or [N, A], see :func:`places`.

    Returns:
        [N, A, 4] left, top, right, bottom in input pixels: each distance is its distribution's mean (Li et al.,
        "Generalized Focal Loss", 2020).
    """
    shape = ops.shape(found)
    logits = ops.reshape(found[..., 1:], (-1, shape[1], 4, bins))
    distances = ops.sum(ops.softmax(logits, axis=-1) * ops.arange(bins, dtype="float32"), axis=-1)
    distances = distances * strides[..., None]
    return ops.concatenate([centres - distances[..., :2], centres + distances[..., 2:]], axis=-1)
