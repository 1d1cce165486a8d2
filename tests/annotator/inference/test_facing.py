"""Who is seen from behind, by charts and by keypoints."""

import numpy as np
import pytest

from annotator.inference.facing import is_back, is_back_taken_for_front
from annotator.labels.label_space import CHARTS
from annotator.labels.people import Person


def torso(back: int) -> np.ndarray:
    """10 rows of a torso's charts, the first ones of its back."""
    charts = np.full((10, 10), CHARTS.index("torso front"), np.uint8)
    charts[:back] = CHARTS.index("torso back")
    return charts


@pytest.mark.parametrize(("back", "expected"), [(0, False), (6, False), (8, True), (10, True)])
def test_a_back_is_most_of_the_torso(back: int, expected: bool):
    assert is_back(torso(back)) == expected
    assert not is_back(np.full(100, CHARTS.index("left hand"), np.uint8))


@pytest.mark.parametrize("turns", range(4))
def test_a_back_that_is_taken_for_the_front(turns: int):
    """Whichever way the person lies."""
    points = np.zeros((17, 2))
    points[5:7] = (5, -10), (-5, -10)
    points[11:13] = (3, 10), (-3, 10)
    points = points @ np.linalg.matrix_power([[0, 1], [-1, 0]], turns)
    from_behind = points[[0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]]
    for back, is_behind in ((6, False), (8, True)):
        person = Person((0, 0, 10, 10), charts=torso(back))
        assert is_back_taken_for_front(person, points) == is_behind
        assert not is_back_taken_for_front(person, from_behind)
    assert not is_back_taken_for_front(Person((0, 0, 10, 10)), points)
