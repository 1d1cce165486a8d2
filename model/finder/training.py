"""A training run of the person finder, in a folder of its own from which a killed run goes on."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import field
from pathlib import Path

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
from model.batches import shares_of
from model.copy_paste import CopyPasteSources
from model.fields import CHECKED, Side
from model.finder.evaluation import average_precision_of_boxes
from model.finder.losses import finder_losses
from model.finder.network import Finder, boxes_of, places
from model.finder.samples import FinderAugmentation, make_sample
from model.finder.weights import load_finder, save_finder
from model.progress import Progress
from model.sources import DataError, Record, Source, read_source

COLUMNS = ("epoch", "learning_rate", "loss", "score", "box", "bins", "val_ap50")
"""Of the log."""
TILES = 4
"""Photos of a mosaic."""


@dataclass(frozen=True, config=CHECKED)
class FinderRunConfig:
    """What to train, on what, and how."""

    data: tuple[Source, ...] = ()
    validation: tuple[Source, ...] = ()
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
    precision: str = "mixed_bfloat16"
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
        raise DataError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


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

    def __len__(self) -> int:
        return self.config.steps

    def __getitem__(self, index: int):
        config = self.config
        images, labels = [], []
        for number in range(config.batch):
            rng = np.random.default_rng((config.seed, self.epoch, index, number))
            count = TILES if rng.random() < config.augmentation.mosaic else 1
            records = [self._pick(rng) for _ in range(count)]
            image, table = make_sample(records, config.size, config.augmentation, rng, self.pasted)
            images.append(image)
            labels.append(table)
        return np.stack(images), np.stack(labels)

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
        terms = finder_losses(y, y_pred, centres, strides, boxes_of, self.finder.config.bins)
        for tracker in self.trackers:
            tracker.update_state(terms[tracker.name])
        return sum(terms.values())


def train_finder(
    config: FinderRunConfig,
    out: str | Path,
    data: list[list[Record]] | None = None,
    validation: list[Record] | None = None,
) -> float:
    """Train into a folder, or go on with the run that is there: ``config.json``, ``log.csv``, ``checkpoint.npz``, and
    ``finder.npz``, the weights of the best epoch.

    Args:
        data, validation: the records of the config's sources, where they have been read already.

    Returns:
        The best average precision of the boxes at IoU 0.5 on the validation data.

    Raises:
        DataError: in config or data, naming file and field.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    data = data or [read_source(source) for source in config.data]
    validation = validation or [record for source in config.validation for record in read_source(source)]
    empty = [r for records in data for r in records if r.complete and not r.annotations]
    sources = [read_source(source) for source in config.copy_paste_sources]
    pasted = CopyPasteSources.from_records(sources, shares_of(config.copy_paste_sources, sources), empty)
    progress = Progress(out, COLUMNS)
    with whole_file(out / "config.json") as temporary:
        temporary.write_text(config.to_json(), encoding="utf-8")
    keras.utils.set_random_seed(config.seed)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(config.precision)
    try:
        finder = Finder()
    finally:
        keras.config.set_dtype_policy(before)
    if config.start_weights:
        load_finder(finder, config.start_weights)
    learner = FinderLearner(finder, config.size)
    optimizer = keras.optimizers.AdamW(
        config.learning_rate,
        weight_decay=config.weight_decay,
        global_clipnorm=config.clipnorm,
        use_ema=True,
        ema_momentum=config.mean_momentum,
    )
    learner.compile(optimizer=optimizer, jit_compile=keras.backend.backend() == "jax")
    optimizer.build(learner.trainable_variables)
    if progress.begun:
        progress.load(finder, optimizer)
    for epoch in range(progress.state["epoch"], config.epochs):
        print(f"epoch {epoch + 1} of {config.epochs}", flush=True)
        batches = FinderBatches(config, data, epoch, pasted)
        schedule = _Cosine(config, epoch)
        # At the end of `fit` the running mean becomes the weights.
        fitted = learner.fit(batches, callbacks=[schedule], shuffle=False, verbose=2)
        row = {name: float(values[-1]) for name, values in fitted.history.items()}
        if not math.isfinite(row["loss"]):
            raise FloatingPointError(f"epoch {epoch + 1}: the loss is {row['loss']}")
        row["val_ap50"] = average_precision_of_boxes(finder, validation) if validation else 0.0
        print(f"AP50 {row['val_ap50']:.4f}", flush=True)
        best = progress.state["best"]
        improved = best is None or row["val_ap50"] > best or not validation
        if improved:
            save_finder(finder, out / "finder.npz")
        progress.log(1, epoch + 1, schedule.rate(1.0), row)
        changes = {"best": row["val_ap50"], "best_epoch": epoch + 1} if improved else {}
        progress.save(finder, optimizer, epoch=epoch + 1, **changes)
    return progress.state["best"]


class _Cosine(keras.callbacks.Callback):
    """Sets the learning rate before every batch."""

    def __init__(self, config: FinderRunConfig, epoch: int):
        super().__init__()
        self.config, self.epoch = config, epoch

    def rate(self, share: float) -> float:
        """After a share of the epoch."""
        progress = self.epoch + share
        warm = min(1.0, (progress + 0.01) / 0.5)
        fall = 0.5 * (1 + math.cos(math.pi * progress / self.config.epochs))
        return self.config.learning_rate * warm * (0.01 + 0.99 * fall)

    def on_train_batch_begin(self, batch, logs=None):
        self.model.optimizer.learning_rate = self.rate(batch / self.params["steps"])
