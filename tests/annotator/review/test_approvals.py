"""Approving the rest of a real collection, after a spot check, and taking that back."""

import bson
import pytest

from annotator.review import approvals
from annotator.review.approvals import approve_below, spot_check, take_back
from annotator.review.queue import Filter, queue
from annotator.review.score_table import score_table
from annotator.review.session import Review
from tests.annotator.review.conftest import FIELDS, NAME, OTHER_NAME, names, saved, versions


@pytest.fixture
def approve(collection, tmp_path):
    """Approve with the rest up to an issue score, and how many on each image."""

    def approve(issue_score: float, samples=collection, name=NAME) -> list[int]:
        return list(approve_below(samples, FIELDS, issue_score, "Ada", tmp_path / "maps", name))

    return approve


def test_all_below_an_issue_score_are_approved(collection, approve):
    drawn = spot_check(collection, FIELDS, 0.5, 0.5, seed=1)
    assert (drawn["images"], drawn["people"], len(drawn["check"])) == (3, 3, 2)
    assert drawn == spot_check(collection, FIELDS, 0.5, 0.5, seed=1)
    listed = queue(collection, FIELDS, Filter(samples=tuple(drawn["check"])))
    assert {item["id"] for item in listed["items"]} == set(drawn["check"])
    assert listed["images"] == 5
    assert approve(0.2) == [1, 1]
    found = queue(collection, FIELDS, Filter(states=("approved",)))
    assert sorted(names(found)) == ["1", "3"]
    sample = collection[found["items"][0]["id"]]
    assert sample.dp_people.detections[0].author == "Ada"


def test_a_spot_check_is_of_a_bounded_number_of_images(collection, monkeypatch):
    monkeypatch.setattr(approvals, "MAX_CHECK", 2)
    drawn = spot_check(collection, FIELDS, 0.5, 1.0, seed=1)
    assert (drawn["images"], len(drawn["check"])) == (3, 2)


def test_what_was_approved_with_the_rest_is_taken_back(collection, approve, tmp_path):
    paths = [f"{FIELDS.people}.detections.{name}" for name in ("review", "author", "time")]
    untouched = collection.values([*paths, FIELDS.issue_score])
    first = collection.first()
    assert approve(0.5) == [1, 1, 1]
    assert first[FIELDS.people].detections[0].review == "approved"
    assert collection.values(FIELDS.issue_score) == [0, 0, pytest.approx(0.9), 0, 0]
    with pytest.raises(ValueError, match="16 hexadecimal digits"):
        next(take_back(collection, FIELDS, tmp_path / "maps", "../etc"))
    # One that never reached the server.
    assert list(take_back(collection, FIELDS, tmp_path / "maps", OTHER_NAME)) == []
    assert sum(take_back(collection, FIELDS, tmp_path / "maps", NAME)) == 3
    assert collection.values([*paths, FIELDS.issue_score]) == untouched
    # Who was changed since stays approved.
    assert approve(0.5, name=OTHER_NAME) == [1, 1, 1]
    sample = collection.first()
    review = Review(collection, author="Ada", maps_dir=tmp_path / "maps")
    key = review.open(sample.id)["people"][0]["key"]
    review.edit(sample.id, {"kind": "decide", "person": key, "state": "approved", "comment": "sure"}, {})
    assert list(take_back(collection, FIELDS, tmp_path / "maps", OTHER_NAME)) == [0, 1, 1]
    assert queue(collection, FIELDS, Filter())["states"]["approved"] == 1


def test_an_approval_that_was_cut_short_is_taken_back_or_goes_on(collection, approve, tmp_path):
    next(approve_below(collection, FIELDS, 1.0, "Ada", tmp_path / "maps", NAME))
    assert queue(collection, FIELDS, Filter())["states"]["approved"] == 1
    assert approve(1.0) == [1, 1, 1, 1]
    assert queue(collection, FIELDS, Filter())["states"]["approved"] == 4
    assert list(take_back(collection, FIELDS, tmp_path / "maps", NAME)) == [1, 1, 1, 1]
    assert queue(collection, FIELDS, Filter())["states"]["predicted"] == 4


def test_approving_the_rest_leaves_everything_else(collection, approve):
    """Labels that no class of FiftyOne has read are written back as they were."""
    documents = collection._sample_collection
    before = list(documents.find())
    approve(1.0)
    for was, now in zip(before, documents.find(), strict=True):
        for document in (was, now):
            del document["last_modified_at"], document[FIELDS.issue_score]
            for person in document[FIELDS.people]["detections"]:
                for name in ("review", "author", "time"):
                    person.pop(name, None)
        assert bson.encode(was) == bson.encode(now)


def test_who_was_rejected_meanwhile_is_not_approved_with_the_rest(collection, tmp_path):
    approved = approve_below(collection, FIELDS, 1.0, "Ada", tmp_path / "maps", NAME)
    next(approved)
    sample = collection.skip(3).first()
    review = Review(collection, maps_dir=tmp_path / "maps")
    opened = review.open(sample.id)
    key = opened["people"][0]["key"]
    review.edit(sample.id, {"kind": "decide", "person": key, "state": "rejected"}, versions(opened))
    assert list(approved) == [1, 1, 0]
    assert [person.provenance.state for person in saved(sample)] == ["rejected"]
    opened = review.open(collection.first().id)
    assert [person["state"] for person in opened["people"]] == ["approved"]


def test_who_was_added_by_hand_is_not_approved_with_the_rest(collection, approve):
    import fiftyone as fo

    sample = collection.last()
    sample[FIELDS.people] = fo.Detections(
        detections=[fo.Detection(label="person", bounding_box=[0.1, 0.1, 0.4, 0.4])]
    )
    sample.save()
    assert approve(1.0) == [1, 1, 1, 1]
    sample.reload(hard=True)
    (person,) = sample[FIELDS.people].detections
    assert not person.has_field("review") or person.review is None


def test_who_is_hidden_by_a_view_is_not_approved_with_the_rest(dataset, sample, tmp_path):
    from fiftyone import ViewField

    view = dataset.filter_labels(FIELDS.people, ViewField("confidence") > 0.75)
    assert spot_check(view, FIELDS, 1.0, 1.0, seed=1)["people"] == 1
    assert list(approve_below(view, FIELDS, 1.0, "Ada", tmp_path, NAME)) == [1]
    assert [person.provenance.state for person in saved(sample)] == ["approved", "predicted"]


@pytest.mark.parametrize("shown", [[], ["dp_people"], ["dp_people.detections.issue_score"]])
def test_fields_that_a_view_hides_are_read(collection, approve, shown):
    view = collection.limit(3).select_fields(shown)
    assert approve(0.5, view) == [1, 1]
    assert queue(view, FIELDS, Filter())["states"] == {
        "predicted": 1,
        "edited": 0,
        "approved": 2,
        "rejected": 0,
    }
    assert [row["scores"][0] for row in score_table(view, FIELDS)["rows"]] == [0.9]
    assert spot_check(view, FIELDS, 1.0, 1.0, seed=1)["people"] == 1
