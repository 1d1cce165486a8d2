"""Possible people in the fields of a FiftyOne sample: new predictions replace them, decisions stay."""

import pytest

from annotator.dataset.fields import Fields
from annotator.dataset.possible_people import (
    ACCEPTED,
    DISMISSED,
    OPEN,
    decide_possible,
    open_people,
    read_possible,
)
from annotator.dataset.sample_people import read_people, replace_predictions, set_issue_score
from annotator.labels.people import People, PossiblePerson, Provenance
from tests.annotator.people_samples import SIZE, block

FIELDS = Fields()

LIKELY = PossiblePerson((2.5, 4, 20, 30), 0.75)
UNLIKELY = PossiblePerson((50, 12.25, 24, 40), 0.25)
NOT_QUITE_LIKELY = PossiblePerson((4, 5, 19, 30), 0.5)
"""In the box of ``LIKELY``."""


@pytest.fixture
def predict(sample, tmp_path):
    """Write predictions, as a run does, and read the sample afresh."""

    def predict(*possible: PossiblePerson, people=()) -> None:
        replace_predictions(
            sample, People(SIZE, list(people), possible=list(possible)), FIELDS, tmp_path / "maps"
        )
        sample.save()
        sample.reload(hard=True)

    return predict


def found(sample) -> list[PossiblePerson]:
    """Those who are open, after rounding."""
    return [
        PossiblePerson(tuple(round(side, 4) for side in person.box), person.score)
        for person in open_people(read_possible(sample, FIELDS, SIZE)).values()
    ]


def decide(sample, state: str, person: PossiblePerson) -> None:
    stored = read_possible(sample, FIELDS, SIZE)
    (key,) = (key for key, other in stored.items() if other.person.score == person.score)
    decide_possible(sample, FIELDS, {key: state})
    sample.save()
    sample.reload(hard=True)
    assert read_possible(sample, FIELDS, SIZE)[key].state == state


def test_they_come_back_most_probable_first(sample, predict):
    predict(UNLIKELY, LIKELY)
    assert found(sample) == [LIKELY, UNLIKELY]
    assert [person.score for person in read_people(sample, FIELDS).possible] == [0.75, 0.25]
    labels = sample[FIELDS.possible].detections
    assert [(label.label, label.confidence) for label in labels] == [
        ("possible person", 0.75),
        ("possible person", 0.25),
    ]
    assert labels[0].bounding_box == pytest.approx([2.5 / 80, 4 / 60, 20 / 80, 30 / 60])


def test_a_new_prediction_replaces_them(sample, predict):
    predict(LIKELY)
    predict(UNLIKELY)
    assert found(sample) == [UNLIKELY]
    predict()
    assert found(sample) == []
    assert sample[FIELDS.possible] is None


@pytest.mark.parametrize("state", [DISMISSED, ACCEPTED])
def test_who_was_decided_does_not_come_back(sample, predict, state):
    predict(LIKELY, UNLIKELY)
    decide(sample, state, LIKELY)
    assert found(sample) == [UNLIKELY]
    predict(NOT_QUITE_LIKELY, UNLIKELY)
    assert found(sample) == [UNLIKELY]
    predict(NOT_QUITE_LIKELY)
    assert found(sample) == []
    decide(sample, OPEN, LIKELY)
    assert found(sample) == [LIKELY]


def test_who_is_labelled_or_deleted_by_a_human_is_not_missing(sample, predict):
    inside = PossiblePerson((11, 12, 19, 38), 0.5)
    predict(people=[block(10, provenance=Provenance("lite", state="edited"))])
    predict(inside)
    assert found(sample) == []
    sample[FIELDS.people].detections = []
    sample.save()
    predict(inside, UNLIKELY)
    assert found(sample) == [UNLIKELY]


def test_who_overlaps_a_mere_prediction_may_be_somebody_else(sample, predict):
    inside = PossiblePerson((11, 12, 19, 38), 0.5)
    predict(inside, people=[block(10)])
    assert found(sample) == [inside]


def test_they_count_in_the_issue_score(sample, predict):
    predict(LIKELY, people=[block(40, issues={"two_people": 0.5})])
    assert sample[FIELDS.issue_score] == pytest.approx(1 - 0.25 * 0.5)
    decide(sample, DISMISSED, LIKELY)
    set_issue_score(sample, FIELDS)
    assert sample[FIELDS.issue_score] == pytest.approx(0.5)


def test_a_decision_about_somebody_who_is_gone_is_left_out(sample, predict):
    predict(LIKELY)
    (key,) = read_possible(sample, FIELDS, SIZE)
    predict(UNLIKELY)
    decide_possible(sample, FIELDS, {key: DISMISSED})
    assert found(sample) == [UNLIKELY]
    assert key not in read_possible(sample, FIELDS, SIZE)
