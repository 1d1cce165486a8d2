"""The photos of a folder."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from annotator.photos.finding import find_photos
from annotator.photos.reading import PhotoError

ROOT = Path(__file__).resolve().parents[3]


def test_finds_photos_in_folders_in_stable_order(tmp_path):
    for name in ("b/2.jpg", "b/1.JPG", "a/z/3.png", "a.png", ".hidden/x.jpg", "b/.y.jpg", "b/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = [path.relative_to(tmp_path).as_posix() for path in find_photos(tmp_path)]
    assert found == ["a/z/3.png", "a.png", "b/1.JPG", "b/2.jpg"]
    with pytest.raises(PhotoError, match="no such folder"):
        find_photos(tmp_path / "none")


def test_files_of_all_kinds_are_found_and_others_passed_over(tmp_path):
    images = ["a.arw", "a.avif", "a.gif", "a.HEIC", "a.jfif", "a.jp2", "a.mov", "a.psd", "a.svg"]
    for name in (*images, "a.json", "a.txt", "a.csv", "readme"):
        (tmp_path / name).touch()
    assert sorted(path.name for path in find_photos(tmp_path)) == sorted(images)


def test_a_bare_system_knows_all_of_them_as_images():
    code = """
import mimetypes
mimetypes.init(files=())
from annotator.photos.formats import EXTENSIONS
print({extension for extension in EXTENSIONS if not mimetypes.guess_type("a" + extension)[0].startswith("image/")})
"""
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.fixture
def locked() -> Iterator[Path]:
    """A folder with one in it that cannot be listed, even where root runs the tests."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to all but their owner
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "locked").mkdir(mode=0)
        if user == 0:
            os.seteuid(65534)
        yield folder
        os.seteuid(user)
        (folder / "locked").chmod(0o755)


def test_a_folder_that_cannot_be_listed_is_named(locked):
    with pytest.raises(PhotoError, match=r"locked: cannot be read: Permission denied"):
        find_photos(locked)


def test_links_that_go_round_end(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / "all" / name).mkdir(parents=True)
        (tmp_path / "all" / name / f"{name}.jpg").write_bytes(b"x")
    (tmp_path / "all" / "a" / "up").symlink_to("..")
    (tmp_path / "all" / "b" / "aside").symlink_to("../c")
    (tmp_path / "all" / "c" / "aside").symlink_to("../b")
    found = [path.relative_to(tmp_path / "all").as_posix() for path in find_photos(tmp_path / "all")]
    assert found == ["a/a.jpg", "b/aside/c.jpg", "b/b.jpg", "c/aside/b.jpg", "c/c.jpg"]
