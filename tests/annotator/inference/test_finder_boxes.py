"""Boxes of a view become boxes of people: one each, in image pixels."""

import numpy as np
import pytest

from annotator.geometry.letterbox import Letterbox
from annotator.inference.finder import boxes_in_image, suppress


@pytest.mark.parametrize(
    ("boxes", "scores", "kept"),
    [
        ([], [], []),
        ([(0, 0, 10, 10)], [0.5], [0]),
        ([(0, 0, 10, 10), (1, 0, 10, 10)], [0.5, 0.9], [1]),
        ([(0, 0, 10, 10), (8, 0, 10, 10)], [0.5, 0.9], [1, 0]),
        # What is dropped drops nobody itself.
        ([(0, 0, 10, 10), (2, 0, 10, 10), (4, 0, 10, 10)], [0.9, 0.8, 0.7], [0, 2]),
    ],
)
def test_of_boxes_that_overlap_the_best_is_kept(boxes, scores, kept):
    found = suppress(np.reshape(boxes, (-1, 4)), np.array(scores, float), 0.6)
    assert found.tolist() == kept


def test_boxes_of_a_view_are_in_image_pixels():
    letterbox = Letterbox((200, 100), 100)
    corners = np.array([(20, 35, 40, 65), (21, 35, 41, 65), (-10, 0, 30, 60), (50, 30, 60, 40)], np.float32)
    boxes, scores = boxes_in_image(corners, np.float32([0.6, 0.7, 0.9, 0.1]), letterbox, 0.2)
    np.testing.assert_allclose(boxes, [(0, 0, 60, 70), (42, 20, 40, 60)])
    np.testing.assert_allclose(scores, [0.9, 0.7])


def test_a_view_without_people():
    boxes, scores = boxes_in_image(np.zeros((3, 4)), np.zeros(3), Letterbox((20, 10), 32), 0.1)
    assert boxes.shape == (0, 4)
    assert scores.shape == (0,)
