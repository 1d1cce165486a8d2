"""The mask net: which pixels are those of the person in the middle, by features of the pose estimator."""

from __future__ import annotations

from typing import Any

from keras import layers
from pydantic import PositiveInt
from pydantic.dataclasses import dataclass

from model.blocks import Upsample, deepest, joined, separable, squeezed
from model.fields import CHECKED


@dataclass(frozen=True, config=CHECKED)
class MaskNetConfig:
    """A feature pyramid over the backbone and, at stride 4, the pose net's features and heatmaps."""

    deep: PositiveInt = 96
    """Channels at strides 32 and 16."""
    width: PositiveInt = 64
    """Channels at strides 8 and 4."""
    fine: PositiveInt = 24
    """Channels at stride 2."""


def mask_logits(taps: dict[int, Any], pose: list, config: MaskNetConfig) -> tuple[Any, Any]:
    """[N, H/2, W/2, 1], and the features at stride 4 that they are made of.

    Args:
        taps: of the backbone, by stride: 2, 4, 8, 16, 32.
        pose: what the pose net has at stride 4.
    """
    pooled = layers.AveragePooling2D(2, name="mask_pool2")(taps[2])
    reads = {16: taps[16], 8: taps[8], 4: layers.Concatenate(name="mask_reads4")([taps[4], pooled, *pose])}
    x = deepest(taps[32], config.deep, "mask")
    for stride, width in ((16, config.deep), (8, config.width), (4, config.width)):
        x = joined(x, squeezed(reads[stride], width, f"mask_squeeze{stride}"), "mask", stride)
        x = separable(x, width, f"mask_mix{stride}", norm=True)
        x = separable(x, config.width, f"mask_remix{stride}", norm=True)
    coarse = layers.Conv2D(1, 3, padding="same", dtype="float32", name="mask_coarse")(x)
    fine = layers.Conv2D(config.fine, 1, name="mask_narrow")(x)
    fine = joined(fine, squeezed(taps[2], config.fine, "mask_squeeze2"), "mask", 2)
    fine = separable(fine, config.fine, "mask_mix2", norm=True)
    fine = layers.Conv2D(1, 3, padding="same", kernel_initializer="zeros", dtype="float32", name="mask_fine")(
        fine
    )
    return layers.Add(name="mask_sum")([Upsample(2, "bilinear", name="mask_up")(coarse), fine]), x
