"""The body's surface: there and back, and the drawing the right way round."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.labels.label_space import CHART_MIRROR, CHART_TO_PART, CHARTS, mirror_uv
from annotator.surface.body import GRID, PATH, Body, load_body
from annotator.surface.geodesic import read_surface

ALL = tuple(range(1, len(CHARTS)))


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


@pytest.fixture(scope="module")
def mesh(shared) -> dict:
    """The mesh that the body was made of, with the chart of each vertex."""
    path = shared / "densepose" / "surface.npz"
    if not path.is_file():
        pytest.skip(f"needs the body surface {path}")
    arrays = read_surface(path)
    charts = np.zeros(len(arrays["u"]), np.uint8)
    charts[arrays["faces"]] = arrays["chart"][:, None]
    return arrays | {"vertex_chart": charts}


def test_positions_are_those_of_the_mesh(body, mesh):
    gap = np.linalg.norm(
        body.positions(mesh["vertex_chart"], mesh["u"], mesh["v"]) - mesh["position"], axis=1
    )
    assert gap.mean() < 0.004
    assert np.quantile(gap, 0.99) < 0.02


def test_locate_finds_what_lies_at_a_place(body, mesh):
    charts, u, v = body.locate(mesh["position"], ALL)
    gap = np.linalg.norm(body.positions(charts, u, v) - mesh["position"], axis=1)
    assert gap.mean() < 0.004
    same = charts == mesh["vertex_chart"]
    # The rest are vertices on seams, which lie on two charts.
    assert same.mean() > 0.85


def test_what_is_background_is_nowhere(body):
    places = body.positions(np.array([0, 2], np.uint8), np.array([0.5, 0.5]), np.array([0.5, 0.5]))
    assert np.isnan(places[0]).all()
    assert np.isfinite(places[1]).all()


@pytest.fixture(scope="module")
def interior() -> np.ndarray:
    """(24, GRID, GRID) nodes at least two nodes away from the edges of their charts."""
    with np.load(PATH) as file:
        inside = np.unpackbits(file["inside"], count=24 * GRID**2).reshape(24, GRID, GRID)
    return np.stack([cv2.erode(nodes, np.ones((5, 5), np.uint8)) for nodes in inside]).astype(bool)


@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_locate_is_the_inverse_of_positions_inside_of_charts(body, interior, right, down):
    chart, row, column = np.nonzero(interior)
    assert np.unique(chart).size == 24
    u, v = (column + right) / (GRID - 1), (row + down) / (GRID - 1)
    places = body.positions(chart + 1, u, v)
    charts, found_u, found_v = body.locate(places, ALL)
    np.testing.assert_array_equal(charts, chart + 1)
    # A few lie where fingers touch.
    assert (np.maximum(np.abs(found_u - u), np.abs(found_v - v)) < 0.02).mean() > 0.999
    assert np.linalg.norm(body.positions(charts, found_u, found_v) - places, axis=1).mean() < 1e-4


@given(st.integers(0, 2**32 - 1))
def test_what_is_located_is_near_everywhere(body, seed):
    rng = np.random.default_rng(seed)
    charts = np.repeat(np.arange(1, len(CHARTS)), 20)
    places = body.positions(charts, *rng.uniform(0, 1, (2, len(charts))))
    gap = np.linalg.norm(body.positions(*body.locate(places, ALL)) - places, axis=1)
    assert gap.mean() < 0.005


def test_nothing_asked_nothing_said(body):
    nothing = np.zeros(0)
    assert body.positions(nothing, nothing, nothing).shape == (0, 3)
    assert [a.shape for a in body.locate(np.zeros((0, 3)), (2,))] == [(0,)] * 3


def test_only_allowed_charts_are_chosen(body):
    places = np.random.default_rng(0).normal((0, 1, 0), 0.5, (200, 3))
    charts, u, v = body.locate(places, (3, 23))
    assert set(charts.tolist()) == {3, 23}
    assert ((u >= 0) & (u <= 1) & (v >= 0) & (v <= 1)).all()


def test_mirrored_points_lie_on_the_other_side(body):
    rng = np.random.default_rng(1)
    charts = rng.integers(1, 25, 400)
    u, v = rng.uniform(0.3, 0.7, (2, 400))
    places = body.positions(charts, u, v)
    mirrored = body.positions(CHART_MIRROR[charts], *mirror_uv(charts, u, v))
    assert np.median(np.linalg.norm(mirrored - places * (-1, 1, 1), axis=1)) < 0.015


def test_the_drawing_faces_us_with_its_right_hand_at_our_left(body):
    front, back = (view[..., 0] for view in body.views)
    middle = front.shape[1] / 2
    for view, right_is_left in ((front, True), (back, False)):
        for chart in (3, 6, 13 if view is front else 11):
            columns = np.nonzero(view == chart)[1]
            assert len(columns) > 50, CHARTS[chart]
            assert (columns.mean() < middle) == right_is_left, CHARTS[chart]
    assert (front == CHARTS.index("torso front")).sum() > 5000
    assert (back == CHARTS.index("torso back")).sum() > 5000
    assert not (front == CHARTS.index("torso back")).sum() > 500
    # Head above feet.
    assert np.nonzero(CHART_TO_PART[front] == 14)[0].max() < np.nonzero(CHART_TO_PART[front] == 4)[0].min()
