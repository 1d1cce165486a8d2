"""The queue of a real collection."""

import pytest

from annotator.dataset.fields import FieldError
from annotator.dataset.sample_people import replace_predictions
from annotator.labels.people import People, Provenance
from annotator.review.approvals import approve_below, spot_check
from annotator.review.queue import Filter, queue
from annotator.review.score_table import score_table
from annotator.review.session import Review
from tests.annotator.people_samples import SIZE, block
from tests.annotator.review.conftest import FIELDS, NAME, names


def test_the_queue_begins_with_the_highest_issue_score(collection):
    found = queue(collection, FIELDS, Filter())
    assert names(found) == ["2", "0", "3", "1", "4"]
    assert found["states"] == {"predicted": 4, "edited": 0, "approved": 0, "rejected": 0}
    assert found["reasons"] == {"two people in one": 2}
    assert (found["images"], found["done"], sum(found["histogram"])) == (5, 0, 4)
    assert names(queue(collection, FIELDS, Filter(order="file"))) == ["0", "1", "2", "3", "4"]


def test_many_people_with_issues_come_before_one_with_a_few_more(collection, tmp_path):
    sample = collection.last()
    people = [block(x, issues={"two_people": 0.7}) for x in (10, 40)]
    replace_predictions(sample, People(SIZE, people), FIELDS, tmp_path / "maps")
    sample.save()
    assert sample[FIELDS.issue_score] == pytest.approx(0.91)
    assert names(queue(collection, FIELDS, Filter())) == ["4", "2", "0", "3", "1"]


def test_issues_of_people_who_are_decided_count_where_they_are_asked_for(collection, tmp_path):
    sample = collection.last()
    people = [
        block(10, issues={"two_people": 0.95}, provenance=Provenance("lite", state="approved")),
        block(40, issues={"two_people": 0.1}),
    ]
    replace_predictions(sample, People(SIZE, people), FIELDS, tmp_path / "maps")
    sample.save()
    found = queue(collection, FIELDS, Filter())
    assert names(found) == ["2", "0", "3", "4", "1"]
    assert found["items"][3]["issue_score"] == pytest.approx(sample[FIELDS.issue_score]) == pytest.approx(0.1)
    assert names(queue(collection, FIELDS, Filter(reasons=("two people in one",)))) == ["2", "0", "4"]
    both = queue(collection, FIELDS, Filter(states=("approved", "predicted")))
    assert names(both) == ["4", "2", "0", "3", "1"]


def test_the_queue_is_filtered(collection, tmp_path):
    assert names(queue(collection, FIELDS, Filter(reasons=("two people in one",)))) == ["2", "0"]
    assert names(queue(collection, FIELDS, Filter(states=("approved",)))) == []
    sample = collection.first()
    review = Review(collection, maps_dir=tmp_path / "maps")
    key = review.open(sample.id)["people"][0]["key"]
    review.edit(sample.id, {"kind": "decide", "person": key, "state": "approved"}, {})
    found = queue(collection, FIELDS, Filter(states=("approved",)))
    assert names(found) == ["0"]
    assert found["done"] == 1
    # Nobody is left to be decided on the last.
    assert names(queue(collection, FIELDS, Filter())) == ["2", "3", "1", "4", "0"]
    assert names(queue(collection, FIELDS, Filter(states=("predicted",)))) == ["2", "3", "1"]
    sample.reload()
    assert sample[FIELDS.issue_score] == 0
    with pytest.raises(ValueError, match="'done' is none of"):
        Filter(states=("done",))


@pytest.mark.parametrize(
    "ask",
    [
        lambda view, tmp_path: queue(view, FIELDS, Filter()),
        lambda view, tmp_path: score_table(view, FIELDS),
        lambda view, tmp_path: spot_check(view, FIELDS, 1.0, 1.0, seed=1),
        lambda view, tmp_path: next(approve_below(view, FIELDS, 1.0, "Ada", tmp_path, NAME)),
    ],
    ids=["queue", "scores", "spot check", "approval"],
)
def test_a_view_of_patches_is_refused(dataset, sample, tmp_path, ask):
    with pytest.raises(FieldError, match="whole images"):
        ask(dataset.to_patches(FIELDS.people), tmp_path)
