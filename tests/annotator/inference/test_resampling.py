"""Charts, U and V of maps that a test draws, at image resolution."""

import numpy as np
import pytest

from annotator.inference.resampling import resample_charts
from annotator.labels.maps import Maps

SIDE = 24
"""Of the maps."""
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE] + 0.5
"""Of the centres of map pixels."""
ALL = np.ones((SIDE, SIDE), bool)


def drawn(charts: np.ndarray, confidence=0.8, u=0.5, v=0.5) -> Maps:
    """Maps of charts (h, w); confidence, U and V are arrays of that shape or numbers."""
    values = (np.broadcast_to(np.float32(value), charts.shape) for value in (confidence, u, v))
    confidence, u, v = map(np.ascontiguousarray, values)
    nothing = np.zeros((*charts.shape, 2), np.float32)
    return Maps(confidence, charts, confidence, charts.astype(np.uint8), confidence, u, v, nothing, nothing)


def resampled(maps: Maps, scale: float, shown: np.ndarray = ALL):
    """Charts, U, V and confidence of the whole of the maps, enlarged by a factor."""
    size = round(SIDE * scale)
    return resample_charts(maps, shown, np.array([[scale, 0, 0], [0, scale, 0.0]]), (size, size))


@pytest.mark.parametrize("scale", [0.5, 1, 3.7, 8])
@pytest.mark.parametrize("slope", [0, 0.3, 1, -2])
def test_a_border_is_as_straight_as_it_was_drawn(scale, slope):
    def below(rows, columns):
        return rows - SIDE / 2 > slope * (columns - SIDE / 2)

    charts, *_ = resampled(drawn(np.where(below(ROWS, COLUMNS), 2, 23)), scale)
    rows, columns = (np.mgrid[: charts.shape[0], : charts.shape[1]] + 0.5) / scale
    # In map pixels, across the border; those at the edge of the maps have neighbours on one side only.
    wrong = (charts == 2) != below(rows, columns)
    distance = np.abs(rows - SIDE / 2 - slope * (columns - SIDE / 2)) / np.hypot(1, slope)
    inner = (np.abs(rows - SIDE / 2) < SIDE / 2 - 1) & (np.abs(columns - SIDE / 2) < SIDE / 2 - 1)
    assert distance[wrong & inner].max(initial=0) < 0.4
    assert set(np.unique(charts)) == {2, 23}


def test_the_more_confident_chart_reaches_farther():
    left = COLUMNS < SIDE / 2
    charts, *_ = resampled(drawn(np.where(left, 2, 1), np.where(left, 0.9, 0.3)), 8)
    # Where 0.9 (1 - t) = 0.3 t, from the last centre of the left to the first of the right: three quarters of the way.
    border = 8 * (SIDE / 2 - 0.5 + 0.75)
    np.testing.assert_array_equal((charts == 2).sum(axis=1), border)


@pytest.mark.parametrize("scale", [3, 8.3])
def test_a_limb_one_map_pixel_wide_stays(scale):
    thin = (COLUMNS > 10) & (COLUMNS < 11)
    charts, u, *_ = resampled(drawn(np.where(thin, 21, 2), u=np.where(thin, 0.9, 0.1)), scale)
    np.testing.assert_allclose((charts == 21).sum(axis=1), scale, atol=1)
    np.testing.assert_allclose(u[charts == 21], 0.9, atol=1e-3)


@pytest.mark.parametrize("scale", [0.7, 2, 6.4])
def test_u_and_v_are_interpolated(scale):
    charts, u, v, _ = resampled(drawn(np.full((SIDE, SIDE), 2), u=COLUMNS / SIDE, v=1 - ROWS / SIDE), scale)
    assert (charts == 2).all()
    assert u.dtype == v.dtype == np.float16
    # Between the outermost centres of map pixels; OpenCV rounds places to 1 / 32 map pixel.
    at = (np.arange(len(u)) + 0.5) / scale
    expected = at.clip(0.5, SIDE - 0.5) / SIDE
    np.testing.assert_allclose(u, np.broadcast_to(expected, u.shape), atol=0.003)
    np.testing.assert_allclose(v, np.broadcast_to(1 - expected[:, None], v.shape), atol=0.003)


def test_nothing_is_mixed_across_a_border():
    upper = ROWS < COLUMNS
    charts, u, v, _ = resampled(
        drawn(np.where(upper, 23, 2), u=np.where(upper, 0.9, 0.2), v=np.where(upper, 0, 1)), 7.3
    )
    for chart, expected in ((23, (0.9, 0)), (2, (0.2, 1))):
        here = charts == chart
        assert here.any()
        np.testing.assert_allclose(u[here], expected[0], atol=1e-3)
        np.testing.assert_allclose(v[here], expected[1], atol=1e-3)


def test_the_confidence_is_that_of_the_chart():
    left = COLUMNS < SIDE / 2
    charts, _, _, confidence = resampled(drawn(np.where(left, 2, 1), np.where(left, 0.9, 0.3)), 4)
    last, first = int(4 * (SIDE / 2 - 0.5)), int(4 * (SIDE / 2 + 1))
    np.testing.assert_allclose(confidence[2:-2, 2:last], 0.9, atol=1e-3)
    np.testing.assert_allclose(confidence[2:-2, first:-2], 0.3, atol=1e-3)
    # Between the two the winner's falls with its distance.
    assert (np.diff(confidence[:, last : np.flatnonzero(charts[0] == 1)[0]], axis=1) < 0).all()


def test_only_what_is_shown_counts():
    shown = COLUMNS < 10
    charts, u, *_ = resampled(
        drawn(np.where(shown, 2, 15), np.where(shown, 0.1, 1.0), np.where(shown, 0.3, 1)), 4, shown
    )
    # Half a map pixel beyond the shown ones nothing of them is left.
    assert (charts[:, : 4 * 10 + 2] == 2).all()
    np.testing.assert_allclose(u[:, : 4 * 10 + 2], 0.3, atol=1e-3)
    assert not charts[:, 4 * 10 + 2 :].any()
    assert not u[:, 4 * 10 + 2 :].any()


@pytest.mark.parametrize("shown", [~ALL, ALL])
def test_a_result_that_shows_nothing_of_the_maps(shown):
    far = np.array([[4, 0, -1000], [0, 4, 1000.0]])
    charts, u, v, confidence = resample_charts(drawn(np.full((SIDE, SIDE), 2)), shown, far, (30, 20))
    assert charts.shape == u.shape == v.shape == confidence.shape == (20, 30)
    assert not charts.any()
    assert not confidence.any()
