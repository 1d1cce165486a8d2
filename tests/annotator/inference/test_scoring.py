from itertools import pairwise, product

import pytest

from annotator.inference.scoring import UNSEEN, box_presence, presence
from annotator.labels.people import Person, PossiblePerson

BOX = (10, 20, 30, 40)
RISING = (0.0, 0.01, 0.2, 0.5, 0.8, 0.99, 1.0)


def score(finder: float, mask: float, box: tuple[int, int, int, int]) -> float:
    return presence(Person(box, score=mask), PossiblePerson(BOX, finder))


def test_the_score_grows_with_the_finders():
    for a, b in pairwise(RISING[1:-1]):
        assert score(a, 0.9, BOX) < score(b, 0.9, BOX)


def test_the_score_grows_with_the_confidence_in_the_mask():
    for a, b in pairwise(RISING[1:-1]):
        assert score(0.5, a, BOX) < score(0.5, b, BOX)


@pytest.mark.parametrize(("finder", "mask"), list(product(RISING, RISING)))
def test_scores_are_probabilities(finder: float, mask: float):
    for box in (BOX, (500, 500, 3, 3), (0, 0, 0, 0)):
        assert 0 <= score(finder, mask, box) <= 1
    assert 0 <= box_presence(PossiblePerson(BOX, finder)) <= 1


def test_the_score_of_a_box_alone_grows_with_the_finders():
    for a, b in pairwise(RISING[1:-1]):
        assert box_presence(PossiblePerson(BOX, a)) < box_presence(PossiblePerson(BOX, b))


def test_whom_the_finder_does_not_see_has_a_lower_score():
    person = Person(BOX, score=0.95)
    assert presence(person, UNSEEN) < presence(person, PossiblePerson(BOX, 0.3))
