"""A dataset's settings of team and read-only mode, as every process sees them."""

import subprocess
import sys

import pytest

from annotator.dataset.fields import FieldError
from annotator.review.session import Review
from annotator.team.edit_log import EditLog
from annotator.team.settings import (
    READ_ONLY_VARIABLE,
    TeamError,
    TeamSettings,
    check_writable,
    read_only_reason,
    read_settings,
    save_settings,
)


def test_another_process_sees_them_at_once(team):
    assert read_settings(team) == TeamSettings(team=True)
    code = (
        "import sys, fiftyone as fo\n"
        "from annotator.team.settings import TeamSettings, save_settings\n"
        "save_settings(fo.load_dataset(sys.argv[1]), TeamSettings(read_only=True))"
    )
    team.persistent = True
    subprocess.run([sys.executable, "-c", code, team.name], check=True, timeout=600)
    assert read_settings(team) == TeamSettings(read_only=True)
    with pytest.raises(TeamError, match="read-only: nothing can be changed in"):
        check_writable(team)


def test_a_dataset_without_settings_has_no_team_and_can_be_changed(dataset):
    assert read_settings(dataset) == TeamSettings()
    assert read_only_reason(dataset) is None
    dataset.info["densepose_team"] = ["nonsense"]
    dataset.save()
    assert read_settings(dataset) == TeamSettings()


@pytest.mark.parametrize(
    ("value", "is_set"), [("1", True), ("yes", True), ("0", False), ("off", False), ("", False)]
)
def test_the_environment_makes_everything_read_only(dataset, monkeypatch, value, is_set):
    monkeypatch.setenv(READ_ONLY_VARIABLE, value)
    assert (read_only_reason(dataset) is not None) == is_set
    if is_set:
        with pytest.raises(TeamError, match="--read-only"):
            save_settings(dataset, TeamSettings())


def test_a_field_of_another_type_is_named(team):
    import fiftyone as fo

    team.delete_sample_field("dp_stage")
    team.add_sample_field("dp_stage", fo.IntField)
    with pytest.raises(FieldError, match="'dp_stage' of another type"):
        save_settings(team, TeamSettings(team=True))


def test_where_the_fields_cannot_be_written_edits_are_saved_and_undone_all_the_same(team, tmp_path, caplog):
    import fiftyone as fo

    team.delete_sample_field("dp_stage")
    team.add_sample_field("dp_stage", fo.IntField)
    review, key = Review(team, author="Ada", maps_dir=tmp_path / "maps"), team.first().id
    (person,) = (person["key"] for person in review.open(key)["people"])
    done = review.edit(key, {"kind": "decide", "person": person, "state": "approved"}, {}, "1" * 16)
    assert "the team's fields cannot be written" in caplog.text
    assert EditLog(team, "dp").has("1" * 16)
    assert review.restore(key, done["undo"], {})["people"][0]["state"] == "predicted"
