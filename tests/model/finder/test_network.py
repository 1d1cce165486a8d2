"""The finder's output: one row for every place, in the order of `places`, and the boxes that it stands for."""

import json

import numpy as np
import pytest

from model.finder.network import STRIDES, Finder, FinderConfig, boxes_of, places
from tests.model.finder.tiny import TINY


@pytest.fixture(scope="module")
def finder() -> Finder:
    return Finder(TINY)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (32, 96)])
def test_a_row_for_every_place(finder, height, width):
    found = finder(np.zeros((2, height, width, 3), np.uint8).astype("float32"))
    count = sum(height // stride * (width // stride) for stride in STRIDES)
    assert found.shape == (2, count, 1 + 4 * TINY.bins)
    centres, strides = places(height, width)
    assert np.shape(centres) == (count, 2)
    assert np.shape(strides) == (count,)


def test_places_go_row_by_row_from_the_finest_grid():
    centres, strides = places(32, 64)
    assert strides == [8.0] * 32 + [16.0] * 8 + [32.0] * 2
    assert centres[:2] == [[4.0, 4.0], [12.0, 4.0]]
    assert centres[8] == [4.0, 12.0]
    assert centres[32:34] == [[8.0, 8.0], [24.0, 8.0]]
    assert centres[40:] == [[16.0, 16.0], [48.0, 16.0]]


def test_a_place_sees_its_own_surroundings(finder):
    """What changes in one corner of the image changes most at the places there."""
    image = np.full((1, 128, 128, 3), 100.0, np.float32)
    other = image.copy()
    other[0, :24, 104:] = 255
    change = np.abs(np.array(finder(image)) - np.array(finder(other)))[0].sum(axis=1)
    centres, strides = map(np.array, places(128, 128))
    for stride in STRIDES[:2]:
        here = strides == stride
        x, y = centres[here][change[here].argmax()]
        assert x > 80, stride
        assert y < 48, stride


def test_a_box_is_the_mean_of_its_distributions():
    """All in one bin, or half in each of two neighbours."""
    bins = 5
    logits = np.full((1, 2, 4, bins), -50.0, np.float32)
    for side, bin_ in enumerate((1, 2, 3, 0)):
        logits[0, 0, side, bin_] = 50
    logits[0, 1, :, 2:4] = 50
    found = np.concatenate([np.zeros((1, 2, 1), np.float32), logits.reshape(1, 2, -1)], axis=-1)
    centres, strides = np.float32([[20, 30], [40, 40]]), np.float32([8, 16])
    expected = [[[20 - 8, 30 - 16, 20 + 24, 30], [0, 0, 80, 80]]]
    np.testing.assert_allclose(boxes_of(found, centres, strides, bins), expected, atol=1e-4)
    of_each = boxes_of(found, centres[None], strides[None], bins)
    np.testing.assert_allclose(of_each, expected, atol=1e-4)


def test_reloads_from_its_config(finder):
    again = Finder.from_config(finder.get_config())
    assert again.config == TINY
    assert [v.path for v in again.variables] == [v.path for v in finder.variables]
    assert FinderConfig.from_dict(json.loads(json.dumps(TINY.to_dict()))) == TINY
