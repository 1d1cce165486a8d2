from dataclasses import replace

from annotator.evaluation.matching import match_people
from tests.annotator.evaluation.conftest import RIGHT
from tests.annotator.labelled_photos import figure_at


def test_matching_is_the_best_for_all_together():
    # The first prediction fits both, the second only the left one.
    left, right = figure_at(10, 20), figure_at(20, 20)
    first, second = figure_at(14, 20), figure_at(2, 20)
    assert match_people([left, right], [first, second]) == [second, first]
    assert match_people([left, right], [first]) == [first, None]
    assert match_people([left], [RIGHT]) == [None]
    assert match_people([], [first]) == []
    assert match_people([left], []) == [None]
    assert match_people([replace(left, crowd=True), replace(left, mask=None)], [left]) == [None, left]
