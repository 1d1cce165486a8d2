"""Which photos an export writes by the state of their review, and their counts."""

import pytest

from annotator.dataset.fields import FieldError, Fields, declare_fields
from annotator.dataset.review_state import (
    ALL_LEFT_OUT,
    UNFINISHED,
    PhotoReview,
    chosen_states,
    count_reviews,
)

FIELDS = Fields()


@pytest.mark.parametrize(
    ("states", "more", "approved", "reviewed", "everybody"),
    [
        ("approved", {}, None, None, None),
        ("approved rejected", {}, None, None, None),
        ("approved edited", {}, UNFINISHED, None, None),
        ("approved predicted", {}, UNFINISHED, UNFINISHED, None),
        ("edited predicted rejected", {}, UNFINISHED, UNFINISHED, None),
        ("rejected", {}, ALL_LEFT_OUT, ALL_LEFT_OUT, ALL_LEFT_OUT),
        ("approved", {"possible": True}, UNFINISHED, UNFINISHED, None),
        ("", {}, UNFINISHED, UNFINISHED, None),
        ("", {"possible": True}, UNFINISHED, UNFINISHED, None),
        ("", {"nobody": True}, None, None, None),
        # Somebody was found there since.
        ("predicted", {"nobody": True}, UNFINISHED, UNFINISHED, None),
    ],
)
def test_a_photo_is_written_whole_or_not_at_all(states, more, approved, reviewed, everybody):
    review = PhotoReview(frozenset(states.split()), **more)
    assert [review.left_out(choice) for choice in ("approved", "reviewed", "all")] == [
        approved,
        reviewed,
        everybody,
    ]


def test_rejected_people_are_chosen_separately():
    rejected = PhotoReview(frozenset({"rejected"}))
    assert rejected.left_out("approved", rejected=True) is None
    assert chosen_states("reviewed", rejected=True) == ("approved", "edited", "rejected")
    with pytest.raises(ValueError, match=r"^state: 'best' is none of approved, reviewed, all$"):
        chosen_states("best")


def test_the_database_counts_people_and_photos_by_state(dataset):
    import fiftyone as fo

    def person(review=None):
        return fo.Detection(label="person", bounding_box=[0, 0, 1, 1], review=review)

    declare_fields(dataset, FIELDS)
    possible = fo.Detections(detections=[fo.Detection(bounding_box=[0, 0, 1, 1], confidence=0.2)])
    photos = [
        ([person("approved"), person("approved"), person("rejected")], {}),
        ([person("approved"), person()], {}),
        ([person("edited"), person("approved")], {}),
        ([person("approved")], {FIELDS.possible: possible}),
        ([person("rejected")], {}),
        ([], {FIELDS.source: {"nobody": {"author": "Ada"}}}),
        ([], {}),
    ]
    dataset.add_samples(
        fo.Sample(filepath=f"/{i}.jpg", dp_people=fo.Detections(detections=people), **more)
        for i, (people, more) in enumerate(photos)
    )
    dataset.add_sample(fo.Sample(filepath="/unlabelled.jpg"))
    counts = count_reviews(dataset, FIELDS)
    assert (counts.photos, counts.labelled, counts.empty) == (8, 7, 1)
    assert counts.people == {"predicted": 1, "edited": 1, "approved": 5, "rejected": 2}
    assert counts.photos_with("approved") == 4
    assert counts.written("approved") == (2, 2)
    assert counts.written("reviewed") == (3, 4)
    assert counts.written("all") == (6, 7)
    assert counts.written("all", rejected=True) == (7, 9)
    assert count_reviews(dataset[:2], FIELDS).people["approved"] == 3
    assert count_reviews(dataset[:2].concat(dataset[:1]), FIELDS).photos == 2
    assert count_reviews(dataset.select_fields(), FIELDS).people == counts.people


def test_without_people_fields_there_are_no_counts(dataset):
    with pytest.raises(FieldError, match="annotate or import people first"):
        count_reviews(dataset, FIELDS)
