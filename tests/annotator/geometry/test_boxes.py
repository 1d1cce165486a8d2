"""Boxes of whole pixels."""

import numpy as np
import pytest

from annotator.geometry.boxes import bounding_box, box_iou, clip_box, overlap_slices, pad_box, union_box


@pytest.mark.parametrize(
    ("pixels", "box"),
    [
        ([(2, 3)], (3, 2, 1, 1)),
        ([(2, 3), (5, 1)], (1, 2, 3, 4)),
        ([(0, 0), (6, 8)], (0, 0, 9, 7)),
        ([], None),
    ],
)
def test_bounding_box_is_the_smallest_around_all_pixels(pixels, box):
    mask = np.zeros((7, 9), bool)
    for row, column in pixels:
        mask[row, column] = True
    assert bounding_box(mask) == box


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0, 0, 4, 2), (0, 0, 4, 2), 1),
        ((0, 0, 4, 2), (2, 0, 4, 2), 4 / 12),
        ((0, 0, 4, 2), (4, 0, 4, 2), 0),
        ((0, 0, 4, 2), (9, 9, 4, 2), 0),
        ((0.5, 0, 1, 1), (1, 0, 1, 1), 1 / 3),
        ((0, 0, 0, 0), (0, 0, 0, 0), 0),
    ],
)
def test_box_iou(a, b, expected):
    assert box_iou(a, b) == pytest.approx(expected)
    assert box_iou(b, a) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("box", "slack", "pixels"),
    [
        ((2, 3, 4, 5), 0, (2, 3, 4, 5)),
        ((2.5, 3.5, 4, 5), 0, (2, 3, 5, 6)),
        ((1.9999, 2.9999, 4, 5.0002), 0, (1, 2, 5, 7)),
        ((1.9999, 2.9999, 4, 5.0002), 0.001, (2, 3, 4, 5)),
        ((2, 3, 0, 0), 0.001, (2, 3, 1, 1)),
        ((-5, -5, 100, 100), 0, (0, 0, 20, 15)),
    ],
)
def test_clip_box_gives_the_whole_pixels_that_a_box_touches(box, slack, pixels):
    assert clip_box(box, (20, 15), slack) == pixels


@pytest.mark.parametrize("box", [(9, 3, 2, 2), (-2, 3, 2, 2), (2, 7, 0, 0), (2, -3, 2, 2)])
def test_a_box_outside_touches_no_pixel(box):
    assert not all(clip_box(box, (9, 7))[2:])


def test_pad_box_grows_alike_on_every_side_also_out_of_the_image():
    assert pad_box((10, 2, 40, 60)) == (4, -4, 52, 72)
    assert pad_box((0.5, 2, 20, 10), 0.05) == (-0.5, 1, 22, 12)


def test_windows_may_lie_apart():
    here, there = overlap_slices((0, 0, 5, 5), (7, 1, 4, 4))
    assert np.zeros((5, 5))[here].size == np.zeros((4, 4))[there].size == 0
    here, there = overlap_slices((0, 0, 5, 5), (3, -2, 4, 4))
    assert (here, there) == ((slice(0, 2), slice(3, 5)), (slice(2, 4), slice(0, 2)))
    assert union_box((0, 0, 5, 5), (3, -2, 4, 4)) == (0, -2, 7, 7)
