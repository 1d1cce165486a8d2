"""The log as a file, and a name that is forgotten."""

import csv
import json
import sys

import pytest
from pyarrow import parquet

from annotator.cli import main
from annotator.dataset.fields import Fields, declare_fields
from annotator.dataset.second_labels import read_agreement, save_agreement
from annotator.dataset.store import saved_at
from annotator.team.edit_log import NO_WORK, EditLog
from annotator.team.export import COLUMNS, write_log
from annotator.team.names import find_names, forget_name
from annotator.team.report import find_authors
from tests.annotator.team.conftest import logged

FIELDS = Fields()
KEYPOINT = {"keypoint": 9, "visibility": 2, "x": 22, "y": 12}


@pytest.fixture
def edited(dataset, edit, review):
    """Ada moves a wrist and approves; Bob merges."""
    edit("set_keypoint", 0, **KEYPOINT)
    edit("decide", 0, state="approved")
    review.saving.author = 'Bob "B", é'
    edit("merge", 0, 1)
    return dataset


def read(path) -> list[dict]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_csv_file_has_a_row_for_each_edit(edited, tmp_path):
    path = tmp_path / "log.csv"
    assert main(["dataset", "log", edited.name, "--out", str(path)]) == 0
    rows = read(path)
    assert list(rows[0]) == list(COLUMNS)
    assert [row["kind"] for row in rows] == ["set_keypoint", "approve", "merge"]
    first, _, merged = rows
    assert (first["author"], first["targets"], first["state"], first["corrects"]) == (
        "Ada",
        "left wrist",
        "predicted",
        "1",
    )
    assert first["time"].endswith("Z")
    assert isinstance(json.loads(first["issues"]), dict)
    assert merged["author"] == 'Bob "B", é'
    assert len(merged["people"].split(";")) == 2


def test_a_file_is_not_replaced_unasked_and_must_be_of_a_known_kind(edited, tmp_path, capsys):
    path = tmp_path / "log.csv"
    path.write_text("mine")
    assert main(["dataset", "log", edited.name, "--out", str(path)]) == 1
    assert "--overwrite it" in capsys.readouterr().err
    assert path.read_text() == "mine"
    assert main(["dataset", "log", edited.name, "--out", str(path), "--overwrite"]) == 0
    assert len(read(path)) == 3
    assert main(["dataset", "log", edited.name, "--out", str(tmp_path / "log.xls")]) == 1
    assert "must end in .csv or .parquet" in capsys.readouterr().err


def test_without_pyarrow_the_error_says_how_to_get_it(edited, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # as Python has it for what is not installed
    with pytest.raises(ImportError, match=r"pip install 'densepose-annotator\[parquet\]'"):
        write_log(edited, FIELDS, tmp_path / "log.parquet")
    assert list(tmp_path.glob("*.parquet")) == []


def test_a_parquet_file_has_types(edited, tmp_path):
    path = tmp_path / "log.parquet"
    assert write_log(edited, FIELDS, path) == 3
    rows = parquet.read_table(path).to_pylist()
    assert list(rows[0]) == list(COLUMNS)
    assert rows[0]["targets"] == ["left wrist"]
    assert (rows[0]["corrects"], rows[0]["time"].utcoffset().seconds) == (1, 0)
    assert len(rows[2]["people"]) == 2


def test_a_forgotten_name_is_nowhere_in_the_database(edited, review, sample, capsys):
    opened = review.open(sample.id)
    assert opened["people"][0]["author"].startswith("Bob")
    assert main(["dataset", "forget", edited.name, 'Bob "B", é']) == 0
    assert "in 1 edits and on 1 people" in capsys.readouterr().out
    (alias,) = set(find_authors(edited, FIELDS)) - {"Ada"}
    assert alias.startswith("annotator-")
    assert review.open(sample.id)["people"][0]["author"] == alias
    assert "Bob" not in str(logged(edited))
    assert "Bob" not in str(edited._sample_collection.find_one())
    with pytest.raises(ValueError, match="nobody of that name"):
        forget_name(edited, FIELDS, 'Bob "B", é')


@pytest.mark.parametrize(("prefix", "place"), [("dp", 0), ("dp_second", 1)])
def test_a_name_is_forgotten_in_agreements_where_it_stands_for_these_labels(dataset, sample, prefix, place):
    declare_fields(dataset, Fields("dp_second"))
    save_agreement(dataset, FIELDS, sample.id, {"annotators": ["$Ada", "$Ada"], "people": []}, 1.0)
    assert find_names(dataset, Fields(prefix)) == ["$Ada"]
    EditLog(dataset, prefix).record_view(sample.id, "$Ada", "1" * 16, NO_WORK)
    alias, entries, _ = forget_name(dataset, Fields(prefix), "$Ada")
    names = read_agreement(dataset, FIELDS, sample.id)["annotators"]
    assert (entries, names[place], names[1 - place]) == (1, alias, "$Ada")


def test_a_name_that_was_forgotten_is_not_written_back_by_who_has_the_photo_in_memory(review, sample):
    for person in review.open(sample.id)["people"]:
        review.edit(sample.id, {"kind": "delete", "person": person["key"]}, {})
    review.edit(sample.id, {"kind": "nobody", "nobody": True}, {})
    before = saved_at(review.dataset, sample.id)
    assert find_names(review.dataset, FIELDS) == ["Ada"]
    forget_name(review.dataset, FIELDS, "Ada")
    assert "Ada" not in str(review.dataset._sample_collection.find_one()["dp_source"]["nobody"])
    assert saved_at(review.dataset, sample.id) != before
