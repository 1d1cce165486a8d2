"""The panel *Retraining*, without the App: what it shows and offers at each stage of a real run."""

import json
import re
from pathlib import Path

import pytest

from annotator.dataset.info import last_model
from annotator.retraining.lock import only_run_in
from annotator.retraining.parts import MODEL
from annotator.retraining.progress import decision, remember_run
from annotator.retraining.status import StatusWriter, is_stopping, read_status
from annotator.team.settings import TeamSettings, save_settings

from .test_operators import ANNOTATE, PLUGIN, execute, photos  # noqa: F401
from .test_runs import opened, records, wait_for_the_end


def shown(dataset, method: str = "refresh") -> str:
    """What the panel shows after an event."""
    import fiftyone.operators as foo

    event = {"__method__": method, "panel_id": "panel", "panel_state": {}, "state": {}, "event_args": {}}
    done = foo.execute_operator(f"{PLUGIN}/retraining", {"dataset": dataset, "params": event})
    return json.dumps([request.params for request in done.executor._requests], default=str)


def test_it_shows_what_runs_and_cancels_it(dataset, tmp_path):
    assert "No model learns from this dataset yet" in shown(dataset)
    folder = tmp_path / "spring"
    remember_run(dataset, folder)
    with only_run_in(folder):
        assert opened(dataset) == ["retraining"]
        assert "starting" in shown(dataset)
        status = StatusWriter(folder, [("reading the corrected photos", 1.0), ("epoch 1 of 2", 1.0)], {})
        assert "reading the corrected photos" in shown(dataset)
        status.begin_stage(1, first=True)
        status._status.began -= 60
        status.show("batch 5 of 10", 0.5, now=True)
        text = shown(dataset)
        assert "epoch 1 of 2, batch 5 of 10; about 60 s left" in text
        assert '"Cancel"' in text
        assert not is_stopping(folder)
        assert "Stops after the batch" in shown(dataset, "cancel")
        assert is_stopping(folder)
    assert opened(dataset) == []


def test_a_run_that_was_stopped_goes_on(dataset, retraining_run, tmp_path):
    folder = tmp_path / "spring"
    retraining_run.restore(1, folder)
    remember_run(dataset, folder)
    text = shown(dataset)
    assert "**Stopped** at epoch 2 of 2" in text
    assert '"Continue"' in text
    arguments = read_status(folder).arguments
    assert (arguments["prefix"], arguments["plan"]["epochs"]) == ("dp", 2)


@pytest.fixture
def finished(dataset, photos, retraining_run, tmp_path):  # noqa: F811
    folder = tmp_path / "spring"
    execute("annotate_people", dataset, **ANNOTATE)
    for name in ("status.json", "report.md", MODEL, "finder.onnx", "pose.onnx", "run/log.csv"):
        retraining_run.replay(name, folder)
    dataset.reload()
    remember_run(dataset, folder)
    return folder


def test_the_verdict_is_on_top_and_the_old_model_is_kept(dataset, finished):
    text = shown(dataset)
    count = dataset.count("dp_people.detections")
    verdict, button, table = (
        text.index(word)
        for word in ("Too few photos to tell", f"label {count} people again", "difference, 95 % interval")
    )
    assert verdict < button < table
    assert "Keep the old one" in text
    assert "The old model was **kept**" in shown(dataset, "keep")
    dataset.reload()
    assert decision(dataset, finished) == "kept"
    assert last_model(dataset, "dp") != finished / MODEL


def test_where_all_is_read_only_nothing_is_decided(dataset, tmp_path):
    folder = tmp_path / "spring"
    remember_run(dataset, folder)
    save_settings(dataset, TeamSettings(read_only=True))
    for method in ("accept", "keep", "cancel", "go_on"):
        assert "read-only: " in shown(dataset, method)
    dataset.reload()
    assert decision(dataset, folder) is None
    assert not is_stopping(folder)


def test_the_new_model_is_accepted_and_labels_again(dataset, finished):
    before = {person.id for people in dataset.values("dp_people.detections") for person in people}
    text = shown(dataset, "accept")
    assert "The new model was **accepted**" in text
    assert re.search(r"Label \d+ people again whom nobody reviewed", text)
    assert "densepose_runs" in text
    record = wait_for_the_end(dataset)
    assert (record.state, record.label) == ("done", "Label again with the new model")
    assert "people labelled again, 0 reviewed people kept" in record.sentence
    shown(dataset, "keep")  # in another browser
    shown(dataset, "accept")
    dataset.reload()
    assert last_model(dataset, "dp") == finished / MODEL
    assert not before & {p.id for people in dataset.values("dp_people.detections") for p in people or ()}
    assert decision(dataset, finished) == "accepted"
    assert len(records(dataset).list()) == 2


def test_the_disk_must_have_room(database, tmp_path, monkeypatch):
    from fiftyone.operators import types

    from fiftyone_plugin import retrain

    inputs = types.Object()
    retrain._check_disk(inputs, tmp_path / "new" / "spring")
    assert inputs.properties == {}
    monkeypatch.setattr(retrain, "MIN_DISK", 1 << 60)
    retrain._check_disk(inputs, tmp_path / "new" / "spring")
    reason = inputs.properties["disk"].error_message
    assert f"GB must be free for a retraining; {tmp_path} has " in reason
    assert reason.endswith("choose a folder on another disk")


def test_without_a_home_the_forms_propose_the_current_folder(database, monkeypatch, tmp_path):
    from fiftyone_plugin.forms import home

    def fail():
        raise RuntimeError("Could not determine home directory.")

    assert home() == Path.home()
    monkeypatch.setattr(Path, "home", fail)
    monkeypatch.chdir(tmp_path)
    assert home() == tmp_path
