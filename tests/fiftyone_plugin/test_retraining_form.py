"""The form *Retrain model*, and what it starts."""

import shutil
from pathlib import Path

import pytest

from annotator.dataset.fields import Fields, declare_fields
from annotator.dataset.info import remember_model
from annotator.inference.network import DEFAULT_MODEL
from annotator.inference.pose_estimator import DEFAULT_POSE_ESTIMATOR
from model.pretrained import LITE

from ..retraining_run import SHORT, approve
from .test_operators import ANNOTATE, ROOT, execute, form, photos, run_scheduled  # noqa: F401


def test_the_form_of_retraining_says_what_there_is_to_learn_from(dataset, photos, tmp_path):  # noqa: F811
    assert "Annotate or import" in form("retrain_model", dataset)["no_labels"].error_message
    execute("annotate_people", dataset, **ANNOTATE)
    assert form("retrain_model", dataset)["too_few"].error_message.endswith(": 0; 3 are needed")
    approve(dataset)
    inputs = form("retrain_model", dataset)
    assert inputs["count"].view.label == "3 photos have people who were edited or approved."
    assert not [name for name, field in inputs.items() if field.invalid]
    assert "begun" not in inputs
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "corrections.json").write_text("[]")
    assert "goes on" in form("retrain_model", dataset, folder=str(tmp_path / "run"))["begun"].view.label


@pytest.mark.parametrize(
    ("params", "field", "message"),
    [
        ({"folder": str(ROOT)}, "folder", "holds something else"),
        ({"folder": __file__}, "folder", "holds something else"),
        ({"base": "/none.json"}, "base", "/none.json: no such file"),
        ({"size": 100}, "size", "multiple of 32"),
    ],
)
def test_wrong_inputs_of_retraining(dataset, photos, params, field, message):  # noqa: F811
    execute("annotate_people", dataset, **ANNOTATE)
    found = form("retrain_model", dataset, **params)[field]
    assert found.invalid
    assert message in found.error_message


def test_the_model_that_was_accepted_is_proposed(dataset, photos, tmp_path):  # noqa: F811
    declare_fields(dataset, Fields())
    operators = ("annotate_people", "retrain_model", "model_info")
    assert {form(name, dataset)["model"].default for name in operators} == {str(DEFAULT_MODEL)}
    model = Path(shutil.copy(DEFAULT_MODEL, tmp_path / "model.onnx"))
    remember_model(dataset, "dp", model)
    assert {form(name, dataset)["model"].default for name in operators} == {str(model)}
    assert form("annotate_people", dataset, prefix="other")["model"].default == str(DEFAULT_MODEL)
    model.unlink()
    assert form("annotate_people", dataset)["model"].default == str(DEFAULT_MODEL)


def test_a_model_whose_weights_are_not_there(dataset, photos, tmp_path):  # noqa: F811
    execute("annotate_people", dataset, **ANNOTATE)
    model = Path(shutil.copy(DEFAULT_MODEL, tmp_path / "other.onnx"))
    found = form("retrain_model", dataset, model=str(model))["no_weights"]
    assert "other.npz" in found.error_message
    pose = Path(shutil.copy(DEFAULT_POSE_ESTIMATOR, tmp_path / "pose.onnx"))
    shutil.copy(LITE, model.with_suffix(".npz"))
    found = form("retrain_model", dataset, model=str(model))["no_weights"]
    assert f"{pose.with_suffix('.npz')}: no such weights" in found.error_message


def test_a_scheduled_retraining_compares_and_labels_again(
    dataset,
    photos,  # noqa: F811
    old_model,
    retraining_run,
    tmp_path,
):
    """It goes on with a run that has trained; with any other plan than this the run would be refused."""
    execute("annotate_people", dataset, **ANNOTATE)
    approve(dataset)
    values = {
        "prefix": "dp",
        "model": str(old_model),
        "folder": str(tmp_path / "run"),
        "epochs": SHORT.epochs,
        "finder_epochs": SHORT.finder_epochs,
        "pose_epochs": SHORT.pose_epochs,
        "steps": SHORT.steps,
        "size": SHORT.size,
        "learning_rate": SHORT.learning_rate,
        "relabel": False,
    }
    retraining_run.restore(SHORT.epochs, tmp_path / "run")
    assert "finished" not in form("retrain_model", dataset, folder=values["folder"])
    done = run_scheduled("retrain_model", dataset, values)
    assert done.run_state == "completed", done.result.error
    result = done.result.result
    assert result["model"] == str(tmp_path / "run" / "model.onnx")
    assert Path(result["model"]).is_file()
    assert [len(curve["y"]) for curve in result["losses"]] == [2, 2]
    assert "| person mask IoU, mean |" in result["comparison"]
    assert result["relabelled"].startswith("All labels are as they were. To accept")
    # The comparison is seen first; then the same run is asked to label again.
    seen = form("retrain_model", dataset, folder=values["folder"])["finished"].view
    assert "| person mask IoU, mean |" in seen.description
    done = run_scheduled("retrain_model", dataset, values | {"relabel": True})
    assert done.run_state == "completed", done.result.error
    assert done.result.result["comparison"] == result["comparison"]
    # Nobody knows what a model finds that has hardly learned anything.
    assert "people labelled again" in done.result.result["relabelled"]
