"""The log of edits on a real database: what is acknowledged is there once, and says what was done."""

import logging

import pytest
from pymongo.errors import ConnectionFailure, OperationFailure

from annotator.dataset.fields import Fields
from annotator.dataset.info import maps_folder
from annotator.dataset.sample_people import replace_predictions
from annotator.labels.people import People
from annotator.review import session
from annotator.review.approvals import approve_below, take_back
from annotator.review.session import Review
from annotator.team import edit_log
from annotator.team.edit_log import MAX_SECONDS, EditLog, Work, remove_orphans
from tests.annotator.people_samples import SIZE, block
from tests.annotator.review.conftest import NAME, OTHER_NAME, nose, versions
from tests.annotator.team.conftest import logged

FIELDS = Fields()


def kinds(dataset) -> list[str]:
    return [entry["kind"] for entry in logged(dataset)]


def test_an_edit_is_logged_with_what_the_model_had_said(dataset, sample, tmp_path):
    people = [block(10, issues={"two_people": 0.4, "keypoint_outside": 0.7}), block(40)]
    replace_predictions(sample, People(SIZE, people), FIELDS, maps_folder(dataset, "dp", tmp_path / "maps"))
    sample.save()
    review = Review(dataset, author="Ada", maps_dir=tmp_path / "maps")
    shown = versions(review.open(sample.id))
    key = next(iter(shown))
    work = Work("keypoints", 4.5)
    review.edit(sample.id, nose(key, 22), {key: shown[key]}, NAME, work)
    (entry,) = logged(dataset)
    del entry["_id"], entry["time"], entry["dataset"]
    assert entry == {
        "prefix": "dp",
        "author": "Ada",
        "sample": sample.id,
        "filepath": sample.filepath,
        "person": key,
        "people": [key],
        "kind": "set_keypoint",
        "tool": "keypoints",
        "targets": ["nose"],
        "state": "predicted",
        "issue": "keypoint_outside",
        "issue_score": 0.7,
        "issues": {"two_people": 0.4, "keypoint_outside": 0.7},
        "corrects": 1,
        "done": 0,
        "seconds": 4.5,
    }


@pytest.mark.parametrize(
    ("kind", "places", "values", "targets", "done", "corrects"),
    [
        ("paint", [0], {"layer": "mask", "points": [[12, 30]], "radius": 4}, ["mask"], 0, 1),
        ("paint", [0], {"layer": "part", "part": 14, "points": [[20, 25]], "radius": 4}, ["head"], 0, 1),
        ("split_by_line", [0], {"points": [[18, 0], [22, 60]]}, [], 0, 1),
        ("merge", [0, 1], {}, [], 1, 1),
        ("delete", [0], {}, [], 1, 1),
        ("correct_surface", [0], {"corrections": [[20, 27, 2, 0.25, 0.75]]}, ["torso front"], 0, 1),
        ("swap_sides", [0], {"parts": [2, 3]}, ["right hand", "left hand"], 0, 1),
        ("add_empty", [], {"box": [2, 3, 20, 30]}, [], 0, 1),
    ],
)
def test_each_kind_says_what_it_is_about(dataset, edit, kind, places, values, targets, done, corrects):
    edit(kind, *places, **values)
    (entry,) = logged(dataset)
    assert entry["kind"] == kind
    assert (entry["targets"], entry["done"], entry["corrects"]) == (targets, done, corrects)


def test_decisions_are_told_apart_and_counted(dataset, edit):
    edit("decide", 0, state="approved")
    edit("decide", 1, state="rejected")
    edit("decide", 0, state="approved", comment="good")
    edit("decide", 0, state="predicted")
    edit("delete", 1)
    assert [(entry["kind"], entry["done"]) for entry in logged(dataset)] == [
        ("approve", 1),
        ("reject", 1),
        ("comment", 0),
        ("reopen", -1),
        ("delete", 0),
    ]


def test_edits_that_are_made_together_have_an_entry_each_and_share_the_time(dataset, review, sample):
    shown = versions(review.open(sample.id))
    decisions = [{"kind": "decide", "person": key, "state": "approved"} for key in shown]
    review.edit(sample.id, {"kind": "together", "edits": decisions}, shown, NAME, Work("select", 3))
    assert [(e["kind"], e["person"], e["done"], e["seconds"]) for e in logged(dataset)] == [
        ("approve", key, 1, 1.5) for key in shown
    ]


def test_undo_and_redo_take_back_what_was_counted(dataset, edit, review, sample):
    done = edit("delete", 0)
    undone = review.restore(sample.id, done["undo"], {})
    redone = review.restore(sample.id, undone["undo"], {})
    review.restore(sample.id, redone["undo"], {})
    entries = logged(dataset)
    assert [(e["kind"], e["done"], e["corrects"]) for e in entries] == [
        ("delete", 1, 1),
        ("undo", -1, -1),
        ("redo", 1, 1),
        ("undo", -1, -1),
    ]
    assert {entry["person"] for entry in entries} == {entries[0]["person"]}


