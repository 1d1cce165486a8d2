"""Photos as people have them, read as RGB and turned upright.

How a photo is turned decides where its labels lie. The App and the review panel let the browser draw the file, so
the browser's rule is that of everything here:

- JPEG: as EXIF's orientation tag says, if that is one SHORT, as EXIF demands.
- PNG: by the same tag, in an ``eXIf`` chunk that stands before the pixels.
- AVIF, HEIC: by the file's own rotation and mirror image (``irot``, ``imir``).
- TIFF: by its own orientation tag. Most browsers do not show it.
- WebP, GIF, BMP, JPEG 2000, PPM: never.

Orientation in XMP counts nowhere.

Pixel (0, 0)'s top-left corner is the origin of every coordinate; see :mod:`annotator.labels.people`.
"""

from __future__ import annotations

import io
import os
import stat
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import cv2
import numpy as np

from annotator.photos.formats import FORMATS, HEAD, NOT_READ, is_heic

if TYPE_CHECKING:
    from PIL import Image

EXIF = b"Exif\0"
"""What EXIF data in a JPEG starts with, before one more byte."""
SHORT = 3
"""EXIF's number for the type of a 16-bit integer."""
ORIENTATION = 0x0112
"""EXIF tag: 5 to 8 swap width and height."""
_FLIPS = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}
"""By orientation, what OpenCV calls the flip to make, after rows and columns were swapped if it is 5 to 8."""
_REDUCED = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}
MAX_PIXELS = 178_956_970
"""Photos above this are refused: they would need gigabytes."""


class PhotoError(ValueError):
    """A photo that cannot be used; the message says why."""


class PhotoFile:
    """The bytes of a photo's file, to be decoded as often as needed, and not larger.

    Raises:
        PhotoError: it cannot be read; the reason in words, without the path.
    """

    def __init__(self, path: str | Path) -> None:
        self._data = _read_bytes(path)
        # OpenCV decodes plain JPEGs several times faster than Pillow. Huge ones are not for it: it raises errors of its
        # own, or takes all memory.
        self._plain_jpeg = _head_of_plain_jpeg(self._data) if self._data.startswith(b"\xff\xd8") else None

    @property
    def reductions(self) -> tuple[int, ...]:
        """By which :meth:`decode` can reduce it, in less time, largest first; only ones that leave whole pixels."""
        if self._plain_jpeg is None:
            return ()
        width, height = self._plain_jpeg[1]
        return tuple(n for n in _REDUCED if not (height % n or width % n))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a photo that has :attr:`reductions`, upright."""
        exif, size = self._plain_jpeg
        return size[::-1] if _exif_orientation(exif) > 4 else size

    def decode(self, reduction: int = 1) -> np.ndarray:
        """The photo as uint8 [H, W, 3] RGB, turned upright, transparency over white; of several images the first.

        Args:
            reduction: 1 or one of :attr:`reductions`: each pixel is the mean of so many of the photo's along each side.

        Raises:
            PhotoError: the reason in words, without the path.
        """
        if self._plain_jpeg:
            data = np.frombuffer(self._data, np.uint8)
            if reduction == 1:
                image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
            else:
                image = cv2.imdecode(data, _REDUCED[reduction] | cv2.IMREAD_IGNORE_ORIENTATION)
                image = None if image is None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image)
            if image is not None:
                return _turn(image, _exif_orientation(self._plain_jpeg[0]))
        with _opened(io.BytesIO(self._data)) as image:
            pixels = _pixels(image, _to_rgb)
        return pixels if reduction == 1 else pixels[::reduction, ::reduction]


def read_photo(path: str | Path) -> np.ndarray:
    """A photo as :meth:`PhotoFile.decode` gives it.

    Raises:
        PhotoError: as :class:`PhotoFile`.
    """
    return PhotoFile(path).decode()


def read_texture(path: str | Path) -> np.ndarray:
    """An image as :func:`read_photo` gives it, but with its transparency: uint8 [H, W, 4] RGBA where it has any, else
    [H, W, 3].

    Raises:
        PhotoError: as :func:`read_photo`.
    """
    with _opened(io.BytesIO(_read_bytes(path))) as image:
        return _pixels(image, _to_rgba if _has_alpha(image) else _to_rgb)


def photo_size(path: str | Path) -> tuple[int, int]:
    """Width and height of what :func:`read_photo` gives, of which only the head is read.

    Raises:
        PhotoError: as :func:`read_photo`, as far as the head tells.
    """
    with open_photo(path) as file, _opened(file) as image:
        if image.format == "TIFF":
            # Not its size, which Pillow has turned already, or not, depending on its release.
            size, orientation = (image.tag_v2[256], image.tag_v2[257]), image.tag_v2.get(ORIENTATION, 1)
        else:
            size, orientation = image.size, _orientation(image)
        return size[::-1] if orientation in range(5, 9) else size


def check_file(path: str | Path) -> None:
    """See whether a photo is a file, of a kind that is read; nothing of it is opened: a pipe would keep us waiting.

    Raises:
        PhotoError: why not, in words, without the path.
    """
    path = Path(path)
    try:
        mode = os.stat(path).st_mode
    except ValueError as error:  # the system takes no such name
        raise PhotoError(f"cannot be read: {error}") from None
    except OSError as error:
        gone = os.path.islink(path) and isinstance(error, FileNotFoundError)
        raise PhotoError(
            "a link to a file that is gone" if gone else f"cannot be read: {error.strerror}"
        ) from None
    if stat.S_ISDIR(mode):
        raise PhotoError("a folder, not a file")
    if not stat.S_ISREG(mode):
        raise PhotoError("a pipe, socket or device, not a file")
    if (reason := NOT_READ.get(path.suffix.lower())) is not None:
        raise PhotoError(reason)


@contextmanager
def open_photo(path: str | Path) -> Iterator[BinaryIO]:
    """A photo's file, open to be read.

    Raises:
        PhotoError: it cannot be.
    """
    check_file(path)
    try:
        with Path(path).open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                raise PhotoError("the file is empty")
            yield file
    except OSError as error:
        raise PhotoError(f"cannot be read: {error.strerror}") from None


def _read_bytes(path: str | Path) -> bytes:
    with open_photo(path) as file:
        return file.read()


def _head_of_plain_jpeg(data: bytes) -> tuple[bytes, tuple[int, int]] | None:
    """The EXIF data, empty if there is none, and stored width and height, of a JPEG that OpenCV may read: not CMYK, not huge,
    and its end is there (OpenCV fills a missing rest with grey). ``None`` for all others."""
    at, exif, fits, size = 2, b"", False, (0, 0)
    while at + 9 < len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xDA:
            return (exif, size) if fits and data.rfind(b"\xff\xd9") > at else None
        if marker == 0xE1 and data.startswith(EXIF, at + 4):
            exif += data[at + 5 + len(EXIF) : at + 2 + length]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = (int.from_bytes(data[at + i : at + i + 2], "big") for i in (5, 7))
            fits = data[at + 9] in (1, 3) and 0 < height * width <= MAX_PIXELS
            size = width, height
        at += 2 + length
    return None


def _exif_orientation(exif: bytes) -> int:
    """The orientation in EXIF data, which has the form of a TIFF file, 1 to 8; 1 where there is none that counts."""
    order = ">" if exif.startswith(b"MM") else "<"
    try:
        (at,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, at)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            tag, kind, number, value = struct.unpack_from(f"{order}HHIH", exif, entry)
            if (tag, kind, number) == (ORIENTATION, SHORT, 1):
                return value if value in range(1, 9) else 1
    except struct.error:  # cut off or damaged
        pass
    return 1


def _orientation(image: Image.Image) -> int:
    """How an image that was only opened yet is to be turned, 1 to 8; a TIFF's is left to Pillow."""
    if image.format in ("JPEG", "MPO"):
        segments = [content for name, content in image.applist if name == "APP1" and content.startswith(EXIF)]
        return _exif_orientation(b"".join(content[len(EXIF) + 1 :] for content in segments))
    if image.format == "PNG":
        return _exif_orientation(image.info.get("exif", b"").removeprefix(b"Exif\0\0"))
    # As Pillow says what an AVIF's irot and imir are.
    return image.getexif().get(ORIENTATION, 1) if image.format == "AVIF" else 1


