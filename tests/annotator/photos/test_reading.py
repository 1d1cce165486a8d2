"""Every photo people have, and the geometry of the letterbox."""

import os
import struct
import sys
import tempfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, features

from annotator.photos.finding import find_photos
from annotator.photos.reading import PhotoError, photo_size, read_photo, read_texture

from .odd_photos import BLUE, GREEN, RED, exif, quarters, segment, write_odd_photos


def near(pixel, colour, tolerance=30) -> bool:
    return bool((np.abs(np.asarray(pixel, int) - colour) <= tolerance).all())


def corners(image: np.ndarray) -> list:
    height, width = image.shape[:2]
    return [image[height // 4, width // 4], image[height // 4, -width // 4], image[-height // 4, width // 4]]


def is_upright(pixels: np.ndarray) -> bool:
    """Whether they are :func:`quarters`."""
    return pixels.shape == (20, 40, 3) and all(map(near, corners(pixels), (RED, GREEN, BLUE)))


@pytest.mark.parametrize(
    "name",
    ["a.jpg", "a.jfif", "a.png", "a.webp", "a.bmp", "a.tif", "a.gif", "a.jp2", "a.avif", "a.ppm", "A.JPEG"],
)
def test_formats(tmp_path, name):
    Image.fromarray(quarters()).save(tmp_path / name)
    image = read_photo(tmp_path / name)
    assert image.shape == (20, 40, 3)
    assert image.dtype == np.uint8
    assert [near(c, e) for c, e in zip(corners(image), (RED, GREEN, BLUE), strict=True)] == [True] * 3


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.avif", "a.mpo"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path, name, orientation):
    image = Image.fromarray(quarters())
    exif = image.getexif()
    exif[0x0112] = orientation
    # What must be stored so that a viewer who obeys the tag sees the quarters.
    undo = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
            5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_270}  # fmt: skip
    stored = image.transpose(undo[orientation]) if orientation > 1 else image
    stored.save(tmp_path / name, exif=exif)
    read = read_photo(tmp_path / name)
    assert read.shape == (20, 40, 3)
    assert [near(c, e) for c, e in zip(corners(read), (RED, GREEN, BLUE), strict=True)] == [True] * 3
    assert photo_size(tmp_path / name) == (40, 20)


def test_one_rule_says_how_photos_are_turned(tmp_path):
    turned = write_odd_photos(tmp_path)
    size = {name: (20, 40) if is_turned else (40, 20) for name, is_turned in turned.items()}
    read = {name: read_photo(tmp_path / name) for name in turned}
    assert {name: pixels.shape[1::-1] for name, pixels in read.items()} == size
    assert {name: photo_size(tmp_path / name) for name in turned} == size
    assert {name: read_texture(tmp_path / name).shape[1::-1] for name in turned} == size
    upright = {name: np.rot90(pixels) if turned[name] else pixels for name, pixels in read.items()}
    assert [name for name, pixels in upright.items() if not is_upright(pixels)] == []


@pytest.mark.parametrize("name", ["xmp6.jpg", "xmp6.webp"])
def test_orientation_in_xmp_does_not_count(shared, name):
    path = shared / "cases" / "photos" / name
    if not path.exists():
        pytest.skip("needs the small inputs in shared/cases")
    assert photo_size(path) == read_photo(path).shape[1::-1] == (64, 48)


def test_of_an_animation_the_first_frame_is_read(tmp_path):
    first, second = Image.fromarray(quarters()), Image.new("RGB", (40, 20), BLUE)
    for name in ("a.gif", "a.png", "a.webp", "a.avif", "a.tif"):
        first.save(tmp_path / name, save_all=True, append_images=[second])
        assert is_upright(read_photo(tmp_path / name)), name


def test_heic_is_read_with_its_extra(tmp_path):
    heif = pytest.importorskip("pillow_heif", reason="needs the extra heif")
    heif.register_heif_opener()
    for orientation, size in ((1, (40, 20)), (6, (20, 40))):
        for name in ("a.heic", "called.jpg"):
            Image.fromarray(quarters()).save(
                tmp_path / name, "HEIF", quality=90, exif=exif(value=orientation)
            )
            read = read_photo(tmp_path / name)
            assert photo_size(tmp_path / name) == read.shape[1::-1] == size
            assert is_upright(np.rot90(read) if orientation == 6 else read)


@pytest.mark.parametrize("name", ["a.heic", "called.jpg"])
def test_heic_without_its_extra_says_how_to_install_it(tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / name).write_bytes(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(100))
    for read in (read_photo, read_texture, photo_size):
        with pytest.raises(PhotoError, match=r"HEIC photo.* pip install 'densepose-annotator\[heif\]'"):
            read(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.NEF", "a raw photo: develop it"),
        ("a.dng", "a raw photo"),
        ("a.mp4", "a video: extract its frames"),
        ("a.svg", "not read: convert it"),
    ],
)
def test_other_kinds_say_what_to_do(tmp_path, name, reason):
    Image.fromarray(quarters()).save(tmp_path / name, "TIFF")  # what raw photos look like to Pillow
    for read in (read_photo, read_texture, photo_size):
        with pytest.raises(PhotoError, match=reason):
            read(tmp_path / name)


