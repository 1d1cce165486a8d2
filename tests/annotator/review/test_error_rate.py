"""The share of wrong predictions, as decisions by hand say, and the threshold that is proposed."""

import numpy as np
import pytest
from scipy.stats import binom

from annotator.dataset.fields import declare_fields
from annotator.dataset.info import bulk_approval_times
from annotator.review.approvals import approve_below
from annotator.review.error_rate import MAX_WRONG, error_rate, more_needed, upper_bound
from annotator.review.session import Review
from tests.annotator.review.conftest import FIELDS, NAME


def edited(dataset, sample, tmp_path, **edit) -> None:
    review = Review(dataset, author="Ada", maps_dir=tmp_path / "maps")
    person = review.open(sample.id)["people"][0]
    review.edit(sample.id, edit | {"person": person["key"]}, {person["key"]: person["version"]})


def test_what_counts_as_right_and_wrong(collection, tmp_path):
    """Of issue scores 0.5, 0, 0.9 and 0.2: approved, deleted, changed and approved, and one to be decided."""
    step = error_rate(collection, FIELDS)["steps"][-1]
    assert (step["people"], step["decided"], step["wrong"], step["at_most"]) == (4, 0, 0, 1)
    first, second, third, _, _ = collection
    edited(collection, first, tmp_path, kind="decide", state="approved")
    edited(collection, second, tmp_path, kind="delete")
    edited(collection, third, tmp_path, kind="swap_sides")
    edited(collection, third, tmp_path, kind="decide", state="approved")
    third.reload(hard=True)
    assert third[FIELDS.people].detections[0].issue_score != pytest.approx(0.9)
    steps = error_rate(collection, FIELDS)["steps"]
    # The score that the model's labels had counts, not that of what a person made of them.
    found = [
        (steps[i]["people"], steps[i]["decided"], steps[i]["wrong"]) for i in (0, 19, 20, 49, 50, 89, 90)
    ]
    assert found == [(0, 1, 1), (0, 1, 1), (1, 1, 1), (1, 1, 1), (1, 2, 1), (1, 2, 1), (1, 3, 2)]
    assert error_rate(collection, FIELDS)["proposed"] is None


def test_who_was_approved_unseen_says_nothing(collection, tmp_path):
    assert sum(approve_below(collection, FIELDS, 0.2, "Ada", tmp_path / "maps", NAME)) == 2
    times = bulk_approval_times(collection, "dp")
    assert len(times) == 1
    assert error_rate(collection, FIELDS, times)["steps"][-1]["decided"] == 0
    assert error_rate(collection, FIELDS)["steps"][-1]["decided"] == 2
    # Who is approved by hand after that does.
    edited(collection, collection.skip(1).first(), tmp_path, kind="decide", state="approved")
    assert error_rate(collection, FIELDS, times)["steps"][-1]["decided"] == 1


def test_the_decisions_of_a_view_are_those_of_its_images(collection, tmp_path):
    for sample in collection.limit(2):
        edited(collection, sample, tmp_path, kind="delete")
    assert error_rate(collection.limit(1), FIELDS)["steps"][-1]["decided"] == 1
    # Who is hidden was not deleted.
    from fiftyone import ViewField

    view = collection.filter_labels(FIELDS.people, ViewField("issue_score") > 0.8, only_matches=False)
    step = error_rate(view, FIELDS)["steps"][-1]
    assert (step["people"], step["decided"], step["wrong"]) == (1, 2, 2)


def with_decisions(dataset, people: int, wrong_above: float) -> dict:
    """The estimate for so many predictions of issue scores evenly from 0 to 1, of which every other one is decided."""
    import fiftyone as fo

    declare_fields(dataset, FIELDS)
    labels = [fo.Detection(label="person", bounding_box=[0, 0, 1, 1]) for _ in range(people)]
    for number, (label, score) in enumerate(zip(labels, np.linspace(0, 1, people), strict=True)):
        right = "approved" if score <= wrong_above else "rejected"
        label["review"], label["issue_score"], label["model"] = (
            ("predicted", right)[number % 2],
            score,
            "lite",
        )
    records = {label.id: {"issue_score": label.issue_score} for label in labels}
    sample = fo.Sample(filepath="/photos/crowd.png")
    sample[FIELDS.people] = fo.Detections(detections=labels)
    sample[FIELDS.source] = {"people": records}
    dataset.add_sample(sample)
    return error_rate(dataset, FIELDS)


def test_the_largest_threshold_that_is_good_enough_is_proposed(dataset):
    found = with_decisions(dataset, 701, wrong_above=0.8)
    assert found["proposed"] == pytest.approx(0.8)
    step = found["steps"][80]
    assert (step["people"], step["decided"], step["wrong"], step["more"]) == (281, 280, 0, 0)
    assert step["at_most"] == pytest.approx(1 - 0.005 ** (1 / 280), abs=1e-4)
    assert found["steps"][90]["at_most"] > MAX_WRONG


def test_where_too_few_are_decided_it_is_said_how_many_more_would_do(dataset):
    found = with_decisions(dataset, 401, wrong_above=1)
    assert found["proposed"] is None
    # ln(0.05 / 10) / ln 0.98 = 262.3
    assert (found["steps"][-1]["decided"], found["steps"][-1]["more"]) == (200, 63)


def test_the_bound_is_that_of_the_binomial_distribution():
    wrong, decided = np.array([0, 0, 3, 9, 5, 0]), np.array([149, 0, 400, 9, 900, 30])
    bound = upper_bound(wrong, decided, 0.05)
    assert bound[1] == bound[3] == 1
    for k, n, p in zip(wrong, decided, bound, strict=True):
        if k < n:
            assert binom.cdf(k, n, p) == pytest.approx(0.05)
    more = more_needed(wrong, decided, 0.05)
    assert more[0] == 0
    assert decided[5] + more[5] == 149  # ln 0.05 / ln 0.98 = 148.3
    for k, n, m in zip(wrong, decided, more, strict=True):
        assert binom.cdf(k, n + m, MAX_WRONG) <= 0.05
        assert m == 0 or binom.cdf(k, n + m - 1, MAX_WRONG) > 0.05
