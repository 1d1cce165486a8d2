"""The configuration of a training run: one JSON file says everything.

A run's own copy is written beside its results, so a run can be repeated from its folder alone.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import get_args, get_origin, get_type_hints

import keras

from model.augmentation import Augmentation
from model.cascade import CONTEXT, POSE, PRESETS, STAGE_NETS
from model.losses import Term
from model.sources import DataError, Source


@dataclass(frozen=True)
class StagePlan:
    """How one of the three training stages is run."""

    epochs: int
    batch: int
    size: int
    """Side of the samples in pixels at the start."""
    learning_rate: float
    drops: tuple[tuple[int, float], ...] = ()
    """(epoch, factor): from that epoch on the rate is ``learning_rate / factor``."""
    schedule: str = "steps"
    """``"steps"`` follows ``drops``; ``"cosine"`` falls smoothly to a hundredth."""
    steps: int = 0
    """Batches per epoch; 0 for once through the data."""
    growth: tuple[tuple[int, int], ...] = ()
    """(epoch, size): from that epoch on samples have that side. Small samples first are many for their time."""
    patience: int = 0
    """The stage ends after so many epochs without a better validation loss; 0 for never."""
    frozen_epochs: int = 0
    """Epochs in which what earlier stages (or ImageNet) taught stays as it is."""
    learning: tuple[str, ...] = ()
    """Nets that learn in the frozen epochs, stage nets, ``"context"`` or ``"pose"``; those that the stage adds where none is
    named."""
    settled_epochs: int = 0
    """Last epochs, in which batch norm no longer changes: a fifth faster on a CPU, and the network answers while
    it learns as it will answer in use."""
    terms: dict[str, Term] = field(default_factory=dict)

    def frozen_at(self, epoch: int) -> bool:
        """Whether an epoch, counted from 0, is one of the frozen ones."""
        return epoch < self.frozen_epochs

    def settled_at(self, epoch: int) -> bool:
        """Whether an epoch, counted from 0, is one of the settled ones."""
        return epoch >= self.epochs - self.settled_epochs

    def size_at(self, epoch: int) -> int:
        """Side of the samples of an epoch, counted from 0."""
        return next((size for start, size in reversed(self.growth) if epoch >= start), self.size)


@dataclass(frozen=True)
class RunConfig:
    """What to train, on what, and how."""

    preset: str
    data: tuple[Source, ...]
    validation: tuple[Source, ...] = ()
    validation_share: float = 0.05
    """Share of ``data`` held out where no ``validation`` is given."""
    backbone_weights: str | None = None
    """``"imagenet"``, a weights file (``.npz``) of backbone and pose net, or null for a random start."""
    start_weights: str | None = None
    """Weights of a trained cascade (``.npz``) to go on from; of ``backbone_weights`` then only ``backbone_share`` is
    read, and a pose net where these have none."""
    backbone_share: float = 0.0
    """How far the backbone of ``start_weights`` goes back to ``backbone_weights``: 1 is all the way. Half way it can
    know what both know."""
    backbone_rate: float = 1.0
    """Learning rate of the backbone, relative to that of the rest: at the full rate a pretrained one forgets
    within a thousand steps what it knew of people."""
    optimizer: str = "rmsprop"
    clipnorm: float = 2.5
    donors: tuple[Source, ...] = ()
    """Data whose people are pasted into other photos, see :class:`~model.pasting.Pasting`."""
    person_view: float = 0.5
    window_view: float = 0.0
    """Shares of the samples that show one person's box, or a window around one; the rest are whole images."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    stages: tuple[StagePlan, ...] = ()
    seed: int = 0
    workers: int = 2
    """Threads that make samples."""

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"


def _thesis_terms(stage: int) -> dict[str, Term]:
    """Loss weights of the thesis for training stage 1, 2 or 3."""
    first = 1.0 if stage == 1 else 2.0
    terms = {"person": Term(first, "all"), "parts": Term(first, "all")}
    if stage >= 2:
        terms |= {"charts": Term(20.0, "all"), "uv": Term(1.5e4, "all")}
    if stage >= 3:
        terms |= {"keypoints": Term(0.5, "all"), "heads": Term(1e2, "all")}
    return terms