@pytest.mark.parametrize(("name", "reason"), [("a" * 300, "File name too long"), ("a\0", "null byte")])
def test_names_that_no_file_can_have_say_so(tmp_path, name, reason):
    for read in (read_photo, read_texture, photo_size):
        with pytest.raises(PhotoError, match=f"^cannot be read: .*{reason}"):
            read(tmp_path / f"{name}.jpg")


def test_what_is_no_file_of_its_own_is_not_waited_for(tmp_path):
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "gone.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    reasons = {"folder": "a folder, not a file", "gone": "a link to a file that is gone"}
    reasons |= {"loop": "Too many levels", "pipe": "a pipe, socket or device, not a file"}
    assert [path.stem for path in find_photos(tmp_path)] == list(reasons)
    for name, reason in reasons.items():
        for read in (read_photo, read_texture, photo_size):
            with pytest.raises(PhotoError, match=reason):
                read(tmp_path / f"{name}.jpg")


def test_a_photo_that_may_not_be_read_says_so():
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to all but their owner
        folder, user = Path(name), os.geteuid()
        folder.chmod(0o755)
        (folder / "a.jpg").touch(mode=0)
        try:
            if user == 0:
                os.seteuid(65534)
            for read in (read_photo, read_texture, photo_size):
                with pytest.raises(PhotoError, match="cannot be read: Permission denied"):
                    read(folder / "a.jpg")
        finally:
            os.seteuid(user)


@pytest.mark.parametrize("format", ["AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP"])
def test_a_photo_that_is_being_written_is_refused(tmp_path, format):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "whole", format)
    data = (tmp_path / "whole").read_bytes()
    for share in (0.1, 0.5, 0.9, 0.99):
        (tmp_path / "cut").write_bytes(data[: int(len(data) * share)])
        with pytest.raises(PhotoError, match=r"damaged|not an image"):
            read_photo(tmp_path / "cut")


@pytest.mark.parametrize("kind", ["plain", "motion photo", "much metadata"])
def test_a_plain_jpeg_needs_no_pillow(tmp_path, monkeypatch, kind):
    path = tmp_path / "a.jpg"
    data = jpeg(path)
    if kind == "motion photo":
        path.write_bytes(data + b"\0\0\0\x18ftypmp42" + bytes(10_000))
    elif kind == "much metadata":
        path.write_bytes(data[:2] + 2 * segment(0xE2, bytes(60_000)) + data[2:])
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert read_photo(path).shape == (64, 64, 3)


def test_damaged_exif_harms_no_photo(tmp_path):
    Image.fromarray(quarters()).save(tmp_path / "a.png", exif=b"II*\0")
    assert is_upright(read_photo(tmp_path / "a.png"))


