"""A folder of photos to one COCO-DensePose file, in a run that may be interrupted at any time."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from annotator.coco.encoding import annotation, image_record
from annotator.coco.surface_points import PointSampling
from annotator.coco.writer import CocoWriter
from annotator.inference.network import Network
from annotator.inference.pipeline import Annotated, annotate
from annotator.inference.settings import Settings
from annotator.photos.finding import EXTENSIONS, find_photos
from annotator.photos.reading import PhotoError


class JournalError(ValueError):
    """An unfinished run that cannot be continued; the message says how to go on."""


@dataclass(frozen=True)
class Summary:
    """What a run did."""

    photos: int
    people: int
    failed: int
    continued: int
    """Photos that an earlier, interrupted run had done."""


def annotate_folder(
    folder: str | Path,
    out: str | Path,
    network: Network,
    settings: Settings | None = None,
    sampling: PointSampling | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Summary:
    """Label all photos below a folder and write ``out``.

    Results go to a journal in the folder ``<out>.partial`` as they come; a run that was interrupted goes on
    from it, and its file equals that of a run that was not. Photos that cannot be used are listed with their
    reasons in ``<out>.failures.jsonl``.

    Args:
        progress: called with (photos done, photos in all) at the start and after each.

    Raises:
        JournalError: the unfinished run of ``out`` had another model, folder or other settings, or is still
            at work.
        annotator.photos.reading.PhotoError: no such folder, or no photos in it.
        OSError: ``out`` cannot be written.
    """
    folder, out = Path(folder), Path(os.path.realpath(out))
    settings, sampling = settings or Settings(), sampling or PointSampling()
    photos = find_photos(folder)
    if not photos:
        raise PhotoError(f"{folder}: no photos in it ({', '.join(sorted(EXTENSIONS))})")
    if out.is_dir():
        raise IsADirectoryError(f"{out}: is a folder; name a file to write the labels to")
    partial = out.with_name(f"{out.name}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    journal = Journal(partial / "journal.jsonl", _identity(folder, network, settings, sampling))
    names = [path.relative_to(folder).as_posix() for path in photos]
    done = journal.open()
    left = [path for path, name in zip(photos, names, strict=True) if name not in done]
    count = len(photos) - len(left)
    with journal:
        if progress:
            progress(count, len(photos))
        for result in annotate(left, network, settings):
            journal.append(_entry(result, folder, sampling))
            count += 1
            if progress:
                progress(count, len(photos))
        summary = _write(journal.entries(names), partial, out, len(photos) - len(left))
        shutil.rmtree(partial)
    return summary


def _identity(folder: Path, network: Network, settings: Settings, sampling: PointSampling) -> dict[str, Any]:
    """What must be the same for a run to be continued; batches are a matter of speed alone."""
    described = dataclasses.asdict(settings)
    described.pop("batch_size")
    return {
        "folder": str(folder.resolve()),
        "model": dataclasses.asdict(network.info),
        "settings": described,
        "sampling": dataclasses.asdict(sampling),
    }


def _entry(result: Annotated, folder: Path, sampling: PointSampling) -> dict[str, Any]:
    name = result.path.relative_to(folder).as_posix()
    if result.people is None:
        return {"file_name": name, "failure": result.failure}
    if any("\ud800" <= character <= "\udfff" for character in name):  # Python's stand-ins for stray bytes
        return {"file_name": name, "failure": "its name is not valid UTF-8, as JSON demands: rename it"}
    result.people.file_name = name
    people = [annotation(person, result.people.size, sampling=sampling) for person in result.people.people]
    return {"file_name": name, "image": image_record(result.people), "annotations": people}


def _write(entries: Iterator[dict[str, Any]], partial: Path, out: Path, continued: int) -> Summary:
    """Both files, made in the folder ``partial`` and then moved to their places."""
    failures = out.with_name(f"{out.name}.failures.jsonl")
    labels, reasons = partial / "labels.json", partial / "failures.jsonl"
    photos = people = failed = 0
    info = {"description": "Labels by DensePose Annotator"}
    with CocoWriter(labels, info=info) as writer, reasons.open("w", encoding="utf-8") as bad:
        for entry in entries:
            photos += 1
            if "failure" in entry:
                failed += 1
                bad.write(json.dumps(entry) + "\n")
            else:
                people += len(entry["annotations"])
                writer.add_records(entry["image"], entry["annotations"])
    os.replace(labels, out)
    if failed:
        os.replace(reasons, failures)
    else:
        failures.unlink(missing_ok=True)
    return Summary(photos, people, failed, continued)


class Journal:
    """Results of an unfinished run, a line each, the run's identity first.

    A line that a kill cut in half, or that a crash of the machine damaged, is dropped with all after it, and their
    photos are done again.
    """

    def __init__(self, path: Path, identity: dict[str, Any]):
        self.path = path
        self.identity = identity
        self._places: dict[str, int] = {}
        """Byte at which each photo's line starts."""

    def open(self) -> set[str]:
        """Names of the photos that are done; from here on results can be appended.

        Raises:
            JournalError: the journal is of another run, or another process is writing it.
        """
        self._file = self.path.open("ab+")
        try:
            # Until the file is closed, be it by a kill.
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._refuse("is being written by another run: wait until that is done")
        self._file.seek(0)
        end = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            if end == 0:
                self._check(line)
            elif (name := _photo_of(line)) is None:
                break
            else:
                self._places[name] = end
            end += len(line)
        self._file.truncate(end)
        if end == 0:
            self._add(self.identity)
        return set(self._places)

    def _check(self, line: bytes) -> None:
        try:
            same = json.loads(line) == json.loads(json.dumps(self.identity))
        except ValueError:
            same = False
        if not same:
            self._refuse(
                "is of an unfinished run with another folder, model or settings: "
                "repeat that run to finish it, or delete that folder to start over"
            )

    def _refuse(self, reason: str) -> NoReturn:
        self._file.close()
        raise JournalError(f"{self.path.parent} {reason}")

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, entry: dict[str, Any]) -> None:
        """Write one photo's result; it survives a kill of this process from here on."""
        self._places[entry["file_name"]] = self._add(entry)

    def _add(self, value: dict[str, Any]) -> int:
        """Write a line; the byte at which it starts."""
        start = self._file.seek(0, os.SEEK_END)
        self._file.write(json.dumps(value, separators=(",", ":")).encode() + b"\n")
        self._file.flush()
        return start

    def entries(self, names: Iterable[str]) -> Iterator[dict[str, Any]]:
        """The results of these photos, in this order."""
        with self.path.open("rb") as file:
            for name in names:
                file.seek(self._places[name])
                yield json.loads(file.readline())


def _photo_of(line: bytes) -> str | None:
    """The photo whose result a journal's line holds; ``None`` if the line is damaged."""
    try:
        return json.loads(line)["file_name"]
    except (ValueError, TypeError, KeyError):
        return None
