"""The pose estimator: one look at one person, a heatmap for each keypoint, the person's mask, charts with U and V.

Backbone, pyramid and the head of the heatmaps are MoveNet Thunder's (Google,
https://tfhub.dev/google/movenet/singlepose/thunder/4, Apache-2.0): a MobileNetV2 of width 1.75. ``scripts/convert-movenet`` fills
them. MoveNet's heads for the person's centre, for coarse keypoints around it and for offsets are left out: the annotator knows the
person's mask.

Mask net and surface net read their features, which they leave as they are, and learn whatever is not a keypoint
(:mod:`model.pose.training`).
"""

from __future__ import annotations

import json
from dataclasses import asdict, field
from typing import Literal, get_args

import keras
from keras import layers
from pydantic import PositiveFloat, TypeAdapter
from pydantic.dataclasses import dataclass

from annotator.labels.label_space import KEYPOINTS
from model.blocks import separable
from model.cascade import Cascade
from model.fields import CHECKED, Side
from model.pose.mask_net import MaskNetConfig, mask_logits
from model.pose.surface_net import SurfaceNetConfig, surface_maps
from model.presets import POSE_TAPS, PRESETS, TAPS, PoseConfig

Net = Literal["mask", "surface"]
NETS: tuple[Net, ...] = get_args(Net)
"""What learns. The names of a net's layers begin with its own and an underscore."""


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
    surface: SurfaceNetConfig = field(default_factory=SurfaceNetConfig)

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
    [N, H/4, W/4, 17], heatmaps, ``mask`` [N, H/2, W/2, 1], the person in the middle, and ``charts`` [N, H/2, W/2, 24]; and ``uv``
    [N, H/4, W/4, 48], U of each chart, then V.
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
        mask, mask_features = mask_logits(taps, known, config.mask)
        charts, uv = surface_maps(taps, known, mask, mask_features, config.surface)
        outputs = {"keypoints": heatmaps, "mask": mask, "charts": charts, "uv": uv}
        super().__init__(images, outputs, **kwargs)
        self.config = config
        inside = {layer.name for layer in self.layers}
        self.backbone_layers = [layer.name for layer in backbone.layers[2:] if layer.name in inside]

    def get_config(self) -> dict:
        return {"config": self.config.to_dict(), "name": self.name}
