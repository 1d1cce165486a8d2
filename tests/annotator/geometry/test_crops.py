import numpy as np
import pytest

from annotator.geometry.crops import person_iou
from annotator.labels.people import Person


def test_iou_of_two_people():
    square = np.ones((10, 10), bool)
    a, b, c = (Person((x, 0, 10, 10), mask=square) for x in (0, 5, 30))
    assert person_iou(a, a) == 1
    assert person_iou(a, b) == pytest.approx(50 / 150)
    assert person_iou(a, c) == 0
