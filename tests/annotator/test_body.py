"""The body's surface: there and back, and the drawing the right way round."""

import importlib.util
from importlib.machinery import SourceFileLoader
from pathlib import Path

import numpy as np
import pytest

from annotator.body import PATH, Body, load_body
from annotator.densepose import CHART_MIRROR, CHART_TO_PART, CHARTS, mirror_uv
from annotator.surface import read_surface

ALL = tuple(range(1, 25))
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


@pytest.fixture(scope="module")
def mesh(shared) -> dict:
    """The mesh that the body was made of, with the chart of each vertex."""
    arrays = read_surface(shared / "densepose" / "surface.npz")
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


@pytest.mark.parametrize("chart", ALL)
def test_locate_is_the_inverse_of_positions(body, chart):
    middle = np.random.default_rng(chart).uniform(0.3, 0.7, (50, 2))
    places = body.positions(np.full(50, chart), *middle.T)
    charts, u, v = body.locate(places, (chart,))
    assert (charts == chart).all()
    assert np.median(np.abs(u - middle[:, 0])) < 0.02
    assert np.median(np.abs(v - middle[:, 1])) < 0.02


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


def test_the_script_makes_the_file_that_is_shipped(shared, tmp_path):
    loader = SourceFileLoader("make_body", str(ROOT / "scripts" / "make-body"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("make_body", loader))
    loader.exec_module(module)
    arrays = read_surface(shared / "densepose" / "surface.npz")
    positions, inside = module.grids(arrays)
    with np.load(PATH) as shipped:
        np.testing.assert_array_equal(shipped["position"], positions.astype(np.float16))
        np.testing.assert_array_equal(shipped["inside"], np.packbits(inside))
        np.testing.assert_array_equal(shipped["views"], module.views(arrays))
