"""Values of label files, checked; errors name the field, and readers add file and record."""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import ijson

from annotator.labels.messages import MAX_LENGTH, short
from annotator.photos.reading import MAX_PIXELS

MAX_SIDE = 2**16
"""Pixels."""
MAX_JSON = 1 << 28
"""Bytes of a JSON file that is read at once."""
FAR = 1e6
"""Coordinates beyond this are no pixels."""


class FormatError(ValueError):
    """A label file that cannot be read, or labels that cannot be written; names file, record and field."""


@contextmanager
def naming(where: object) -> Iterator[None]:
    """Put ``where`` before the message of a :class:`FormatError`, or of any other ``ValueError``, which becomes one."""
    try:
        yield
    except ValueError as error:
        raise FormatError(f"{where}: {error}") from None


def refuse(failures: dict[str, str] | None, name: str, error: FormatError) -> None:
    """Note why the labels of one image cannot be read, or raise the error where nobody takes notes."""
    if failures is None:
        raise error
    failures[name] = str(error)


def number(value: object, field: str, low: float = -FAR, high: float = FAR) -> float:
    """A finite number in low..high, which a file may have as text.

    Raises:
        FormatError: it is none.
    """
    if isinstance(value, str) and len(value) < 64:
        with suppress(ValueError):
            value = float(value)
    if type(value) not in (int, float):
        raise FormatError(f"{field}: {missing_or(value)} is not a number")
    if not low <= value <= high or math.isnan(value):
        raise FormatError(f"{field}: {short(value)} is not in {low:g}..{high:g}")
    return float(value)


def whole(value: object, field: str, low: int = 0, high: int = MAX_SIDE) -> int:
    """A whole number in low..high.

    Raises:
        FormatError: it is none.
    """
    found = number(value, field, low, high)
    if found % 1:
        raise FormatError(f"{field}: {short(value)} is not a whole number")
    return int(found)


def text(value: object, field: str) -> str:
    """Text that is not empty.

    Raises:
        FormatError: it is none.
    """
    if not isinstance(value, str) or not value or "\0" in value:
        raise FormatError(f"{field}: {missing_or(value)} is no text")
    return value


def missing_or(value: object) -> str:
    """How to speak of a value that is not as it should be."""
    return "what is missing" if value is None else short(value)


def image_size(
    width: object, height: object, names: tuple[str, str] = ("width", "height")
) -> tuple[int, int]:
    """Width and height of an image in pixels.

    Raises:
        FormatError: no sides of a photo that could be read.
    """
    size = whole(width, names[0], 1), whole(height, names[1], 1)
    if size[0] * size[1] > MAX_PIXELS:
        raise FormatError(
            f"{names[0]}: {size[0]} × {size[1]} pixels are more than the {MAX_PIXELS} of any photo that is read"
        )
    return size


def read_json(path: Path) -> Any:
    """The contents of a JSON file.

    Raises:
        FormatError: no JSON, or too large.
    """
    if path.stat().st_size > MAX_JSON:
        raise FormatError(f"{path}: larger than {MAX_JSON >> 20} MB")
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except RecursionError:
        raise FormatError(f"{path}: not valid JSON: nested without end") from None
    except ValueError as error:
        raise FormatError(f"{path}: not valid JSON, or cut off: {error}") from None


def read_items(path: Path, what: str) -> Iterator[Any]:
    """The items of a JSON file that is a list, one at a time.

    Args:
        path: of the file.
        what: it must be a list of, for errors.

    Raises:
        FormatError: another file, or one that is cut off.
        OSError: no such file.
    """
    try:
        with _open(path) as file:
            if next(ijson.basic_parse(file, use_float=True), ("", None))[0] != "start_array":
                raise FormatError(f"{path}: must be a list of {what}")
        with _open(path) as file:
            yield from ijson.items(file, "item", use_float=True)
    except (ijson.JSONError, UnicodeDecodeError) as error:
        reason = " ".join(str(error.args[0] if error.args else error).split())[:MAX_LENGTH]
        raise FormatError(f"{path}: not valid JSON, or cut off: {reason}") from None


def _open(path: Path) -> IO[bytes]:
    """The file without a byte order mark."""
    file = path.open("rb")
    if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
        file.seek(0)
    return file
