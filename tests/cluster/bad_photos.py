"""Files that are no photos, or no longer, in some fifty ways, and good ones with odd names."""

import bz2
import gzip
import io
import json
import struct
import zlib
from base64 import b64encode
from collections.abc import Iterator

import numpy as np
from PIL import Image

TEXT = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
NOT_READ = (
    "cr2",
    "dng",
    "nef",
    "arw",
    "raf",
    "mp4",
    "mov",
    "avi",
    "mkv",
    "svg",
    "psd",
    "exr",
    "jxl",
    "eps",
    "tga",
)
ODD_NAMES = (
    "with space.png", "plus+and%20percent.png", "ünïcödé.png", "照片.png", "😀.png", "quote's \"two\".png", "back\\slash.png",
    "hash#and?question.png", "star*[x].png", "UPPER.PNG", "a" * 200 + ".png", "tab\tin.png", "~tilde.png", "semi;colon,comma.png",
)  # fmt: skip


def encoded(form: str, **options) -> bytes:
    data = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    Image.fromarray(pixels).save(data, form, **options)
    return data.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int) -> bytes:
    """Of a head and nothing that is of its size."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def bad_photos() -> Iterator[tuple[str, bytes]]:
    """Names and contents."""
    jpeg = encoded("JPEG", quality=90)
    for form, name in (
        ("JPEG", "jpg"), ("PNG", "png"), ("GIF", "gif"), ("BMP", "bmp"), ("TIFF", "tif"), ("WEBP", "webp"),
        ("AVIF", "avif"), ("JPEG2000", "jp2"), ("PPM", "ppm"),
    ):  # fmt: skip
        data = encoded(form)
        yield f"half.{name}", data[: len(data) // 2]
    yield "empty.jpg", b""
    yield "EMPTY.JPG", b""
    yield "start.jpg", jpeg[:2]
    yield "head.jpg", jpeg[:20]
    yield "signature.png", b"\x89PNG\r\n\x1a\n"
    yield "checksum.png", png(60, 40).replace(b"IHDR\0\0\0<", b"IHDR\0\0\0=")
    yield "no-pixels.png", png(60, 40)
    yield "no-width.png", png(0, 40)
    yield "huge.png", png(100_000, 100_000)
    yield "pointer.jpg", TEXT
    yield "page.jpg", b"<!DOCTYPE html><html><body>404 Not Found</body></html>"
    yield "error.jpg", b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>'
    yield "labels.jpg", json.dumps({"images": []}).encode()
    yield "unicode.jpg", "no photo".encode("utf-16")
    yield "zipped.jpg", gzip.compress(jpeg)
    yield "bzipped.jpg", bz2.compress(jpeg)
    yield "base64.jpg", b64encode(jpeg)
    yield "archive.jpg", b"PK\x03\x04" + bytes(60)
    yield "document.png", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
    yield "postscript.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n"
    yield "program.jpg", b"\x7fELF\x02\x01\x01" + bytes(60)
    yield "film.jpg", b"\0\0\0\x20ftypisom" + bytes(80)
    yield "zeros.jpg", bytes(100_000)
    yield "noise.jpg", np.random.default_rng(1).bytes(100_000)
    yield "shifted.jpg", b"\n" + jpeg
    yield "no-directory.tif", b"II*\0\xff\xff\xff\xff"
    yield "half.heic", b"\0\0\0\x18ftypheic\0\0\0\0heicmif1"
    for name in NOT_READ:
        yield f"other.{name}", jpeg
