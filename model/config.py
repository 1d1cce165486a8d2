"""The configuration of a training run: one JSON file says everything.

A run's own copy is written beside its results, so a run can be repeated from its folder alone.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic.dataclasses import dataclass

from annotator.labels.messages import short
from model.augmentation import Augmentation
from model.devices import Precision
from model.fields import CHECKED, Share, Side
from model.losses import Term
from model.presets import IMAGENET_WIDTHS, PRESETS, CascadeConfig, StageNet
from model.sources import DataError, Source


def _in_order(pairs: tuple) -> tuple:
    if list(pairs) != sorted(pairs):
        raise ValueError("must be in the order of epochs")
    return pairs


def _is_optimizer(name: str) -> str:
    import keras

    try:
        keras.optimizers.get(name)
    except ValueError:
        raise ValueError("must be the name of an optimizer of Keras, such as adam or rmsprop") from None
    return name


@dataclass(frozen=True, config=CHECKED)
class StagePlan:
    """How one of the three training stages is run."""

    epochs: NonNegativeInt
    batch: PositiveInt
    size: Side
    """Side of the samples in pixels at the start."""
    learning_rate: PositiveFloat
    drops: Annotated[tuple[tuple[NonNegativeInt, PositiveFloat], ...], AfterValidator(_in_order)] = ()
    """(epoch, factor): from that epoch on the rate is ``learning_rate / factor``."""
    schedule: Literal["steps", "cosine"] = "steps"
    """``"steps"`` follows ``drops``; ``"cosine"`` falls smoothly to a hundredth."""
    warmup_epochs: NonNegativeFloat = 0.5
    """The learning rate rises from a tenth over so many epochs at first."""
    steps: NonNegativeInt = 0
    """Batches per epoch; 0 for once through the data."""
    growth: Annotated[tuple[tuple[NonNegativeInt, Side], ...], AfterValidator(_in_order)] = ()
    """(epoch, size): from that epoch on samples have that side. Small samples first are many for their time."""
    patience: NonNegativeInt = 0
    """The stage ends after so many epochs that were no better than the best (:mod:`model.validation`); 0 for never."""
    frozen_epochs: NonNegativeInt = 0
    """First epochs, in which the nets of earlier stages and the backbone are frozen."""
    learning: tuple[Literal[StageNet, "context", "pose"], ...] = ()
    """Nets that are trained in the frozen epochs; those that the stage adds where none is named."""
    frozen_batch_norm_epochs: NonNegativeInt = 0
    """Last epochs, in which batch norm is frozen: a fifth faster on a CPU, and the network predicts in training as it
    will in use."""
    terms: dict[StageNet, Term] = field(default_factory=dict)
    """Weights of the losses."""

    def frozen_at(self, epoch: int) -> bool:
        """Whether an epoch, counted from 0, is one of the frozen ones."""
        return epoch < self.frozen_epochs

    def frozen_batch_norm_at(self, epoch: int) -> bool:
        """Whether batch norm is frozen in an epoch, counted from 0."""
        return epoch >= self.epochs - self.frozen_batch_norm_epochs

    def size_at(self, epoch: int) -> int:
        """Side of the samples of an epoch, counted from 0."""
        return next((size for start, size in reversed(self.growth) if epoch >= start), self.size)


@dataclass(frozen=True, config=CHECKED)
class RunConfig:
    """What to train, on what, and how.

    Raises:
        pydantic.ValidationError: a value that is not allowed; see :func:`config_from_dict` for readable errors.
    """

    model: CascadeConfig
    """The network. In a file, fields that are left out are those of its ``preset``, whose recipe also says what else the
    config leaves out."""
    data: tuple[Source, ...] = ()
    validation: tuple[Source, ...] = ()
    validation_share: Share = 0.05
    """Share of ``data`` held out where no ``validation`` is given."""
    backbone_weights: str | None = None
    """``"imagenet"``, a weights file (``.npz``) of backbone and pose net, or null for a random start."""
    start_weights: str | None = None
    """Weights of a trained cascade (``.npz``) to go on from; of ``backbone_weights`` then only ``backbone_share`` is
    read, and a pose net where these have none."""
    backbone_share: Share = 0.0
    """How far the backbone of ``start_weights`` goes back to ``backbone_weights``: 1 is all the way. The mean of both
    can be better than either."""
    backbone_rate: NonNegativeFloat = 1.0
    """Learning rate of the backbone, relative to that of the rest: at the full rate a pretrained one forgets
    within a thousand steps what it knew of people."""
    optimizer: Annotated[str, AfterValidator(_is_optimizer)] = "rmsprop"
    clipnorm: NonNegativeFloat = 2.5
    """Norm at which the gradient of each variable is clipped; 0 for none."""
    global_clipnorm: NonNegativeFloat = 0.0
    """Norm at which all gradients together are clipped; 0 for none."""
    weight_decay: NonNegativeFloat = 0.0
    """As in AdamW (Loshchilov & Hutter, 2019), of kernels, not of norms and biases; of the backbone at its own rate."""
    gradient_accumulation_steps: PositiveInt = 1
    """Batches whose mean gradient makes one step of the optimizer: a large batch where there is little memory."""
    ema_momentum: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Momentum by step of a running mean of the weights (Polyak & Juditsky, 1992), such as 0.999, less in the first steps: it
    is what is validated, kept and exported, while training goes on with the weights themselves. It begins anew with each
    stage, and where other layers begin or cease to learn. Null for none."""
    precision: Precision = "float32"
    jit_compile: bool | None = None
    """Whether XLA compiles the step; null for where that gains in general: on JAX, which knows no other way. On a CPU XLA's
    convolutions are slow under TensorFlow."""
    copy_paste_sources: tuple[Source, ...] = ()
    """Data whose people are pasted into other photos, see :class:`~model.copy_paste.CopyPaste`."""
    person_view: Share = 0.5
    window_view: Share = 0.0
    """Shares of the samples that show one person's box, or a window around one; the rest are whole images."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    stages: Annotated[tuple[StagePlan, ...], Field(min_length=3, max_length=3)] = ()
    seed: NonNegativeInt = 0
    workers: NonNegativeInt = 2
    """Processes that make samples; 0 for that which trains. The samples are the same with any number."""

    @model_validator(mode="after")
    def _check_together(self) -> RunConfig:
        if self.person_view + self.window_view > 1:
            raise ValueError("person_view, window_view: together they are more than 1")
        if self.backbone_share and not self.backbone_weights:
            raise ValueError("backbone_share: there is nothing to go back to: give backbone_weights")
        if self.clipnorm and self.global_clipnorm:
            raise ValueError(f"global_clipnorm: clipnorm is {self.clipnorm}, too: set one of both to 0")
        if self.optimizer.lower() == "adamw" and not self.weight_decay:
            raise ValueError("weight_decay: without it adamw is adam: give one, such as 0.05")
        if self.backbone_weights == "imagenet" and self.model.backbone_width not in IMAGENET_WIDTHS:
            widths = ", ".join(map(str, IMAGENET_WIDTHS))
            raise ValueError(
                f"model.backbone_width is {self.model.backbone_width}: there are weights of ImageNet for {widths}; "
                "for another, set backbone_weights to null"
            )
        return self

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"


def _thesis_terms(stage: int) -> dict[str, Term]:
    """Loss weights of the thesis for training stage 1, 2 or 3."""
    first = 1.0 if stage == 1 else 2.0
    terms = {"person": Term(first, "all"), "parts": Term(first, "all")}
    if stage >= 2:
        terms |= {"charts": Term(20.0, "all"), "uv": Term(1.5e4, "all")}
    if stage >= 3:
        terms |= {"keypoints": Term(0.5, "all"), "head_vectors": Term(1e2, "all")}
    return terms


def _lite_terms(stage: int) -> dict[str, Term]:
    """Loss weights of the lite recipe for training stage 1, 2 or 3."""
    terms = {"person": Term(1.0), "parts": Term(1.0, balance=0.4)}
    if stage >= 2:
        terms |= {"charts": Term(1.0, balance=0.4), "uv": Term(0.15, unit=0.05)}
    if stage >= 3:
        terms |= {"keypoints": Term(20.0), "head_vectors": Term(0.25, unit=0.03)}
    return terms


def _thesis_stage(stage: int, batch: int, rate: float, first_drop: int) -> StagePlan:
    """A stage of which the learning rate drops after so many epochs, and once more."""
    drops = ((first_drop, 5), (15, 25))
    terms = _thesis_terms(stage)
    return StagePlan(24, batch, 256, rate, drops, warmup_epochs=0, frozen_epochs=4, terms=terms)


RECIPES: dict[str, dict] = {
    "thesis": {
        "optimizer": "rmsprop",
        "backbone_weights": "imagenet",
        "augmentation": Augmentation(flip=0.0, photometric="thesis"),
        "person_view": 0.0,
        "stages": (
            _thesis_stage(1, 16, 1e-4, 7),
            _thesis_stage(2, 16, 1e-4, 7),
            _thesis_stage(3, 8, 5e-5, 3),
        ),
    },
    "lite": {
        "optimizer": "adam",
        "backbone_rate": 0.1,
        "backbone_weights": "imagenet",
        "augmentation": Augmentation(),
        "person_view": 0.5,
        "stages": (
            StagePlan(20, 16, 256, 1e-3, schedule="cosine", terms=_lite_terms(1)),
            StagePlan(14, 16, 256, 1e-3, schedule="cosine", frozen_epochs=2, terms=_lite_terms(2)),
            StagePlan(14, 16, 256, 1e-3, schedule="cosine", frozen_epochs=2, terms=_lite_terms(3)),
        ),
    },
    "base": {
        "optimizer": "adamw",
        "weight_decay": 0.05,
        "clipnorm": 0.0,
        "global_clipnorm": 10.0,
        "ema_momentum": 0.999,
        "precision": "mixed_bfloat16",
        "backbone_rate": 0.1,
        "backbone_weights": "imagenet",
        "augmentation": Augmentation(),
        "person_view": 0.5,
        "stages": tuple(
            StagePlan(
                epochs,
                32,
                256,
                5e-4,
                schedule="cosine",
                warmup_epochs=1,
                frozen_epochs=frozen_epochs,
                terms=_lite_terms(stage),
            )
            for stage, epochs, frozen_epochs in ((1, 20, 1), (2, 14, 2), (3, 14, 2))
        ),
    },
}
"""How each preset is trained unless a config says otherwise."""


def make_config(preset: str, **changes) -> RunConfig:
    """The recipe of a preset with changes.

    Raises:
        DataError: there is no such preset.
    """
    if preset not in list(PRESETS):
        raise DataError(f"model.preset is {short(preset)}: must be one of {', '.join(PRESETS)}")
    return RunConfig(**{"model": PRESETS[preset], **RECIPES[preset], **changes})


def read_config(path: str | Path) -> RunConfig:
    """Read a config; fields left out come from the preset's recipe.

    Raises:
        DataError: naming the file and the field.
    """
    path = Path(path)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such config") from None
    except (ValueError, RecursionError) as error:  # also of a number of too many digits
        raise DataError(f"{path}: not JSON: {error}") from None
    try:
        return config_from_dict(values)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def config_from_dict(given: dict[str, Any]) -> RunConfig:
    """A config from what :meth:`RunConfig.to_json` writes; fields left out come from the preset's recipe.

    Raises:
        DataError: naming the field, its value and what is allowed.
    """
    if not isinstance(given, dict):
        raise DataError(f"the config is {short(given)}: must be an object")
    network = given.get("model", {})
    if not isinstance(network, dict):
        raise DataError(f"model is {short(network)}: must be an object")
    recipe = dataclasses.asdict(make_config(network.get("preset", "lite")))
    config = _merge(recipe, given)
    if isinstance(config["stages"], list):
        terms = [plan["terms"] for plan in recipe["stages"]]
        config["stages"] = [
            plan | {"terms": terms[i]}
            if i < 3 and isinstance(plan, dict) and plan.get("terms", {}) == {}
            else plan
            for i, plan in enumerate(config["stages"])
        ]
    try:
        # Of JSON, as only there a list is a tuple.
        return TypeAdapter(RunConfig).validate_json(json.dumps(config))
    except ValidationError as error:
        raise DataError(_describe(error.errors()[0])) from None


def _merge(usual: Any, given: Any) -> Any:
    """What is given, with the fields that its objects leave out from the usual ones."""
    if not (isinstance(usual, dict) and isinstance(given, dict)):
        return given
    return usual | {name: _merge(usual.get(name), value) for name, value in given.items()}


def _describe(error: dict[str, Any]) -> str:
    """One line on one of pydantic's errors: field, value and what is allowed."""
    place = [step for step in error["loc"] if step != "[key]"]
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).removeprefix(".")
    if error["type"] == "unexpected_keyword_argument":
        return f"{path}: no such field; there are {', '.join(sorted(_fields_at(place[:-1])))}"
    if error["type"] == "missing":
        return f"{path}: missing"
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "value_error" and isinstance(error["input"], dict):
        return f"{path}.{message}".removeprefix(".")  # of several fields together: it begins with their names
    for words, plain in (("Input should", "must"), ("Tuple should", "must"), (" after validation", "")):
        message = message.replace(words, plain)
    return f"{path} is {short(error['input'])}: {message}" if path else message


def _fields_at(place: list[str | int]) -> list[str]:
    """Names of the fields that an object at a place in the config has."""
    kind = RunConfig
    for step in place:
        hint = get_type_hints(kind).get(step, kind)
        kind = next(filter(dataclasses.is_dataclass, (hint, *get_args(hint))), kind)
    return [field.name for field in dataclasses.fields(kind)]
