"""The pose estimator: one look at one person, a heatmap for each keypoint.

The network is MoveNet Thunder's (Google, https://tfhub.dev/google/movenet/singlepose/thunder/4, Apache-2.0): a MobileNetV2 of
width 1.75, a feature pyramid and the head of its heatmaps. ``scripts/convert-movenet`` fills it. MoveNet's heads for the person's
centre, for coarse keypoints around it and for offsets are left out: the annotator knows the person's mask.
"""

from __future__ import annotations

import json
from dataclasses import asdict, field

import keras
from keras import layers
from pydantic import PositiveFloat, TypeAdapter
from pydantic.dataclasses import dataclass

from annotator.labels.label_space import KEYPOINTS
from model.blocks import separable
from model.cascade import Cascade
from model.fields import CHECKED, Side
from model.presets import POSE_TAPS, PRESETS, PoseConfig


@dataclass(frozen=True, config=CHECKED)
class PoseEstimatorConfig:
    """The shape of the network."""

    input_size: Side = 256
    """Side in pixels of the squares at which it works best; any multiple of 32 will do."""
    backbone_width: PositiveFloat = 1.75
    """MobileNetV2's alpha."""
    pose: PoseConfig = field(default_factory=lambda: PRESETS["lite"].pose)
    """Of pyramid and head."""

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

    Input: float or uint8 [N, H, W, 3], RGB 0..255, H and W multiples of 32. Output: [N, H/4, W/4, 17] float32, logits of the
    heatmaps.
    """

    def __init__(self, config: PoseEstimatorConfig | dict | None = None, **kwargs):
        if not isinstance(config, PoseEstimatorConfig):
            config = PoseEstimatorConfig.from_dict(config or {})
        images = keras.Input((None, None, 3), name="images")
        scaled = layers.Rescaling(1 / 127.5, -1.0, name="scale")(images)
        backbone = keras.applications.MobileNetV2(
            input_tensor=scaled, alpha=config.backbone_width, include_top=False, weights=None
        )
        taps = {stride: backbone.get_layer(name).output for stride, name in POSE_TAPS["mobilenet_v2"].items()}
        x = Cascade.pose_features(taps, config.pose)
        x = separable(x, config.pose.head, "pose_head")
        heatmaps = layers.Conv2D(len(KEYPOINTS), 1, name="pose_keypoints", dtype="float32")(x)
        super().__init__(images, heatmaps, **kwargs)
        self.config = config
        inside = {layer.name for layer in self.layers}
        self.backbone_layers = [layer.name for layer in backbone.layers[2:] if layer.name in inside]

    def get_config(self) -> dict:
        return {"config": self.config.to_dict(), "name": self.name}
