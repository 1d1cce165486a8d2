"""Photometric augmentation: what each operator does to a picture, and how often the looks use it."""

import numpy as np
import pytest

from model import photometric
from model.photometric import change_look

GREY = np.full((64, 64, 3), 128, np.uint8)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """uint8 [64, 96, 3] with every colour and sharp edges."""
    return np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)


def test_a_look_is_repeatable_and_named():
    image = np.full((32, 32, 3), 128, np.uint8)
    once, again = (change_look(image, "strong", np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    with pytest.raises(ValueError, match="use 'thesis' or 'strong'"):
        change_look(image, "wild", np.random.default_rng(0))


@pytest.mark.parametrize("look", photometric.LOOKS)
def test_a_look_changes_a_copy(photo, look):
    before = photo.copy()
    looks = [change_look(photo, look, np.random.default_rng(seed)) for seed in range(20)]
    np.testing.assert_array_equal(photo, before)
    assert {(image.shape, image.dtype) for image in looks} == {(photo.shape, photo.dtype)}
    assert len({image.tobytes() for image in looks}) == 20


def test_the_look_of_the_thesis_is_a_shift_of_each_channel_and_seldom_a_blur(photo):
    rng = np.random.default_rng(1)
    shifts = np.array([change_look(GREY, "thesis", rng)[0, 0].astype(int) - 128 for _ in range(500)])
    assert shifts.min() == -10
    assert shifts.max() == 10
    assert abs(shifts.mean()) < 0.5
    assert (shifts[:, 0] != shifts[:, 1]).mean() > 0.8
    edges = np.abs(np.diff(photo.astype(int), axis=1)).mean()
    blurred = [
        np.abs(np.diff(change_look(photo, "thesis", rng).astype(int), axis=1)).mean() < 0.9 * edges
        for _ in range(500)
    ]
    assert 0.1 < np.mean(blurred) < 0.2  # of the fifth that is blurred, a little is by less than can be seen


def test_blur_keeps_the_mean_and_softens_edges(photo):
    blurred = photometric.gaussian_blur(photo, 1.5)
    assert abs(blurred.mean() - photo.mean()) < 1
    assert blurred.std() < photo.std() / 2
    np.testing.assert_array_equal(photometric.gaussian_blur(GREY, 2.0), GREY)


@pytest.mark.parametrize(
    ("operator", "argument", "values", "expected"),
    [
        ("add", 7.4, (0, 100, 250), (7, 107, 255)),
        ("add", (-10, 0, 10), (5, 100, 100), (0, 100, 110)),
        ("multiply", 1.5, (0, 100, 200), (0, 150, 255)),
        ("multiply", (0.5, 1, 2), (100, 100, 100), (50, 100, 200)),
        ("linear_contrast", 1.5, (127, 147, 20), (127, 157, 0)),
        ("linear_contrast", 0.5, (127, 147, 27), (127, 137, 77)),
        ("grayscale", 1.0, (255, 0, 0), (76, 76, 76)),
        ("grayscale", 0.5, (255, 0, 0), (166, 38, 38)),
        ("grayscale", 0.0, (255, 0, 0), (255, 0, 0)),
    ],
)
def test_values(operator, argument, values, expected):
    image = np.full((4, 5, 3), values, np.uint8)
    changed = getattr(photometric, operator)(image, argument)
    np.testing.assert_array_equal(changed, np.full((4, 5, 3), expected, np.uint8))


def test_noise_is_grey_and_as_strong_as_it_says():
    noisy = photometric.gaussian_noise(GREY, 8.0, np.random.default_rng(0)).astype(float)
    assert (noisy == noisy[..., :1]).all()
    assert abs(noisy.mean() - 128) < 0.5
    assert abs(noisy.std() - 8) < 0.5


def test_jpeg_loses_more_at_a_lower_quality_and_keeps_the_colours(photo):
    smooth = photometric.gaussian_blur(photo, 2.0)
    errors = [
        np.abs(photometric.jpeg(smooth, quality) - smooth.astype(float)).mean() for quality in (95, 60, 25)
    ]
    assert errors == sorted(errors)
    assert errors[0] < errors[2] / 2
    red = np.full((16, 16, 3), (200, 40, 30), np.uint8)
    assert np.abs(photometric.jpeg(red, 60).astype(int) - red).max() <= 4
