"""The shape of the cascade as data: its config and the presets. Does not import Keras."""

from __future__ import annotations

import json
from dataclasses import asdict, field
from typing import Annotated, Literal, get_args

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from model.fields import CHECKED, MULTIPLE, Side

StageNet = Literal["person", "parts", "charts", "uv", "keypoints", "head_vectors"]
STAGE_NETS: tuple[StageNet, ...] = get_args(StageNet)
OUTPUTS = {"person": 1, "parts": 15, "charts": 25, "uv": 48, "keypoints": 17, "head_vectors": 2}
"""Channels of each output. Index 0 of parts and charts is background; ``uv`` is U of the 24 charts, then V;
``head_vectors`` has two for each of :attr:`CascadeConfig.head_vector_targets`."""

HeadVectorTarget = Literal["head", "pelvis"]
"""A point of a person at which the head vectors of its pixels can point."""


def net_of(layer: str) -> str | None:
    """The stage net, or ``"context"`` or ``"pose"``, to which a layer of that name belongs; None for the backbone and
    the image features."""
    return next(
        (net for net in (*STAGE_NETS, CONTEXT, POSE) if layer == net or layer.startswith(f"{net}_")), None
    )


TRAINED_IN_STAGE = {1: STAGE_NETS[:2], 2: STAGE_NETS[2:4], 3: STAGE_NETS[4:]}
"""Stage nets that training stage 1, 2, 3 adds to those before."""

Backbone = Literal["mobilenet_v2", "efficientnet_v2_s"]
"""Networks of ``keras.applications`` whose features a cascade can read."""
IMAGENET_WIDTHS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
"""Of MobileNetV2, for which Keras has weights."""
TAPS: dict[Backbone, dict[int, str]] = {
    "mobilenet_v2": {
        2: "expanded_conv_project_BN",
        4: "block_2_add",
        8: "block_5_add",
        16: "block_12_add",
        32: "block_16_project_BN",
    },
    "efficientnet_v2_s": {
        2: "block1b_add",
        4: "block2d_add",
        8: "block3d_add",
        16: "block5i_add",
        32: "block6o_add",
    },
}
"""Layers of a backbone that the pyramid reads, by their strides."""
POSE_TAPS = TAPS | {"mobilenet_v2": TAPS["mobilenet_v2"] | {16: "block_9_add"}}
"""Layers that the pose net reads, at strides 4 to 32: of MobileNetV2 those of MoveNet."""


@dataclass(frozen=True, config=CHECKED)
class StageConfig:
    """One stage net and its output head."""

    reads: tuple[Literal[StageNet, "pose"], ...]
    """Stage nets whose features it reads beside F, and ``"pose"`` for those of the pose net."""
    features: PositiveInt
    depth: PositiveInt
    bottleneck: PositiveInt
    encoder: tuple[PositiveInt, ...]
    decoder: tuple[PositiveInt, ...]
    head: PositiveInt
    """Width of the output head's convolution."""
    head_kernel: PositiveInt

    def check(self, field: str, earlier: tuple[StageNet, ...], stride: int) -> None:
        """Raise a ``ValueError`` that begins with the field if the net cannot be built.

        Args:
            field: name of the net in the config.
            earlier: stage nets before it.
            stride: of the image features.
        """
        if late := [name for name in self.reads if name not in (*earlier, POSE)]:
            raise ValueError(
                f"{field}.reads: {late[0]} is not one of the nets before it, {', '.join(earlier)}"
            )
        if len(self.encoder) != len(self.decoder):
            raise ValueError(f"{field}.decoder: must have as many widths as encoder, {len(self.encoder)}")
        if 2 ** len(self.encoder) * stride > MULTIPLE:
            raise ValueError(
                f"{field}.encoder: has {len(self.encoder)} widths, each of which halves the features at stride {stride}: "
                f"at most stride {MULTIPLE} divides every image"
            )


@dataclass(frozen=True, config=CHECKED)
class PoseConfig:
    """The pose net: a feature pyramid and a heatmap head in the shape of MoveNet's, which was trained on far more
    keypoints than there are here. Its logits are added to those of the keypoints' stage net, which may read its
    features, too."""

    bottom: PositiveInt
    """Channels to which stride 32 is widened first."""
    widths: Annotated[tuple[PositiveInt, ...], Field(min_length=4, max_length=4)]
    """Channels at strides 32, 16, 8, each of which joins the next finer stride, and of the features, at stride 4."""
    head: PositiveInt
    """Width of its head."""


POSE = "pose"
"""Name of the pose net, also among :attr:`StageConfig.reads`, and prefix of its layers' names."""
POSE_STRIDE = 4


@dataclass(frozen=True, config=CHECKED)
class ContextConfig:
    """The context net: it reads all features at strides 16 and 8, and adds its logits to those of
    :data:`REFINED_OUTPUTS`. Left and right are a matter of the whole body, for which the receptive field of the
    narrow stage nets at stride 4 is too small."""

    reads: tuple[StageNet, ...]
    """Stage nets whose features it reads beside F and the backbone's two deepest taps."""
    width: PositiveInt
    """Channels at stride 16, of its residual blocks with global context."""
    squeeze: PositiveInt
    """Channels to which its inputs are squeezed, and of its convolutions at stride 8."""
    skip: PositiveInt
    """Channels of the skip connection at stride 8."""
    dilations: tuple[PositiveInt, ...] = (1, 2, 4, 1)
    """Of its residual blocks."""


