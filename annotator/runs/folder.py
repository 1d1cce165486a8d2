"""Annotate a folder of photos: one COCO-DensePose file, from a run that may be interrupted at any time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from annotator.coco.surface_points import PointSampling
from annotator.inference.finder import open_finder
from annotator.inference.network import Network
from annotator.inference.pipeline import Annotated, annotate
from annotator.inference.settings import Settings
from annotator.photos.atomic_files import make_folder
from annotator.photos.finding import find_photos
from annotator.photos.formats import FORMATS
from annotator.photos.identity import repeated_photos
from annotator.photos.reading import PhotoError
from annotator.runs.journal import Journal
from annotator.runs.labels_file import (
    FolderSummary,
    check_made_by,
    describe_model,
    describe_photos,
    move_labels,
    photo_entry,
    same_photo,
    write_labels,
)


def annotate_folder(
    folder: str | Path,
    out: str | Path,
    network: Network,
    settings: Settings | None = None,
    sampling: PointSampling | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    overwrite: bool = False,
) -> FolderSummary | None:
    """Label all photos below a folder and write them to one COCO-DensePose file.

    Results are kept in a :class:`~annotator.runs.journal.Journal` in the folder ``<out>.partial``. A run that was
    interrupted goes on from there, and writes the same file as one that was not. Photos that cannot be used are
    listed with their reasons in ``<out>.failures.jsonl``.

    Args:
        folder: the photos; folders below it are searched, too.
        out: the file to write.
        network: the model.
        settings: of inference.
        sampling: of the surface points.
        progress: called with (photos done, photos in all) at the start and after each.
        overwrite: replace ``out`` if it is there.

    Returns:
        ``None`` if ``out`` is there and was made of the same photos by the same model and settings: nothing is done.

    Raises:
        FileExistsError: ``out`` is there and was not; says what differs.
        annotator.runs.journal.JournalError: the unfinished run of ``out`` had another model, folder or other
            settings, or is still at work.
        annotator.photos.reading.PhotoError: no such folder, or no photos in it.
        annotator.inference.network.ModelError: the finder cannot be used.
        OSError: ``out`` cannot be written.
    """
    folder, out = Path(folder), Path(os.path.realpath(out))
    settings, sampling = settings or Settings(), sampling or PointSampling()
    photos = find_photos(folder)
    if not photos:
        raise PhotoError(f"{folder}: no photos in it ({', '.join(FORMATS)})")
    if out.is_dir():
        raise IsADirectoryError(f"{out}: is a folder; name a file to write the labels to")
    finder = open_finder(network, settings)
    names = [_name(path, folder) for path in photos]
    described = describe_model(network, finder, settings, sampling)
    run = {"photos": describe_photos(zip(names, map(_size, photos), strict=True))} | described
    partial = out.with_name(f"{out.name}.partial")
    if out.exists() and not overwrite:
        with out.open("rb") as file:
            check_made_by(run, file, str(out))
        if not partial.exists():
            return None
    make_folder(partial)
    journal = Journal(partial / "journal.jsonl", {"folder": str(folder.resolve())} | described)
    done = journal.open()
    repeated = repeated_photos(photos)
    left = [path for path, name in zip(photos, names, strict=True) if name not in done]
    new = [path for path in left if path not in repeated]
    count = len(photos) - len(new)

    def encode(result: Annotated) -> dict[str, Any]:
        return photo_entry(_name(result.path, folder), result, sampling)

    with journal:
        for path in left:
            if path in repeated:
                journal.append(same_photo(_name(path, folder), _name(repeated[path], folder)))
        if progress:
            progress(count, len(photos))
        for result in annotate(new, network, settings, finder, encode):
            journal.append(result.encoded)
            count += 1
            if progress:
                progress(count, len(photos))
        summary = write_labels(journal.entries(names), run, partial)
        move_labels(partial, out)
        shutil.rmtree(partial)
    return replace(summary, continued=len(photos) - len(left))


def _name(photo: Path, folder: Path) -> str:
    """A photo's path below the folder, read as UTF-8 whatever the locale."""
    return os.fsencode(photo.relative_to(folder).as_posix()).decode("utf-8", "surrogateescape")


def _size(photo: Path) -> int:
    """Of its file in bytes."""
    return photo.stat().st_size if os.path.exists(photo) else -1  # a link to nowhere, or out of reach