def _turn(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """(h, w, c) pixels, stored in that orientation, upright."""
    if orientation > 4:
        pixels = cv2.transpose(pixels)
    return cv2.flip(pixels, _FLIPS[orientation]) if orientation in _FLIPS else pixels


def _pixels(image: Image.Image, convert: Callable[[Image.Image], np.ndarray]) -> np.ndarray:
    """The upright pixels of an image that was only opened yet."""
    from PIL import ImageOps

    orientation = _orientation(image)
    image.load()  # after that: with the pixels Pillow reads a PNG's late eXIf, which does not count
    if image.format == "TIFF":
        image = ImageOps.exif_transpose(image)  # if its release of Pillow has not done so
    return _turn(convert(image), orientation)


@contextmanager
def _opened(file: BinaryIO) -> Iterator[Image.Image]:
    """An image of Pillow, of which only the head is read.

    Raises:
        PhotoError: the reason in words; also for what goes wrong with the image later.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            Image.init()
            if is_heic(file.read(HEAD)):
                _register_heif()
            file.seek(0)
            known = [name for name in FORMATS if name in Image.OPEN]  # AVIF may be missing
            with Image.open(file, formats=known) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise PhotoError(f"{width} × {height} pixels are more than {MAX_PIXELS // 10**6} million")
                # Pillow would turn the image by it.
                image.info.pop("xmp", None)
                image.info.pop("XML:com.adobe.xmp", None)
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


def _to_rgba(image) -> np.ndarray:
    return np.array(image.convert("RGBA"))


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


def _register_heif() -> None:
    """Let Pillow read HEIC.

    Raises:
        PhotoError: that takes an extra, which is not installed.
    """
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        raise PhotoError("a HEIC photo, which needs: pip install 'densepose-annotator[heif]'") from None
    register_heif_opener()
