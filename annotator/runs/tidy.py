"""Files that edits leave behind: map files that no label refers to any more, and edits too old to be undone."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.dataset.map_files import is_map_file
from annotator.review.undo import expired_files, history_folder

if TYPE_CHECKING:
    import fiftyone as fo

SPARED_HOURS = 24
"""Younger files stay: an edit writes its maps before the label that refers to them."""
ASIDE = ".tidied"
"""The name of a file ends so while it is removed."""


def superseded_maps(folder: Path) -> list[Path]:
    """Files of charts, U, V and their owners in a folder that no dataset of this database refers to.

    Undo needs none of them: it keeps people, and writes their maps again.

    Files are known by their names, which are those of a sample and a content: the path by which a label refers
    to a file may lead there through a link, or be of a time when the folder had another name.

    Args:
        folder: of a dataset's maps; clones of the dataset refer to files in it, too.
    """
    for aside in folder.rglob(f"*{ASIDE}"):  # of a process that was killed
        _move(aside, aside.with_name(aside.name.removeprefix(".").removesuffix(ASIDE)))
    stems = {_stem(Path(path)) for path in _map_paths()}
    return [
        path
        for path in sorted(folder.rglob("*.png"))
        if is_map_file(path) and _stem(path) not in stems and _is_spared(path) is False
    ]


def remove_superseded(path: Path) -> int | None:
    """Remove one of :func:`superseded_maps`, unless an edit has come to need it since.

    Such an edit touches the file, or writes it anew if it is not there (:meth:`annotator.dataset.map_files.SurfaceMaps.save`).
    Out of its way, the file cannot be touched any more, and whether it was says its time.

    Returns:
        Its size in bytes; ``None`` if it stays, or somebody else has removed it.
    """
    aside = path.with_name(f".{path.name}{ASIDE}")
    if _is_spared(path) is not False or not _move(path, aside):
        return None
    if _is_spared(aside):
        _move(aside, path)
        return None
    return remove(aside)


def remove(path: Path) -> int | None:
    """Remove a file; its size in bytes, ``None`` if it is gone."""
    try:
        size = path.stat().st_size
        path.unlink()
    except FileNotFoundError:
        return None
    return size


def _is_spared(path: Path) -> bool | None:
    """Whether a file is younger than :data:`SPARED_HOURS`; ``None`` if it is gone."""
    try:
        return path.stat().st_mtime >= time.time() - SPARED_HOURS * 3600
    except FileNotFoundError:
        return None


def _move(path: Path, to: Path) -> bool:
    """Rename a file; false if it is gone."""
    try:
        os.replace(path, to)
    except FileNotFoundError:
        return False
    return True


def old_edits(folder: Path) -> list[Path]:
    """Files for undo that nothing can undo any more; those of a sample that is edited again go by themselves.

    Args:
        folder: of a dataset's maps.
    """
    edits = history_folder(folder)
    samples = sorted(path for path in edits.iterdir() if path.is_dir()) if edits.is_dir() else []
    return [path for sample in samples for path in sorted(expired_files(sample))]


def _stem(path: Path) -> str:
    """What the names of the four maps of an image have in common."""
    return path.name.rpartition("-")[0]


def _map_paths() -> set[str]:
    """The files of all segmentations and heatmaps in all datasets."""
    import fiftyone as fo

    paths = set()
    for name in fo.list_datasets():
        dataset = fo.load_dataset(name)
        for field in _map_fields(dataset):
            paths.update(path for path in dataset.values(field) if path and isinstance(path, str))
    return paths


def _map_fields(dataset: fo.Dataset) -> list[str]:
    import fiftyone as fo

    kinds = {fo.Segmentation: "mask_path", fo.Heatmap: "map_path"}
    return [
        f"{name}.{path}"
        for kind, path in kinds.items()
        for name in dataset.get_field_schema(embedded_doc_type=kind)
    ]
