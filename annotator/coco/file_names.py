"""File names of photos in a COCO-DensePose file: paths relative to one folder."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from annotator.coco.parsing import CocoError


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
    twice = [path for path, count in Counter(path for path, _ in photos.values()).items() if count > 1]
    if twice:
        raise CocoError(f"{twice[0]} is the photo of several samples: export a view with one of them")
    root = images_dir or _root(photos.values())
    names = {}
    for key, (path, imported) in photos.items():
        name = Path(os.path.relpath(path, root)).as_posix()
        # An imported name stays as it is spelt, "./a.jpg" say, if it means the same.
        names[key] = imported if imported and os.path.normpath(imported) == name else name
    return names


def _root(photos: Collection[tuple[str, str | None]]) -> Path:
    """The folder that all imported names are relative to, if all photos are in it, else the deepest with all."""
    common = Path(os.path.commonpath([os.path.dirname(path) for path, _ in photos])) if photos else Path()
    roots = {path.removesuffix(os.path.normpath(name)) for path, name in photos if name}
    root = Path(roots.pop()) if len(roots) == 1 else common
    return root if common.is_relative_to(root) else common
