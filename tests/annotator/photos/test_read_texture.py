"""Textures keep their transparency."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from annotator.photos.reading import PhotoError, photo_size, read_photo, read_texture


def test_an_image_with_transparency_has_four_channels(tmp_path: Path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 4), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "t.png")
    assert (read_texture(tmp_path / "t.png") == pixels).all()
    Image.fromarray(pixels[..., [0, 3]], "LA").save(tmp_path / "grey.png")
    assert (read_texture(tmp_path / "grey.png") == pixels[..., [0, 0, 0, 3]]).all()
    palette = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.save(tmp_path / "palette.png", transparency=0)
    assert read_texture(tmp_path / "palette.png").tolist() == [[[10, 20, 30, 0], [40, 50, 60, 255]]]


@pytest.mark.parametrize("name", ["t.png", "t.jpg", "t.bmp"])
def test_others_have_three_and_are_read_as_photos_are(tmp_path: Path, name: str):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / name)
    texture = read_texture(tmp_path / name)
    assert texture.shape == (8, 8, 3)
    np.testing.assert_allclose(texture.astype(int), read_photo(tmp_path / name), atol=4)


def test_what_is_no_image_is_said(tmp_path: Path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no image")
    for name, words in (
        ("none.png", "No such file"),
        ("empty.png", "is empty"),
        ("text.png", "not an image"),
    ):
        for read in (read_texture, photo_size):
            with pytest.raises(PhotoError, match=words):
                read(tmp_path / name)
