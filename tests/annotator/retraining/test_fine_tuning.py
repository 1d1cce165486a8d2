"""From corrected people to a new model: what comes of a short real training."""

import csv
import json
import shutil
from copy import copy
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from annotator.cli import main
from annotator.dataset.fields import FieldError
from annotator.dataset.info import last_model, last_settings
from annotator.examples import EXAMPLES
from annotator.inference.finder import Finder, finder_beside
from annotator.inference.network import DEFAULT_MODEL, Network
from annotator.inference.pose_estimator import PoseEstimator, pose_estimator_beside
from annotator.inference.settings import Settings, VoteSettings
from annotator.labels.messages import MAX_LISTED
from annotator.photos.finding import find_photos
from annotator.retraining.comparison import Comparison
from annotator.retraining.corrections import Subset
from annotator.retraining.fine_tuning import FineTuning, Retraining
from annotator.retraining.lock import only_run_in
from annotator.retraining.outcome import Outcome
from annotator.retraining.progress import MASKS_KEPT
from annotator.runs.dataset_annotation import annotate_samples
from annotator.runs.dataset_run import Summary
from tests.annotator.full_disk import full_disk
from tests.annotator.inference.tiny_pose import write_pose_estimator
from tests.retraining_run import SHORT


def test_a_new_model_beside_the_old_one(retrained, old_model):
    outcome = retrained.outcome
    assert Network(old_model).info.model_id == retrained.old.info.model_id
    info = Network(outcome.model).info
    assert info.model_id == outcome.model_id == f"{retrained.old.info.model_id}+spring"
    assert info.license == retrained.old.info.license
    assert outcome.model.with_suffix(".npz").is_file()


def test_a_new_finder_beside_the_new_model(retrained, old_model):
    from model.finder.weights import open_finder

    old, new = (Finder(finder_beside(model)) for model in (old_model, retrained.outcome.model))
    assert new.path == retrained.out / "finder.onnx"
    assert (new.info.model_id, new.side) == (retrained.model_id, old.side)
    assert new.info.license == old.info.license == "Apache-2.0"
    weights = [open_finder(finder.path.with_suffix(".npz")) for finder in (old, new)]
    changes = [
        np.abs(np.array(a) - np.array(b)).max() for a, b in zip(*(w.variables for w in weights), strict=True)
    ]
    assert 0 < max(changes) < 1e-3


def test_a_new_pose_estimator_beside_the_new_model_with_the_old_keypoints(retrained, old_model):
    models = (old_model, retrained.outcome.model)
    old, new = (PoseEstimator(pose_estimator_beside(model)) for model in models)
    assert new.path == retrained.out / "pose.onnx"
    assert (new.info.model_id, new.side) == (retrained.model_id, old.side)
    assert (new.info.license, new.info.precision) == ("CC0-1.0", "float16-weights")
    assert is_same_but_what_learns(old.path.with_suffix(".npz"), new.path.with_suffix(".npz"))


def is_same_but_what_learns(old: Path, new: Path) -> bool:
    """Whether of the weights of two pose estimators those of mask net and surface net have changed, and no others."""
    with np.load(old) as before, np.load(new) as after:
        assert before.files == after.files
        changed = {name for name in before.files if before[name].tobytes() != after[name].tobytes()}
    assert all(name.startswith(("mask_", "surface_")) for name in changed)
    return {"mask_coarse/kernel", "surface_coarse/kernel"} <= changed


def test_a_run_that_was_stopped_in_the_epochs_of_the_pose_estimator_goes_on(
    retraining_run, reviewed, tmp_path
):
    retraining_run.restore(4, tmp_path / "spring")
    old = retraining_run.run.old.path
    steps = []
    again = Retraining(reviewed, tmp_path / "spring", model=old, plan=SHORT)
    assert [len(again.progress.losses), len(again.progress.pose_losses)] == [2, 1]
    again.run(steps.append)
    assert steps == [5, 6, 7, 8]
    rows = again.progress.pose_losses
    assert rows == [pytest.approx(row, rel=0.05) for row in retraining_run.run.progress.pose_losses]
    assert is_same_but_what_learns(old.with_name("pose.npz"), again.out / "pose.npz")


def test_where_nobody_has_a_mask_the_pose_estimator_stays(retraining_run, reviewed, old_model, tmp_path):
    folder = tmp_path / "boxes"
    retraining_run.restore(2, folder)
    shutil.rmtree(folder / "pose")
    path = folder / "train" / "annotations.json"
    data = json.loads(path.read_text())
    for annotation in data["annotations"]:
        del annotation["segmentation"]
    path.write_text(json.dumps(data))
    run = Retraining(reviewed, folder, model=old_model, plan=SHORT)
    assert run.progress.describe().endswith(MASKS_KEPT)
    steps = []
    outcome = run.run(steps.append)
    assert steps == [3, 6, 7, 8]
    assert MASKS_KEPT in outcome.to_markdown()
    assert MASKS_KEPT in (folder / "report.md").read_text()
    assert not run.progress.pose_losses
    for name in ("pose.onnx", "pose.npz"):
        assert (folder / name).read_bytes() == old_model.with_name(name).read_bytes()
    assert pose_estimator_beside(outcome.model) == folder / "pose.onnx"


