"""A training run of the person finder.

A run lives in one folder: ``config.json``, ``log.csv``, ``state.json`` and ``checkpoint.npz`` (from which a killed run
resumes), and ``finder.npz``, the weights of the best epoch.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import Literal

import keras
import numpy as np
from keras import ops
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
from model.batches import errors_of, shares_of
from model.copy_paste import CopyPasteSources
from model.devices import dtype_policy
from model.fields import CHECKED, Side
from model.finder.evaluation import average_precision_of_boxes
from model.finder.losses import finder_losses
from model.finder.network import Finder, FinderConfig, places
from model.finder.samples import FinderAugmentation, make_sample
from model.finder.weights import load_finder, save_finder
from model.progress import TrainingProgress
from model.schedule import LearningRate, cosine
from model.sources import DataError, Record, Source, read_source

COLUMNS = ("epoch", "learning_rate", "loss", "score", "box", "bins", "val_ap50")
"""Of the log."""
WEIGHTS = "finder.npz"
"""In a run's folder the weights of the best epoch."""
TILES = 4
"""Photos of a mosaic."""


@dataclass(frozen=True, config=CHECKED)
class FinderRunConfig:
    """What to train, on what, and how."""

    data: tuple[Source, ...] = ()
    validation: tuple[Source, ...] = ()
    """What says which epoch is best; without any it is the last one."""
    network: FinderConfig = field(default_factory=FinderConfig)
    start_weights: str | None = None
    """Weights (``.npz``) to go on from; null for a random start."""
    epochs: PositiveInt = 20
    steps: PositiveInt = 250
    """Batches per epoch."""
    batch: PositiveInt = 16
    size: Side = 512
    """Side of the samples in pixels."""
    learning_rate: PositiveFloat = 2e-4
    """At its highest; it falls along a cosine to a hundredth."""
    weight_decay: NonNegativeFloat = 0.01
    clipnorm: NonNegativeFloat = 10.0
    mean_momentum: PositiveFloat = 0.998
    """Of the running mean of the weights, which is what is kept (Polyak & Juditsky, 1992)."""
    precision: Literal["float32", "mixed_bfloat16"] = "mixed_bfloat16"
    """Keras's dtype policy: half the time of float32 on CPUs that multiply bfloat16."""
    augmentation: FinderAugmentation = field(default_factory=FinderAugmentation)
    copy_paste_sources: tuple[Source, ...] = ()
    seed: NonNegativeInt = 0
    workers: NonNegativeInt = 2
    """Threads that make samples."""

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"


def read_finder_config(path: str | Path) -> FinderRunConfig:
    """Read a config; fields that are left out have their defaults.

    Raises:
        DataError: naming the file and the field.
    """
    try:
        return TypeAdapter(FinderRunConfig).validate_json(Path(path).read_bytes())
    except FileNotFoundError:
        raise DataError(f"{path}: no such config") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(f"{path}: {where + ': ' if where else ''}{first['msg']}") from None


class FinderBatches(keras.utils.PyDataset):
    """Batches of one epoch; which samples and how they are augmented follow from (seed, epoch)."""

    def __init__(
        self, config: FinderRunConfig, data: list[list[Record]], epoch: int, pasted: CopyPasteSources | None
    ):
        super().__init__(workers=config.workers, use_multiprocessing=False, max_queue_size=8)
        self.config, self.data, self.epoch, self.pasted = config, data, epoch, pasted
        shares = np.array(shares_of(config.data, data), float)
        shares[[not records for records in data]] = 0
        if shares.sum() <= 0:
            raise DataError("data: no images to train on")
        self.shares = shares / shares.sum()
        self.error: Exception | None = None
        """For :func:`model.batches.errors_of`."""

    def __len__(self) -> int:
        return self.config.steps

    def __getitem__(self, index: int):
        try:
            samples = [self._sample(index, number) for number in range(self.config.batch)]
        except ValueError as error:
            self.error = error
            raise
        return tuple(map(np.stack, zip(*samples, strict=True)))

    def _sample(self, index: int, number: int) -> tuple[np.ndarray, np.ndarray]:
        config = self.config
        rng = np.random.default_rng((config.seed, self.epoch, index, number))
        count = TILES if rng.random() < config.augmentation.mosaic else 1
        records = [self._pick(rng) for _ in range(count)]
        return make_sample(records, config.size, config.augmentation, rng, self.pasted)

    def _pick(self, rng: np.random.Generator) -> Record:
        records = self.data[rng.choice(len(self.data), p=self.shares)]
        return records[rng.integers(len(records))]


