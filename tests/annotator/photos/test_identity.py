"""Which paths are the same photo."""

import os
import unicodedata

import pytest

from annotator.photos.identity import photo_identity

ACCENT = "Zoé.jpg"


def test_links_are_the_photo_they_lead_to(tmp_path):
    photo, other = tmp_path / "a.jpg", tmp_path / "b.jpg"
    photo.touch()
    other.touch()
    (tmp_path / "link.jpg").symlink_to(photo)
    os.link(photo, tmp_path / "hard.jpg")
    (tmp_path / "folder").symlink_to(tmp_path)
    for name in ("link.jpg", "hard.jpg", "folder/a.jpg", "./a.jpg"):
        assert photo_identity(f"{tmp_path}/{name}") == photo_identity(photo)
    assert photo_identity(other) != photo_identity(photo)


def test_photos_without_inode_numbers_are_told_apart(monkeypatch):
    monkeypatch.setattr(os, "stat", lambda path: os.stat_result([0] * 10))
    assert photo_identity("/mounted/a.jpg") == photo_identity("/mounted/./a.jpg")
    assert photo_identity("/mounted/a.jpg") != photo_identity("/mounted/b.jpg")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_of_a_missing_photo_spellings_of_the_path_are_the_same(form):
    assert photo_identity(f"/none/./{unicodedata.normalize(form, ACCENT)}") == photo_identity(
        f"/none/{ACCENT}"
    )
    assert photo_identity("/none/a\0.jpg") != photo_identity("/none/a.jpg")