def test_the_report_says_what_both_find(retrained):
    assert "| people found at mask IoU 0.5 |" in retrained.outcome.to_markdown()


def test_photos_that_could_not_be_labelled_again_are_listed():
    summary = Summary(people=3, kept=2, failures={f"{i}.jpg": "damaged" for i in range(MAX_LISTED)})
    subset = Subset(Path())
    outcome = Outcome(Path("m.onnx"), "m", subset, subset, subset, Comparison(), relabelled=summary)
    text = "3 people labelled again, 2 reviewed people kept\n- 0.jpg: damaged\n- 1.jpg: damaged"
    shown = outcome.relabelled_text()
    assert shown.startswith(text)
    assert shown.endswith(f"\n- {MAX_LISTED - 1}.jpg: damaged")
    summary.failures["last.jpg"] = "damaged"
    assert outcome.relabelled_text() == f"{shown}\n- and 1 more"


def test_it_goes_on_with_the_corrections_it_began_with(retrained):
    outcome = retrained.outcome
    assert outcome.trained_on.photos + outcome.validation.photos + outcome.held_out.photos == 6
    assert outcome.validation.photos > 0
    with (retrained.out / "run" / "log.csv").open(newline="") as file:
        assert [(row["stage"], row["epoch"]) for row in csv.DictReader(file)] == [("3", "1"), ("3", "2")]


def test_it_says_how_far_it_is(retrained):
    first, second, third, fourth, *others = (
        retrained.describe(done) for done in range(2, len(retrained) + 1)
    )
    last = retrained.progress.losses[-1]
    assert first == f"epoch 2 of 2: loss {last['loss']:.3f}, validation {last['val_loss']:.3f}"
    last = retrained.progress.finder_losses[-1]
    assert (
        second
        == f"person finder, epoch 1 of 1: loss {last['loss']:.3f}, validation AP50 {last['val_ap50']:.3f}"
    )
    last = retrained.progress.pose_losses[-1]
    assert third.startswith("pose estimator, epoch 1 of 2: loss ")
    said = f"loss {last['loss']:.3f}, validation quality {last['val_quality']:.3f}"
    assert fourth == f"pose estimator, epoch 2 of 2: {said}"
    assert others == ["exported", "old model measured", "both models measured"]
    assert retrained.describe(10) == f"2 of {len(retrained.samples)} photos labelled again"


def test_both_models_are_compared_on_the_same_people(retrained):
    reports = json.loads((retrained.out / "report.json").read_text())
    old, new = retrained.old.info.model_id, retrained.model_id
    assert list(reports) == [old, new]
    for report in reports.values():
        assert report["images"] == retrained.outcome.held_out.photos
        assert 0 <= report["person"]["mask"]["iou"]["value"] <= 1
    text = (retrained.out / "report.md").read_text()
    assert f"| | scene, {old} | scene, {new} | person, {old} | person, {new} |" in text
    held_out = retrained.outcome.held_out
    assert f"{held_out.people} people of {held_out.photos} other" in text
    # These labels were imported: none of them is a model's.
    assert f"the {held_out.people} whose labels a human made or changed" in text
    by_humans = json.loads((retrained.out / "report-by-humans.json").read_text())
    assert [by_humans[name]["person"]["mask"]["iou"] for name in (old, new)] == [
        reports[name]["person"]["mask"]["iou"] for name in (old, new)
    ]


def test_a_model_is_measured_with_its_own_pose_estimator(retrained, old_model, tmp_path):
    for name in (old_model.name, "finder.onnx"):
        shutil.copy(old_model.with_name(name), tmp_path)
    write_pose_estimator(tmp_path / "pose.onnx")
    measured = retrained.outcome.comparison.reports[retrained.old.info.model_id]
    other = Comparison()
    other.measure(Network(tmp_path / old_model.name), retrained.outcome.held_out)
    (with_another,) = other.reports.values()
    ious = [report["person"]["mask"]["iou"]["value"] for report in (measured, with_another)]
    assert abs(ious[0] - ious[1]) > 1e-3


def test_on_a_full_disk_no_report_says_that_a_run_is_finished(retrained, tmp_path):
    run = copy(retrained)
    run.out = tmp_path
    with full_disk(100), pytest.raises(OSError, match="File too large"):
        run._write_report(run.outcome)
    assert not list(tmp_path.iterdir())
    run._write_report(run.outcome)
    assert {path.name for path in tmp_path.iterdir()} == {
        "report.json",
        "report-by-humans.json",
        "report.md",
    }


def test_the_new_model_can_be_trained_again(retrained, reviewed, tmp_path):
    again = Retraining(reviewed, tmp_path / "x", model=retrained.outcome.model, plan=SHORT)
    weights = [part.weights for part in again.parts]
    assert weights == [retrained.out / f"{name}.npz" for name in ("model", "finder", "pose")]
    assert again.model_id.endswith("+spring+x")


