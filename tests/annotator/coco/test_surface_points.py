"""Choice of surface points."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from annotator.coco.surface_points import PointSampling
from annotator.labels.label_space import CHART_TO_PART

CHARTS = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40), elements=st.integers(0, 24))
METHODS = st.sampled_from(["even", "random"])


@given(CHARTS, METHODS, st.integers(0, 15))
def test_as_many_points_per_part_as_asked_and_no_pixel_twice(charts, method, per_part):
    rows, columns = PointSampling(per_part, method).pick(charts)
    assert len(set(zip(rows.tolist(), columns.tolist(), strict=True))) == len(rows)
    found = np.bincount(CHART_TO_PART[charts[rows, columns]], minlength=15)
    pixels = np.bincount(CHART_TO_PART[charts].ravel(), minlength=15)
    assert found[0] == 0
    if method == "random":
        assert np.array_equal(found[1:], np.minimum(pixels[1:], per_part))
    else:
        # Scattered single pixels may leave a point without a pixel of its own.
        assert (found[1:] <= per_part).all()
        assert np.array_equal(found[1:] > 0, (pixels[1:] > 0) & (per_part > 0))
        assert np.array_equal(found[1:][pixels[1:] <= per_part], pixels[1:][pixels[1:] <= per_part])


@given(CHARTS, METHODS)
def test_the_same_points_every_time(charts, method):
    first, second = (PointSampling(13, method).pick(charts) for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("shape", [(120, 120), (400, 30), (40, 300)])
def test_even_points_leave_no_part_uncovered(shape):
    charts = np.full(shape, 2, np.uint8)
    rows, columns = PointSampling(13).pick(charts)
    assert len(rows) == 13
    everywhere = np.stack(np.indices(shape), axis=-1).reshape(-1, 1, 2)
    points = np.stack([rows, columns], axis=-1)
    radius = np.sqrt(shape[0] * shape[1] / 13)
    assert np.linalg.norm(everywhere - points, axis=2).min(axis=1).max() < 1.25 * radius
    between = np.linalg.norm(points[:, None] - points, axis=2) + 1e9 * np.eye(13)
    assert between.min() > 0.4 * radius


def test_points_lie_on_the_part_even_where_its_middle_does_not():
    ring = np.zeros((60, 60), np.uint8)
    ring[5:55, 5:55] = 23
    ring[10:50, 10:50] = 0
    rows, columns = PointSampling(5).pick(ring)
    assert (ring[rows, columns] == 23).all()


@pytest.mark.parametrize(
    ("values", "message"), [({"per_part": -1}, "per_part"), ({"method": "grid"}, "even, random")]
)
def test_settings_are_checked(values, message):
    with pytest.raises(ValueError, match=message):
        PointSampling(**values)
