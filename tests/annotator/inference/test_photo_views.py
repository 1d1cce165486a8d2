"""Views of large photos, from pixels that are decoded no larger than needed."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from annotator.geometry.letterbox import Letterbox
from annotator.inference.photo_views import Photo, show
from annotator.photos.reading import PhotoFile, read_photo

SIDE = 64
SIZE = (1600, 1200)


def whole(size: tuple[int, int]) -> list[Letterbox]:
    return [Letterbox(size, SIDE)]


@pytest.fixture
def pixels() -> np.ndarray:
    """A photo, smooth as photos are, with something else in each corner."""
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    return cv2.resize(noise, SIZE, interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def reductions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The reductions by which files are decoded."""
    decoded, decode = [], PhotoFile.decode

    def decode_and_say(file: PhotoFile, reduction: int = 1) -> np.ndarray:
        decoded.append(reduction)
        return decode(file, reduction)

    monkeypatch.setattr(PhotoFile, "decode", decode_and_say)
    return decoded


@pytest.mark.parametrize("orientation", range(1, 9))
def test_reduced_views_show_what_whole_ones_do(
    tmp_path: Path, pixels: np.ndarray, orientation: int, reductions: list[int]
):
    path = tmp_path / "large.jpg"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, quality=95, exif=exif)
    photo, decoded = Photo(path, whole), read_photo(path)
    assert photo.size == decoded.shape[1::-1]
    assert photo.shape == decoded.shape
    assert photo.held == decoded.shape[0] * decoded.shape[1] / 64
    views = [
        *whole(photo.size),
        Letterbox((700, 500), SIDE, (101.5, 250.25)),
        Letterbox((150, 200), SIDE, (-20.0, 900.5)),
        Letterbox((60, 50), SIDE, (500.0, 300.0)),
    ]
    for view in views:
        ((square,), (expected,)) = photo.show([view]), show([decoded], [view])
        assert square.shape == (SIDE, SIDE, 3)
        assert np.abs(square.astype(int) - expected).mean() < 1.5
    # As much as the view needs, and what is there already where that is enough.
    assert reductions == [8, 1, 4, 1, 1]
    reductions.clear()
    photo.show(views[:2]), photo.show(views[:1]), photo.show(views)
    assert reductions == [4, 1]


@pytest.mark.parametrize(
    ("name", "size"), [("large.png", SIZE), ("odd.jpg", (1601, 1203)), ("small.jpg", (96, 64))]
)
def test_other_photos_are_decoded_once(
    tmp_path: Path, pixels: np.ndarray, name: str, size: tuple[int, int], reductions: list[int]
):
    path = tmp_path / name
    cv2.imwrite(str(path), cv2.resize(pixels, size))
    photo = Photo(path, whole)
    assert photo.size == size
    views = [*whole(size), Letterbox((60, 50), SIDE, (5.0, 3.0))]
    decoded = read_photo(path)
    reductions.clear()
    for square, view in zip(photo.show(views), views, strict=True):
        np.testing.assert_array_equal(square, view.apply(decoded))
    assert reductions == []


def test_views_of_several_photos_come_in_their_order(pixels: np.ndarray):
    photos = [pixels, 255 - pixels, pixels]
    views = [Letterbox((60 + i, 50), SIDE, (5.0, 3.0)) for i in range(3)]
    for square, photo, view in zip(show(photos, views), photos, views, strict=True):
        np.testing.assert_array_equal(square, view.apply(photo))
