"""What photos are called in a file."""

import pytest

from annotator.coco.file_names import file_names
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


def test_one_photo_has_one_name():
    with pytest.raises(CocoError, match="is the photo of several samples"):
        file_names({"a": ("/p/1.jpg", None), "b": ("/p/1.jpg", None)}, None)
