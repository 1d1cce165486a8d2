"""A training run of the person finder, see :mod:`model.one_stage`; its weights are ``finder.npz``."""

from __future__ import annotations

from dataclasses import field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal

import keras
import numpy as np
from keras import ops
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass

from model.batches import Batches, pick
from model.devices import dtype_policy
from model.fields import CHECKED, Side
from model.finder.evaluation import average_precision_of_boxes
from model.finder.losses import finder_losses
from model.finder.network import Finder, FinderConfig, places
from model.finder.samples import FinderAugmentation, make_sample
from model.finder.weights import load_finder, save_finder
from model.one_stage import OneStageConfig, OneStageRun

WEIGHTS = "finder.npz"
"""In a run's folder the weights of the best epoch."""
TILES = 4
"""Photos of a mosaic."""


@dataclass(frozen=True, config=CHECKED)
class FinderRunConfig(OneStageConfig):
    """What to train, on what, and how."""

    network: FinderConfig = field(default_factory=FinderConfig)
    start_weights: str | None = None
    """Weights (``.npz``) to go on from; null for a random start."""
    steps: PositiveInt = 250
    """Batches per epoch."""
    size: Side = 512
    """Side of the samples in pixels."""
    learning_rate: PositiveFloat = 2e-4
    """At its highest; it falls along a cosine to a hundredth."""
    clipnorm: NonNegativeFloat = 10.0
    """Norm at which all gradients together are clipped; 0 for none."""
    mean_momentum: PositiveFloat = 0.998
    """Of the running mean of the weights, which is what is kept (Polyak & Juditsky, 1992)."""
    precision: Literal["float32", "mixed_bfloat16"] = "mixed_bfloat16"
    """Keras's dtype policy: half the time of float32 on CPUs that multiply bfloat16."""
    augmentation: FinderAugmentation = field(default_factory=FinderAugmentation)


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


class FinderRun(OneStageRun):
    """One training run of the finder; the metric is the average precision of the boxes at IoU 0.5."""

    config: FinderRunConfig
    columns = ("epoch", "learning_rate", "loss", "score", "box", "bins", "val_ap50")
    metric = "val_ap50"

    def network(self) -> Finder:
        keras.utils.set_random_seed(self.config.seed)
        with dtype_policy(self.config.precision):
            finder = Finder(self.config.network)
        if self.config.start_weights:
            load_finder(finder, self.config.start_weights)
        return finder

    def learner(self, network: Finder) -> FinderLearner:
        return FinderLearner(network, self.config.size)

    def optimizer(self) -> keras.optimizers.Optimizer:
        return keras.optimizers.AdamW(
            self.config.learning_rate,
            weight_decay=self.config.weight_decay,
            global_clipnorm=self.config.clipnorm or None,
            use_ema=True,
            ema_momentum=self.config.mean_momentum,
            name="adam_w",
        )

    def batches(self, epoch: int) -> Batches:
        config, seed = self.config, (self.config.seed, epoch)
        rng = np.random.default_rng(seed)
        mosaic = rng.random(config.steps * config.batch) < config.augmentation.mosaic
        counts = np.where(mosaic, TILES, 1)
        picks = iter(pick(config.data, self.data, int(counts.sum()), rng))
        items = [list(islice(picks, count)) for count in counts]
        make = partial(make_sample, size=config.size, augmentation=config.augmentation)
        return Batches(make, items, config.batch, seed, self.pool)

    def measure(self, network: Finder) -> float:
        return average_precision_of_boxes(network, self.validation)

    def save(self, network: Finder) -> None:
        save_finder(network, self.out / WEIGHTS)


def train_finder(config: FinderRunConfig, out: str | Path) -> float | None:
    """Train into a folder, or go on with the run that is there; see :class:`FinderRun`.

    Returns:
        The best average precision of the boxes at IoU 0.5 on the validation data; ``None`` without any.
    """
    return FinderRun(config, out).train()
