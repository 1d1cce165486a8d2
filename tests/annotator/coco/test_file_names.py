"""What photos are called in a file."""

import pytest

from annotator.coco.file_names import file_names, no_such_photo, shared_photos
from annotator.coco.parsing import CocoError


@pytest.mark.parametrize(
    ("photos", "folder", "names"),
    [
        ([], None, []),
        ([("/p/a/1.jpg", None), ("/p/b/2.jpg", None)], None, ["a/1.jpg", "b/2.jpg"]),
        ([("/p/a/1.jpg", None)], "/p", ["a/1.jpg"]),
        ([("/p/a/1.jpg", None)], "/q", ["../p/a/1.jpg"]),
        # Those that were imported say which folder.
        ([("/p/a/1.jpg", "a/1.jpg"), ("/p/a/2.jpg", None)], None, ["a/1.jpg", "a/2.jpg"]),
        ([("/p/a/1.jpg", "./a/1.jpg")], None, ["./a/1.jpg"]),
        ([("/p/a/1.jpg", "1.jpg"), ("/p/b/2.jpg", "2.jpg")], None, ["a/1.jpg", "b/2.jpg"]),
        ([("/p/a/1.jpg", "1.jpg"), ("/p/2.jpg", None)], None, ["a/1.jpg", "2.jpg"]),
    ],
)
def test_names_are_relative_to_one_folder(photos, folder, names):
    assert list(file_names(dict(enumerate(photos)), folder).values()) == names


def test_images_of_one_photo_are_found(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).touch()
    (tmp_path / "link.jpg").symlink_to("a.jpg")
    names = ["a.jpg", "b.jpg", "./a.jpg", "link.jpg", "none.jpg", "x/../none.jpg", "a\0.jpg", "alone.jpg"]
    reasons = shared_photos(enumerate(names, 10), tmp_path)
    text = "the photo of the images {}: give it one image with all of its people"
    first, second = text.format("10, 12, 13"), text.format("14, 15")
    assert reasons == {10: first, 12: first, 13: first, 14: second, 15: second}


def test_a_name_from_windows_is_recognised():
    assert no_such_photo("images/a.jpg") == "no such photo"
    assert "written on Windows" in no_such_photo(r"images\a.jpg")


def test_one_photo_has_one_name():
    with pytest.raises(CocoError, match="is the photo of several samples"):
        file_names({"a": ("/p/1.jpg", None), "b": ("/p/1.jpg", None)}, None)


@pytest.mark.parametrize("other", ["link.jpg", "./a.jpg"])
def test_one_photo_has_one_name_however_it_is_spelt(tmp_path, other):
    (tmp_path / "a.jpg").touch()
    (tmp_path / "link.jpg").symlink_to("a.jpg")
    paths = [f"{tmp_path}/a.jpg", f"{tmp_path}/{other}"]
    with pytest.raises(CocoError, match=f"^{paths[1]} is the photo of several samples, also as {paths[0]}: "):
        file_names({path: (path, None) for path in paths}, None)
