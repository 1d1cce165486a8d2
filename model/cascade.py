"""The cascade: one backbone, six stage nets that hand their features on, six outputs.

Easy tasks come first and feed harder ones. Every stage net is a small dilated U-Net that reads the image
features F and the feature maps of earlier stages. Beside them a pose net may read the backbone as MoveNet does, whose
weights fill both. Behind them a coarse but wide context net may have the last word on what only the whole body tells:
left from right, front from back. Presets are data; :class:`Cascade` builds any of them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import keras
from keras import layers

from model.blocks import MOMENTUM, Upsample, conv, dilated_unet, look_around, separable

STAGE_NETS = ("person", "parts", "charts", "uv", "keypoints", "heads")
OUTPUTS = {"person": 1, "parts": 15, "charts": 25, "uv": 48, "keypoints": 17, "heads": 2}
"""Channels of each output. Index 0 of parts and charts is background; ``uv`` is U of the 24 charts, then V;
``heads`` has two for each of :attr:`CascadeConfig.votes`."""

VOTES = ("head", "pelvis")
"""Points of a person that its pixels can point at."""

TRAINED_IN_STAGE = {1: STAGE_NETS[:2], 2: STAGE_NETS[2:4], 3: STAGE_NETS[4:]}
"""Stage nets that training stage 1, 2, 3 adds to those before."""

TAPS = (
    "expanded_conv_project_BN",
    "block_2_add",
    "block_5_add",
    "block_12_add",
    "block_16_project_BN",
)
"""Layers of Keras's MobileNetV2 that the pyramid reads, at strides 2, 4, 8, 16, 32."""


@dataclass(frozen=True)
class StageConfig:
    """One stage net and its output head."""

    reads: tuple[str, ...]
    """Stage nets whose features it reads beside F, and ``"pose"`` for those of the pose net."""
    features: int
    depth: int
    bottleneck: int
    encoder: tuple[int, ...]
    decoder: tuple[int, ...]
    head: int
    """Width of the output head's convolution."""
    head_kernel: int


@dataclass(frozen=True)
class PoseConfig:
    """The pose net: a feature pyramid and heatmaps in the shape of MoveNet's, which has learned keypoints from far more
    photos than there are here. It adds its logits to the keypoints', whose stage net may read its features too."""

    bottom: int
    """Channels to which stride 32 is widened first."""
    widths: tuple[int, ...]
    """Channels at strides 32, 16, 8, each of which joins the next finer stride, and of the features, at stride 4."""
    head: int
    """Width of its head."""


POSE = "pose"
"""Its name, what a stage net that reads its features calls them, and the start of its layers' names."""
POSE_TAPS = ("block_16_project_BN", "block_9_add", "block_5_add", "block_2_add")
"""Layers of Keras's MobileNetV2 that MoveNet's pyramid reads, at strides 32, 16, 8, 4."""
POSE_STRIDE = 4


@dataclass(frozen=True)
class ContextConfig:
    """The context net: it looks at everything the cascade knows, at strides 16 and 8, and adds what it thinks to the
    logits of :data:`SECOND_THOUGHTS`. Sides are a matter of the whole body, which the stage nets, thin as they are
    at stride 4, see little of."""

    reads: tuple[str, ...]
    """Stage nets whose features it reads beside F and the backbone's two deepest taps."""
    width: int
    """Channels at stride 16, where it looks around."""
    squeeze: int
    """Channels to which what it reads is squeezed, and of its convolutions at stride 8."""
    skip: int
    """Channels at stride 8 that go around stride 16."""
    dilations: tuple[int, ...] = (1, 2, 4, 1)
    """Of its residual blocks."""


CONTEXT = "context"
"""Its name, and the start of its layers' names."""
SECOND_THOUGHTS = ("charts", "keypoints")
"""Outputs to whose logits the context net adds its own."""
CONTEXT_STRIDE = 8


