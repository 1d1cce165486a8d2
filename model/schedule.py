"""The optimizer of a stage and its learning rate over the epochs."""

from __future__ import annotations

import math
from collections.abc import Callable

import keras

from model.cascade import Cascade
from model.config import RunConfig, StagePlan


def make_optimizer(config: RunConfig, plan: StagePlan, cascade: Cascade) -> keras.optimizers.Optimizer:
    """The optimizer of a stage; the backbone follows at its own rate."""
    kind = type(keras.optimizers.get(config.optimizer))
    backbone = set(cascade.backbone_layers)

    class WithSlowBackbone(kind):
        def _backend_update_step(self, grads, trainable_variables, learning_rate):
            # Keras has no learning rate by layer; here all backends still have Keras's own variables.
            slow = [v.path.split("/")[0] in backbone for v in trainable_variables]
            for of_backbone, rate in ((False, 1.0), (True, config.backbone_rate)):
                group = [
                    pair
                    for pair, is_slow in zip(zip(grads, trainable_variables, strict=True), slow, strict=True)
                    if is_slow == of_backbone
                ]
                if group:
                    super()._backend_update_step(*map(list, zip(*group, strict=True)), learning_rate * rate)

    return WithSlowBackbone(learning_rate=plan.learning_rate, clipnorm=config.clipnorm, name=config.optimizer)


def learning_rate(plan: StagePlan, progress: float) -> float:
    """Learning rate after ``progress`` epochs."""
    if plan.schedule == "cosine":
        return cosine(plan.learning_rate, progress, plan.epochs)
    factors = [factor for epoch, factor in plan.drops if progress >= epoch]
    return plan.learning_rate / (factors[-1] if factors else 1.0)


def cosine(highest: float, progress: float, epochs: int) -> float:
    """Learning rate after ``progress`` epochs: it rises for half an epoch, then falls smoothly to a hundredth."""
    warm = min(1.0, (progress + 0.05) / 0.5)
    fall = 0.5 * (1 + math.cos(math.pi * min(progress / epochs, 1.0)))
    return highest * warm * (0.01 + 0.99 * fall)


class LearningRate(keras.callbacks.Callback):
    """Sets the learning rate before every batch.

    Args:
        rate: the learning rate by the number of epochs that are done.
        epoch: number of epochs that were done before.
    """

    def __init__(self, rate: Callable[[float], float], epoch: int):
        super().__init__()
        self.rate = rate
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        progress = self.epoch + batch / self.params["steps"]
        self.model.optimizer.learning_rate = self.rate(progress)
