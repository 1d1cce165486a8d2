"""Training on another backend than TensorFlow, in a process of its own: one process knows one backend."""

import json
import os
import subprocess
import sys

import pytest

from model.validation import SCORES

TRAIN = """
import json, sys
from functools import partial
from pathlib import Path
import keras
import numpy as np
from model.batches import Batches, split
from model.cascade import Cascade
from model.sample_pool import SamplePool
from model.samples import View, make_sample
from model.schedule import make_optimizer
from model.training import Learner
from model.validation import PeopleInBoxes
from tests.model.tiny import tiny_config, tiny_network
config = tiny_config(Path(sys.argv[1]), backbone_rate=0.01)
plan, cascade = config.stages[2], Cascade(tiny_network())
learner = Learner(cascade, plan.terms)
learner.compile(optimizer=make_optimizer(config, plan, cascade), jit_compile=True)
make = partial(make_sample, view=View(64, 2, 256), augmentation=None)
batches = lambda count: Batches(make, split(config)[1][:count], 2, (0,), SamplePool())
before = {v.path: np.array(v) for v in cascade.trainable_variables}
learner.fit(batches(2), verbose=0)
moved = {v.path: float(np.abs(np.array(v) - before[v.path]).max()) for v in cascade.trainable_variables}
losses = [learner.fit(batches(4), verbose=0).history["loss"][0] for _ in range(3)]
print(json.dumps({
    "backend": keras.backend.backend(), "losses": losses, "terms": len(learner.trackers),
    "scores": PeopleInBoxes(split(config)[1][:2]).measure(cascade),
    "moved": [moved["block_1_expand/kernel"], moved["features_conv/kernel"]],
}))
"""


@pytest.fixture(scope="module")
def jax(figures) -> dict:
    """What a few steps on JAX did."""
    # Compiling well takes longer than these steps.
    quick = "--xla_backend_optimization_level=1"
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": quick}
    result = subprocess.run(
        [sys.executable, "-c", TRAIN, str(figures)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return json.loads(result.stdout.splitlines()[-1])


def test_trains_on_jax(jax):
    """All six stage nets, their losses and an optimizer; the loss falls."""
    assert (jax["backend"], jax["terms"]) == ("jax", 6)
    assert jax["losses"][2] < jax["losses"][0]
    assert set(jax["scores"]) == set(SCORES)


def test_the_backbone_follows_at_its_own_rate_on_jax(jax):
    # Adam's first step is the learning rate wherever there is a gradient.
    assert jax["moved"] == pytest.approx([1e-5, 1e-3], rel=0.05)