@dataclass(frozen=True)
class CascadeConfig:
    """Everything that :class:`Cascade` needs to build the network again."""

    preset: str
    input_size: int
    """Side in pixels at which it is trained; also the unit of the head vectors."""
    backbone_width: float
    """MobileNetV2's alpha: 0.35, 0.5, 0.75, 1.0, 1.3 or 1.4."""
    taps: tuple[tuple[int, int], ...]
    """(stride of the backbone tap, channels it is squeezed to)."""
    stem: int
    """Width of two 5×5 convolutions before the first tap is squeezed; 0 for none."""
    feature_stride: int
    """Stride of F and of every stage net; the outputs are at half of it."""
    feature_width: int
    norm: bool
    """Batch norm inside the stage nets."""
    stages: dict[str, StageConfig] = field(default_factory=dict)
    votes: tuple[str, ...] = ("head",)
    """What every pixel of a person points at, from :data:`VOTES`; the thesis has the head alone. People whose
    heads are close together are told apart by a second point."""
    context: ContextConfig | None = None
    pose: PoseConfig | None = None
    """The thesis has neither."""

    def channels(self, name: str) -> int:
        """Channels of an output."""
        return OUTPUTS[name] * (len(self.votes) if name == "heads" else 1)

    @property
    def output_stride(self) -> int:
        """Input pixels per pixel of the outputs."""
        return self.feature_stride // 2

    def to_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, config: dict) -> CascadeConfig:
        """The inverse of :meth:`to_dict`, also after a trip through JSON."""
        stages = {name: StageConfig(**_with_tuples(stage)) for name, stage in config["stages"].items()}
        taps = tuple(tuple(tap) for tap in config["taps"])
        votes = tuple(config.get("votes", cls.votes))
        context = config.get("context") and ContextConfig(**_with_tuples(config["context"]))
        pose = config.get("pose") and PoseConfig(**_with_tuples(config["pose"]))
        nets = {"stages": stages, "context": context, "pose": pose}
        return cls(**{**config, **nets, "taps": taps, "votes": votes})


