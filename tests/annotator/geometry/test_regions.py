"""Strokes, polygons, areas and the sides of a line, each against the plain definition."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.geometry import regions

BOX = (10, 20, 40, 30)
POINT = st.tuples(st.floats(0, 60), st.floats(10, 60))


def centres(box=BOX) -> np.ndarray:
    """(h, w, 2) x, y in image pixels."""
    x, y, w, h = box
    columns, rows = np.meshgrid(np.arange(w) + x + 0.5, np.arange(h) + y + 0.5)
    return np.stack([columns, rows], axis=-1)


@given(st.lists(POINT, min_size=1, max_size=5), st.floats(0.6, 12))
def test_a_stroke_is_all_within_its_radius(points, radius):
    points = np.array(points)
    dense = np.concatenate(
        [points, *(a + np.linspace(0, 1, 400)[:, None] * (b - a) for a, b in itertools.pairwise(points))]
    )
    distance = np.linalg.norm(centres()[:, :, None] - dense, axis=3).min(axis=2)
    drawn = regions.stroke(points, radius, BOX)
    assert drawn[distance < radius - 1e-6].all()
    assert not drawn[distance > radius + 0.02].any()


def test_a_click_paints_a_disc():
    drawn = regions.stroke(np.array([[30.0, 35.0]]), 3.0, BOX)
    assert drawn.sum() == 32
    assert drawn[12:18, 17:23].sum() == 32


def test_a_polygon_is_filled_between_its_corners():
    corners = np.array([[12.0, 22.0], [32.0, 22.0], [32.0, 42.0], [12.0, 42.0]])
    filled = regions.polygon(corners, BOX)
    x, y = centres()[..., 0], centres()[..., 1]
    inside = (x > 12) & (x < 32) & (y > 22) & (y < 42)
    assert (filled == inside).all()


def test_a_polygon_that_crosses_itself_has_a_hole():
    bow = np.array([[12.0, 22.0], [32.0, 42.0], [32.0, 22.0], [12.0, 42.0]])
    filled = regions.polygon(bow, BOX)
    assert filled[12, 3]
    assert filled[12, 20]
    assert not filled[3, 12]
    assert not filled[20, 12]


def test_an_area_ends_where_the_label_does_and_at_corners():
    labels = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]])
    assert regions.connected_area(labels, 0, 0).tolist() == [
        [True, True, False],
        [False, True, False],
        [False] * 3,
    ]


def test_a_straight_line_has_two_sides():
    line = np.array([[30.0, 30.0], [30.0, 40.0]])
    side = regions.right_of_line(line, BOX)
    # Downwards on the screen, the right-hand side is the smaller x.
    assert (side == (centres()[..., 0] < 30)).all()
    assert (regions.right_of_line(line[::-1], BOX) == ~side).all()


def test_a_bent_line_divides_at_its_bend():
    bend = np.array([[10.0, 30.0], [30.0, 30.0], [30.0, 50.0]])
    side = regions.right_of_line(bend, BOX)
    x, y = centres()[..., 0], centres()[..., 1]
    assert (side == ((x < 30) & (y > 30))).all()


def test_seeds_own_what_is_near_on_a_way_inside():
    # A horseshoe: its two ends are close in the air and far apart inside.
    mask = np.zeros((60, 60), bool)
    mask[5:55, 5:15] = mask[5:55, 25:35] = mask[45:55, 5:35] = True
    owner = regions.nearest_seed(mask, np.array([[10.0, 8.0], [30.0, 50.0]]))
    assert (owner[~mask] == -1).all()
    assert (owner[5:25, 5:15] == 0).all()
    assert (owner[5:55, 25:35] == 1).all()


def test_a_piece_without_a_seed_goes_to_the_nearest():
    mask = np.zeros((20, 60), bool)
    mask[5:15, :10] = mask[5:15, 30:40] = mask[5:15, 50:] = True
    owner = regions.nearest_seed(mask, np.array([[5.0, 10.0], [55.0, 10.0]]))
    assert (owner[5:15, :10] == 0).all()
    assert (owner[5:15, 30:40] == 1).all()


@pytest.mark.parametrize("scale", [1, 7])
def test_large_masks_are_divided_as_small_ones(scale):
    mask = np.ones((40 * scale, 60 * scale), bool)
    owner = regions.nearest_seed(mask, np.array([[15.0, 20.0], [45.0, 20.0]]) * scale)
    border = np.flatnonzero(np.diff(owner[20 * scale]))
    assert len(border) == 1
    assert abs(border[0] + 1 - 30 * scale) <= 3 * scale


@pytest.mark.parametrize("share", [0.002, 0.02, 0.3])
def test_asking_for_a_few_pixels_finds_the_same_as_asking_for_all(share):
    random = np.random.default_rng(0)
    for _ in range(40):
        shape = tuple(random.integers(3, 90, 2))
        known = random.random(shape) < share
        known[random.integers(shape[0]), random.integers(shape[1])] = True
        row, column = random.integers(shape[0]), random.integers(shape[1])
        where = np.zeros(shape, bool)
        where[row : row + 9, column : column + 9] = True
        found = np.array(regions.nearest_known(known, where))[:, where]
        np.testing.assert_array_equal(found, np.array(regions.nearest_known(known))[:, where])


def test_a_few_pixels_are_looked_for_nearby():
    known = np.zeros((3000, 3000), bool)
    known[1400:1500, 1400:1500] = True
    where = np.zeros_like(known)
    where[1505:1510, 1400:1410] = True
    rows, columns = regions._window(known, where)
    assert rows.stop - rows.start < 200
    assert columns.stop - columns.start < 200