def test_a_request_that_is_repeated_is_logged_once(dataset, review, sample):
    shown = versions(review.open(sample.id))
    key = next(iter(shown))
    for _ in range(3):
        answer = review.edit(sample.id, nose(key, 22), {key: shown[key]}, NAME)
    assert kinds(dataset) == ["set_keypoint"]
    for _ in range(3):
        review.restore(sample.id, answer["undo"], {}, OTHER_NAME)
    assert kinds(dataset) == ["set_keypoint", "undo"]


def test_an_edit_whose_process_died_before_it_was_logged_is_logged_when_it_is_requested_again(
    dataset, review, sample, monkeypatch
):
    def die(*_):
        raise ConnectionFailure("killed")

    shown = versions(review.open(sample.id))
    key = next(iter(shown))
    with monkeypatch.context() as patch:
        patch.setattr(edit_log, "collection", die)
        with pytest.raises(ConnectionFailure):
            review.edit(sample.id, {"kind": "delete", "person": key}, {key: shown[key]}, NAME, Work("", 2))
    assert kinds(dataset) == []
    assert key not in versions(review.open(sample.id))
    review.edit(sample.id, {"kind": "delete", "person": key}, {key: shown[key]}, NAME, Work("", 2))
    (entry,) = logged(dataset)
    assert (entry["person"], entry["state"], entry["done"], entry["seconds"]) == (key, "predicted", 1, 2)


def test_a_log_that_cannot_be_written_loses_no_edit(dataset, review, sample, monkeypatch, caplog):
    class ReadOnly:
        def bulk_write(self, *_, **__):
            raise OperationFailure("not authorized")

    monkeypatch.setattr(edit_log, "collection", ReadOnly)
    shown = versions(review.open(sample.id))
    key = next(iter(shown))
    with caplog.at_level(logging.ERROR):
        assert review.edit(sample.id, nose(key, 22), {key: shown[key]}, NAME)["undo"]
    assert "cannot be written" in caplog.text
    assert key in caplog.text


def test_an_edit_that_is_not_made_is_not_logged(dataset, review, sample):
    key = next(iter(versions(review.open(sample.id))))
    assert review.edit(sample.id, nose(key, 22), {key: "older"}, NAME)["conflict"] == [key]
    with pytest.raises(session.ReviewError):
        review.edit(sample.id, {"kind": "nobody", "nobody": True}, {})
    assert logged(dataset) == []


def test_that_nobody_is_there_is_logged(dataset, edit, review, sample):
    edit("delete", 0)
    edit("delete", 0)
    for nobody in (True, True, False):
        review.edit(sample.id, {"kind": "nobody", "nobody": nobody}, {})
    assert [(e["kind"], e["done"]) for e in logged(dataset)[2:]] == [
        ("nobody", 1),
        ("nobody", 0),
        ("nobody", -1),
    ]


def test_an_approval_of_many_is_an_entry_a_photo_and_is_taken_back(dataset, review, sample, tmp_path):
    maps = tmp_path / "maps"
    for _ in range(2):
        assert sum(approve_below(dataset, FIELDS, 1.0, "Ada", maps, NAME)) == 2
    assert sum(take_back(dataset, FIELDS, maps, NAME)) == 2
    assert [(e["kind"], e["author"], e["done"]) for e in logged(dataset)] == [
        ("bulk_approval", "Ada", 2),
        ("bulk_take_back", "Ada", -2),
    ]


def test_time_on_a_photo_without_an_edit_is_logged_once(dataset, review, sample):
    log = EditLog(dataset, "dp")
    for _ in range(2):
        log.record_view(sample.id, "Ada", NAME, Work("", 8))
    log.record_view("0" * 24, "Ada", OTHER_NAME, Work("", 8))
    assert [(e["kind"], e["seconds"], e["filepath"]) for e in logged(dataset)] == [
        ("view", 8, sample.filepath)
    ]


@pytest.mark.parametrize(
    ("tool", "seconds", "expected"),
    [
        ("brush", 3, Work("brush", 3)),
        ("", -1, Work("", 0)),
        ("brush", 1e9, Work("brush", MAX_SECONDS)),
        ("<b>", float("nan"), Work("", 0)),
        (None, "long", Work("", 0)),
    ],
)
def test_what_a_browser_says_is_checked(tool, seconds, expected):
    assert Work.of(tool, seconds) == expected


def test_the_log_of_a_dataset_goes_with_it_and_stays_when_it_is_renamed(dataset, edit, sample, review):
    edit("delete", 0)
    clone = dataset.clone()
    other = Review(clone, author="Bob")
    clone_sample = clone.first().id
    key = next(iter(versions(other.open(clone_sample))))
    other.edit(clone_sample, {"kind": "decide", "person": key, "state": "approved"}, {})
    dataset.name = f"{dataset.name}-renamed"
    assert kinds(dataset) == ["delete"]
    assert kinds(clone) == ["approve"]
    remove_orphans()  # of other tests
    clone.delete()
    assert remove_orphans() == 1
    assert remove_orphans() == 0
    assert kinds(dataset) == ["delete"]
