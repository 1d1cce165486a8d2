"""The cascade: one backbone, six stage nets in a row, six outputs.

Easy tasks come first and feed harder ones. Every stage net is a small dilated U-Net that reads the image
features F and the feature maps of earlier stage nets. A pose net may read the backbone as MoveNet does, whose
weights fill both. A coarse, wide context net may refine the outputs that depend on the whole body: left from right,
front from back. :mod:`model.presets` describes the networks; :class:`Cascade` builds any of them.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from model.blocks import MOMENTUM, Upsample, conv, dilated_unet, global_context, separable
from model.presets import (
    CONTEXT_STRIDE,
    POSE,
    POSE_STRIDE,
    POSE_TAPS,
    REFINED_OUTPUTS,
    STAGE_NETS,
    TAPS,
    CascadeConfig,
    PoseConfig,
    StageConfig,
)


@keras.saving.register_keras_serializable("densepose")
class Cascade(keras.Model):
    """The network as a functional Keras model.

    Input: float or uint8 [N, H, W, 3], RGB 0..255, H and W multiples of 32. Output: a dict by the names of
    :data:`model.presets.OUTPUTS` of raw maps [N, H/s, W/s, C], s = ``config.output_stride``: logits of person, parts,
    charts and keypoints; U, V in 0..1; head vectors (target − pixel) / input_size as x, y for each of
    ``config.head_vector_targets``.

    Args:
        config: what to build, from :data:`model.presets.PRESETS` or a saved run.
        stage_nets: build only these (training stage 1 has only the first two).
        imagenet: initialize the backbone with ImageNet's weights, which Keras downloads, and not at random.
    """

    def __init__(
        self,
        config: CascadeConfig | dict,
        stage_nets: tuple[str, ...] = STAGE_NETS,
        imagenet: bool = False,
        **kwargs,
    ):
        if isinstance(config, dict):
            config = CascadeConfig.from_dict(config)
        # H and W must stay multiples of 32, and of the inner strides of the stage nets.
        images = keras.Input((None, None, 3), name="images")
        scaled = layers.Rescaling(1 / 127.5, -1.0, name="scale")(images)
        backbone = self._backbone(scaled, config, "imagenet" if imagenet else None)
        pyramid = self._pyramid(backbone, config)
        features, outputs = {}, {}
        if with_pose := config.pose and "keypoints" in stage_nets:
            taps = {
                stride: backbone.get_layer(name).output for stride, name in POSE_TAPS[config.backbone].items()
            }
            features[POSE] = self.pose_features(taps, config.pose)
        for name in stage_nets:
            stage = config.stages[name]
            read = [pyramid, *(features[other] for other in stage.reads if other != POSE or config.pose)]
            x = layers.Concatenate(name=f"{name}_reads")(read) if len(read) > 1 else pyramid
            features[name] = dilated_unet(
                x,
                name,
                encoder=stage.encoder,
                decoder=stage.decoder,
                bottleneck=stage.bottleneck,
                depth=stage.depth,
                features=stage.features,
                norm=config.norm,
            )
            outputs[name] = self._head(features[name], name, stage, config.channels(name))
        if with_pose:
            outputs["keypoints"] = self._pose_heatmaps(features[POSE], outputs["keypoints"], config)
        if config.context and set(config.context.reads) <= set(stage_nets):
            taps = [backbone.get_layer(TAPS[config.backbone][stride]).output for stride in (16, 32)]
            x = self._context(taps, pyramid, features, config)
            for name in REFINED_OUTPUTS:
                outputs[name] = self._refine(outputs[name], x, name, config)
        super().__init__(images, outputs, **kwargs)
        self.config = config
        self.stage_nets = tuple(stage_nets)
        inside = {layer.name for layer in self.layers}
        self.backbone_layers = [layer.name for layer in backbone.layers[2:] if layer.name in inside]
        for name in self.backbone_layers:
            if isinstance(layer := self.get_layer(name), layers.BatchNormalization):
                layer.momentum = MOMENTUM

    @staticmethod
    def _backbone(images, config: CascadeConfig, weights: str | None) -> keras.Model:
        """Of images in −1..1, the range for which the ImageNet weights of both were trained."""
        if config.backbone == "efficientnet_v2_s":
            return keras.applications.EfficientNetV2S(
                input_tensor=images, include_top=False, include_preprocessing=False, weights=weights
            )
        return keras.applications.MobileNetV2(
            input_tensor=images, alpha=config.backbone_width, include_top=False, weights=weights
        )

    @staticmethod
    def _pyramid(backbone: keras.Model, config: CascadeConfig):
        """F: the taps squeezed, brought to one stride and mixed. [N, H/s, W/s, feature_width]."""
        levels = []
        for stride, width in config.taps:
            x = backbone.get_layer(TAPS[config.backbone][stride]).output
            if config.stem and stride == 2:
                for i in range(2):
                    x = conv(x, config.stem, 5, f"stem{i}", norm=True)
            x = conv(x, width, 1, f"squeeze{stride}", norm=True)
            if stride > config.feature_stride:
                x = Upsample(stride // config.feature_stride, name=f"spread{stride}")(x)
            levels.append(x)
        x = layers.Concatenate(name="pyramid")(levels)
        x = layers.Conv2D(config.feature_width, 1, use_bias=False, name="features_conv")(x)
        x = layers.BatchNormalization(momentum=MOMENTUM, name="features_bn")(x)
        return layers.LeakyReLU(negative_slope=0.05, name="features")(x)

    @staticmethod
    def _head(x, name: str, stage: StageConfig, channels: int):
        x = Upsample(name=f"{name}_head_up")(x)
        x = conv(x, stage.head, stage.head_kernel, f"{name}_head", norm=True)
        return layers.Conv2D(channels, 1, name=name, dtype="float32")(x)

    @staticmethod
    def pose_features(taps: dict[int, Any], pose: PoseConfig):
        """The pose net's features: [N, H/4, W/4, widths[-1]].

        Args:
            taps: of the backbone, by stride: 4, 8, 16, 32.
        """
        x = layers.Conv2D(pose.bottom, 1, name="pose_widen")(taps[32])
        x = layers.ReLU(6, name="pose_widen_relu")(x)
        x = layers.Conv2D(pose.widths[0], 1, name="pose_squeeze32")(x)
        for i, stride in enumerate((16, 8, 4)):
            x = Upsample(2, "bilinear", name=f"pose_up{stride}")(x)
            finer = layers.Conv2D(pose.widths[i], 1, name=f"pose_squeeze{stride}")(taps[stride])
            x = layers.Add(name=f"pose_join{stride}")([x, finer])
            x = separable(x, pose.widths[i + 1], f"pose_mix{stride}")
        return x

    @staticmethod
    def _pose_heatmaps(x, logits, config: CascadeConfig):
        """Logits of the keypoints' stage net plus those of the pose net, which are zero until it has weights."""
        x = separable(x, config.pose.head, "pose_head")
        added = layers.Conv2D(
            config.channels("keypoints"),
            1,
            kernel_initializer="zeros",
            name="pose_keypoints",
            dtype="float32",
        )(x)
        factor = POSE_STRIDE // config.output_stride
        added = Upsample(factor, "bilinear", name="pose_keypoints_up", dtype="float32")(added)
        return layers.Add(name="pose_keypoints_sum", dtype="float32")([logits, added])

    @staticmethod
    def _context(taps: list, pyramid, features: dict, config: CascadeConfig):
        """The context net's features: [N, H/8, W/8, squeeze]."""
        context = config.context
        pool = layers.AveragePooling2D(CONTEXT_STRIDE // config.feature_stride, name="context_pool")
        fine = [pool(x) for x in (pyramid, *(features[name] for name in context.reads))]
        fine = layers.Concatenate(name="context_fine")(fine)
        half = layers.AveragePooling2D(2, name="context_half")
        at_16 = [
            Upsample(name="context_spread32")(
                conv(taps[1], context.width, 1, "context_squeeze32", norm=True)
            ),
            conv(taps[0], context.squeeze, 1, "context_squeeze16", norm=True),
            half(conv(fine, context.squeeze, 1, "context_squeeze8", norm=True)),
        ]
        x = layers.Concatenate(name="context_reads")(at_16)
        x = conv(x, context.width, 1, "context_mix", norm=True)
        for i, dilation in enumerate(context.dilations):
            x = global_context(x, f"context_block{i}", context.width, dilation)
        x = Upsample(name="context_up")(conv(x, context.squeeze, 1, "context_back", norm=True))
        x = layers.Concatenate(name="context_join")(
            [x, conv(fine, context.skip, 1, "context_skip", norm=True)]
        )
        for i in range(2):
            x = conv(x, context.squeeze, 3, f"context_up{i}", norm=True)
        return x

    @staticmethod
    def _refine(logits, x, name: str, config: CascadeConfig):
        """Logits of a stage net plus those of the context net, which are zero at first."""
        added = layers.Conv2D(
            config.channels(name), 1, kernel_initializer="zeros", name=f"context_{name}", dtype="float32"
        )(x)
        factor = CONTEXT_STRIDE // config.output_stride
        added = Upsample(factor, "bilinear", name=f"context_{name}_up", dtype="float32")(added)
        return layers.Add(name=f"context_{name}_sum", dtype="float32")([logits, added])

    def get_config(self) -> dict:
        return {"config": self.config.to_dict(), "stage_nets": list(self.stage_nets), "name": self.name}
