"""What a retraining is doing, as other processes see it."""

import time

import pytest

from annotator.retraining.corrections import CORRECTIONS
from annotator.retraining.fine_tuning import Retraining, resume
from annotator.retraining.lock import is_at_work, only_run_in
from annotator.retraining.status import StatusWriter, Stopped, is_stopping, read_status, request_stop

STAGES = [("reading", 10.0), ("epoch 1 of 2", 40.0), ("epoch 2 of 2", 40.0), ("exporting", 10.0)]


def begin(folder):
    folder.mkdir()
    (folder / CORRECTIONS).write_text("[]")


def test_the_status_is_beside_the_folder_until_that_is_there(tmp_path):
    folder = tmp_path / "spring"
    assert read_status(folder) is None
    status = StatusWriter(folder, STAGES, {"prefix": "dp"})
    assert [path.name for path in tmp_path.iterdir()] == [".spring.status.json"]
    begin(folder)
    status.begin_stage(1, first=True)
    assert {path.name for path in tmp_path.iterdir()} == {"spring"}
    read = read_status(folder)
    assert (read.stage, read.share, read.arguments) == ("epoch 1 of 2", 0.1, {"prefix": "dp"})
    status.remove()
    assert read_status(folder) is None


def test_what_remains_follows_from_what_this_process_has_done(tmp_path):
    begin(tmp_path / "spring")
    status = StatusWriter(tmp_path / "spring", STAGES, {})
    status.begin_stage(2, first=True)
    assert read_status(tmp_path / "spring").seconds_left is None
    status._status.began = time.time() - 10
    status.show("batch 5 of 10", 0.5, now=True)
    read = read_status(tmp_path / "spring")
    assert (read.stage, read.share) == ("epoch 2 of 2, batch 5 of 10", pytest.approx(0.7))
    assert read.seconds_left == pytest.approx(15, abs=1)


@pytest.mark.parametrize("begun", [False, True])
def test_somebody_asks_it_to_stop(tmp_path, begun):
    folder = tmp_path / "spring"
    if begun:
        begin(folder)
    status = StatusWriter(folder, STAGES, {})
    request_stop(folder)
    assert is_stopping(folder)
    with pytest.raises(Stopped, match="start it again with the same folder"):
        status.show("batch 2 of 10")
    status.forget_stop()
    assert not is_stopping(folder)
    status.show("batch 3 of 10")


def test_whether_a_process_is_at_work(tmp_path):
    assert not is_at_work(tmp_path / "spring")
    with only_run_in(tmp_path / "spring"):
        assert is_at_work(tmp_path / "spring")
    assert not is_at_work(tmp_path / "spring")
    (tmp_path / ".spring.lock").touch()  # of a process that was killed
    assert not is_at_work(tmp_path / "spring")


@pytest.mark.parametrize("photos", [None, 2])
def test_a_run_that_goes_on_labels_the_same_photos_again(reviewed, old_model, tmp_path, photos):
    samples = reviewed if photos is None else reviewed.limit(photos)
    begun = Retraining(samples, tmp_path / "run", model=old_model, relabel=True)
    StatusWriter(tmp_path / "run", [("reading", 1.0)], begun._arguments())
    again = resume(reviewed, tmp_path / "run")
    assert (again.relabel, again.samples.values("id")) == (True, samples.values("id"))
    assert (again.plan, again.old.path, again.model_id) == (begun.plan, begun.old.path, begun.model_id)
