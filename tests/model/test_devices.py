"""Several devices share each batch: on JAX, in a process of its own with two devices of the CPU."""

import json
import os
import subprocess
import sys

import pytest

from annotator.cli import main
from model.batches import fill_up
from tests.model.tiny import tiny_config

TRAIN = """
import dataclasses, json, shutil, sys
from pathlib import Path
import keras
from model.devices import data_parallel
from model.training import Run
from tests.model.tiny import log_of, tiny_config

figures, out = map(Path, sys.argv[1:])
config = tiny_config(figures, ema_momentum=0.5)
first = dataclasses.replace(config.stages[0], growth=())
config = dataclasses.replace(config, stages=(first, *config.stages[1:]))

class Devices(keras.callbacks.Callback):
    def on_train_end(self, logs=None):
        self.count = max(len(v.value.devices()) for v in self.model.trainable_variables)

def epoch(run, epochs):
    run.callbacks = [Devices()]
    next(epochs)
    losses = {name: float(value) for name, value in log_of(run.out)[-1].items() if value}
    return {"devices": run.callbacks[0].count, "losses": losses}

one = Run(config, out / "one")
epochs = one.epochs()
epoch(one, epochs)
shutil.copytree(out / "one", out / "two")
done = {"one": epoch(one, epochs)}
with data_parallel(2):
    two = Run(config, out / "two")
    done["two"] = epoch(two, two.epochs())

def error(devices, **changes):
    try:
        with data_parallel(devices):
            Run(dataclasses.replace(config, **changes), out / "error")
    except ValueError as error:
        return str(error)

odd = tuple(dataclasses.replace(plan, batch=3) for plan in config.stages)
print(json.dumps(done | {"errors": [error(3), error(0, stages=odd)]}))
"""


@pytest.fixture(scope="module")
def trained(figures, tmp_path_factory) -> dict:
    """What the second epoch of a run did, on one and on two devices."""
    # Compiling well takes longer than these steps.
    flags = "--xla_backend_optimization_level=0 --xla_force_host_platform_device_count=2"
    result = subprocess.run(
        [sys.executable, "-c", TRAIN, str(figures), str(tmp_path_factory.mktemp("devices"))],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return json.loads(result.stdout.splitlines()[-1])


def test_a_run_goes_on_with_two_devices_as_with_one(trained):
    one, two = trained["one"], trained["two"]
    assert (one["devices"], two["devices"]) == (1, 2)
    assert one["losses"]["epoch"] == two["losses"]["epoch"] == 2
    for name in ("loss", "person", "parts", "val_loss"):
        assert two["losses"][name] == pytest.approx(one["losses"][name], rel=0.02), name


def test_what_devices_cannot_share_is_named(trained):
    few, odd = trained["errors"]
    assert few == "--devices 3: JAX sees 2: cpu:0, cpu:1"
    assert odd == "stages[0].batch is 3: must be a multiple of the 2 devices that share it"


def test_several_devices_need_jax(figures, tmp_path, capsys):
    (tmp_path / "c.json").write_text(tiny_config(figures).to_json())
    command = ["train", "--config", str(tmp_path / "c.json"), "--out", str(tmp_path / "run")]
    assert main([*command, "--devices", "2", "--backend", "tensorflow"]) == 1
    assert "--devices 2: only JAX shares batches among devices: give --backend jax" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_the_last_batch_can_be_shared():
    assert fill_up([1, 2, 3, 4, 5], 4) == [1, 2, 3, 4, 5, 1, 2, 3]
    assert fill_up([1], 4) == [1, 1, 1, 1]
    assert fill_up([1, 2], 1) == [1, 2]
