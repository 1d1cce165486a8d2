"""Boxes of whole pixels."""

import numpy as np
import pytest

from annotator.boxes import extent


@pytest.mark.parametrize(
    ("pixels", "box"),
    [
        ([(2, 3)], (3, 2, 1, 1)),
        ([(2, 3), (5, 1)], (1, 2, 3, 4)),
        ([(0, 0), (6, 8)], (0, 0, 9, 7)),
        ([], None),
    ],
)
def test_extent_is_the_smallest_box_around_all_pixels(pixels, box):
    mask = np.zeros((7, 9), bool)
    for row, column in pixels:
        mask[row, column] = True
    assert extent(mask) == box
