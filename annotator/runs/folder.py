"""Annotate a folder of photos: one COCO-DensePose file, from a run that may be interrupted at any time."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ijson

from annotator.coco.encoding import annotation, image_record
from annotator.coco.surface_points import PointSampling
from annotator.coco.writer import CocoWriter
from annotator.inference.finder import Finder, open_finder
from annotator.inference.network import Network
from annotator.inference.pipeline import Annotated, annotate
from annotator.inference.settings import Settings
from annotator.photos.atomic_files import make_folder, move_file
from annotator.photos.finding import find_photos
from annotator.photos.formats import FORMATS
from annotator.photos.identity import repeated_photos
from annotator.photos.reading import PhotoError
from annotator.runs.differences import differences
from annotator.runs.journal import Journal

RUN = "annotate"
"""In the section ``info`` of a finished file: photos, model and settings it was made of."""


@dataclass(frozen=True)
class FolderSummary:
    """Counts of a run."""

    photos: int
    people: int
    failed: int
    """Photos that could not be used."""
    continued: int
    """Photos that an earlier run, which was interrupted, had done."""


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
    identity = _identity(folder, network, finder, settings, sampling)
    run = _run(identity, folder, photos)
    partial = out.with_name(f"{out.name}.partial")
    if out.exists() and not overwrite:
        _check_made_by(run, out)
        if not partial.exists():
            return None
    make_folder(partial)
    journal = Journal(partial / "journal.jsonl", identity)
    names = [_name(path, folder) for path in photos]
    done = journal.open()
    repeated = repeated_photos(photos)
    left = [path for path, name in zip(photos, names, strict=True) if name not in done]
    new = [path for path in left if path not in repeated]
    count = len(photos) - len(new)
    with journal:
        for path in left:
            if path in repeated:
                same = _name(repeated[path], folder)
                journal.append({"file_name": _name(path, folder), "failure": f"the same photo as {same}"})
        if progress:
            progress(count, len(photos))
        for result in annotate(new, network, settings, finder):
            journal.append(_entry(result, folder, sampling))
            count += 1
            if progress:
                progress(count, len(photos))
        summary = _write(journal.entries(names), run, partial, out, len(photos) - len(left))
        shutil.rmtree(partial)
    return summary


def _identity(
    folder: Path, network: Network, finder: Finder | None, settings: Settings, sampling: PointSampling
) -> dict[str, Any]:
    """What must be the same for a run to be continued; batch size and workers change no label."""
    described = dataclasses.asdict(settings)
    described.pop("batch_size"), described.pop("workers")
    return {
        "folder": str(folder.resolve()),
        "model": dataclasses.asdict(network.info),
        "finder": finder and dataclasses.asdict(finder.info),
        "settings": described,
        "sampling": dataclasses.asdict(sampling),
    }


def _name(photo: Path, folder: Path) -> str:
    """A photo's path below the folder, read as UTF-8 whatever the locale."""
    return os.fsencode(photo.relative_to(folder).as_posix()).decode("utf-8", "surrogateescape")


def _run(identity: dict[str, Any], folder: Path, photos: list[Path]) -> dict[str, Any]:
    """What a finished file says of the run that made it: wherever the folder lies, the same run gives the same labels."""
    digest = hashlib.sha256()
    for path in photos:
        name = os.fsencode(path.relative_to(folder))
        size = path.stat().st_size if os.path.exists(path) else -1  # a link to nowhere, or out of reach
        digest.update(b"%s\0%d\n" % (name, size))
    described = {name: value for name, value in identity.items() if name != "folder"}
    return {"photos": {"count": len(photos), "names_and_sizes": digest.hexdigest()[:16]}} | described


def _check_made_by(run: dict[str, Any], out: Path) -> None:
    """
    Raises:
        FileExistsError: the labels are not of this run.
    """
    with out.open("rb") as file:
        try:
            info = next(ijson.items(file, "info", use_float=True), None)
        except (ijson.JSONError, ValueError):
            info = None
    made_by = info.get(RUN) if isinstance(info, dict) else None
    if not isinstance(made_by, dict):
        raise FileExistsError(
            f"{out}: is there, and does not say that annotate made it: choose another --out, or --overwrite it"
        )
    if different := differences(made_by, json.loads(json.dumps(run))):
        raise FileExistsError(
            f"{out}: holds the labels of another run ({different}): choose another --out, or --overwrite it"
        )


def _entry(result: Annotated, folder: Path, sampling: PointSampling) -> dict[str, Any]:
    """A photo's entry in the journal: its COCO records, or why there are none."""
    name = _name(result.path, folder)
    if result.people is None:
        return {"file_name": name, "failure": result.failure}
    if any("\ud800" <= character <= "\udfff" for character in name):  # Python's stand-ins for stray bytes
        return {"file_name": name, "failure": "its name is not valid UTF-8, as JSON demands: rename it"}
    result.people.file_name = name
    people = [annotation(person, result.people.size, sampling=sampling) for person in result.people.people]
    return {"file_name": name, "image": image_record(result.people), "annotations": people}


def _write(
    entries: Iterator[dict[str, Any]], run: dict[str, Any], partial: Path, out: Path, continued: int
) -> FolderSummary:
    """Write labels and failures in the folder ``partial``, then move them to their places."""
    failures = out.with_name(f"{out.name}.failures.jsonl")
    labels, reasons = partial / "labels.json", partial / "failures.jsonl"
    photos = people = failed = 0
    info = {"description": "Labels by DensePose Annotator", RUN: run}
    with CocoWriter(labels, info=info) as writer, reasons.open("w", encoding="utf-8") as bad:
        for entry in entries:
            photos += 1
            if "failure" in entry:
                failed += 1
                bad.write(json.dumps(entry) + "\n")
            else:
                people += len(entry["annotations"])
                writer.add_records(entry["image"], entry["annotations"])
    move_file(labels, out)
    if failed:
        move_file(reasons, failures)
    else:
        failures.unlink(missing_ok=True)
    return FolderSummary(photos, people, failed, continued)
