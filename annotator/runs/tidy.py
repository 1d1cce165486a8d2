"""Files that edits leave behind: map files that no label refers to any more, and edits too old to be undone."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.dataset.map_files import is_map_file
from annotator.review.undo import expired_files, history_folder

if TYPE_CHECKING:
    import fiftyone as fo

SPARED_HOURS = 24
"""Younger files stay: an edit writes its maps before the label that refers to them."""


def superseded_maps(folder: Path) -> list[Path]:
    """Files of charts, U, V and their owners in a folder that no dataset of this database refers to.

    Undo needs none of them: it keeps people, and writes their maps again.

    Files are known by their names, which are those of a sample and a content: the path by which a label refers
    to a file may lead there through a link, or be of a time when the folder had another name.

    Args:
        folder: of a dataset's maps; clones of the dataset refer to files in it, too.
    """
    stems = {_stem(Path(path)) for path in _map_paths()}
    youngest = time.time() - SPARED_HOURS * 3600
    return [
        path
        for path in sorted(folder.rglob("*.png"))
        if is_map_file(path) and _stem(path) not in stems and path.stat().st_mtime < youngest
    ]


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
            paths.update(path for path in dataset.values(field) if path)
    return paths


def _map_fields(dataset: fo.Dataset) -> list[str]:
    import fiftyone as fo

    kinds = {fo.Segmentation: "mask_path", fo.Heatmap: "map_path"}
    return [
        f"{name}.{path}"
        for kind, path in kinds.items()
        for name in dataset.get_field_schema(embedded_doc_type=kind)
    ]
