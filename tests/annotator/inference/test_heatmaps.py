"""Peaks of drawn Gaussians are found between pixels."""

import numpy as np
import pytest

from annotator.inference.heatmaps import find_peaks

H, W = 24, 32
EVERYWHERE = np.ones((H, W), bool)


def gaussian(x: float, y: float, sigma: float = 1.5) -> np.ndarray:
    rows, columns = np.mgrid[:H, :W] + 0.5
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2)).astype(np.float32)


def test_peaks_between_pixels():
    rng = np.random.default_rng(0)
    places = rng.uniform((4, 4), (W - 4, H - 4), (50, 2))
    heatmaps = np.stack([gaussian(*place) for place in places], axis=-1)
    np.testing.assert_allclose(find_peaks(heatmaps, EVERYWHERE), places, atol=0.02)
    # A weak one as well as a strong one.
    np.testing.assert_allclose(find_peaks(0.03 * heatmaps, EVERYWHERE), places, atol=0.02)


def test_a_single_pixel_is_less_than_a_hill():
    heatmap = 0.6 * gaussian(20.3, 10.6)
    heatmap[4, 5] = 0.9
    np.testing.assert_allclose(find_peaks(heatmap[..., None], EVERYWHERE), [(20.3, 10.6)], atol=0.05)


@pytest.mark.parametrize("place", [(0.2, 12.4), (31.7, 23.9), (0.0, 0.0)])
def test_peaks_at_the_edge_stay_inside(place):
    (at,) = find_peaks(gaussian(*place)[..., None], EVERYWHERE)
    assert (at >= 0).all()
    assert (at < (W, H)).all()
    np.testing.assert_allclose(at, place, atol=1)


def test_peaks_are_inside_the_region_also_of_an_empty_heatmap():
    both = np.maximum(gaussian(6.5, 8.5), 0.5 * gaussian(24.2, 8.6))
    region = np.zeros((H, W), bool)
    region[:, 16:] = True
    heatmaps = np.stack([both, np.zeros_like(both)], axis=-1)
    found, nowhere = find_peaks(heatmaps, region)
    np.testing.assert_allclose(found, (24.2, 8.6), atol=0.05)
    assert region[tuple(np.floor(nowhere[::-1]).astype(int))]
