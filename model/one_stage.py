"""A training run of one stage: what those of the person finder and of the pose estimator have in common.

A run lives in one folder: ``config.json``, ``log.csv``, ``state.json`` and ``checkpoint.npz`` (from which a killed run
resumes), and the weights of the best epoch.
"""

from __future__ import annotations

import dataclasses
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import keras
from pydantic import (
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    TypeAdapter,
    ValidationError,
)
from pydantic.dataclasses import dataclass

from annotator.photos.atomic_files import whole_file
from model.batches import Batches, backgrounds_of, copy_paste_sources, errors_of
from model.copy_paste import CopyPasteSources
from model.fields import CHECKED, Side
from model.progress import TrainingProgress
from model.sample_pool import SamplePool
from model.schedule import LearningRate, cosine
from model.sources import DataError, Record, Source, read_source


@dataclass(frozen=True, config=CHECKED)
class OneStageConfig:
    """On what to train, and how."""

    data: tuple[Source, ...] = ()
    validation: tuple[Source, ...] = ()
    """What says which epoch is best; without any it is the last one."""
    epochs: PositiveInt = 20
    steps: PositiveInt = 200
    """Batches per epoch."""
    batch: PositiveInt = 16
    size: Side = 256
    """Side of the samples in pixels."""
    learning_rate: PositiveFloat = 1e-3
    """At its highest; it falls along a cosine to a hundredth."""
    weight_decay: NonNegativeFloat = 0.01
    copy_paste_sources: tuple[Source, ...] = ()
    """Data whose people are pasted into other photos, see :class:`~model.copy_paste.CopyPaste`."""
    seed: NonNegativeInt = 0
    workers: NonNegativeInt = 2
    """Processes that make samples; 0 for that which trains. The samples are the same with any number."""

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    @classmethod
    def read(cls, path: str | Path, **changes: Any) -> OneStageConfig:
        """Read a config; fields that are left out have their defaults.

        Args:
            changes: fields that shall have other values than in the file.

        Raises:
            DataError: naming the file and the field.
        """
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
            if isinstance(values, dict):
                values |= changes
            return TypeAdapter(cls).validate_json(json.dumps(values))
        except FileNotFoundError:
            raise DataError(f"{path}: no such config") from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise DataError(f"{path}: {where + ': ' if where else ''}{first['msg']}") from None
        except (ValueError, RecursionError) as error:  # also of a number of too many digits
            raise DataError(f"{path}: not JSON: {error}") from None


class OneStageRun(ABC):
    """One training run in its folder; it goes on where it stopped.

    Args:
        data: the records of each of the config's ``data``, where they have been read already.

    Raises:
        DataError: in config or data, naming file and field; or the folder holds a run with another config that has
            finished an epoch already.
    """

    columns: ClassVar[Sequence[str]]
    """Of the log."""
    metric: ClassVar[str]
    """Column of what says which epoch is best, the higher the better."""

    def __init__(self, config: OneStageConfig, out: str | Path, data: list[list[Record]] | None = None):
        self.config, self.out = config, Path(out)
        self.callbacks: list[keras.callbacks.Callback] = []
        """Of the calls of ``fit``, besides the schedule's."""
        self.out.mkdir(parents=True, exist_ok=True)
        self.progress = TrainingProgress(self.out, self.columns)
        written = self.out / "config.json"
        begun = self.progress.begun and written.exists()
        if begun and config.read(written) != config:
            raise DataError(f"{written}: this folder holds a run with another config; use another --out")
        data = [read_source(source) for source in config.data] if data is None else data
        if not any(data):
            raise DataError("data: no images to train on")
        self.data = self.usable(data)
        self.validation = [record for source in config.validation for record in read_source(source)]
        self.pool = SamplePool(config.workers, self.copy_paste_sources())
        if not begun:
            with whole_file(written) as temporary:
                temporary.write_text(config.to_json(), encoding="utf-8")

    def usable(self, data: list[list[Record]]) -> list[list[Record]]:
        """The records of each source that samples are made of."""
        return data

    def copy_paste_sources(self) -> CopyPasteSources:
        """What may be pasted into samples."""
        return copy_paste_sources(self.config.copy_paste_sources, backgrounds_of(self.data))

    @abstractmethod
    def network(self) -> keras.Model:
        """The network before the first epoch, with a ``config``."""

    @abstractmethod
    def learner(self, network: keras.Model) -> keras.Model:
        """The network with its losses, for ``fit``."""

    @abstractmethod
    def optimizer(self) -> keras.optimizers.Optimizer:
        """Named by the run: Keras counts names in a process, but those in a checkpoint must not depend on it."""

    @abstractmethod
    def batches(self, epoch: int) -> Batches:
        """Of an epoch, counted from 0."""

    @abstractmethod
    def measure(self, network: keras.Model) -> float:
        """The metric on the validation data."""

    @abstractmethod
    def save(self, network: keras.Model) -> None:
        """Write the weights of the best epoch so far."""

    def epochs(self) -> Iterator[int]:
        """Train; yields after each epoch how many are done.

        Raises:
            DataError: a photo or label that cannot be used.
            FloatingPointError: the loss is not finite.
            WeightsError: start weights that cannot be used.
        """
        done = self.progress.state["epoch"]
        if done >= self.config.epochs:
            return
        network, optimizer = self.network(), self.optimizer()
        learner = self.learner(network)
        jit = keras.backend.backend() == "jax"
        learner.compile(optimizer=optimizer, jit_compile=jit)
        network.jit_compile = jit  # predicts for itself in the validation
        optimizer.build(learner.trainable_variables)
        if self.progress.begun:
            self.progress.load(network, optimizer)
        try:
            for epoch in range(done, self.config.epochs):
                self._epoch(epoch, network, learner)
                yield epoch + 1
        finally:
            self.pool.close()

    def train(self) -> float | None:
        """Run the epochs that are left; returns the best value of the metric, ``None`` without validation data."""
        for _ in self.epochs():
            pass
        return self.progress.state["best"] if self.validation else None

    def _epoch(self, epoch: int, network: keras.Model, learner: keras.Model) -> None:
        config, progress = self.config, self.progress
        print(f"epoch {epoch + 1} of {config.epochs}", flush=True)
        rate = partial(cosine, config.learning_rate, epochs=config.epochs)
        with errors_of(self.batches(epoch)) as batches:
            # At the end of `fit` the running mean of the weights, where the optimizer has one, becomes the weights.
            callbacks = [LearningRate(rate, epoch), *self.callbacks]
            fitted = learner.fit(batches, callbacks=callbacks, shuffle=False, verbose=2)
        row = {name: float(values[-1]) for name, values in fitted.history.items()}
        if not math.isfinite(row["loss"]):
            raise FloatingPointError(f"epoch {epoch + 1}: the loss is {row['loss']}")
        best = progress.state["best"]
        if self.validation:
            row[self.metric] = self.measure(network)
            print(f"{self.metric} {row[self.metric]:.4f}", flush=True)
        value = row.get(self.metric, 0.0)
        improved = best is None or value > best or not self.validation
        if improved:
            self.save(network)
        progress.log(1, epoch + 1, rate(epoch + 1), row)
        changes = {"best": value, "best_epoch": epoch + 1} if improved else {}
        progress.save(network, learner.optimizer, epoch=epoch + 1, **changes)
