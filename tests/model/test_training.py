"""The three stages from end to end on drawn figures: a few steps each, killed, resumed, on two backends."""

import argparse
import csv
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from annotator.cli import main
from model.augmentation import Augmentation
from model.cascade import PRESETS, Cascade
from model.commands import _change_stage, add_commands
from model.config import RunConfig, StagePlan, make_config, read_config
from model.norms import folded
from model.pasting import Pasting
from model.samples import View
from model.sources import DataError, Source, read_source
from model.training import Batches, Run, _stock, errors_of, learning_rate, pick, split
from model.weights import load_weights, save_arrays, save_weights

ROOT = Path(__file__).resolve().parents[2]


def config(figures: Path, **changes) -> RunConfig:
    recipe = make_config("lite")
    stages = tuple(
        dataclasses.replace(
            plan,
            epochs=epochs,
            steps=2,
            batch=2,
            size=64,
            growth=((1, 96),),
            frozen_epochs=frozen,
            settled_epochs=int(epochs == 1),
        )
        for plan, epochs, frozen in zip(recipe.stages, (2, 2, 1), (0, 1, 0), strict=True)
    )
    source = Source(str(figures), str(figures.parent / "images"))
    defaults = {
        "data": (source,),
        "validation": (source,),
        "donors": (source,),
        "augmentation": Augmentation(pasting=Pasting(share=0.5)),
        "stages": stages,
        "backbone_weights": None,
    }
    return dataclasses.replace(recipe, **{**defaults, **changes})


# A cascade of the same six stage nets, small enough to build and compile often.
SMALL = """
from dataclasses import replace
from model.cascade import PRESETS, StageConfig
lite = PRESETS["lite"]
small = {n: replace(s, encoder=(4,), decoder=(4,), depth=1, bottleneck=4) for n, s in lite.stages.items()}
context = replace(lite.context, width=8, squeeze=8, skip=4)
pose = replace(lite.pose, bottom=8, widths=(8, 8, 4, 4), head=8)
narrow = {"backbone_width": 0.35, "taps": ((4, 8), (8, 8)), "feature_width": 8}
PRESETS["lite"] = replace(lite, **narrow, stages=small, context=context, pose=pose)
"""
TRAIN = """
import sys
from model.config import read_config
from model.training import train
train(read_config(sys.argv[1]), sys.argv[2])
"""


def run_script(script: str, *arguments: Path, backend: str = "tensorflow", **environment):
    """Run Python in a process of its own, as the command does: one process knows one backend."""
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": backend, **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture(scope="module")
def finished(figures, tmp_path_factory) -> Path:
    """A finished run on the TensorFlow backend."""
    folder = tmp_path_factory.mktemp("run")
    path = folder / "config.json"
    path.write_text(config(figures).to_json())
    result = run_script(SMALL + TRAIN, path, folder / "run")
    assert result.returncode == 0, result.stderr[-3000:]
    return folder / "run"


