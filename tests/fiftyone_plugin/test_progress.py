"""The operators of the log of edits, without the App."""

import json

import pytest
from fiftyone.operators.executor import ExecutionError

from annotator.review.session import Review

from ..annotator.conftest import sample  # noqa: F401
from .test_operators import execute, form


@pytest.fixture
def reviewed(dataset, sample, tmp_path):  # noqa: F811
    """Ada approves one of two people."""
    review = Review(dataset, author="Ada", maps_dir=tmp_path / "maps")
    key, version = next((p["key"], p["version"]) for p in review.open(sample.id)["people"])
    review.edit(sample.id, {"kind": "decide", "person": key, "state": "approved"}, {key: version})
    return dataset


def test_progress_is_what_json_can_hold(reviewed):
    answer = execute("review_progress", reviewed).result
    json.dumps(answer, allow_nan=False)
    assert (answer["prefix"], answer["by"], answer["forecast"]["open"]) == ("dp", ["Ada"], 1)
    assert answer["report"]["total"]["people"] == 1
    assert [day["author"] for day in answer["report"]["days"]] == ["Ada"]
    for values in ({"by": "Bob"}, {"until": "2020-01-01"}, {"since": "2100-01-01"}):
        assert execute("review_progress", reviewed, **values).result["report"]["total"]["people"] == 0
    assert "2020-13-01" in execute("review_progress", reviewed, since="2020-13-01").result["error"]


def test_progress_of_a_dataset_without_people(dataset):
    assert execute("review_progress", dataset).result == {"prefixes": []}


def test_time_that_is_not_a_time_refuses_no_edit(reviewed):
    (sample_id,) = reviewed.values("id")
    opened = execute("review_open", reviewed, prefix="dp", sample=sample_id).result
    key, version = opened["people"][1]["key"], opened["people"][1]["version"]
    answer = execute(
        "review_edit",
        reviewed,
        prefix="dp",
        author="Bob",
        sample=sample_id,
        edit={"kind": "decide", "person": key, "state": "rejected"},
        versions={key: version},
        request_id="0123456789abcdef",
        tool={"$where": 1},
        seconds="much",
    ).result
    assert answer["people"][0]["state"] == "rejected"
    logged = {"prefix": "dp", "author": "Bob", "sample": sample_id, "seconds": 9, "request_id": "1" * 16}
    assert execute("review_log_time", reviewed, **logged).result == {"logged": True}
    total = execute("review_progress", reviewed, by="Bob").result["report"]["total"]
    assert (total["edits"], total["people"], total["seconds"]) == (1, 1, 9)


def test_the_log_is_exported_and_a_name_forgotten(reviewed, tmp_path):
    path = tmp_path / "log.csv"
    assert not form("export_edit_log", reviewed, path=str(path))["path"].invalid
    assert form("export_edit_log", reviewed, path=str(tmp_path / "log.xls"))["path"].invalid
    exported = execute("export_edit_log", reviewed, prefix="dp", path=str(path)).result
    assert exported == {"file": str(path), "rows": 1}
    assert "Ada" in path.read_text()
    assert form("forget_annotator", reviewed)["name"].type.values == ["Ada"]
    forgotten = execute("forget_annotator", reviewed, prefix="dp", name="Ada").result
    assert (forgotten["entries"], forgotten["people"]) == (1, 1)
    assert execute("review_progress", reviewed).result["by"] == [forgotten["alias"]]
    with pytest.raises(ExecutionError, match="Invalid enum value"):
        execute("forget_annotator", reviewed, prefix="dp", name="Ada")
