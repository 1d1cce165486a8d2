"""Photos as people have them, read as RGB and turned upright by their EXIF tag.

Pixel (0, 0)'s top-left corner is the origin of every coordinate; see :mod:`annotator.labels.people`.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import cv2
import numpy as np

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "TIFF", "WEBP")
"""What is read, whatever the extension says: not EPS, say, for which Pillow would start Ghostscript."""
ORIENTATION = 0x0112
"""EXIF tag: 5 to 8 swap width and height."""
MAX_PIXELS = 178_956_970
"""Photos above this are refused: they would need gigabytes."""


class PhotoError(ValueError):
    """A photo that cannot be used; the message says why."""


def read_photo(path: str | Path) -> np.ndarray:
    """A photo as uint8 [H, W, 3] RGB, turned as its EXIF tag says, transparency over white.

    Raises:
        PhotoError: the reason in words, without the path.
    """
    data = _read_bytes(path)
    if data.startswith(b"\xff\xd8") and _is_plain_jpeg(data):
        # OpenCV decodes plain JPEGs several times faster than Pillow, and turns them by their EXIF tag. Huge ones
        # are not for it: it raises errors of its own, or takes all memory.
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
        if image is not None:
            return image
    return _read_with_pillow(data)


def read_texture(path: str | Path) -> np.ndarray:
    """An image as :func:`read_photo` gives it, but with its transparency: uint8 [H, W, 4] RGBA where it has any, else
    [H, W, 3].

    Raises:
        PhotoError: as :func:`read_photo`.
    """
    from PIL import ImageOps

    with _opened(io.BytesIO(_read_bytes(path))) as stored:
        image = ImageOps.exif_transpose(stored)
        image.load()
        return np.array(image.convert("RGBA")) if _has_alpha(image) else _to_rgb(image)


def photo_size(path: str | Path) -> tuple[int, int]:
    """Width and height of what :func:`read_photo` gives, of which only the head is read.

    Raises:
        PhotoError: as :func:`read_photo`, as far as the head tells.
    """
    from PIL import ImageOps

    with _opened(path) as image:
        if image.format == "TIFF":
            # Whose size Pillow has turned already, or not, depending on its release.
            return ImageOps.exif_transpose(image).size
        lies_down = image.getexif().get(ORIENTATION, 1) in range(5, 9)
        return image.size[::-1] if lies_down else image.size


def _read_bytes(path: str | Path) -> bytes:
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise PhotoError(f"cannot be read: {error.strerror}") from None
    if not data:
        raise PhotoError("the file is empty")
    return data


def _is_plain_jpeg(data: bytes) -> bool:
    """Whether OpenCV may read it: not CMYK, not huge, turned by a tag that it finds, and its end is there (it fills
    a missing rest with grey)."""
    at, seen_app1, fits = 2, False, False
    while at + 9 < len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xDA:
            return fits and data.rfind(b"\xff\xd9") > at
        if marker == 0xE1:
            segment = data[at + 4 : at + 2 + length]
            # OpenCV looks for EXIF in the first APP1 only, and misreads a big-endian orientation of four bytes.
            if segment.startswith(b"Exif\0\0") and (seen_app1 or b"\x01\x12\0\4" in segment):
                return False
            seen_app1 = True
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = (int.from_bytes(data[at + i : at + i + 2], "big") for i in (5, 7))
            fits = data[at + 9] in (1, 3) and height * width <= MAX_PIXELS
        at += 2 + length
    return False


def _read_with_pillow(data: bytes) -> np.ndarray:
    from PIL import ImageOps

    with _opened(io.BytesIO(data)) as stored:
        image = ImageOps.exif_transpose(stored)
        image.load()
        return _to_rgb(image)


@contextmanager
def _opened(file: str | Path | BinaryIO) -> Iterator[Image.Image]:
    """An image of Pillow, of which only the head is read.

    Raises:
        PhotoError: the reason in words; also for what goes wrong with the image later.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            Image.init()
            known = [name for name in FORMATS if name in Image.OPEN]  # no AVIF before Pillow 11.3
            with Image.open(file, formats=known) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise PhotoError(f"{width} × {height} pixels are more than {MAX_PIXELS // 10**6} million")
                yield image
    except (PhotoError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise PhotoError("not an image, or of an unknown format") from None
    except Image.DecompressionBombError:
        raise PhotoError(f"more than {MAX_PIXELS // 10**6} million pixels") from None
    except Exception as error:  # Pillow lets through what its parsers of EXIF and of odd formats raise
        # An error of the system has a number, Pillow's own have none.
        of_system = isinstance(error, OSError) and error.errno
        raise PhotoError(f"cannot be read: {error.strerror}" if of_system else f"damaged: {error}") from None


def _has_alpha(image) -> bool:
    return image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info


def _to_rgb(image) -> np.ndarray:
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        values = np.nan_to_num(np.asarray(image, np.float64))
        # The range of 32-bit pixels is nowhere said: the smallest usual one that holds them.
        tops = {"F": (1, 255, 65535), "I": (255, 65535)}.get(image.mode, (65535,))
        top = next((top for top in tops if values.max(initial=0) <= top), 65535)
        grey = np.clip(values / top * 255, 0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=-1)
    if _has_alpha(image):
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return np.ascontiguousarray(image.convert("RGB"))
