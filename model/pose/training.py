"""A training run of the pose estimator's mask net and surface net, see :mod:`model.one_stage`; its weights are ``pose.npz``.

What predicts the keypoints stays as it is, to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from functools import partial
from pathlib import Path

import keras
import numpy as np
from keras import ops
from pydantic import NonNegativeFloat, PositiveFloat
from pydantic.dataclasses import dataclass

from model.augmentation import Augmentation
from model.batches import Batches, copy_paste_sources, pick
from model.copy_paste import CopyPasteSources
from model.fields import CHECKED
from model.one_stage import OneStageConfig, OneStageRun
from model.pose.evaluation import evaluate, quality, validation_subjects
from model.pose.losses import LOSSES, mask_losses, surface_losses
from model.pose.network import NETS, Net, PoseEstimator
from model.pose.samples import make_sample, subjects_of
from model.pose.weights import open_pose_estimator, save_pose_estimator, trained_nets
from model.sources import DataError, Record, Source, read_source

WEIGHTS = "pose.npz"
"""In a run's folder the weights of the best epoch."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class PoseRunConfig(OneStageConfig):
    """What to train, on what, and how."""

    start_weights: str
    """Weights (``.npz``) of a pose estimator, whose keypoints stay as they are; a net that is not in them starts anew."""
    learns: tuple[Net, ...] = NETS
    """The nets that are trained; the others stay as they are."""
    backgrounds: tuple[Source, ...] = ()
    """Photos without people: surroundings of photos that were cut at somebody's box, and texture of occluders."""
    learning_rate: PositiveFloat = 1.5e-3
    """At its highest; it falls along a cosine to a hundredth."""
    weight_decay: NonNegativeFloat = 1e-4
    clipnorm: NonNegativeFloat = 5.0
    """Norm at which the gradient of each variable is clipped; 0 for none."""
    augmentation: Augmentation = field(default_factory=Augmentation)


class PoseLearner(keras.Model):
    """A pose estimator with the losses of the nets that learn, for ``fit``; nothing else in it is trainable."""

    def __init__(self, network: PoseEstimator, learns: Sequence[Net] = NETS):
        super().__init__(name="learner")
        for layer in network.layers:
            layer.trainable = layer.name.startswith(tuple(f"{net}_" for net in learns))
        self.network, self.learns = network, tuple(learns)
        self.trackers = {name: keras.metrics.Mean(name=name) for net in self.learns for name in LOSSES[net]}

    def call(self, images, training=None):
        return self.network(ops.cast(images, "float32"), training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        terms = {}
        if "mask" in self.learns:
            terms |= mask_losses(y, y_pred["mask"])
        if "surface" in self.learns:
            terms |= surface_losses(y, y_pred)
        for name, value in terms.items():
            self.trackers[name].update_state(value)
        return sum(terms.values())


class PoseRun(OneStageRun):
    """One training run; the metric is the mean of :func:`~model.pose.evaluation.evaluate` over the nets that learn."""

    config: PoseRunConfig
    columns = ("epoch", "learning_rate", "loss", *LOSSES["mask"], *LOSSES["surface"], "val_quality")
    metric = "val_quality"

    def __init__(self, config: PoseRunConfig, out: str | Path, data: list[list[Record]] | None = None):
        super().__init__(config, out, data)
        self.subjects = validation_subjects(self.validation)
        if config.validation and not self.subjects:
            raise DataError("validation: nobody has a mask of their own")
        if not config.learns:
            raise DataError("learns: no net to train")

    def usable(self, data: list[list[Record]]) -> list[list[Record]]:
        """The photos with somebody who has a mask of their own.

        Raises:
            DataError: a source has none.
        """
        usable = [[record for record in records if subjects_of(record)] for records in data]
        for source, records in zip(self.config.data, usable, strict=True):
            if not records:
                raise DataError(f"{source.annotations}: nobody has a mask of their own to learn from")
        return usable

    def copy_paste_sources(self) -> CopyPasteSources:
        backgrounds = [record for source in self.config.backgrounds for record in read_source(source)]
        return copy_paste_sources(self.config.copy_paste_sources, backgrounds)

    def network(self) -> PoseEstimator:
        keras.utils.set_random_seed(self.config.seed)
        return open_pose_estimator(self.config.start_weights, new_nets=True)

    def learner(self, network: PoseEstimator) -> PoseLearner:
        return PoseLearner(network, self.config.learns)

    def optimizer(self) -> keras.optimizers.Optimizer:
        return keras.optimizers.AdamW(
            self.config.learning_rate,
            weight_decay=self.config.weight_decay,
            clipnorm=self.config.clipnorm or None,
            name="adam_w",
        )

    def batches(self, epoch: int) -> Batches:
        config, seed = self.config, (self.config.seed, epoch)
        picks = pick(config.data, self.data, config.steps * config.batch, np.random.default_rng(seed))
        make = partial(make_sample, size=config.size, augmentation=config.augmentation)
        return Batches(make, picks, config.batch, seed, self.pool)

    def measure(self, network: PoseEstimator) -> float:
        scores = evaluate(network, self.subjects)
        print(", ".join(f"{net} {score:.4f}" for net, score in scores.items()), flush=True)
        return quality(scores, self.config.learns)

    def save(self, network: PoseEstimator) -> None:
        untrained = set(NETS) - trained_nets(self.config.start_weights) - set(self.config.learns)
        save_pose_estimator(network, self.out / WEIGHTS, untrained=untrained)


def train_pose(config: PoseRunConfig, out: str | Path) -> float | None:
    """Train into a folder, or go on with the run that is there; see :class:`PoseRun`.

    Returns:
        The best value of the metric on the validation data; ``None`` without any.
    """
    return PoseRun(config, out).train()