class FinderLearner(keras.Model):
    """A finder with its losses, for ``fit``."""

    def __init__(self, finder: Finder, size: int):
        super().__init__(name="learner")
        self.finder = finder
        centres, strides = places(size, size)
        self.centres, self.strides = np.float32(centres), np.float32(strides)
        self.trackers = [keras.metrics.Mean(name=name) for name in ("score", "box", "bins")]

    def call(self, images, training=None):
        return self.finder(ops.cast(images, "float32"), training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        centres, strides = ops.convert_to_tensor(self.centres), ops.convert_to_tensor(self.strides)
        terms = finder_losses(y, y_pred, centres, strides, self.finder.config.bins)
        for tracker in self.trackers:
            tracker.update_state(terms[tracker.name])
        return sum(terms.values())


class FinderRun:
    """One training run in its folder; it goes on where it stopped.

    Args:
        data: the records of each of the config's ``data``, where they have been read already.

    Raises:
        DataError: in config or data, naming file and field; or the folder holds a run with another config that has
            finished an epoch already.
    """

    def __init__(self, config: FinderRunConfig, out: str | Path, data: list[list[Record]] | None = None):
        self.config, self.out = config, Path(out)
        self.callbacks: list[keras.callbacks.Callback] = []
        """Of the calls of ``fit``, besides the schedule's."""
        self.out.mkdir(parents=True, exist_ok=True)
        self.progress = TrainingProgress(self.out, COLUMNS)
        written = self.out / "config.json"
        begun = self.progress.begun and written.exists()
        if begun and read_finder_config(written) != config:
            raise DataError(f"{written}: this folder holds a run with another config; use another --out")
        self.data = [read_source(source) for source in config.data] if data is None else data
        if not any(self.data):
            raise DataError("data: no images to train on")
        self.validation = [record for source in config.validation for record in read_source(source)]
        self.copy_paste_sources = self._copy_paste_sources()
        if not begun:
            with whole_file(written) as temporary:
                temporary.write_text(config.to_json(), encoding="utf-8")

    def _copy_paste_sources(self) -> CopyPasteSources:
        given = self.config.copy_paste_sources
        sources = [read_source(source) for source in given]
        empty = [r for records in self.data for r in records if r.complete and not r.annotations]
        return CopyPasteSources.from_records(sources, shares_of(given, sources), empty)

    def epochs(self) -> Iterator[int]:
        """Train; yields after each epoch how many are done.

        Raises:
            DataError: a photo or label that cannot be used.
            FloatingPointError: the loss is not finite.
            WeightsError: start weights that cannot be used.
        """
        config, progress = self.config, self.progress
        done = progress.state["epoch"]
        if done >= config.epochs:
            return
        finder = self._finder()
        learner = FinderLearner(finder, config.size)
        optimizer = keras.optimizers.AdamW(
            config.learning_rate,
            weight_decay=config.weight_decay,
            global_clipnorm=config.clipnorm,
            use_ema=True,
            ema_momentum=config.mean_momentum,
            # Keras counts names in a process, but those in a checkpoint must not depend on it.
            name="adam_w",
        )
        learner.compile(optimizer=optimizer, jit_compile=keras.backend.backend() == "jax")
        optimizer.build(learner.trainable_variables)
        if progress.begun:
            progress.load(finder, optimizer)
        for epoch in range(done, config.epochs):
            self._epoch(epoch, learner)
            yield epoch + 1

    def _finder(self) -> Finder:
        """The network before the first epoch."""
        keras.utils.set_random_seed(self.config.seed)
        with dtype_policy(self.config.precision):
            finder = Finder(self.config.network)
        if self.config.start_weights:
            load_finder(finder, self.config.start_weights)
        return finder

    def _epoch(self, epoch: int, learner: FinderLearner) -> None:
        config, finder, progress = self.config, learner.finder, self.progress
        print(f"epoch {epoch + 1} of {config.epochs}", flush=True)
        rate = partial(cosine, config.learning_rate, epochs=config.epochs)
        with errors_of(FinderBatches(config, self.data, epoch, self.copy_paste_sources)) as batches:
            # At the end of `fit` the running mean becomes the weights.
            callbacks = [LearningRate(rate, epoch), *self.callbacks]
            fitted = learner.fit(batches, callbacks=callbacks, shuffle=False, verbose=2)
        row = {name: float(values[-1]) for name, values in fitted.history.items()}
        if not math.isfinite(row["loss"]):
            raise FloatingPointError(f"epoch {epoch + 1}: the loss is {row['loss']}")
        best = progress.state["best"]
        if self.validation:
            row["val_ap50"] = average_precision_of_boxes(finder, self.validation)
            print(f"AP50 {row['val_ap50']:.4f}", flush=True)
        value = row.get("val_ap50", 0.0)
        improved = best is None or value > best or not self.validation
        if improved:
            save_finder(finder, self.out / WEIGHTS)
        progress.log(1, epoch + 1, rate(epoch + 1), row)
        changes = {"best": value, "best_epoch": epoch + 1} if improved else {}
        progress.save(finder, learner.optimizer, epoch=epoch + 1, **changes)


def train_finder(config: FinderRunConfig, out: str | Path) -> float | None:
    """Train into a folder, or go on with the run that is there; see :class:`FinderRun`.

    Returns:
        The best average precision of the boxes at IoU 0.5 on the validation data; ``None`` without any.
    """
    run = FinderRun(config, out)
    for _ in run.epochs():
        pass
    return run.progress.state["best"] if run.validation else None