CONTEXT = "context"
"""Name of the context net and prefix of its layers' names."""
REFINED_OUTPUTS = ("charts", "keypoints")
"""Outputs to whose logits the context net adds its own."""
CONTEXT_STRIDE = 8


Preset = Literal["thesis", "lite", "base"]


@dataclass(frozen=True, config=CHECKED)
class CascadeConfig:
    """Everything that :class:`model.cascade.Cascade` needs to build the network."""

    preset: Preset
    """Where it comes from: one of :data:`PRESETS`, of which the other fields may have changed some."""
    input_size: Side
    """Side in pixels at which it is trained; also the unit of the head vectors."""
    backbone_width: PositiveFloat
    """MobileNetV2's alpha."""
    taps: Annotated[tuple[tuple[Literal[2, 4, 8, 16, 32], PositiveInt], ...], Field(min_length=1)]
    """(stride of the backbone tap, channels it is squeezed to), from fine to coarse."""
    stem: NonNegativeInt
    """Width of two 5×5 convolutions before the first tap is squeezed; 0 for none."""
    feature_stride: Literal[2, 4, 8]
    """Stride of F and of every stage net; the outputs are at half of it."""
    feature_width: PositiveInt
    norm: bool
    """Batch norm inside the stage nets."""
    stages: dict[StageNet, StageConfig] = field(default_factory=dict)
    head_vector_targets: Annotated[tuple[HeadVectorTarget, ...], Field(min_length=1)] = ("head",)
    """Points of a person to which every pixel has a vector. The thesis has the head alone; a second point tells apart
    people whose heads are close together."""
    context: ContextConfig | None = None
    pose: PoseConfig | None = None
    """The thesis has neither."""
    backbone: Backbone = "mobilenet_v2"

    @model_validator(mode="after")
    def _check_together(self) -> CascadeConfig:
        if self.backbone != "mobilenet_v2" and self.backbone_width != 1.0:
            raise ValueError(f"backbone_width is {self.backbone_width}: must be 1.0 of {self.backbone}")
        strides = [stride for stride, _ in self.taps]
        if strides != sorted({*strides}) or strides[0] < self.feature_stride:
            raise ValueError(
                f"taps: the strides {strides} must go up, and none be below feature_stride, {self.feature_stride}"
            )
        if missing := [name for name in STAGE_NETS if name not in self.stages]:
            raise ValueError(f"stages.{missing[0]}: missing")
        for i, name in enumerate(STAGE_NETS):
            self.stages[name].check(f"stages.{name}", STAGE_NETS[:i], self.feature_stride)
        return self

    def channels(self, name: str) -> int:
        """Channels of an output."""
        return OUTPUTS[name] * (len(self.head_vector_targets) if name == "head_vectors" else 1)

    @property
    def output_stride(self) -> int:
        """Input pixels per pixel of the outputs."""
        return self.feature_stride // 2

    def to_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, config: dict) -> CascadeConfig:
        """The inverse of :meth:`to_dict`, also after a trip through JSON.

        Raises:
            ValueError: a field that is missing, unknown or has a wrong value.
        """
        return TypeAdapter(cls).validate_json(json.dumps(config))


def _stages(rows: dict[str, tuple], encoder: tuple[int, ...]) -> dict[str, StageConfig]:
    """Rows of (reads, features, depth, bottleneck, decoder, head width, head kernel)."""
    return {
        name: StageConfig(reads, features, depth, bottleneck, encoder, decoder, head, kernel)
        for name, (reads, features, depth, bottleneck, decoder, head, kernel) in rows.items()
    }


_WIDE = (32, 64, 128)
_LITE = (24, 48, 64)
_BASE = (64, 96, 128)

PRESETS: dict[Preset, CascadeConfig] = {
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
                "head_vectors": (("parts", "charts", "uv", "keypoints"), 128, 4, 256, (128, 128, 128), 32, 3),
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
                "head_vectors": (("parts", "charts", "uv", "keypoints"), 32, 3, 64, _LITE, 16, 3),
            },
            _LITE,
        ),
        head_vector_targets=("head", "pelvis"),
        context=ContextConfig(("parts", "charts", "keypoints"), width=144, squeeze=96, skip=64),
        pose=PoseConfig(bottom=1280, widths=(64, 32, 24, 24), head=96),
    ),
    # As `lite`, for GPUs: the backbone has six times the parameters, the nets have about twice the channels.
    "base": CascadeConfig(
        preset="base",
        input_size=256,
        backbone="efficientnet_v2_s",
        backbone_width=1.0,
        taps=((4, 64), (8, 96), (16, 128), (32, 192)),
        stem=0,
        feature_stride=4,
        feature_width=192,
        norm=True,
        stages=_stages(
            {
                "person": ((), 32, 3, 128, _BASE, 32, 3),
                "parts": (("person",), 48, 3, 128, _BASE, 48, 3),
                "charts": (("person", "parts"), 64, 3, 128, _BASE, 64, 3),
                "uv": (("charts",), 96, 3, 128, _BASE, 96, 3),
                "keypoints": (("parts", "charts"), 64, 3, 128, _BASE, 64, 3),
                "head_vectors": (("parts", "charts", "uv", "keypoints"), 64, 3, 128, _BASE, 32, 3),
            },
            _BASE,
        ),
        head_vector_targets=("head", "pelvis"),
        context=ContextConfig(("parts", "charts", "keypoints"), width=256, squeeze=160, skip=96),
    ),
}
