"""Letterboxing: points and pixels there and back."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.geometry.letterbox import PADDING, Letterbox, warp
from tests.annotator.photos.test_reading import quarters

sizes = st.tuples(st.integers(1, 4000), st.integers(1, 4000))


sides = st.sampled_from([32, 64, 256, 384])


coordinates = st.floats(-5000, 5000)


@given(sizes, sides, st.tuples(coordinates, coordinates), st.tuples(coordinates, coordinates))
def test_letterbox_there_and_back(size, side, origin, point):
    letterbox = Letterbox(size, side, origin)
    back = letterbox.to_image(letterbox.to_square(np.array([point])))[0]
    np.testing.assert_allclose(back, point, atol=1e-6 * max(size))


@given(sizes, sides)
def test_letterbox_fits_and_centres(size, side):
    letterbox = Letterbox(size, side)
    low, high = letterbox.to_square(np.array([[0, 0], size]))
    assert (low >= -1e-6).all()
    assert (high <= side + 1e-6).all()
    np.testing.assert_allclose(low, side - high, atol=1e-6)
    assert np.isclose(high - low, side).any()


@given(sizes, sides, st.tuples(coordinates, coordinates))
def test_matrix_is_the_same_map(size, side, point):
    letterbox = Letterbox(size, side, (3.0, 5.0))
    by_matrix = letterbox.matrix @ np.array([*point, 1.0])
    np.testing.assert_allclose(by_matrix, letterbox.to_square(np.array([point]))[0], atol=1e-6)


@pytest.mark.parametrize("factor", [0.25, 0.5, 1, 2, 3])
def test_pixels_land_where_points_do(factor):
    """An edge in the image is where the letterbox maps it to, to a tenth of a pixel, at every scale."""
    side = 64
    width, height = int(64 / factor), int(32 / factor)
    image = np.zeros((height, width, 3), np.uint8)
    edge = width // 4
    image[:, edge:] = 255
    letterbox = Letterbox((width, height), side)
    row = letterbox.apply(image)[side // 2, :, 0].astype(float) / 255
    position = side - row.sum()
    assert position == pytest.approx(letterbox.to_square(np.array([[edge, 0]]))[0, 0], abs=0.1)
    assert (letterbox.apply(image)[2] == PADDING).all()


def test_crop_outside_the_image_is_padded():
    image = np.full((50, 50, 3), 200, np.uint8)
    square = Letterbox((40, 40), 32, (30.0, 30.0)).apply(image)
    assert (square[4, 4] == 200).all()
    assert (square[28, 28] == PADDING).all()


def test_warp_by_the_identity_changes_nothing():
    image = quarters()
    identity = np.array([[1.0, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(warp(image, identity, (40, 20), cv2.INTER_LINEAR), image)