def test_predictions_are_made_anew_and_corrections_stay(retrained, reviewed, old_model, tmp_path, capsys):
    """The command on the finished run: it trains nothing and labels again."""
    import fiftyone as fo

    photo = fo.Sample(filepath=str(find_photos(EXAMPLES)[0]))
    reviewed.add_sample(photo)
    settings = Settings(confidence=0.05, proposals="votes", votes=VoteSettings(reach=0.08), tiles=2)
    annotate_samples(reviewed[-1:], settings=settings, maps_dir=tmp_path / "maps")
    photo.reload()
    old = {person.id for person in photo.dp_people.detections}
    corrected = {d.id for row in reviewed[:-1].values("dp_people.detections") for d in row}
    files = {path: path.stat().st_mtime_ns for path in retrained.out.iterdir()}
    short = [
        "--epochs",
        "2",
        "--finder-epochs",
        "1",
        "--pose-epochs",
        "2",
        "--steps",
        "1",
        "--size",
        "64",
        "--model",
        str(old_model),
    ]
    assert main(["retrain", reviewed.name, "--out", str(retrained.out), *short, "--relabel"]) == 0
    assert {path: path.stat().st_mtime_ns for path in retrained.out.iterdir()} == files
    photo.reload()
    assert old
    assert not old & {person.id for person in photo.dp_people.detections}
    assert {person.model for person in photo.dp_people.detections} <= {retrained.model_id}
    # As they were labelled before.
    assert last_settings(reviewed, "dp") == (asdict(settings), tmp_path / "maps")
    assert last_model(reviewed, "dp") == retrained.outcome.model
    assert corrected <= {d.id for row in reviewed.values("dp_people.detections") for d in row}
    assert f"new model: {retrained.outcome.model}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": "nowhere.npz"}, "nowhere.npz: no such weights"),
        ({"model_id": Network(DEFAULT_MODEL).info.model_id}, "is the old model's"),
        ({"prefix": "none"}, "none_people"),
    ],
)
def test_refused_before_anything_is_written(reviewed, tmp_path, changes, message):
    with pytest.raises((ValueError, FieldError), match=message):
        Retraining(reviewed, tmp_path / "out", plan=SHORT, **changes)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["finder", "pose"])
def test_a_model_whose_parts_lack_their_weights_is_refused(reviewed, old_model, tmp_path, name):
    folder = shutil.copytree(old_model.parent, tmp_path / "old")
    (folder / f"{name}.npz").unlink()
    with pytest.raises(ValueError, match=rf"{name}\.npz: no such weights: .* from which .*{name}\.onnx was"):
        Retraining(reviewed, tmp_path / "out", model=folder / old_model.name, plan=SHORT)


def test_a_run_that_is_not_started_writes_nothing(reviewed, tmp_path):
    before = dict(reviewed.info)
    Retraining(reviewed, tmp_path / "out", plan=SHORT)
    reviewed.reload()
    assert reviewed.info == before
    assert not list(tmp_path.iterdir())


def test_a_run_that_cannot_start_leaves_no_trace(reviewed, tmp_path):
    from model.config import make_config

    before, base = dict(reviewed.info), tmp_path / "thesis.json"
    base.write_text(make_config("thesis").to_json())
    run = Retraining(reviewed, tmp_path / "out", plan=replace(SHORT, base=base))
    with pytest.raises(ValueError, match=r"thesis\.json: model\.preset is 'thesis'"):
        run.run()
    reviewed.reload()
    assert reviewed.info == before
    assert list(tmp_path.iterdir()) == [base]


def test_a_second_retraining_in_the_folder_is_refused_and_leaves_the_first_alone(reviewed, tmp_path):
    half = tmp_path / "out.partial" / "train" / "half.png"
    half.parent.mkdir(parents=True)
    half.touch()
    with only_run_in(tmp_path / "out"):
        with pytest.raises(ValueError, match="out: another retraining works in this folder"):
            Retraining(reviewed, tmp_path / "out", plan=SHORT).run()
        assert half.is_file()
    assert {path.name for path in tmp_path.iterdir()} == {"out.partial"}
    with only_run_in(tmp_path / "out"):
        pass


def test_a_folder_with_something_else_is_refused(reviewed, tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match="holds something else than a retraining"):
        Retraining(reviewed, tmp_path, plan=SHORT)


def test_a_finished_run_has_its_outcome_at_once(reviewed, retrained, old_model):
    steps = []
    outcome = Retraining(reviewed, retrained.out, model=old_model, plan=SHORT).run(steps.append)
    assert steps == [8]
    assert outcome.to_markdown() == retrained.outcome.to_markdown()


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"finder_epochs": 0},
        {"pose_epochs": 0},
        {"steps": 0},
        {"share": 1.0},
        {"held_out": 0.0},
        {"size": 100},
        {"size": 0},
    ],
)
def test_wrong_plans_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FineTuning(**wrong)


def test_the_command_names_a_dataset_that_is_not_there(database, tmp_path, capsys):
    assert main(["retrain", "no such", "--out", str(tmp_path)]) == 1
    assert "there is no dataset 'no such'" in capsys.readouterr().err
