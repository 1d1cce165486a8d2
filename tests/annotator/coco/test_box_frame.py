"""Surface labels in the frame of their box: there and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from annotator.coco.box_frame import decode_part_masks, encode_part_masks, points_to_frame, points_to_image

PARTS = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=256), elements=st.integers(0, 14))


@given(PARTS, st.integers(0, 5000), st.integers(0, 5000))
def test_parts_of_a_box_up_to_256_pixels_come_back_exactly(parts, x, y):
    box = (x, y, parts.shape[1], parts.shape[0])
    assert np.array_equal(decode_part_masks(encode_part_masks(parts, box, box), box, box), parts)


def test_larger_boxes_lose_less_than_a_cell():
    parts = np.zeros((900, 700), np.uint8)
    parts[200:800, 100:650] = 14
    box = (3, 5, 700, 900)
    back = decode_part_masks(encode_part_masks(parts, box, box), box, box)
    wrong = np.argwhere(back != parts)
    to_edge = np.abs(wrong[:, :, None] - [[200, 800], [100, 650]]).min(axis=2)
    assert (to_edge / [900 / 256, 700 / 256] <= 1).any(axis=1).all()


def test_fractions_of_the_box_shift_the_masks():
    """The cell, not the pixel, is 1 / 256 of the box: its left half covers what is left of its middle."""
    parts = np.zeros((20, 20), np.uint8)
    parts[:, :10] = 1
    frame = (10.75, 30.0, 18.5, 20.0)
    masks = encode_part_masks(parts, (10, 30, 20, 20), frame)
    assert np.array_equal(decode_part_masks(masks, (10, 30, 20, 20), frame), parts)
    left = decode_part_masks(
        [{"size": [256, 256], "counts": [0, 128 * 256, 128 * 256]}], (10, 30, 20, 20), frame
    )
    assert left[0].tolist() == [1] * 10 + [0] * 10


def test_the_later_part_wins():
    full = {"size": [256, 256], "counts": [0, 65536]}
    assert (decode_part_masks([full, [], full], (0, 0, 3, 2), (0, 0, 3, 2)) == 3).all()


@pytest.mark.parametrize("x", [0.0, 127.5, 255.0])
def test_255_is_the_far_side(x):
    frame = (10.5, 20.0, 51.0, 102.0)
    image_x, image_y = points_to_image(np.array([x]), np.array([x]), frame)
    assert (image_x[0], image_y[0]) == (10.5 + x / 5, 20 + x / 2.5)


SIDES = st.floats(0.5, 5000)


@given(
    st.tuples(st.floats(-10, 5000), st.floats(-10, 5000), SIDES, SIDES), st.floats(0, 255), st.floats(0, 255)
)
def test_points_there_and_back(frame, x, y):
    back = points_to_frame(*points_to_image(np.array([x]), np.array([y]), frame), frame)
    # A small box far from the origin costs digits.
    assert np.allclose(np.ravel(back), [x, y], atol=1e-6)
