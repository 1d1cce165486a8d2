"""File names of photos in a COCO-DensePose file: paths relative to one folder."""

from __future__ import annotations

import os
from collections.abc import Collection, Hashable, Iterable
from pathlib import Path

from annotator.coco.parsing import CocoError
from annotator.labels.messages import listed, short
from annotator.photos.identity import photo_identity


def shared_photos(images: Iterable[tuple[int | str, str]], images_dir: str | Path) -> dict[int | str, str]:
    """Why images cannot be told apart: those that have a photo in common, links and other spellings included.

    Args:
        images: id and ``file_name`` of each image of a file.
        images_dir: the folder that the names are relative to.

    Returns:
        The reason by the id, in the order of ``images``; empty if each has a photo of its own.
    """
    first: dict[Hashable, int | str] = {}
    shared: dict[int | str, list[int | str]] = {}
    for key, name in images:
        owner = first.setdefault(photo_identity(os.path.join(images_dir, name)), key)
        if owner != key:
            shared.setdefault(owner, [owner]).append(key)
    return {
        key: f"the photo of the images {listed([short(key) for key in keys])}: give it one image with all of its people"
        for keys in shared.values()
        for key in keys
    }


def check_distinct_photos(paths: Iterable[str]) -> None:
    """Check that no two samples have the same photo, links and other spellings included.

    Args:
        paths: of the samples' photos.

    Raises:
        CocoError: two have.
    """
    known: dict[Hashable, str] = {}
    for path in paths:
        identity = photo_identity(path)
        if identity in known:
            other = "" if known[identity] == path else f", also as {known[identity]}"
            raise CocoError(f"{path} is the photo of several samples{other}: take a view with one of them")
        known[identity] = path


def no_such_photo(file_name: str) -> str:
    """What is wrong where no photo has a ``file_name``."""
    if "\\" in file_name:
        return "no such photo: the file was written on Windows, its file names need / for \\"
    return "no such photo"


def file_names(photos: dict[str, tuple[str, str | None]], images_dir: str | Path | None) -> dict[str, str]:
    """The file name of each photo, with ``/`` between folders.

    Args:
        photos: path and, if it was imported, ``file_name`` of each photo, by any key.
        images_dir: the folder that the names are relative to; default: the one that all imported names are relative
            to, if there is one and all photos are in it, else the deepest folder with all photos.

    Returns:
        The names by the same keys.

    Raises:
        CocoError: the same photo twice.
    """
    check_distinct_photos(path for path, _ in photos.values())
    root = images_dir or common_folder(photos.values())
    names = {}
    for key, (path, imported) in photos.items():
        name = Path(os.path.relpath(path, root)).as_posix()
        # An imported name stays as it is spelt, "./a.jpg" say, if it means the same.
        names[key] = imported if imported and os.path.normpath(imported) == name else name
    return names


def common_folder(photos: Collection[tuple[str, str | None]]) -> Path:
    """The folder that all imported names are relative to, if all photos are in it, else the deepest with all.

    Args:
        photos: as the values of :func:`file_names`.
    """
    common = Path(os.path.commonpath([os.path.dirname(path) for path, _ in photos])) if photos else Path()
    roots = {path.removesuffix(os.path.normpath(name)) for path, name in photos if name}
    root = Path(roots.pop()) if len(roots) == 1 else common
    return root if common.is_relative_to(root) else common
