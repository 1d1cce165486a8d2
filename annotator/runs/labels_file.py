"""The COCO-DensePose file of a run over photos, be they in a folder or in a bucket: what it says of the run, and its entries."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import ijson

from annotator.coco.encoding import annotation, image_record
from annotator.coco.surface_points import PointSampling
from annotator.coco.writer import CocoWriter
from annotator.inference.finder import Finder
from annotator.inference.network import Network
from annotator.inference.pipeline import Annotated
from annotator.inference.pose_estimator import open_pose_estimator
from annotator.inference.settings import Settings
from annotator.photos.atomic_files import move_file
from annotator.runs.differences import differences

RUN = "annotate"
"""In the section ``info`` of a finished file: photos, model and settings it was made of."""
LABELS, FAILURES = "labels.json", "failures.jsonl"
"""The files of a run before they have their final names."""
FAILURES_SUFFIX = ".failures.jsonl"
"""Of the list of failures, after the name of the file of labels."""


@dataclass(frozen=True)
class FolderSummary:
    """Counts of a run."""

    photos: int
    people: int
    failed: int
    """Photos that could not be used."""
    continued: int = 0
    """Photos that an earlier run, which was interrupted, had done."""


def describe_model(
    network: Network, finder: Finder | None, settings: Settings, sampling: PointSampling
) -> dict[str, Any]:
    """What must be the same for a run to be continued; batch size and workers change no label."""
    described = dataclasses.asdict(settings)
    described.pop("batch_size"), described.pop("workers")
    pose = open_pose_estimator(network, settings)
    return {
        "model": dataclasses.asdict(network.info),
        "finder": finder and dataclasses.asdict(finder.info),
        "pose_estimator": pose and dataclasses.asdict(pose.info),
        "settings": described,
        "sampling": dataclasses.asdict(sampling),
    }


def describe_photos(photos: Iterable[tuple[str, int]]) -> dict[str, Any]:
    """What a finished file says of its photos: wherever they lie, the same photos give the same labels.

    Args:
        photos: their names below their folder and their sizes in bytes, in order.
    """
    digest, count = hashlib.sha256(), 0
    for name, size in photos:
        count += 1
        digest.update(b"%s\0%d\n" % (name.encode("utf-8", "surrogateescape"), size))
    return {"count": count, "names_and_sizes": digest.hexdigest()[:16]}


def check_made_by(run: dict[str, Any], file: BinaryIO, name: str) -> None:
    """See whether a finished file is that of a run.

    Args:
        run: as :func:`write_labels` was given it.
        file: open for reading.
        name: of the file, for messages.

    Raises:
        FileExistsError: the labels are not of this run.
    """
    try:
        info = next(ijson.items(file, "info", use_float=True), None)
    except (ijson.JSONError, ValueError):
        info = None
    made_by = info.get(RUN) if isinstance(info, dict) else None
    if not isinstance(made_by, dict):
        raise FileExistsError(
            f"{name}: is there, and does not say that annotate made it: choose another --out, or --overwrite it"
        )
    if different := differences(made_by, json.loads(json.dumps(run))):
        raise FileExistsError(
            f"{name}: holds the labels of another run ({different}): choose another --out, or --overwrite it"
        )


def photo_entry(name: str, result: Annotated, sampling: PointSampling) -> dict[str, Any]:
    """A photo's COCO records, ``image`` and ``annotations``, or ``failure``, why there are none; both with its ``file_name``."""
    if result.people is None:
        return failed_photo(name, result.failure)
    if any("\ud800" <= character <= "\udfff" for character in name):  # Python's stand-ins for stray bytes
        return failed_photo(name, "its name is not valid UTF-8, as JSON demands: rename it")
    result.people.file_name = name
    people = [annotation(person, result.people.size, sampling=sampling) for person in result.people.people]
    return {"file_name": name, "image": image_record(result.people), "annotations": people}


def failed_photo(name: str, reason: str) -> dict[str, Any]:
    """The entry of a photo that could not be used."""
    return {"file_name": name, "failure": reason}


def same_photo(name: str, other: str) -> dict[str, Any]:
    """The entry of a photo that is another one, by a link say."""
    return failed_photo(name, f"the same photo as {other}")


def write_labels(entries: Iterable[dict[str, Any]], run: dict[str, Any], folder: Path) -> FolderSummary:
    """Write a run's labels, and its failures as JSON Lines, to :data:`LABELS` and :data:`FAILURES` in a folder.

    Args:
        entries: of :func:`photo_entry`, in the order of the photos.
        run: what the file says of the run.
        folder: which is there.
    """
    photos = people = failed = 0
    info = {"description": "Labels by DensePose Annotator", RUN: run}
    with (
        CocoWriter(folder / LABELS, info=info) as writer,
        (folder / FAILURES).open("w", encoding="utf-8") as bad,
    ):
        for entry in entries:
            photos += 1
            if "failure" in entry:
                failed += 1
                bad.write(json.dumps(entry) + "\n")
            else:
                people += len(entry["annotations"])
                writer.add_records(entry["image"], entry["annotations"])
    return FolderSummary(photos, people, failed)


def move_labels(folder: Path, out: Path) -> None:
    """Move what :func:`write_labels` wrote to ``out`` and, if there are failures, beside it, with :data:`FAILURES_SUFFIX`."""
    move_file(folder / LABELS, out)
    failures = out.with_name(out.name + FAILURES_SUFFIX)
    if (folder / FAILURES).stat().st_size:
        move_file(folder / FAILURES, failures)
    else:
        failures.unlink(missing_ok=True)
