"""Which paths are the same photo."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Hashable, Iterable
from pathlib import Path


def photo_identity(path: str | os.PathLike[str]) -> Hashable:
    """What all paths of one photo have in common: links to it, and other spellings where the file system knows them.

    Of a photo that is not there, or on a file system without inode numbers, only the spelling of the path counts.
    """
    try:
        status = os.stat(path)
    # A path may hold a null character.
    except (OSError, ValueError):
        status = None
    if status and status.st_ino:
        return status.st_dev, status.st_ino
    return unicodedata.normalize("NFC", os.path.normpath(path))


def repeated_photos(paths: Iterable[Path]) -> dict[Path, Path]:
    """Paths that lead to the same photo as an earlier one, such as links to it, with that one."""
    first: dict[Hashable, Path] = {}
    known = {path: first.setdefault(photo_identity(path), path) for path in paths}
    return {path: other for path, other in known.items() if path != other}
