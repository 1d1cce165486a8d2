"""Whether a photo is still the one that was labelled: its size, and a digest of its file.

A sample's ``<prefix>_source`` field has both, as ``size`` and ``photo``: ``{"hash": …, "bytes": …, "mtime_ns": …}``. As
long as the file has as many bytes and the same time, it is not read. Where there is no digest, as an earlier version
stored none, only the size counts.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotator.photos.reading import PhotoError, open_photo, photo_size

CHUNK = 1 << 20
"""Bytes that are read at once."""


@dataclass(frozen=True)
class PhotoChange:
    """How a photo differs from the one that was labelled."""

    reason: str
    """In words."""
    fits: bool
    """Whether the size is the same, so that the labels lie in its frame."""


def describe_photo(path: str | Path) -> dict[str, Any]:
    """The digest of a photo's file, and what says without reading it that it is the same.

    Raises:
        PhotoError: it cannot be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    with open_photo(path) as file:
        stat = os.fstat(file.fileno())
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return {"hash": digest.hexdigest(), "bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def photo_or_known(path: str | Path, known: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """What to remember of a photo whose labels are kept: :func:`describe_photo`, or what is ``known`` if its file was not
    touched since, cannot be read, or is of another photo, to which the labels do not belong."""
    try:
        if known and is_untouched(file_stamp(path), known):
            return known
        found = describe_photo(path)
    except PhotoError:
        return known
    return known if known and found["hash"] != known["hash"] else found


def is_untouched(stamp: tuple[int, int], known: Mapping[str, Any]) -> bool:
    """Whether a file with this stamp has as many bytes and the same time as is ``known``."""
    return stamp == (known["bytes"], known["mtime_ns"])


def file_stamp(path: str | Path) -> tuple[int, int]:
    """Bytes and time of a file: a file with the same ones is taken to be the same.

    Raises:
        PhotoError: there is no such file.
    """
    try:
        stat = os.stat(path)
    # A path may hold a null character.
    except (OSError, ValueError) as error:
        raise PhotoError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return stat.st_size, stat.st_mtime_ns


def find_change(path: str | Path, source: Mapping[str, Any] | None) -> PhotoChange | None:
    """How a photo differs from the one that was labelled; ``None`` if it does not, or nothing says.

    Args:
        path: of the photo.
        source: of the sample, ``None`` if it has none.

    Raises:
        PhotoError: there is no such file.
    """
    size, known = (source or {}).get("size"), (source or {}).get("photo")
    stamp = file_stamp(path)
    if size is None or (known and is_untouched(stamp, known)):
        return None
    then = tuple(int(side) for side in size)
    try:
        if known and describe_photo(path)["hash"] == known["hash"]:
            return None
        now = photo_size(path)
    except PhotoError as error:
        return known and PhotoChange(f"the photo has changed since it was labelled: {error}", fits=False)
    if now != then:
        sizes = "{} × {} pixels then, {} × {} now".format(*then, *now)
        return PhotoChange(f"the photo has changed since it was labelled: {sizes}", fits=False)
    return known and PhotoChange(
        f"the photo has changed since it was labelled: another file of the same {now[0]} × {now[1]} pixels",
        fits=True,
    )
