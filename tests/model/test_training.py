"""The three stages from end to end on drawn figures: a few steps each, stopped, resumed."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from functools import partial

import keras
import numpy as np
import pytest

from annotator.cli import main
from model.batches import Batches, split
from model.cascade import Cascade
from model.config import read_config
from model.devices import dtype_policy
from model.norms import folded_convolutions
from model.presets import CascadeConfig, net_of
from model.progress import TrainingProgress
from model.sample_pool import SamplePool
from model.samples import View, make_sample
from model.schedule import averaged_weights, make_optimizer
from model.sources import DataError, Source
from model.training import Learner, Run
from model.weights import WeightsError, load_weights, save_arrays, save_weights
from tests.model.tiny import log_of, tiny_config, tiny_network, without_epochs

pytestmark = pytest.mark.usefixtures("eager")


def test_three_stages_leave_everything_behind(finished):
    log = log_of(finished)
    assert [(r["stage"], r["epoch"]) for r in log] == [
        ("1", "1"), ("1", "2"), ("2", "1"), ("2", "2"), ("3", "1")
    ]  # fmt: skip
    assert all(float(r["val_loss"]) > 0 for r in log)
    assert log[0]["charts"] == ""
    assert float(log[2]["charts"]) > 0
    assert float(log[4]["head_vectors"]) > 0
    for name in ("losses.png", "learning_rate.png"):
        assert (finished / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    report = json.loads((finished / "report.json").read_text())
    assert set(report["stages"]) == {"1", "2", "3"}
    assert 0 <= report["stages"]["3"]["iou"]["person"] <= 1
    assert "| torso |" in (finished / "report.md").read_text()


def test_each_stage_adds_its_nets_to_those_before(finished):
    with np.load(finished / "stage1.npz") as first, np.load(finished / "stage3.npz") as last:
        before, after = set(first.files), set(last.files)
    assert before < after
    layers = {name.split("/")[0] for name in after - before}
    assert {net_of(layer) for layer in layers} == {
        "charts", "uv", "keypoints", "head_vectors", "context", "pose", None
    }  # fmt: skip
    # The narrow pyramid ends at stride 8: only the context and pose nets read the last blocks of the backbone.
    assert {layer.split("_")[0] for layer in layers if net_of(layer) is None} == {"block"}


def test_a_finished_run_is_not_trained_again(finished):
    before = (finished / "stage3.npz").stat().st_mtime_ns
    Run(read_config(finished / "config.json"), finished).train()  # nothing is built: no stage is left
    assert (finished / "stage3.npz").stat().st_mtime_ns == before


def test_a_killed_run_ends_like_one_that_was_not(finished, tmp_path, capsys):
    path, out = tmp_path / "config.json", tmp_path / "run"
    path.write_text((finished / "config.json").read_text())
    command = ["train", "--config", str(path), "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-m", "annotator.cli", *command],
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    for line in process.stdout:
        if line.startswith("stage 2, epoch 2"):
            process.kill()
            break
    process.wait()
    assert len(log_of(out)) in (3, 4)
    assert not (out / "stage3.npz").exists()
    assert main(command) == 0
    assert "stage 1, epoch" not in capsys.readouterr().out
    for killed, whole in zip(log_of(out), log_of(finished), strict=True):
        assert float(killed["val_loss"]) == pytest.approx(float(whole["val_loss"]), rel=0.05)


def test_a_run_killed_between_checkpoint_and_state_does_not_repeat_the_epoch(finished, tmp_path, capsys):
    out = shutil.copytree(finished, tmp_path / "run")
    state = json.loads((out / "state.json").read_text())
    state |= {"stage": 3, "epoch": 0, "best": None, "best_epoch": 0}
    state["reports"].pop("3")
    (out / "state.json").write_text(json.dumps(state))
    Run(read_config(out / "config.json"), out).train()
    assert "stage 3, epoch" not in capsys.readouterr().out
    for name in ("log.csv", "report.json"):
        assert (out / name).read_text() == (finished / name).read_text()
    with np.load(out / "stage3.npz") as again, np.load(finished / "stage3.npz") as once:
        np.testing.assert_array_equal(again["head_vectors/kernel"], once["head_vectors/kernel"])


def test_a_checkpoint_of_an_earlier_version_has_no_state(finished, tmp_path):
    out = shutil.copytree(finished, tmp_path / "run")
    with np.load(out / "checkpoint.npz") as file:
        save_arrays(out / "checkpoint.npz", {name: file[name] for name in file.files if name != "state"})
    state = json.loads((out / "state.json").read_text()) | {"stage": 3, "epoch": 0}
    (out / "state.json").write_text(json.dumps(state))
    assert Run(read_config(out / "config.json"), out).state == state


def trained_nets(learner: Learner) -> set[str | None]:
    return {net_of(v.path.split("/")[0]) for v in learner.trainable_variables}


def test_frozen_epochs_train_the_nets_that_are_named(figures, tmp_path):
    run = Run(tiny_config(figures), tmp_path / "run")
    plan, cascade = run.config.stages[2], Cascade(tiny_network())
    for learning, nets in (
        ((), {"context", "head_vectors", "keypoints", "pose"}),
        (("context",), {"context"}),
        (("charts", "context"), {"charts", "context"}),
    ):
        learner = Learner(cascade, plan.terms)
        named = dataclasses.replace(plan, learning=learning)
        run.compile(learner, 3, named, frozen=True, frozen_batch_norm=False)
        assert trained_nets(learner) == nets
    learner = Learner(Cascade(tiny_network(), ("person", "parts")), plan.terms)
    named = dataclasses.replace(plan, learning=("context",))
    with pytest.raises(DataError, match=r"^stages\[0\]\.learning: stage 1 has no context"):
        run.compile(learner, 1, named, frozen=True, frozen_batch_norm=False)


def test_the_backbone_follows_at_its_own_rate(figures):
    config = tiny_config(figures, backbone_rate=0.01)
    plan, cascade = config.stages[0], Cascade(tiny_network(), ("person",))
    before = {v.path: np.array(v) for v in cascade.trainable_variables}
    learner = Learner(cascade, plan.terms)
    learner.compile(optimizer=make_optimizer(config, plan, cascade))
    make = partial(make_sample, view=View(64, 2, 256), augmentation=None)
    learner.fit(Batches(make, split(config)[1][:1], 1, (0,), SamplePool()), verbose=0)
    moved = {v.path: np.abs(np.array(v) - before[v.path]).max() for v in cascade.trainable_variables}
    # Adam's first step is the learning rate wherever there is a gradient.
    assert moved["features_conv/kernel"] == pytest.approx(1e-3, rel=0.05)
    assert moved["block_1_expand/kernel"] == pytest.approx(1e-5, rel=0.05)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_backbone_of_a_start_goes_back_as_far_as_wanted(figures, tmp_path, share):
    """Each convolution then computes the mean of what both do, batch norm included."""
    # All of the backbone is read, by whatever stage.
    network = dataclasses.replace(tiny_network(), taps=((4, 8), (32, 8)))
    keras.utils.set_random_seed(2)
    start, past = (Cascade(network, ("person",)) for _ in range(2))
    for number, cascade in enumerate((start, past)):
        rng = np.random.default_rng(number)
        for norm in (cascade.get_layer("block_1_expand_BN"), cascade.get_layer("block_1_depthwise_BN")):
            norm.set_weights([rng.uniform(0.5, 2, w.shape) for w in norm.get_weights()])
    save_weights(start, tmp_path / "start.npz")
    save_weights(past, tmp_path / "past.npz")
    settings = tiny_config(
        figures,
        model=network,
        start_weights=str(tmp_path / "start.npz"),
        backbone_weights=str(tmp_path / "past.npz"),
        backbone_share=share,
    )
    list(Run(without_epochs(settings), tmp_path / "run")._stage(1))
    made = Cascade(network, ("person",))
    load_weights(made, tmp_path / "run" / "stage1.npz")
    now, one, other = folded_convolutions(made), folded_convolutions(start), folded_convolutions(past)
    assert len(now) == 51
    for name, (kernel, bias) in now.items():
        expected = [share * b + (1 - share) * a for a, b in zip(one[name], other[name], strict=True)]
        np.testing.assert_allclose(kernel, expected[0], rtol=1e-3, atol=1e-5, err_msg=name)
        np.testing.assert_allclose(bias, expected[1], rtol=1e-3, atol=1e-4, err_msg=name)
    np.testing.assert_array_equal(made.get_layer("person").kernel, start.get_layer("person").kernel)
    fresh = np.array(made.get_layer("block_1_expand_BN").moving_mean)
    stale = np.array(start.get_layer("block_1_expand_BN").moving_mean)
    assert (np.abs(fresh - stale).max() < 1e-6) == (share == 0)


def test_pose_weights_come_with_the_backbone_in_the_stage_that_needs_them(figures, tmp_path):
    past = Cascade(tiny_network())
    past.get_layer("pose_keypoints").bias.assign(np.arange(17.0))
    save_weights(past, tmp_path / "past.npz", layers={*past.backbone_layers, "pose_keypoints"})
    settings = tiny_config(figures, backbone_weights=str(tmp_path / "past.npz"))
    Run(without_epochs(settings), tmp_path / "run").train()
    with np.load(tmp_path / "run" / "stage3.npz") as weights:
        np.testing.assert_array_equal(weights["pose_keypoints/bias"], np.arange(17.0))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("imagenet", "imagenet cannot be loaded"),
        ("nowhere.npz", "backbone_weights: nowhere.npz: no such weights file"),
    ],
)
def test_backbone_weights_that_cannot_be_had(figures, tmp_path, monkeypatch, weights, message):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setattr("keras.src.utils.file_utils.config.keras_home", lambda: str(tmp_path))
    with pytest.raises(DataError, match=message):
        Run(tiny_config(figures, backbone_weights=weights), tmp_path / "run").train()


def test_another_config_in_the_same_folder_is_refused(finished):
    begun = read_config(finished / "config.json")
    with pytest.raises(DataError, match=r"another config \(seed\)"):
        Run(dataclasses.replace(begun, seed=9), finished)


def test_a_checkpoint_says_whose_weights_it_holds(finished):
    with np.load(finished / "checkpoint.npz") as file:
        assert CascadeConfig.from_dict(json.loads(str(file["config"]))) == tiny_network()
    other = Cascade(dataclasses.replace(tiny_network(), feature_width=4), ("person",))
    with pytest.raises(
        WeightsError, match=r"checkpoint\.npz: holds another network: feature_width is another"
    ):
        TrainingProgress(finished).load(other, keras.optimizers.SGD())


def test_a_run_that_an_older_release_began_goes_on(finished, tmp_path):
    """Its config lacks fields that came later."""
    shutil.copytree(finished, tmp_path / "run")
    path = tmp_path / "run" / "config.json"
    written = json.loads(path.read_text())
    del written["augmentation"]["coarse"]
    path.write_text(json.dumps(written))
    before = path.read_bytes()
    Run(read_config(finished / "config.json"), tmp_path / "run")
    assert path.read_bytes() == before


def test_new_nets_begin_the_same_in_every_process(figures, tmp_path):
    """A run may be killed before its first epoch is done."""
    run = Run(tiny_config(figures), tmp_path / "run")
    first, again = (run._cascade(1).get_weights() for _ in range(2))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("typo", ["data", "copy_paste_sources", "backbone_weights"])
def test_a_typo_does_not_lock_the_folder(figures, tmp_path, typo):
    wrong = "nowhere.npz" if typo == "backbone_weights" else (Source(str(figures), str(tmp_path / "imges")),)
    with pytest.raises(DataError, match=r"no such (photo|weights file)"):
        Run(tiny_config(figures, **{typo: wrong}), tmp_path / "run").train()
    Run(tiny_config(figures), tmp_path / "run")
    assert read_config(tmp_path / "run" / "config.json") == tiny_config(figures)


def test_a_running_mean_of_the_weights_is_kept_while_training_goes_on_with_them(figures, tmp_path):
    settings = tiny_config(figures, ema_momentum=0.5)
    first = dataclasses.replace(settings.stages[0], growth=())
    settings = dataclasses.replace(settings, stages=(first, *settings.stages[1:]))
    out = tmp_path / "run"
    assert next(Run(settings, out).epochs()) == 1
    with np.load(out / "checkpoint.npz") as file:
        checkpoint = {name: file[name] for name in file.files}
    means = {
        name.split("/")[-1].removesuffix("_average"): mean
        for name, mean in checkpoint.items()
        if name.endswith("_average")
    }
    with np.load(out / "stage1.npz") as kept:
        for name in ("features_conv/kernel", "block_1_expand/kernel", "person/bias"):
            np.testing.assert_array_equal(kept[name], means[name.replace("/", "_")])
            assert np.abs(kept[name] - checkpoint[f"model/{name}"]).max() > 0

    class Begin(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            variables = {f"model/{v.path}": v for v in self.model.cascade.variables}
            variables |= {f"optimizer/{i}/{v.path}": v for i, v in enumerate(self.model.optimizer.variables)}
            self.values = {name: np.array(keras.ops.convert_to_numpy(v)) for name, v in variables.items()}

    resumed, begin = Run(settings, out), Begin()
    resumed.callbacks.append(begin)
    assert next(resumed.epochs()) == 2
    assert begin.values.keys() == checkpoint.keys() - {"state", "config"}
    for name, value in begin.values.items():
        np.testing.assert_array_equal(value, checkpoint[name], err_msg=name)


def test_float16_scales_the_loss(figures, tmp_path):
    run = Run(tiny_config(figures, precision="mixed_float16", ema_momentum=0.5), tmp_path)
    plan = run.config.stages[0]
    with dtype_policy(run.config.precision):
        learner = Learner(Cascade(tiny_network(), ("person",)), plan.terms)
    run.compile(learner, 1, plan, frozen=False, frozen_batch_norm=False)
    layer = learner.cascade.get_layer("features_conv")
    assert (layer.compute_dtype, layer.kernel.dtype) == ("float16", "float32")
    assert learner(np.zeros((1, 64, 64, 3), np.uint8))["person"].dtype == "float32"
    before = np.array(layer.kernel)
    scale = float(learner.optimizer.scale_loss(1.0))
    assert scale > 1
    for gradient in (np.inf, scale):
        with averaged_weights(learner.optimizer):  # there is none yet
            np.testing.assert_array_equal(layer.kernel, before)
        learner.optimizer.apply([keras.ops.full(v.shape, gradient) for v in learner.trainable_variables])
    after = np.array(layer.kernel)
    np.testing.assert_allclose(after - before, -plan.learning_rate, rtol=0.01)
    with averaged_weights(learner.optimizer):
        np.testing.assert_array_equal(layer.kernel, after)
    assert keras.config.dtype_policy().name == "float32"


def test_a_stage_ends_when_it_no_longer_improves(figures, tmp_path, capsys):
    """A validation loss below 0 cannot be beaten."""
    settings = tiny_config(figures)
    stages = [dataclasses.replace(settings.stages[0], patience=2, epochs=9, growth=())]
    stages += [dataclasses.replace(plan, epochs=0) for plan in settings.stages[1:]]
    settings = dataclasses.replace(settings, stages=tuple(stages))
    out = tmp_path / "run"
    out.mkdir()
    state = {"stage": 1, "epoch": 0, "best": -1.0, "best_epoch": 0, "reports": {}}
    (out / "state.json").write_text(json.dumps(state))
    Run(settings, out).train()
    assert len(log_of(out)) == 2
    capsys.readouterr()
    # Killed before the report of the stage was done, it does not train on.
    (out / "state.json").write_text(json.dumps(state | {"epoch": 2}))
    Run(settings, out).train()
    assert "stage 1, epoch" not in capsys.readouterr().out


def test_validation_takes_no_more_samples_than_it_says(figures, tmp_path, monkeypatch):
    class Counter:
        def evaluate(self, batches, **_):
            return {"samples": len(batches.items)}

    run = Run(tiny_config(figures), tmp_path)
    for most, samples in ((8, 8), (5, 4), (1, 1)):
        monkeypatch.setattr("model.training.VALIDATION_SAMPLES", most)
        assert run._validate(Counter(), run.config.stages[0]) == {"val_samples": samples}
