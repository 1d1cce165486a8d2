"""Whether a photo is still the one that was labelled."""

import os

import cv2
import numpy as np
import pytest
from PIL import Image

from annotator.dataset import photo_file
from annotator.dataset.photo_file import describe_photo, find_change, photo_or_known
from annotator.photos.reading import PhotoError

SIZE = (64, 48)


@pytest.fixture
def photo(tmp_path):
    return write(tmp_path / "photo.png")


def write(path, size=SIZE, value=0):
    cv2.imwrite(str(path), np.full((*size[::-1], 3), value, np.uint8))
    return path


def touch(path):
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 10**9))


@pytest.fixture
def source(photo):
    return {"size": list(SIZE), "photo": describe_photo(photo)}


def test_a_photo_that_was_not_touched_is_not_read(photo, source, monkeypatch):
    monkeypatch.setattr(photo_file, "describe_photo", lambda path: pytest.fail("it is read"))
    assert find_change(photo, source) is None
    assert photo_or_known(photo, source["photo"]) == source["photo"]


def test_a_copy_of_the_photo_is_the_same(photo, source):
    touch(photo)
    assert find_change(photo, source) is None
    known = photo_or_known(photo, source["photo"])
    assert known["hash"] == source["photo"]["hash"]
    assert known["mtime_ns"] == photo.stat().st_mtime_ns != source["photo"]["mtime_ns"]


def test_a_photo_that_is_replaced_while_its_labels_are_saved_is_noticed_afterwards(photo, source):
    write(photo, value=9)
    touch(photo)
    source["photo"] = photo_or_known(photo, source["photo"])
    assert find_change(photo, source).fits


def test_a_photo_that_was_replaced_by_a_pipe_keeps_nobody_waiting(photo, source):
    photo.unlink()
    os.mkfifo(photo)
    change = find_change(photo, source)
    assert not change.fits
    assert change.reason.endswith("a pipe, socket or device, not a file")


def test_a_photo_that_is_empty_by_now_does_not_fit(photo, source):
    photo.write_bytes(b"")
    assert not find_change(photo, source).fits


def test_another_photo_of_the_same_size_may_fit(photo, source):
    write(photo, value=9)
    touch(photo)
    change = find_change(photo, source)
    assert change.fits
    assert "another file of the same 64 × 48 pixels" in change.reason


def test_a_photo_of_another_size_does_not_fit(photo, source):
    write(photo, SIZE[::-1])
    touch(photo)
    change = find_change(photo, source)
    assert not change.fits
    assert change.reason.endswith("64 × 48 pixels then, 48 × 64 now")


def test_a_photo_that_was_turned_by_its_tag_does_not_fit(tmp_path):
    path = tmp_path / "photo.jpg"
    Image.new("RGB", SIZE).save(path)
    source = {"size": list(SIZE), "photo": describe_photo(path)}
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", SIZE).save(path, exif=exif)
    touch(path)
    assert find_change(path, source).reason.endswith("64 × 48 pixels then, 48 × 64 now")


def test_a_photo_that_cannot_be_read_any_more_does_not_fit(photo, source):
    photo.write_bytes(b"x")
    change = find_change(photo, source)
    assert not change.fits
    assert (
        change.reason == "the photo has changed since it was labelled: not an image, or of an unknown format"
    )


def test_without_a_digest_only_the_size_counts(photo):
    assert find_change(photo, {"size": list(SIZE)}) is None
    assert not find_change(photo, {"size": [48, 64]}).fits
    photo.write_bytes(b"x")
    assert find_change(photo, {"size": list(SIZE)}) is None
    assert find_change(photo, None) is None


def test_a_photo_that_is_gone_is_named(photo, source):
    photo.unlink()
    with pytest.raises(PhotoError, match="cannot be read: No such file"):
        find_change(photo, source)
    assert photo_or_known(photo, source["photo"]) == source["photo"]
    assert photo_or_known(photo, None) is None
