"""The pose estimator: one look at one person, a heatmap for each keypoint and the person's mask.

Backbone, pyramid and the head of the heatmaps are MoveNet Thunder's (Google,
https://tfhub.dev/google/movenet/singlepose/thunder/4, Apache-2.0): a MobileNetV2 of width 1.75. ``scripts/convert-movenet`` fills
them. MoveNet's heads for the person's centre, for coarse keypoints around it and for offsets are left out: the annotator knows the
person's mask.

The mask net reads their features, which it leaves as they are, and learns which pixels are the person's in the middle
(:mod:`model.pose.training`).
"""

from __future__ import annotations

import json
from dataclasses import asdict, field
from typing import Any

import keras
from keras import layers
from pydantic import PositiveFloat, PositiveInt, TypeAdapter
from pydantic.dataclasses import dataclass

from annotator.labels.label_space import KEYPOINTS
from model.blocks import MOMENTUM, Upsample, separable
from model.cascade import Cascade
from model.fields import CHECKED, Side
from model.presets import POSE_TAPS, PRESETS, TAPS, PoseConfig


@dataclass(frozen=True, config=CHECKED)
class MaskNetConfig:
    """A feature pyramid over the backbone and, at stride 4, the pose net's features and heatmaps."""

    deep: PositiveInt = 96
    """Channels at strides 32 and 16."""
    width: PositiveInt = 64
    """Channels at strides 8 and 4."""
    fine: PositiveInt = 24
    """Channels at stride 2."""


MASK = "mask_"
"""Begins the names of the mask net's layers."""
MASK_STRIDE = 2
"""Of the mask in pixels of the view."""


@dataclass(frozen=True, config=CHECKED)
class PoseEstimatorConfig:
    """The shape of the network."""

    input_size: Side = 256
    """Side in pixels of the squares at which it works best; any multiple of 32 will do."""
    backbone_width: PositiveFloat = 1.75
    """MobileNetV2's alpha."""
    pose: PoseConfig = field(default_factory=lambda: PRESETS["lite"].pose)
    """Of pyramid and head."""
    mask: MaskNetConfig = field(default_factory=MaskNetConfig)

    def to_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, config: dict) -> PoseEstimatorConfig:
        """The inverse of :meth:`to_dict`, also after a trip through JSON.

        Raises:
            ValueError: a field that is missing, unknown or has a wrong value.
        """
        return TypeAdapter(cls).validate_json(json.dumps(config))


@keras.saving.register_keras_serializable("densepose")
class PoseEstimator(keras.Model):
    """The network as a functional Keras model.

    Input: float or uint8 [N, H, W, 3], RGB 0..255, H and W multiples of 32. Outputs, float32 logits: ``keypoints``
    [N, H/4, W/4, 17], heatmaps, and ``mask`` [N, H/2, W/2, 1], the person in the middle.
    """

    def __init__(self, config: PoseEstimatorConfig | dict | None = None, **kwargs):
        if not isinstance(config, PoseEstimatorConfig):
            config = PoseEstimatorConfig.from_dict(config or {})
        images = keras.Input((None, None, 3), name="images")
        scaled = layers.Rescaling(1 / 127.5, -1.0, name="scale")(images)
        backbone = keras.applications.MobileNetV2(
            input_tensor=scaled, alpha=config.backbone_width, include_top=False, weights=None
        )
        pose_taps, taps = (
            {stride: backbone.get_layer(name).output for stride, name in names["mobilenet_v2"].items()}
            for names in (POSE_TAPS, TAPS)
        )
        features = Cascade.pose_features(pose_taps, config.pose)
        x = separable(features, config.pose.head, "pose_head")
        heatmaps = layers.Conv2D(len(KEYPOINTS), 1, name="pose_keypoints", dtype="float32")(x)
        known = [features, layers.Activation("sigmoid", name="mask_heatmaps")(heatmaps)]
        mask = _mask_logits(taps, known, config.mask)
        super().__init__(images, {"keypoints": heatmaps, "mask": mask}, **kwargs)
        self.config = config
        inside = {layer.name for layer in self.layers}
        self.backbone_layers = [layer.name for layer in backbone.layers[2:] if layer.name in inside]

    def get_config(self) -> dict:
        return {"config": self.config.to_dict(), "name": self.name}


def _mask_logits(taps: dict[int, Any], pose: list, config: MaskNetConfig):
    """[N, H/2, W/2, 1].

    Args:
        taps: of the backbone, by stride: 2, 4, 8, 16, 32.
        pose: what the pose net has at stride 4.
    """
    pooled = layers.AveragePooling2D(2, name="mask_pool2")(taps[2])
    reads = {16: taps[16], 8: taps[8], 4: layers.Concatenate(name="mask_reads4")([taps[4], pooled, *pose])}
    x = layers.ReLU(name="mask_relu32")(_squeezed(taps[32], config.deep, 32))
    everywhere = layers.GlobalAveragePooling2D(keepdims=True, name="mask_mean")(x)
    everywhere = layers.Conv2D(config.deep, 1, name="mask_everywhere")(everywhere)
    x = layers.Add(name="mask_spread")([x, everywhere])
    x = _mixed(x, config.deep, "mask_mix32")
    for stride, width in ((16, config.deep), (8, config.width), (4, config.width)):
        x = _joined(x, _squeezed(reads[stride], width, stride), stride)
        x = _mixed(x, width, f"mask_mix{stride}")
        x = _mixed(x, config.width, f"mask_remix{stride}")
    coarse = layers.Conv2D(1, 3, padding="same", dtype="float32", name="mask_coarse")(x)
    x = layers.Conv2D(config.fine, 1, name="mask_narrow")(x)
    x = _mixed(_joined(x, _squeezed(taps[2], config.fine, 2), 2), config.fine, "mask_mix2")
    fine = layers.Conv2D(1, 3, padding="same", kernel_initializer="zeros", dtype="float32", name="mask_fine")(
        x
    )
    return layers.Add(name="mask_sum")([Upsample(2, "bilinear", name="mask_up")(coarse), fine])


def _squeezed(x, width: int, stride: int):
    """What the mask net reads at a stride, in ``width`` channels."""
    x = layers.Conv2D(width, 1, use_bias=False, name=f"mask_squeeze{stride}")(x)
    return layers.BatchNormalization(momentum=MOMENTUM, name=f"mask_squeeze{stride}_bn")(x)


def _joined(x, finer, stride: int):
    """Features of twice the stride, upsampled and added to those of a stride."""
    x = layers.Add(name=f"mask_join{stride}")([Upsample(2, "bilinear", name=f"mask_up{stride}")(x), finer])
    return layers.ReLU(name=f"mask_join{stride}_relu")(x)


def _mixed(x, width: int, name: str):
    """:func:`model.blocks.separable` with batch norm."""
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
    x = layers.Conv2D(width, 1, use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