def test_grey_and_alpha(tmp_path):
    grey = np.full((8, 8), 77, np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(grey).save(tmp_path / "grey.jpg")
    for name in ("grey.png", "grey.jpg"):
        assert near(read_photo(tmp_path / name)[4, 4], (77, 77, 77), 2)
    half = np.zeros((8, 8, 4), np.uint8)
    half[:, :4] = (10, 20, 30, 255)
    Image.fromarray(half).save(tmp_path / "clear.png")
    image = read_photo(tmp_path / "clear.png")
    assert near(image[4, 1], (10, 20, 30), 0)
    assert near(image[4, 6], (255, 255, 255), 0)
    Image.fromarray(half).convert("LA").save(tmp_path / "la.png")
    assert near(read_photo(tmp_path / "la.png")[4, 6], (255, 255, 255), 0)


def test_palette_cmyk_and_16_bit(tmp_path):
    Image.fromarray(quarters()).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "p.png")
    assert near(read_photo(tmp_path / "p.png")[2, 2], RED)
    Image.fromarray(quarters()).convert("CMYK").save(tmp_path / "cmyk.jpg")
    assert near(corners(read_photo(tmp_path / "cmyk.jpg"))[0], RED, 60)
    deep = np.full((8, 8), 40000, np.uint16)
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    assert near(read_photo(tmp_path / "deep.png")[4, 4], (156, 156, 156), 2)
    colour = np.full((8, 8, 3), (60000, 30000, 10000), np.uint16)
    cv2.imwrite(str(tmp_path / "deep3.png"), colour)
    assert near(read_photo(tmp_path / "deep3.png")[4, 4], (39, 117, 233), 3)


@pytest.mark.parametrize(
    ("mode", "value", "grey"),
    [
        ("F", 0.5, 127),
        ("F", 200, 200),
        ("F", 60000, 233),
        ("I", 200, 200),
        ("I", 60000, 233),
        ("I;16", 200, 0),
    ],
)
def test_deep_grey_of_unknown_range(tmp_path, mode, value, grey):
    kind = {"F": np.float32, "I": np.int32, "I;16": np.uint16}[mode]
    Image.fromarray(np.full((8, 8), value, kind)).save(tmp_path / "deep.tif")
    with Image.open(tmp_path / "deep.tif") as saved:
        assert saved.mode == mode
    assert near(read_photo(tmp_path / "deep.tif")[4, 4], (grey,) * 3, 1)


def jpeg(path: Path) -> bytes:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path, quality=95)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"hello, world" * 9, "not an image"),
        ("cut jpeg", "damaged|truncated"),
        ("damaged avif", "damaged"),
        ("eps", "unknown format"),
        ("cut png", "damaged|truncated"),
        ("huge png", "million"),
        ("huge jpeg", "million"),
        (None, "cannot be read: No such file"),
    ],
)
def test_bad_photos_say_why(tmp_path, content, reason):
    path = tmp_path / "a.jpg"
    if content == "cut jpeg":
        path.write_bytes(jpeg(path)[:2000])
    elif content == "damaged avif":
        if not features.check("avif"):
            pytest.skip("this Pillow writes no AVIF")
        Image.fromarray(quarters()).save(path, "AVIF")
        head, pixels = path.read_bytes().split(b"mdat")
        path.write_bytes(head + b"mdat" + b"\xff" * len(pixels))
    elif content == "eps":
        Image.fromarray(quarters()).save(path, "EPS")
    elif content == "cut png":
        Image.fromarray(quarters(200, 200)).save(tmp_path / "b.png")
        path.write_bytes((tmp_path / "b.png").read_bytes()[:-300])
    elif content == "huge jpeg":
        data = bytearray(jpeg(path))
        frame = data.index(b"\xff\xc0")
        data[frame + 5 : frame + 9] = struct.pack(">HH", 65500, 65500)
        path.write_bytes(data)
    elif content == "huge png":
        Image.new("1", (8, 8)).save(tmp_path / "b.png")
        data = bytearray((tmp_path / "b.png").read_bytes())
        data[16:24] = struct.pack(">II", 60000, 60000)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
        path.write_bytes(data)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(PhotoError, match=reason):
        read_photo(path)
    if content is None or str(content).startswith("huge"):
        with pytest.raises(PhotoError, match=reason):
            photo_size(path)
