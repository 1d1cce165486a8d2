"""The surface net: which chart of the body each pixel of the person in the middle shows, and U and V there, by features of the
pose estimator and of its mask net."""

from __future__ import annotations

from typing import Any

from keras import layers
from pydantic import PositiveInt
from pydantic.dataclasses import dataclass

from annotator.labels.label_space import CHARTS
from model.blocks import Upsample, deepest, joined, separable, squeezed
from model.fields import CHECKED


@dataclass(frozen=True, config=CHECKED)
class SurfaceNetConfig:
    """A feature pyramid as the mask net's, which at strides 16 and 8 reads what the pose net has, too."""

    deep: PositiveInt = 160
    """Channels at strides 32 and 16."""
    width: PositiveInt = 96
    """Channels at strides 8 and 4."""
    fine: PositiveInt = 32
    """Channels at stride 2."""


MIXES = 3
"""Separable convolutions at each stride from 16 to 4."""


def surface_maps(
    taps: dict[int, Any], pose: list, mask, mask_features, config: SurfaceNetConfig
) -> tuple[Any, Any]:
    """Logits of the 24 charts [N, H/2, W/2, 24], and U of each, then V, [N, H/4, W/4, 48].

    Args:
        taps: of the backbone, by stride: 2, 4, 8, 16, 32.
        pose: what the pose net has at stride 4.
        mask: logits of the person, [N, H/2, W/2, 1].
        mask_features: what the mask net has at stride 4.
    """
    person = layers.Activation("sigmoid", name="surface_mask")(mask)
    person = layers.AveragePooling2D(2, name="surface_mask_pool")(person)
    fine = layers.AveragePooling2D(2, name="surface_pool2")(taps[2])
    reads = {
        4: layers.Concatenate(name="surface_reads4")([taps[4], fine, *pose, mask_features, person]),
        **{stride: _with_pooled(taps[stride], [*pose, person], stride) for stride in (8, 16)},
    }
    x = deepest(taps[32], config.deep, "surface")
    for stride, width in ((16, config.deep), (8, config.width), (4, config.width)):
        if stride == 8:
            x = layers.Conv2D(width, 1, name="surface_narrow8")(x)
        x = joined(x, squeezed(reads[stride], width, f"surface_squeeze{stride}"), "surface", stride)
        for i in range(MIXES):
            kernel = 3 if stride == 4 else 5
            x = separable(x, width, f"surface_mix{stride}_{i}", kernel=kernel, norm=True, residual=True)
    count = len(CHARTS) - 1
    coarse = layers.Conv2D(count, 1, dtype="float32", name="surface_coarse")(x)
    uv = layers.Conv2D(2 * count, 1, dtype="float32", name="surface_uv")(x)
    x = layers.Conv2D(config.fine, 1, name="surface_narrow2")(x)
    x = joined(x, squeezed(taps[2], config.fine, "surface_squeeze2"), "surface", 2)
    x = separable(x, config.fine, "surface_mix2", norm=True)
    fine = layers.Conv2D(
        count, 3, padding="same", kernel_initializer="zeros", dtype="float32", name="surface_fine"
    )(x)
    charts = layers.Add(name="surface_sum")([Upsample(2, "bilinear", name="surface_up")(coarse), fine])
    return charts, uv


def _with_pooled(tap, at_4: list, stride: int):
    """A tap, and what there is at stride 4, at its stride."""
    pooled = layers.Concatenate(name=f"surface_known{stride}")(at_4)
    pooled = layers.AveragePooling2D(stride // 4, name=f"surface_pool{stride}")(pooled)
    return layers.Concatenate(name=f"surface_reads{stride}")([tap, pooled])
