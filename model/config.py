"""The configuration of a training run: one JSON file says everything.

A run's own copy is written beside its results, so a run can be repeated from its folder alone.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path

from model.augmentation import Augmentation
from model.cascade import CONTEXT, PRESETS, STAGE_NETS
from model.losses import Term
from model.pasting import Pasting
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
    """Nets that learn in the frozen epochs, stage nets or ``"context"``; those that the stage adds where none is
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
    """``"imagenet"``, a Keras weights file of the backbone, or null for a random start."""
    start_weights: str | None = None
    """Weights of a trained cascade (``.npz``) to go on from; then ``backbone_weights`` are not read."""
    new_backbone: bool = False
    """Read ``backbone_weights`` nevertheless, and of ``start_weights`` all but the backbone."""
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
    if preset not in PRESETS:
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
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: not JSON: {error}") from None
    try:
        for name in ("data", "validation", "donors"):
            if name in given:
                given[name] = tuple(
                    _make(Source, entry, f"{name}[{i}]") for i, entry in enumerate(given[name])
                )
        recipe = make_config(given.pop("preset", "lite"))
        if "augmentation" in given:
            values = _tuples(given["augmentation"])
            if "pasting" in values:
                values["pasting"] = _make(Pasting, _tuples(values["pasting"]), "augmentation.pasting")
            given["augmentation"] = _make(Augmentation, vars(recipe.augmentation) | values, "augmentation")
        if "stages" in given:
            if len(given["stages"]) != len(recipe.stages):
                raise DataError("stages: there are three training stages")
            given["stages"] = tuple(
                _stage(entry, f"stages[{i}]", plan.terms)
                for i, (entry, plan) in enumerate(zip(given["stages"], recipe.stages, strict=True))
            )
        known = {f.name for f in dataclasses.fields(RunConfig)}
        for name in given:
            if name not in known:
                raise DataError(f"{name}: no such field; there are {', '.join(sorted(known))}")
        return dataclasses.replace(recipe, **given)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _stage(entry: dict, where: str, usual: dict[str, Term]) -> StagePlan:
    terms = {
        name: _make(Term, term, f"{where}.terms.{name}") for name, term in entry.get("terms", {}).items()
    }
    pairs = {name: tuple(map(tuple, entry.get(name, ()))) for name in ("drops", "growth")}
    learning = tuple(entry.get("learning", ()))
    for name in learning:
        if name not in (*STAGE_NETS, CONTEXT):
            raise DataError(
                f"{where}.learning: no net {name!r}; there are {', '.join((*STAGE_NETS, CONTEXT))}"
            )
    return _make(StagePlan, {**entry, "terms": terms or usual, **pairs, "learning": learning}, where)


def _tuples(values: dict) -> dict:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _make(kind, values, where: str):
    try:
        return kind(**values)
    except TypeError as error:
        raise DataError(f"{where}: {str(error).replace('__init__()', kind.__name__)}") from None
