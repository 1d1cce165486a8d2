"""Photos below a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

from annotator.photos.formats import EXTENSIONS, NOT_READ
from annotator.photos.reading import PhotoError

_LISTED = EXTENSIONS | NOT_READ.keys()


def find_photos(folder: str | Path) -> list[Path]:
    """All photos below a folder, by extension, hidden files and folders left out. Those that cannot be read are among
    them, such as raw photos, videos, or a folder with the name of a photo: reading them says why.

    The order is that of the relative paths, compared folder by folder, and the same on every machine. Links to
    folders are followed; a link to a folder that it lies in is not, for it would never end.

    Raises:
        PhotoError: the folder is not there, or one in it cannot be listed.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise PhotoError(f"{folder}: no such folder")
    found = []
    for root, folders, files in os.walk(folder, onerror=_refuse, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".") and not _is_loop(Path(root, name))]
        found += [
            Path(root, name)
            for name in (*files, *folders)
            if not name.startswith(".") and Path(name).suffix.lower() in _LISTED
        ]
    return sorted(found, key=lambda path: path.relative_to(folder).parts)


def _refuse(error: OSError) -> NoReturn:
    raise PhotoError(f"{error.filename}: cannot be read: {error.strerror}")


def _is_loop(folder: Path) -> bool:
    """Whether it is a link to a folder that contains a part of its own path."""
    if not os.path.islink(folder):  # not Path's own, which fails in a closed folder
        return False
    target = folder.resolve()
    return any(parent.resolve().is_relative_to(target) for parent in folder.parents)
