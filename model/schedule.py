"""The optimizer of a stage and its learning rate over the epochs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras
import numpy as np

from model.cascade import Cascade
from model.config import RunConfig, StagePlan


def make_optimizer(config: RunConfig, plan: StagePlan, cascade: Cascade) -> keras.optimizers.Optimizer:
    """The optimizer of a stage; the backbone follows at its own rate.

    With a running mean of the weights, the weights themselves stay in the cascade: see :func:`averaged_weights`.
    """
    kind = type(keras.optimizers.get(config.optimizer))
    backbone = set(cascade.backbone_layers)

    def by_rate(pairs: list[tuple]) -> Iterator[tuple[float, list[tuple]]]:
        """Tuples that begin with a variable, in groups of one relative learning rate each."""
        for slow, rate in ((False, 1.0), (True, config.backbone_rate)):
            group = [pair for pair in pairs if (pair[0].path.split("/")[0] in backbone) == slow]
            if group:
                yield rate, group

    class WithSlowBackbone(kind):
        def _backend_update_step(self, grads, trainable_variables, learning_rate):
            # Keras has no learning rate by layer; here all backends still have Keras's own variables.
            for rate, group in by_rate(list(zip(trainable_variables, grads, strict=True))):
                variables, gradients = map(list, zip(*group, strict=True))
                super()._backend_update_step(gradients, variables, learning_rate * rate)

        def _apply_weight_decay(self, variables):
            decay = self.weight_decay
            for rate, group in by_rate([(variable,) for variable in variables] if decay else []):
                self.weight_decay = decay * rate
                super()._apply_weight_decay([variable for (variable,) in group])
            self.weight_decay = decay

        def _update_model_variables_moving_average(self, trainable_variables):
            # As TensorFlow's ExponentialMovingAverage: at first it follows faster, or a short stage would end as it began.
            momentum, batches = self.ema_momentum, keras.ops.cast(self._iterations, "float32")
            self.ema_momentum = keras.ops.minimum(momentum, (1 + batches) / (10 + batches))
            super()._update_model_variables_moving_average(trainable_variables)
            self.ema_momentum = momentum

        def finalize_variable_values(self, var_list):
            """At the end of each ``fit``, which is an epoch here, Keras would overwrite the weights with their mean."""

    steps = config.gradient_accumulation_steps
    optimizer = WithSlowBackbone(
        learning_rate=plan.learning_rate,
        weight_decay=config.weight_decay or None,
        clipnorm=config.clipnorm or None,
        global_clipnorm=config.global_clipnorm or None,
        gradient_accumulation_steps=steps if steps > 1 else None,
        use_ema=config.ema_momentum is not None,
        # Keras updates the mean with every batch, also where it changes no weights.
        ema_momentum=(config.ema_momentum or 0.0) ** (1 / steps),
        name=config.optimizer,
    )
    optimizer.exclude_from_weight_decay([v for v in cascade.trainable_variables if len(v.shape) < 2])
    return optimizer


@contextmanager
def averaged_weights(optimizer: keras.optimizers.Optimizer) -> Iterator[None]:
    """A context in which the model has the running mean of its weights, where its optimizer has one."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if not optimizer.use_ema or not keras.ops.convert_to_numpy(optimizer._iterations):
        yield
        return
    variables, means = optimizer._trainable_variables, optimizer._model_variables_moving_average
    # Copies: on JAX a step gives away the arrays of the variables; and Keras's callback that swaps both adds and subtracts
    # them, which rounds the weights.
    weights, means = (
        [np.array(keras.ops.convert_to_numpy(variable)) for variable in some] for some in (variables, means)
    )
    for variable, mean in zip(variables, means, strict=True):
        variable.assign(mean)
    try:
        yield
    finally:
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(value)


def learning_rate(plan: StagePlan, progress: float) -> float:
    """Learning rate after ``progress`` epochs."""
    if plan.schedule == "cosine":
        return cosine(plan.learning_rate, progress, plan.epochs, plan.warmup_epochs)
    factors = [factor for epoch, factor in plan.drops if progress >= epoch]
    return plan.learning_rate * warm_up(progress, plan.warmup_epochs) / (factors[-1] if factors else 1.0)


def cosine(highest: float, progress: float, epochs: int, warmup_epochs: float = 0.5) -> float:
    """Learning rate after ``progress`` epochs: it rises at first, then falls smoothly to a hundredth."""
    fall = 0.5 * (1 + math.cos(math.pi * min(progress / epochs, 1.0)))
    return highest * warm_up(progress, warmup_epochs) * (0.01 + 0.99 * fall)


def warm_up(progress: float, epochs: float) -> float:
    """Factor of the learning rate after ``progress`` epochs, which rises from a tenth to 1 over so many epochs."""
    return min(1.0, 0.1 + progress / epochs) if epochs else 1.0


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