def rows(out: Path) -> list[dict]:
    with (out / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_three_stages_leave_everything_behind(finished):
    log = rows(finished)
    assert [(r["stage"], r["epoch"]) for r in log] == [
        ("1", "1"), ("1", "2"), ("2", "1"), ("2", "2"), ("3", "1")
    ]  # fmt: skip
    assert all(float(r["val_loss"]) > 0 for r in log)
    assert log[0]["charts"] == ""
    assert float(log[2]["charts"]) > 0
    assert float(log[4]["heads"]) > 0
    for name in ("losses.png", "learning_rate.png"):
        assert (finished / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    report = json.loads((finished / "report.json").read_text())
    assert set(report["stages"]) == {"1", "2", "3"}
    assert 0 <= report["stages"]["3"]["iou"]["person"] <= 1
    assert "| torso |" in (finished / "report.md").read_text()


def test_each_stage_adds_its_nets_to_those_before(finished):
    first, last = np.load(finished / "stage1.npz"), np.load(finished / "stage3.npz")
    added = {name.split("/")[0].split("_")[0] for name in set(last.files) - set(first.files)}
    assert set(first.files) < set(last.files)
    # The narrow pyramid ends at stride 8: only the context and pose nets read the last blocks of the backbone.
    assert added == {"charts", "uv", "keypoints", "heads", "context", "pose", "block"}


def test_a_finished_run_is_not_trained_again(finished, figures):
    before = (finished / "stage3.npz").stat().st_mtime_ns
    Run(read_config(finished / "config.json"), finished).train()  # nothing is built: no stage is left
    assert (finished / "stage3.npz").stat().st_mtime_ns == before


def test_a_killed_run_ends_like_one_that_was_not(finished, figures, tmp_path):
    path = tmp_path / "config.json"
    path.write_text((finished / "config.json").read_text())
    out = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-c", SMALL + TRAIN, str(path), str(out)],
        cwd=ROOT,
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
    assert len(rows(out)) in (3, 4)
    assert not (out / "stage3.npz").exists()
    result = run_script(SMALL + TRAIN, path, out)
    assert result.returncode == 0, result.stderr[-3000:]
    assert "stage 1, epoch" not in result.stdout
    for killed, whole in zip(rows(out), rows(finished), strict=True):
        assert float(killed["val_loss"]) == pytest.approx(float(whole["val_loss"]), rel=0.05)


def test_a_run_killed_between_checkpoint_and_state_does_not_repeat_the_epoch(finished, tmp_path):
    out = shutil.copytree(finished, tmp_path / "run")
    state = json.loads((out / "state.json").read_text())
    state |= {"stage": 3, "epoch": 0, "best": None, "best_epoch": 0}
    state["reports"].pop("3")
    (out / "state.json").write_text(json.dumps(state))
    result = run_script(SMALL + TRAIN, out / "config.json", out)
    assert result.returncode == 0, result.stderr[-3000:]
    assert "stage 3, epoch" not in result.stdout
    for name in ("log.csv", "report.json"):
        assert (out / name).read_text() == (finished / name).read_text()
    with np.load(out / "stage3.npz") as again, np.load(finished / "stage3.npz") as once:
        np.testing.assert_array_equal(again["heads/kernel"], once["heads/kernel"])


def test_a_checkpoint_of_an_earlier_version_has_no_state(finished, tmp_path):
    out = shutil.copytree(finished, tmp_path / "run")
    with np.load(out / "checkpoint.npz") as file:
        save_arrays(out / "checkpoint.npz", {name: file[name] for name in file.files if name != "state"})
    state = json.loads((out / "state.json").read_text()) | {"stage": 3, "epoch": 0}
    (out / "state.json").write_text(json.dumps(state))
    assert Run(read_config(out / "config.json"), out).state == state


STEPS = """
import sys
import keras
from model.cascade import Cascade
from model.config import read_config
from model.training import PRESETS, Batches, Learner, View, split
settings = read_config(sys.argv[1])
plan = settings.stages[2]
learner = Learner(Cascade(PRESETS["lite"]), plan.terms)
learner.compile(optimizer="rmsprop")
batches = Batches(split(settings)[1][:4], plan.batch, View(64, 2, 256), None, (0,), 1)
losses = [learner.fit(batches, verbose=0).history["loss"][0] for _ in range(3)]
assert losses[2] < losses[0], losses
print(keras.backend.backend(), len(learner.trackers))
"""


def test_trains_on_jax(figures, tmp_path):
    """All six stage nets, their losses and an optimizer; the loss falls."""
    path = tmp_path / "config.json"
    path.write_text(config(figures).to_json())
    result = run_script(SMALL + STEPS, path, backend="jax", JAX_PLATFORMS="cpu")
    assert result.returncode == 0, result.stderr[-3000:]
    assert result.stdout.split() == ["jax", "6"]


LEARNING = """
import sys
from dataclasses import replace
from model.cascade import Cascade
from model.config import read_config
from model.training import Learner, Run
run = Run(read_config(sys.argv[1]), sys.argv[2])
plan = run.config.stages[2]
for learning in ((), ("context",), ("charts", "context")):
    learner = Learner(Cascade(PRESETS["lite"]), plan.terms)
    run.compile(learner, 3, replace(plan, learning=learning), frozen=True, settled=False)
    print(*sorted({v.path.split("/")[0].split("_")[0] for v in learner.trainable_variables}))
learner = Learner(Cascade(PRESETS["lite"], ("person", "parts")), plan.terms)
try:
    run.compile(learner, 1, replace(plan, learning=("context",)), frozen=True, settled=False)
except ValueError as error:
    print(error)
"""


def test_frozen_epochs_teach_the_nets_that_are_named(figures, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(config(figures).to_json())
    result = run_script(SMALL + LEARNING, path, tmp_path / "run")
    assert result.returncode == 0, result.stderr[-3000:]
    *learning, refused = result.stdout.splitlines()
    assert learning == ["context heads keypoints pose", "context", "charts context"]
    assert refused.startswith("stages[0].learning: stage 1 has no context")


RATE = """
import sys
import numpy as np
from dataclasses import replace
from model.cascade import Cascade
from model.config import read_config
from model.training import PRESETS, Batches, Learner, View, make_optimizer, split
settings = replace(read_config(sys.argv[1]), backbone_rate=0.01)
plan = settings.stages[0]
cascade = Cascade(PRESETS["lite"], ("person",))
before = {v.path: np.array(v) for v in cascade.trainable_variables}
learner = Learner(cascade, plan.terms)
learner.compile(optimizer=make_optimizer(settings, plan, cascade))
learner.fit(Batches(split(settings)[1][:1], 1, View(64, 2, 256), None, (0,), 1), verbose=0)
moved = {v.path: np.abs(np.array(v) - before[v.path]).max() for v in cascade.trainable_variables}
print(moved["block_1_expand/kernel"], moved["features_conv/kernel"])
"""


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_the_backbone_follows_at_its_own_rate(figures, tmp_path, backend):
    path = tmp_path / "config.json"
    path.write_text(config(figures).to_json())
    result = run_script(SMALL + RATE, path, backend=backend, JAX_PLATFORMS="cpu")
    assert result.returncode == 0, result.stderr[-3000:]
    # Adam's first step is the learning rate wherever there is a gradient.
    backbone, rest = map(float, result.stdout.split())
    assert rest == pytest.approx(1e-3, rel=0.05)
    assert backbone == pytest.approx(1e-5, rel=0.05)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_backbone_of_a_start_goes_back_as_far_as_wanted(figures, tmp_path, share):
    """Each convolution then computes the mean of what both do, batch norm included."""
    keras.utils.set_random_seed(2)
    start, past = (Cascade(PRESETS["lite"], ("person",)) for _ in range(2))
    for number, cascade in enumerate((start, past)):
        rng = np.random.default_rng(number)
        for norm in (cascade.get_layer("block_1_expand_BN"), cascade.get_layer("block_1_depthwise_BN")):
            norm.set_weights([rng.uniform(0.5, 2, w.shape) for w in norm.get_weights()])
    save_weights(start, tmp_path / "start.npz")
    save_weights(past, tmp_path / "past.npz")
    settings = config(
        figures,
        start_weights=str(tmp_path / "start.npz"),
        backbone_weights=str(tmp_path / "past.npz"),
        backbone_share=share,
    )
    stages = tuple(dataclasses.replace(plan, epochs=0) for plan in settings.stages)
    Run(dataclasses.replace(settings, stages=stages), tmp_path / "run").train()
    made = Cascade(PRESETS["lite"], ("person",))
    load_weights(made, tmp_path / "run" / "stage1.npz")
    now, one, other = folded(made), folded(start), folded(past)
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
    past = Cascade(PRESETS["lite"])
    past.get_layer("pose_keypoints").bias.assign(np.arange(17.0))
    save_weights(past, tmp_path / "past.npz", layers={*past.backbone_layers, "pose_keypoints"})
    settings = config(figures, backbone_weights=str(tmp_path / "past.npz"))
    stages = tuple(dataclasses.replace(plan, epochs=0) for plan in settings.stages)
    Run(dataclasses.replace(settings, stages=stages), tmp_path / "run").train()
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
        Run(config(figures, backbone_weights=weights), tmp_path / "run").train()


def test_another_config_in_the_same_folder_is_refused(finished):
    begun = read_config(finished / "config.json")
    with pytest.raises(DataError, match="another config"):
        Run(dataclasses.replace(begun, seed=9), finished)


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
    run = Run(config(figures), tmp_path / "run")
    first, again = (run._cascade(1).get_weights() for _ in range(2))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_broken_photo_is_named_wherever_it_comes(figures, tmp_path):
    """Keras reads the first batches itself, and hides what goes wrong in others."""

    class Blank(keras.Model):
        def __init__(self):
            super().__init__()
            self.number = self.add_weight()

        def call(self, images):
            return self.number

        def compute_loss(self, *_, **__):
            return self.number**2

    folder = tmp_path / "figures"
    shutil.copytree(figures.parent, folder)
    (folder / "images" / "6.png").write_bytes(b"no image")
    records = read_source(Source(str(folder / figures.name), str(folder / "images")))
    batches = Batches(records, 1, View(64, 2, 256), None, (0,), 1)
    model = Blank()
    model.compile(optimizer="sgd")
    for work in (model.fit, model.evaluate):
        with pytest.raises(DataError, match=r"6\.png"), errors_of(batches):
            work(batches, shuffle=False, verbose=0)


@pytest.mark.parametrize("typo", ["data", "donors", "backbone_weights"])
def test_a_typo_does_not_lock_the_folder(figures, tmp_path, typo):
    wrong = "nowhere.npz" if typo == "backbone_weights" else (Source(str(figures), str(tmp_path / "imges")),)
    with pytest.raises(DataError, match=r"no (such )?(weights )?file"):
        Run(config(figures, **{typo: wrong}), tmp_path / "run").train()
    Run(config(figures), tmp_path / "run")
    assert read_config(tmp_path / "run" / "config.json") == config(figures)


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


def test_a_stage_ends_when_it_no_longer_improves(figures, tmp_path):
    """A validation loss below 0 cannot be beaten."""
    settings = config(figures)
    stages = [dataclasses.replace(settings.stages[0], patience=2, epochs=9)]
    stages += [dataclasses.replace(plan, epochs=0) for plan in settings.stages[1:]]
    (tmp_path / "c.json").write_text(dataclasses.replace(settings, stages=tuple(stages)).to_json())
    (tmp_path / "run").mkdir()
    state = {"stage": 1, "epoch": 0, "best": -1.0, "best_epoch": 0, "reports": {}}
    (tmp_path / "run" / "state.json").write_text(json.dumps(state))
    result = run_script(SMALL + TRAIN, tmp_path / "c.json", tmp_path / "run")
    assert result.returncode == 0, result.stderr[-3000:]
    assert len(rows(tmp_path / "run")) == 2
    # Killed before the report of the stage was done, it does not train on.
    (tmp_path / "run" / "state.json").write_text(json.dumps(state | {"epoch": 2}))
    result = run_script(SMALL + TRAIN, tmp_path / "c.json", tmp_path / "run")
    assert result.returncode == 0, result.stderr[-3000:]
    assert "stage 1, epoch" not in result.stdout


def test_validation_takes_no_more_samples_than_it_says(figures, tmp_path, monkeypatch):
    class Counter:
        def evaluate(self, batches, **_):
            return {"samples": len(batches.picks)}

    run = Run(config(figures), tmp_path)
    for most, samples in ((8, 8), (5, 4), (1, 1)):
        monkeypatch.setattr("model.training.VALIDATION_SAMPLES", most)
        assert run._validate(Counter(), run.config.stages[0]) == {"val_samples": samples}


def test_validation_without_images(figures, tmp_path):
    empty = tmp_path / "empty.json"
    empty.write_text('{"images": [], "annotations": []}')
    with pytest.raises(DataError, match="validation: no images"):
        split(config(figures, validation=(Source(str(empty), str(tmp_path)),)))


def test_samples_grow():
    plan = StagePlan(10, 8, 64, 1e-3, growth=((2, 96), (5, 128)))
    assert [plan.size_at(e) for e in (0, 1, 2, 4, 5, 10)] == [64, 64, 96, 96, 128, 128]


def test_sources_are_mixed_by_weight(figures):
    images = str(figures.parent / "images")
    both = (Source(str(figures), images, weight=3.0), Source(str(figures), images, weight=1.0))
    settings = config(figures, data=both)
    plan = dataclasses.replace(settings.stages[0], steps=10, batch=4)
    data, _ = split(settings)
    assert split(settings, data)[0] is data, "what was read already is not read again"
    picks = pick(settings, plan, data, 1, 0)
    assert len(picks) == 40
    assert sum(any(p is r for r in data[0]) for p in picks) == 30
    assert [p.path for p in picks] == [p.path for p in pick(settings, plan, data, 1, 0)]
    assert [p.path for p in picks] != [p.path for p in pick(settings, plan, data, 1, 1)]


def test_donors_without_weight_count_by_their_images(figures):
    images = str(figures.parent / "images")
    donors = (Source(str(figures), images, weight=0.0), Source(str(figures), images, weight=0.0))
    stock = _stock(config(figures, donors=donors), [], [])
    assert len(stock.people[0]) == len(stock.people[1]) > 0
    assert stock.weights == pytest.approx([0.5, 0.5])


def test_held_out_images_are_not_trained_on(figures):
    settings = config(figures, validation=(), validation_share=0.4)
    data, validation = split(settings)
    names = {r.path for records in data for r in records}
    assert validation
    assert names.isdisjoint(r.path for r in validation)
    assert len(names) + len(validation) == 8
    (pasted,) = _stock(settings, data, validation).people
    assert {record.path for record, _ in pasted} <= names
    # Where the share holds nothing out, one image is, and no other is lost.
    settings = config(figures, data=settings.data * 3, validation=(), validation_share=0.0)
    data, validation = split(settings)
    assert sorted([len(validation), *map(len, data)]) == [1, 7, 8, 8]


def test_config_survives_its_file(figures, tmp_path):
    plans = tuple(dataclasses.replace(p, growth=((1, 96),), patience=2) for p in config(figures).stages)
    augmentation = Augmentation(flip=0.25, pasting=Pasting(share=0.5, height=(0.3, 0.8)))
    donors = (Source("a.json", "images", weight=2.0),)
    settings = config(figures, augmentation=augmentation, stages=plans, donors=donors)
    (tmp_path / "c.json").write_text(settings.to_json())
    assert read_config(tmp_path / "c.json") == settings


def test_what_a_config_leaves_out_comes_from_the_recipe(tmp_path):
    plan = {"epochs": 3, "batch": 1, "size": 64, "learning_rate": 0.1}
    given = {"preset": "thesis", "augmentation": {"flip": 0.5}, "stages": [plan, plan, plan | {"terms": {}}]}
    (tmp_path / "c.json").write_text(json.dumps(given))
    settings, recipe = read_config(tmp_path / "c.json"), make_config("thesis")
    assert settings.augmentation == dataclasses.replace(recipe.augmentation, flip=0.5)
    assert settings.optimizer == "rmsprop"
    assert [s.terms for s in settings.stages] == [s.terms for s in recipe.stages]
    assert settings.stages[0].drops == ()


@pytest.mark.parametrize("path", sorted((ROOT / "model" / "recipes").glob("*.json")), ids=lambda p: p.stem)
def test_recipes_are_configs_but_for_their_folders(tmp_path, path):
    recipe = json.loads(path.read_text())
    for name in ("data", "donors", "validation", "held_out", "start_share"):
        recipe.pop(name, None)
    (tmp_path / "c.json").write_text(json.dumps(recipe))
    assert read_config(tmp_path / "c.json").preset == "lite"


def stage(**changes) -> str:
    """A config of three equal stages."""
    plan = {"epochs": 1, "batch": 1, "size": 64, "learning_rate": 0.1} | changes
    return json.dumps({"stages": [plan] * 3})


def source(**changes) -> str:
    return json.dumps({"data": [{"annotations": "a.json", "images": "a"} | changes]})


def chart_term(**changes) -> str:
    return stage(terms={"charts": {"weight": 1.0} | changes})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", r"the config is \[\]: use an object"),
        ('{"presets": "lite"}', "presets: no such field"),
        ('{"preset": "huge"}', "preset is 'huge'"),
        ('{"preset": ["lite"]}', r"preset is \['lite'\]"),
        ('{"seed": "ten"}', "seed is 'ten': use a whole number"),
        ('{"seed": -1}', "seed is -1: use 0 or more"),
        ('{"seed": true}', "seed is True: use a whole number"),
        ('{"backbone_share": 2}', "backbone_share is 2: use a number from 0 to 1"),
        ('{"backbone_share": 1, "backbone_weights": null}', "backbone_share: there is nothing to go back to"),
        ('{"backbone_weights": 1}', "backbone_weights is 1: use text"),
        ('{"person_view": 3}', "person_view is 3: use a number from 0 to 1"),
        ('{"person_view": NaN}', "person_view is nan: use a number from 0 to 1"),
        ('{"person_view": 0.7, "window_view": 0.5}', "person_view, window_view: together"),
        ('{"optimizer": "adamm"}', "optimizer is 'adamm'"),
        ('{"data": null}', "data is None: use a list"),
        ('{"data": ["x"]}', r"data\[0\] is 'x': use an object"),
        (source(annotation="b.json"), r"data\[0\]\.annotation: no such field"),
        ('{"donors": [{"annotations": "a.json"}]}', r"donors\[0\]: missing .*'images'"),
        (source(weight=-3), r"data\[0\]\.weight is -3: use 0 or more"),
        (source(iuv=None), r"data\[0\]\.iuv is None: use text"),
        ('{"augmentation": null}', "augmentation is None: use an object"),
        ('{"augmentation": {"rotate": 3}}', r"augmentation\.rotate"),
        ('{"augmentation": {"look": "wild"}}', r"augmentation\.look is 'wild': use one of thesis, strong"),
        ('{"augmentation": {"scale": 1.2}}', r"augmentation\.scale is 1\.2: use a list"),
        ('{"augmentation": {"scale": [1.2]}}', r"augmentation\.scale is \[1\.2\]: use a list of 2"),
        ('{"augmentation": {"scale": [2, 1]}}', r"augmentation\.scale is \(2, 1\): use \[low, high\]"),
        ('{"augmentation": {"pasting": {"shares": 3}}}', r"augmentation\.pasting\.shares"),
        ('{"augmentation": {"pasting": {"share": 3}}}', r"augmentation\.pasting\.share is 3"),
        ('{"stages": 3}', "stages is 3: use a list"),
        ('{"stages": []}', "three training stages"),
        ('{"stages": [[], [], []]}', r"stages\[0\] is \[\]: use an object"),
        (stage(step=3), r"stages\[0\]\.step: no such field"),
        (stage(epochs="1"), r"stages\[0\]\.epochs is '1': use a whole number"),
        (stage(batch=0), r"stages\[0\]\.batch is 0: use more than 0"),
        (stage(size=100), r"stages\[0\]\.size is 100: use a multiple of 32"),
        (stage(schedule="linear"), r"stages\[0\]\.schedule is 'linear': use one of steps, cosine"),
        (stage(growth=[5, 192]), r"stages\[0\]\.growth\[0\] is 5: use a list"),
        (stage(growth=[[1, 100]]), r"stages\[0\]\.growth .* multiples of 32"),
        (stage(growth=[[5, 192], [2, 128]]), r"stages\[0\]\.growth .* in the order of epochs"),
        (stage(drops=[[2, 0]]), r"stages\[0\]\.drops .* factors above 0"),
        (stage(learning="context"), r"stages\[0\]\.learning is 'context': use a list"),
        (
            stage(learning=["legs"]),
            r"stages\[0\]\.learning is \('legs',\): use names out of person, .*context",
        ),
        (stage(terms=None), r"stages\[0\]\.terms is None: use an object"),
        (
            stage(terms={"chart": {"weight": 1}}),
            r"stages\[0\]\.terms is \['chart'\]: use names out of person",
        ),
        (chart_term(over="count"), r"stages\[0\]\.terms\.charts\.over is 'count'"),
        (chart_term(weight="1"), r"stages\[0\]\.terms\.charts\.weight is '1': use a number"),
        (chart_term(weight=-1), r"stages\[0\]\.terms\.charts\.weight is -1: use 0 or more"),
        (chart_term(unit=0), r"stages\[0\]\.terms\.charts\.unit is 0: use more than 0"),
    ],
)
def test_broken_configs_name_file_and_field(tmp_path, text, message):
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(DataError, match=r"c\.json: .*" + message):
        read_config(tmp_path / "c.json")


def test_missing_and_unreadable_config(tmp_path):
    with pytest.raises(DataError, match="no such config"):
        read_config(tmp_path / "none.json")
    (tmp_path / "c.json").write_text("{}", encoding="utf-16")
    with pytest.raises(DataError, match=r"c\.json: not JSON"):
        read_config(tmp_path / "c.json")


def test_options_of_the_command_are_checked_like_a_config(figures, tmp_path, capsys):
    (tmp_path / "c.json").write_text(config(figures).to_json())
    command = ["train", "--config", str(tmp_path / "c.json"), "--out", str(tmp_path / "run")]
    for option, message in (("--batch", "stages[0].batch is 0"), ("--size", "stages[0].size is 0")):
        assert main([*command, option, "0"]) == 1
        assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_no_steps_are_once_through_the_data(figures):
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())
    plan = config(figures).stages[0]
    assert plan.steps == 2
    assert _change_stage(plan, 0, parser.parse_args(["train", "--out", "x", "--steps", "0"])).steps == 0
    assert _change_stage(plan, 0, parser.parse_args(["train", "--out", "x"])).steps == 2