def _lite_terms(stage: int) -> dict[str, Term]:
    """Loss weights of the lite recipe for training stage 1, 2 or 3."""
    terms = {"person": Term(1.0), "parts": Term(1.0, balance=0.4)}
    if stage >= 2:
        terms |= {"charts": Term(1.0, balance=0.4), "uv": Term(0.15, unit=0.05)}
    if stage >= 3:
        terms |= {"keypoints": Term(20.0), "heads": Term(0.25, unit=0.03)}
    return terms


RECIPES: dict[str, dict] = {
    "thesis": {
        "optimizer": "rmsprop",
        "backbone_weights": "imagenet",
        "augmentation": Augmentation(flip=0.0, look="thesis"),
        "person_view": 0.0,
        "stages": (
            StagePlan(24, 16, 256, 1e-4, ((7, 5), (15, 25)), frozen_epochs=4, terms=_thesis_terms(1)),
            StagePlan(24, 16, 256, 1e-4, ((7, 5), (15, 25)), frozen_epochs=4, terms=_thesis_terms(2)),
            StagePlan(24, 8, 256, 5e-5, ((3, 5), (15, 25)), frozen_epochs=4, terms=_thesis_terms(3)),
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
}
"""How each preset is trained unless a config says otherwise."""


def make_config(preset: str, **changes) -> RunConfig:
    """The recipe of a preset with changes."""
    if preset not in list(PRESETS):
        raise DataError(f"preset is {preset!r}: use one of {', '.join(PRESETS)}")
    return RunConfig(**{"preset": preset, "data": (), **RECIPES[preset], **changes})


def read_config(path: str | Path) -> RunConfig:
    """Read a config; fields left out come from the preset's recipe.

    Raises:
        DataError: naming the file and the field.
    """
    path = Path(path)
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such config") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path}: not JSON: {error}") from None
    try:
        return _from_json(given)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _from_json(given: object) -> RunConfig:
    _expect(given, "the config", "an object", dict)
    recipe = make_config(given.get("preset", "lite"))
    config = _make(RunConfig, given, "", vars(recipe))
    if len(config.stages) != len(recipe.stages):
        raise DataError("stages: there are three training stages")
    stages = tuple(
        dataclasses.replace(plan, terms=plan.terms or usual.terms)
        for plan, usual in zip(config.stages, recipe.stages, strict=True)
    )
    config = dataclasses.replace(config, stages=stages)
    check_config(config)
    return config


def _make(kind: type, given: object, where: str, usual: dict):
    """A dataclass from a JSON object; fields left out are the usual ones or have their defaults."""
    _expect(given, where, "an object", dict)
    types = get_type_hints(kind)
    values = dict(usual)
    for name, value in given.items():
        if name not in types:
            raise DataError(f"{_inside(where, name)}: no such field; there are {', '.join(sorted(types))}")
        values[name] = _value(types[name], value, _inside(where, name), usual.get(name))
    try:
        return kind(**values)
    except TypeError as error:
        raise DataError(f"{where}: {str(error).removeprefix(f'{kind.__name__}.__init__() ')}") from None


JSON_TYPES = {
    str: ("text", str),
    bool: ("true or false", bool),
    int: ("a whole number", int),
    float: ("a number", int, float),
}


def _value(kind, given: object, where: str, usual: object = None):
    """A JSON value as the type of a field, which is said to be ``kind``."""
    if dataclasses.is_dataclass(kind):
        return _make(kind, given, where, vars(usual) if usual else {})
    outer, inner = get_origin(kind), get_args(kind)
    if outer is UnionType:  # with None
        return None if given is None else _value(inner[0], given, where)
    if outer is dict:
        _expect(given, where, "an object", dict)
        return {name: _value(inner[1], item, f"{where}.{name}") for name, item in given.items()}
    if outer is tuple:
        _expect(given, where, "a list", list)
        inner = inner[:1] * len(given) if inner[-1] is ... else inner
        if len(given) != len(inner):
            raise DataError(f"{where} is {given!r}: use a list of {len(inner)}")
        return tuple(_value(inner[i], item, f"{where}[{i}]") for i, item in enumerate(given))
    _expect(given, where, *JSON_TYPES[kind])
    return given


def _expect(given: object, where: str, words: str, *types: type) -> None:
    # Not isinstance: true is no number.
    if type(given) not in types:
        raise DataError(f"{where} is {given!r}: use {words}")


def _one_of(*names: str):
    return names.__contains__, f"one of {', '.join(names)}"


def _some_of(*names: str):
    return set(names).issuperset, f"names out of {', '.join(names)}"


def _is_side(size: int) -> bool:
    return size > 0 and size % 32 == 0


def _is_optimizer(name: str) -> bool:
    try:
        return bool(keras.optimizers.get(name))
    except ValueError:
        return False


_SHARE = (lambda x: 0 <= x <= 1, "a number from 0 to 1")
_AMOUNT = (lambda x: 0 <= x < math.inf, "0 or more")
_POSITIVE = (lambda x: 0 < x < math.inf, "more than 0")
_RANGE = (lambda ends: 0 < ends[0] <= ends[1] < math.inf, "[low, high], both above 0")

RULES = {
    **dict.fromkeys(("validation_share", "backbone_share", "person_view", "window_view"), _SHARE),
    **dict.fromkeys(("geometry", "upturned", "flip", "coarse", "share", "occluders"), _SHARE),
    **dict.fromkeys(("epochs", "steps", "patience", "frozen_epochs", "settled_epochs"), _AMOUNT),
    **dict.fromkeys(("backbone_rate", "clipnorm", "seed", "workers", "weight", "balance"), _AMOUNT),
    **dict.fromkeys(("shift", "rotation", "shear"), _AMOUNT),
    **dict.fromkeys(("batch", "learning_rate", "unit", "people"), _POSITIVE),
    **dict.fromkeys(("scale", "height"), _RANGE),
    "size": (_is_side, "a multiple of 32"),
    "growth": (
        lambda pairs: list(pairs) == sorted(pairs) and all(_is_side(size) for _, size in pairs),
        "[epoch, size] in the order of epochs, sizes multiples of 32",
    ),
    "drops": (
        lambda pairs: list(pairs) == sorted(pairs) and all(factor > 0 for _, factor in pairs),
        "[epoch, factor] in the order of epochs, factors above 0",
    ),
    "optimizer": (_is_optimizer, "the name of an optimizer of Keras, such as adam or rmsprop"),
    "schedule": _one_of("steps", "cosine"),
    "over": _one_of("counted", "all"),
    "look": _one_of("thesis", "strong"),
    "terms": _some_of(*STAGE_NETS),
    "learning": _some_of(*STAGE_NETS, CONTEXT, POSE),
}
"""By the name of a field, wherever in the config: what its value must fulfil, and that in words."""


def check_config(config: RunConfig) -> None:
    """Check all values, of whatever origin.

    Raises:
        DataError: naming the field.
    """
    _check(config, "")
    if config.person_view + config.window_view > 1:
        raise DataError("person_view, window_view: together they are more than 1")
    if config.backbone_share and not config.backbone_weights:
        raise DataError("backbone_share: there is nothing to go back to: give backbone_weights")


def _check(part: object, where: str) -> None:
    for name, value in vars(part).items():
        at = _inside(where, name)
        if name in RULES:
            fits, words = RULES[name]
            if not fits(value):
                shown = list(value) if isinstance(value, dict) else value
                raise DataError(f"{at} is {shown!r}: use {words}")
        if dataclasses.is_dataclass(value):
            _check(value, at)
        elif isinstance(value, dict):
            for key, item in value.items():
                _check(item, f"{at}.{key}")
        elif isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
            for i, item in enumerate(value):
                _check(item, f"{at}[{i}]")


def _inside(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
