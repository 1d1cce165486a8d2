"""A folder of photos to one COCO-DensePose file, in a run that may be interrupted at any time."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotator.batch import Annotated, annotate
from annotator.coco import CocoWriter, annotation, image_record
from annotator.decoding import Settings
from annotator.images import find_photos
from annotator.network import Network
from annotator.points import PointSampling


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

    Results go to a journal beside ``out`` as they come; a run that was interrupted goes on from it, and its
    file equals that of a run that was not. Photos that cannot be used are listed with their reasons in
    ``<out>.failures.jsonl``.

    Args:
        progress: called with (photos done, photos in all) after each.

    Raises:
        JournalError: the unfinished run beside ``out`` had another model, folder or other settings.
        annotator.images.PhotoError: no such folder.
    """
    folder, out = Path(folder), Path(out)
    settings, sampling = settings or Settings(), sampling or PointSampling()
    photos = find_photos(folder)
    out.parent.mkdir(parents=True, exist_ok=True)
    journal = Journal(
        out.with_name(f"{out.name}.partial.jsonl"), _identity(folder, network, settings, sampling)
    )
    names = [path.relative_to(folder).as_posix() for path in photos]
    done = journal.open()
    left = [path for path, name in zip(photos, names, strict=True) if name not in done]
    count = len(photos) - len(left)
    if progress:
        progress(count, len(photos))
    with journal:
        for result in annotate(left, network, settings):
            journal.append(_entry(result, folder, sampling))
            count += 1
            if progress:
                progress(count, len(photos))
    summary = _write(journal, out, len(photos) - len(left))
    journal.remove()
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
    result.people.file_name = name
    people = [annotation(person, result.people.size, sampling=sampling) for person in result.people.people]
    return {"file_name": name, "image": image_record(result.people), "annotations": people}


def _write(journal: Journal, out: Path, continued: int) -> Summary:
    failures = out.with_name(f"{out.name}.failures.jsonl")
    partial = failures.with_name(f"{failures.name}.partial")
    photos = people = failed = 0
    with (
        CocoWriter(out, info={"description": "Labels by DensePose Annotator"}) as writer,
        partial.open("w") as bad,
    ):
        for entry in journal.entries():
            photos += 1
            if "failure" in entry:
                failed += 1
                bad.write(json.dumps(entry) + "\n")
            else:
                people += len(entry["annotations"])
                writer.add_records(entry["image"], entry["annotations"])
    if failed:
        os.replace(partial, failures)
    else:
        partial.unlink()
        failures.unlink(missing_ok=True)
    return Summary(photos, people, failed, continued)


class Journal:
    """Results of an unfinished run, a line each, the run's identity first.

    A line that a kill cut in half is dropped and its photo done again.
    """

    def __init__(self, path: Path, identity: dict[str, Any]):
        self.path = path
        self.identity = identity

    def open(self) -> set[str]:
        """Names of the photos that are done.

        Raises:
            JournalError: the journal is of another run.
        """
        done: set[str] = set()
        if not self.path.exists():
            self.path.write_text(json.dumps(self.identity) + "\n", encoding="utf-8")
            return done
        with self.path.open("rb+") as file:
            whole = 0
            for line in file:
                if not line.endswith(b"\n"):
                    break
                entry = json.loads(line)
                if whole == 0 and entry != json.loads(json.dumps(self.identity)):
                    raise JournalError(
                        f"{self.path} is of an unfinished run with another folder, model or settings: "
                        "repeat that run to finish it, or delete the file to start over"
                    )
                if whole:
                    done.add(entry["file_name"])
                whole += len(line)
            file.truncate(whole)
        if whole == 0:
            self.path.unlink()
            return self.open()
        return done

    def __enter__(self) -> Journal:
        self._file = self.path.open("a", encoding="utf-8")
        return self

    def append(self, entry: dict[str, Any]) -> None:
        """Write one photo's result; it survives a kill of this process from here on."""
        self._file.write(json.dumps(entry, separators=(",", ":")) + "\n")
        self._file.flush()

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def entries(self) -> Iterator[dict[str, Any]]:
        """All results in the order of the run."""
        with self.path.open(encoding="utf-8") as file:
            next(file)
            for line in file:
                yield json.loads(line)

    def remove(self) -> None:
        self.path.unlink()