def _with_tuples(values: dict) -> dict:
    """JSON knows lists alone."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _stages(rows: dict[str, tuple], encoder: tuple[int, ...]) -> dict[str, StageConfig]:
    """Rows of (reads, features, depth, bottleneck, decoder, head width, head kernel)."""
    return {
        name: StageConfig(reads, features, depth, bottleneck, encoder, decoder, head, kernel)
        for name, (reads, features, depth, bottleneck, decoder, head, kernel) in rows.items()
    }


_WIDE = (32, 64, 128)
_LITE = (24, 48, 64)

PRESETS: dict[str, CascadeConfig] = {
    # The reference network of the thesis this project grew from: 24.5 M parameters.
    "thesis": CascadeConfig(
        preset="thesis",
        input_size=256,
        backbone_width=1.4,
        taps=((2, 32), (4, 64), (8, 128), (16, 192), (32, 256)),
        stem=16,
        feature_stride=2,
        feature_width=384,
        norm=False,
        stages=_stages(
            {
                "person": ((), 16, 3, 256, _WIDE, 16, 5),
                "parts": (("person",), 24, 4, 192, _WIDE, 24, 5),
                "charts": (("person", "parts"), 64, 4, 192, _WIDE, 32, 5),
                "uv": (("charts",), 64, 4, 256, (192, 192, 192), 64, 5),
                "keypoints": (("parts",), 32, 3, 256, _WIDE, 32, 5),
                "heads": (("parts", "charts", "uv", "keypoints"), 128, 4, 256, (128, 128, 128), 32, 3),
            },
            _WIDE,
        ),
    ),
    # The same cascade at a quarter of the resolution and less than half of the width, for a CPU.
    "lite": CascadeConfig(
        preset="lite",
        input_size=256,
        backbone_width=1.0,
        taps=((4, 32), (8, 48), (16, 64), (32, 96)),
        stem=0,
        feature_stride=4,
        feature_width=96,
        norm=True,
        stages=_stages(
            {
                "person": ((), 16, 3, 64, _LITE, 16, 3),
                "parts": (("person",), 24, 3, 64, _LITE, 24, 3),
                "charts": (("person", "parts"), 32, 3, 64, _LITE, 32, 3),
                "uv": (("charts",), 48, 3, 64, _LITE, 48, 3),
                # Charts know left from right where parts do not, above all on people seen from behind.
                "keypoints": (("parts", "charts", POSE), 32, 3, 64, _LITE, 32, 3),
                "heads": (("parts", "charts", "uv", "keypoints"), 32, 3, 64, _LITE, 16, 3),
            },
            _LITE,
        ),
        votes=VOTES,
        context=ContextConfig(("parts", "charts", "keypoints"), width=144, squeeze=96, skip=64),
        pose=PoseConfig(bottom=1280, widths=(64, 32, 24, 24), head=96),
    ),
}


@keras.saving.register_keras_serializable("densepose")
class Cascade(keras.Model):
    """The network as a functional Keras model.

    Input: float or uint8 [N, H, W, 3], RGB 0..255, H and W multiples of 32. Output: a dict by the names of
    :data:`OUTPUTS` of raw maps [N, H/s, W/s, C], s = ``config.output_stride``: logits of person, parts,
    charts and keypoints; U, V in 0..1; head vectors (head − pixel) / input_size as x, y, then the same of
    any other point in ``config.votes``.

    Args:
        config: what to build, from :data:`PRESETS` or a saved run.
        stage_nets: build only these (training stage 1 has only the first two).
        imagenet: start the backbone from ImageNet's weights, which Keras downloads, and not from chance.
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
        backbone = keras.applications.MobileNetV2(
            input_tensor=scaled,
            alpha=config.backbone_width,
            include_top=False,
            weights="imagenet" if imagenet else None,
        )
        pyramid = self._pyramid(backbone, config)
        features, outputs = {}, {}
        if with_pose := config.pose and "keypoints" in stage_nets:
            features[POSE] = self._pose([backbone.get_layer(name).output for name in POSE_TAPS], config.pose)
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
            taps = [backbone.get_layer(name).output for name in TAPS[-2:]]
            x = self._context(taps, pyramid, features, config)
            for name in SECOND_THOUGHTS:
                outputs[name] = self._think_again(outputs[name], x, name, config)
        super().__init__(images, outputs, **kwargs)
        self.config = config
        self.stage_nets = tuple(stage_nets)
        inside = {layer.name for layer in self.layers}
        self.backbone_layers = [layer.name for layer in backbone.layers[2:] if layer.name in inside]
        for name in self.backbone_layers:
            if isinstance(layer := self.get_layer(name), layers.BatchNormalization):
                layer.momentum = MOMENTUM

    @staticmethod
    def _pyramid(backbone: keras.Model, config: CascadeConfig):
        """F: the taps squeezed, brought to one stride and mixed. [N, H/s, W/s, feature_width]."""
        levels = []
        for stride, width in config.taps:
            x = backbone.get_layer(TAPS[stride.bit_length() - 2]).output
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
    def _pose(taps: list, pose: PoseConfig):
        """The pose net's features: [N, H/4, W/4, widths[-1]]."""
        x = layers.Conv2D(pose.bottom, 1, name="pose_widen")(taps[0])
        x = layers.ReLU(6, name="pose_widen_relu")(x)
        x = layers.Conv2D(pose.widths[0], 1, name="pose_squeeze32")(x)
        for i, (stride, tap) in enumerate(zip((16, 8, 4), taps[1:], strict=True)):
            x = Upsample(2, "bilinear", name=f"pose_up{stride}")(x)
            finer = layers.Conv2D(pose.widths[i], 1, name=f"pose_squeeze{stride}")(tap)
            x = layers.Add(name=f"pose_join{stride}")([x, finer])
            x = separable(x, pose.widths[i + 1], f"pose_mix{stride}")
        return x

    @staticmethod
    def _pose_heatmaps(x, logits, config: CascadeConfig):
        """Logits of the keypoints' stage net, with the pose net's added; without weights it has nothing to say."""
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
        """What the context net makes of all there is: [N, H/8, W/8, squeeze]."""
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
            x = look_around(x, f"context_around{i}", context.width, dilation)
        x = Upsample(name="context_up")(conv(x, context.squeeze, 1, "context_back", norm=True))
        x = layers.Concatenate(name="context_join")(
            [x, conv(fine, context.skip, 1, "context_skip", norm=True)]
        )
        for i in range(2):
            x = conv(x, context.squeeze, 3, f"context_up{i}", norm=True)
        return x

    @staticmethod
    def _think_again(logits, x, name: str, config: CascadeConfig):
        """Logits of a stage net, with the context net's added; it starts with nothing to say."""
        added = layers.Conv2D(
            config.channels(name), 1, kernel_initializer="zeros", name=f"context_{name}", dtype="float32"
        )(x)
        factor = CONTEXT_STRIDE // config.output_stride
        added = Upsample(factor, "bilinear", name=f"context_{name}_up", dtype="float32")(added)
        return layers.Add(name=f"context_{name}_sum", dtype="float32")([logits, added])

    def get_config(self) -> dict:
        return {"config": self.config.to_dict(), "stage_nets": list(self.stage_nets), "name": self.name}
