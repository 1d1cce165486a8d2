"""What an optimizer does to the weights in a step; learning rate and sample size over the epochs of a stage."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from model.cascade import Cascade
from model.config import StagePlan, make_config
from model.schedule import averaged_weights, learning_rate, make_optimizer
from tests.model.tiny import tiny_config, tiny_network


def test_thesis_schedule():
    plan = make_config("thesis").stages[0]
    assert [learning_rate(plan, e) for e in (0, 6, 7, 14, 15, 23)] == pytest.approx(
        [1e-4, 1e-4, 2e-5, 2e-5, 4e-6, 4e-6]
    )
    plan = make_config("thesis").stages[2]
    assert [learning_rate(plan, e) for e in (0, 3, 15)] == pytest.approx([5e-5, 1e-5, 2e-6])


def test_cosine_schedule_warms_up_and_falls():
    plan = StagePlan(10, 8, 64, 1e-3, schedule="cosine")
    assert (
        learning_rate(plan, 0)
        < learning_rate(plan, 1)
        > learning_rate(plan, 5)
        > learning_rate(plan, 9.9)
        > 0
    )


@pytest.mark.parametrize("schedule", ["steps", "cosine"])
def test_warm_up_takes_as_long_as_wanted(schedule):
    plan = StagePlan(1000, 8, 64, 1.0, schedule=schedule, warmup_epochs=4)
    rates = [learning_rate(plan, epoch) for epoch in (0, 1, 2, 4, 5)]
    assert rates == pytest.approx([0.1, 0.35, 0.6, 1, 1], abs=1e-3)
    at_once = dataclasses.replace(plan, warmup_epochs=0)
    assert learning_rate(at_once, 0) == 1


def test_samples_grow():
    plan = StagePlan(10, 8, 64, 1e-3, growth=((2, 96), (5, 128)))
    assert [plan.size_at(e) for e in (0, 1, 2, 4, 5, 10)] == [64, 64, 96, 96, 128, 128]


KERNEL, SLOW, NORM = "features_conv/kernel", "block_1_expand/kernel", "features_bn/gamma"
"""Weights of the rest, of the backbone, and of a norm."""


@pytest.fixture(scope="module")
def cascade() -> Cascade:
    return Cascade(tiny_network(), ("person",))


class Steps:
    """Steps of an optimizer with a learning rate of 0.1 and the same gradient for every weight."""

    def __init__(self, cascade: Cascade, **config):
        config = tiny_config(Path("none.json"), clipnorm=0.0, **config)
        plan = dataclasses.replace(config.stages[0], learning_rate=0.1)
        self.optimizer = make_optimizer(config, plan, cascade)
        self.variables = cascade.trainable_variables
        self.optimizer.build(self.variables)

    def weights(self) -> dict[str, np.ndarray]:
        return {v.path: np.array(keras.ops.convert_to_numpy(v)) for v in self.variables}

    def __call__(self, gradient: float) -> dict[str, np.ndarray]:
        """How the weights change."""
        before = self.weights()
        self.optimizer.apply([keras.ops.full(v.shape, gradient) for v in self.variables], self.variables)
        return {name: now - before[name] for name, now in self.weights().items()}


@pytest.mark.parametrize("accumulated", [1, 2])
def test_weights_decay_but_for_norms_and_biases(cascade, accumulated):
    step = Steps(
        cascade,
        optimizer="adamw",
        weight_decay=0.5,
        backbone_rate=0.1,
        gradient_accumulation_steps=accumulated,
    )
    before = step.weights()
    changes = [step(0.0) for _ in range(accumulated)][-1]
    for name, share in ((KERNEL, 0.05), (SLOW, 0.005)):
        np.testing.assert_allclose(changes[name], -share * before[name], rtol=1e-3, atol=1e-7)
    assert not any(change.any() for name, change in changes.items() if change.ndim == 1)
    assert NORM in changes
    assert "person/bias" in changes


def test_all_gradients_are_clipped_together(cascade):
    changes = Steps(cascade, optimizer="sgd", global_clipnorm=3.0, backbone_rate=1.0)(5.0)
    norm = np.sqrt(sum((change.astype(np.float64) ** 2).sum() for change in changes.values()))
    assert norm == pytest.approx(0.1 * 3.0, rel=1e-3)


def test_several_batches_make_one_step(cascade):
    step = Steps(cascade, optimizer="sgd", gradient_accumulation_steps=2, backbone_rate=0.5)
    assert not step(1.0)[KERNEL].any()
    changes = step(3.0)
    np.testing.assert_allclose(changes[KERNEL], -0.1 * 2, rtol=1e-4)
    np.testing.assert_allclose(changes[SLOW], -0.1 * 2 * 0.5, rtol=1e-4)


@pytest.mark.parametrize("accumulated", [1, 2])
def test_the_mean_of_the_weights_is_lent(cascade, accumulated):
    """And training goes on with the weights themselves."""
    step = Steps(
        cascade,
        optimizer="sgd",
        ema_momentum=0.25,
        backbone_rate=1.0,
        gradient_accumulation_steps=accumulated,
    )
    momentum, mean = 0.25 ** (1 / accumulated), 0.0
    for batch in range(4 * accumulated):
        step(1.0)
        weights = step.weights()[KERNEL]
        share = min(momentum, (1 + batch) / (10 + batch))
        # It begins with the weights after the first step.
        mean = weights if batch < accumulated else share * mean + (1 - share) * weights
    step.optimizer.finalize_variable_values(step.variables)  # as `fit` does
    np.testing.assert_array_equal(step.weights()[KERNEL], weights)
    with averaged_weights(step.optimizer):
        np.testing.assert_allclose(step.weights()[KERNEL], mean, atol=1e-6)
    np.testing.assert_array_equal(step.weights()[KERNEL], weights)
