"""What the database and a folder hold, in a form that two runs can be compared in: ids and times aside."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from annotator.dataset.fields import Fields
from annotator.dataset.person_labels import attribute
from annotator.dataset.sample_people import find_labels, read_people
from annotator.labels.people import Person
from tests.robustness import operations
from tests.robustness.killing import WRITES

FIELDS = Fields()


@dataclass
class Image:
    """One sample. What is saved in one step is one attribute."""

    people: list[tuple[str, str]]
    """Key and digest of the labels of each person; nothing before the sample was labelled."""
    humans: dict[str, str]
    """The same of the people whom a human made, changed or decided about."""
    failure: Any = None
    id: int | None = None
    """Of the image, in files."""
    ids: tuple[int | None, ...] = ()
    """Of its people, in files."""


@dataclass
class State:
    """All that there is."""

    images: dict[str, Image] = field(default_factory=dict)
    """By the path of the photo."""
    doubled: list[str] = field(default_factory=list)
    """Photos that two samples have."""
    files: dict[str, str] = field(default_factory=dict)
    """The digest of each file under its final name, by its path."""
    left: list[str] = field(default_factory=list)
    """Other files: hidden ones, and those of unfinished runs."""
    broken: list[str] = field(default_factory=list)
    """What cannot be read, and why."""


def observe(database: Any, folder: Path) -> State:
    """The state of a database, as pymongo has it, and of a folder."""
    state = State()
    for dataset in database["datasets"].find():
        for document in database[dataset["sample_collection_name"]].find():
            photo = str(Path(document["filepath"]).relative_to(folder))
            if photo in state.images:
                state.doubled.append(photo)
            try:
                state.images[photo] = _image(document)
            except Exception as error:
                state.broken.append(f"{photo}: {error}")
    for path in sorted(folder.rglob("*")):
        place = str(path.relative_to(folder))
        if path.is_file() and not place.startswith("photos/"):
            if any(part.startswith(".") or part.endswith(".partial") for part in Path(place).parts):
                state.left.append(place)
            else:
                _add_file(state, path, place)
    return state


def run_and_observe(name: str, folder: Path, _: Any) -> list[State]:
    """The states of an undisturbed run of an operation: after each thing that it acknowledges, and at the end."""
    from fiftyone.core.odm import get_db_conn

    states = []

    def look(_: Any = None) -> None:
        with WRITES.paused():
            states.append(observe(get_db_conn(), folder))

    operations.run(name, folder, [], look)
    look()
    return states


def _image(document: dict[str, Any]) -> Image:
    import fiftyone as fo

    sample = fo.Sample.from_dict(dict.fromkeys(FIELDS.names) | document)
    people = read_people(sample, FIELDS)
    if people is None:
        return Image([], {}, sample[FIELDS.failure])
    found = find_labels(sample, FIELDS)[0]
    labels = [
        (labels.person.id, _digest(person)) for labels, person in zip(found, people.people, strict=True)
    ]
    humans = {labels.person.id for labels in found if labels.is_kept}
    return Image(
        labels,
        {key: digest for key, digest in labels if key in humans},
        sample[FIELDS.failure],
        sample[FIELDS.image_id],
        tuple(attribute(one.person, "annotation_id") for one in found),
    )


def _digest(person: Person) -> str:
    """Of the labels and of who made them; the model's last digits differ by the machine's threads."""
    digest = hashlib.sha1(usedforsecurity=False)
    values = asdict(person)
    values["provenance"].pop("time")
    del values["id"]
    for name, value in sorted(values.items()):
        if isinstance(value, np.ndarray):
            array = np.rint(value * 100).astype(int) if name == "keypoints" else np.ascontiguousarray(value)
            digest.update(name.encode() + repr(array.shape).encode() + array.tobytes())
        else:
            digest.update(repr((name, _rounded(value))).encode())
    return digest.hexdigest()[:12]


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in sorted(value.items())}
    return value


def _add_file(state: State, path: Path, place: str) -> None:
    if path.suffix == ".npz":
        # Named by the time; what an edit was to change may be there more than once.
        place, digest = f"{Path(place).parent}/{path.stem[12:]}", "whole"
        try:
            with np.load(path) as file:
                [file[name] for name in file.files]  # of which some are no arrays
        except (ValueError, OSError, zipfile.BadZipFile) as error:
            state.broken.append(f"{place}: {error}")
    else:
        digest = hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()[:12]
        if path.suffix == ".json":
            try:
                json.loads(path.read_text())
            except ValueError:
                digest += " no JSON"
    state.files[place] = digest
