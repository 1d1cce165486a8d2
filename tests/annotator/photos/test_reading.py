"""Every photo people have, and the geometry of the letterbox."""

import struct
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, features

from annotator.photos.reading import PhotoError, photo_size, read_photo

RED, GREEN, BLUE = (220, 30, 30), (30, 200, 40), (20, 40, 210)


def quarters(width: int = 40, height: int = 20) -> np.ndarray:
    """Red top left, green top right, blue bottom left, white bottom right."""
    image = np.full((height, width, 3), 255, np.uint8)
    image[: height // 2, : width // 2] = RED
    image[: height // 2, width // 2 :] = GREEN
    image[height // 2 :, : width // 2] = BLUE
    return image


def near(pixel, colour, tolerance=30) -> bool:
    return bool((np.abs(np.asarray(pixel, int) - colour) <= tolerance).all())


def corners(image: np.ndarray) -> list:
    height, width = image.shape[:2]
    return [image[height // 4, width // 4], image[height // 4, -width // 4], image[-height // 4, width // 4]]


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.bmp", "a.tif"])
def test_formats(tmp_path, name):
    Image.fromarray(quarters()).save(tmp_path / name)
    image = read_photo(tmp_path / name)
    assert image.shape == (20, 40, 3)
    assert image.dtype == np.uint8
    assert [near(c, e) for c, e in zip(corners(image), (RED, GREEN, BLUE), strict=True)] == [True] * 3


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp", "a.mpo"])
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


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


XMP = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>"


# Orientation 6, a number of two bytes and one of four.
SHORT, LONG = (
    b"Exif\0\0MM\0*" + struct.pack(">IHHHI4sI", 8, 1, 0x0112, kind, 1, value, 0)
    for kind, value in ((3, b"\0\6\0\0"), (4, b"\0\0\0\6"))
)


@pytest.mark.parametrize("segments", [[SHORT], [LONG], [XMP, SHORT], [SHORT, XMP]])
def test_exif_orientation_wherever_it_stands(tmp_path, segments):
    path = tmp_path / "a.jpg"
    Image.fromarray(quarters()).transpose(Image.Transpose.ROTATE_90).save(path)
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"".join(segment(0xE1, content) for content in segments) + data[2:])
    read = read_photo(path)
    assert read.shape == (20, 40, 3)
    assert [near(c, e) for c, e in zip(corners(read), (RED, GREEN, BLUE), strict=True)] == [True] * 3


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
        ("exif png", "damaged"),
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
    elif content == "exif png":
        Image.fromarray(quarters(20, 20)).save(path, "PNG", exif=b"II*\0")
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
