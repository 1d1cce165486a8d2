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
    return [folder / name for name in find_photo_names(folder)]


def find_photo_names(folder: str | Path) -> list[str]:
    """The paths below the folder of what :func:`find_photos` finds, as the system spells them: for a million photos a fifth of
    the memory."""
    if not os.path.isdir(folder):
        raise PhotoError(f"{folder}: no such folder")
    found = []
    for root, folders, files in os.walk(folder, onerror=_refuse, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".") and not _is_loop(Path(root, name))]
        below = os.path.relpath(root, folder)
        found += [
            name if below == "." else f"{below}/{name}"
            for name in (*files, *folders)
            if not name.startswith(".") and has_photo_name(name)
        ]
    return sorted(found, key=folder_order)


def has_photo_name(name: str) -> bool:
    """Whether a file's extension is one of a photo, be it of one that is not read."""
    return os.path.splitext(name)[1].lower() in _LISTED


def folder_order(name: str) -> str:
    """Key that sorts paths folder by folder: ``a/b`` stands before ``a-b``."""
    return name.replace("/", "\0")


def _refuse(error: OSError) -> NoReturn:
    raise PhotoError(f"{error.filename}: cannot be read: {error.strerror}")


def _is_loop(folder: Path) -> bool:
    """Whether it is a link to a folder that contains a part of its own path."""
    if not os.path.islink(folder):  # not Path's own, which fails in a closed folder
        return False
    target = folder.resolve()
    return any(parent.resolve().is_relative_to(target) for parent in folder.parents)
