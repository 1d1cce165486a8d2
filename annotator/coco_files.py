"""COCO-DensePose files of any length: read and written as streams."""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from annotator.coco import CocoError, annotation, image_record, read_person
from annotator.densepose import KEYPOINTS, SKELETON
from annotator.people import People
from annotator.points import PointSampling

PERSON_CATEGORY = {
    "id": 1,
    "name": "person",
    "supercategory": "person",
    "keypoints": [name.replace(" ", "_") for name in KEYPOINTS],
    "skeleton": [[a + 1, b + 1] for a, b in SKELETON],
}
KNOWN_IMAGE_FIELDS = {"id", "file_name", "width", "height"}
LISTS = ("images", "annotations")


def read_header(path: str | Path) -> dict[str, Any]:
    """Everything in a file but its images and annotations: ``info``, ``licenses``, ``categories``, …"""
    import ijson

    header, key, builder = {}, None, None
    try:
        with Path(path).open("rb") as file:
            for prefix, event, value in ijson.parse(file, use_float=True):
                if prefix == "" and event in ("map_key", "end_map"):
                    if builder is not None:
                        header[key] = builder.value
                    key = value
                    builder = None if key in LISTS else ijson.ObjectBuilder()
                elif prefix == "" and event != "start_map":
                    raise CocoError(f"{path}: not a JSON object")
                elif builder is not None and prefix:
                    builder.event(event, value)
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise CocoError(f"{path}: not a whole JSON file: {error}") from None
    except OSError as error:
        raise CocoError(f"{path}: cannot be read: {error.strerror}") from None
    return header


def read_coco(path: str | Path) -> Iterator[People]:
    """The images of a COCO(-DensePose) file with their people, in the order of ``images``.

    Annotations may stand in any order: they are sorted by image in a temporary file, so that memory does not
    grow with their number.

    Raises:
        CocoError: naming file, image or annotation id, and field. What concerns the file as a whole is raised
            before the first image.
    """
    path = Path(path)
    with tempfile.TemporaryDirectory(prefix="coco-") as folder:
        index = sqlite3.connect(Path(folder) / "index.sqlite")
        try:
            _fill_index(index, path)
            yield from _people(index, path)
        finally:
            index.close()


def _fill_index(index: sqlite3.Connection, path: Path) -> None:
    index.execute("PRAGMA journal_mode = OFF")
    index.execute("PRAGMA synchronous = OFF")
    index.execute("CREATE TABLE images (id INTEGER PRIMARY KEY, place INTEGER, json TEXT)")
    index.execute("CREATE TABLE annotations (id INTEGER PRIMARY KEY, image INTEGER, place INTEGER, json TEXT)")
    for place, image in enumerate(_items(path, "images")):
        image_id = _id(image, "id", f"{path}: image number {place + 1}")
        _insert(index, "INSERT INTO images VALUES (?, ?, ?)", (image_id, place, json.dumps(image)),
                f"{path}: image {image_id}: id: used twice")  # fmt: skip
    for place, fields in enumerate(_items(path, "annotations")):
        annotation_id = _id(fields, "id", f"{path}: annotation number {place + 1}")
        image_id = _id(fields, "image_id", f"{path}: annotation {annotation_id}")
        row = (annotation_id, image_id, place, json.dumps(fields))
        _insert(index, "INSERT INTO annotations VALUES (?, ?, ?, ?)", row,
                f"{path}: annotation {annotation_id}: id: used twice")  # fmt: skip
    lost = index.execute(
        "SELECT id, image FROM annotations WHERE image NOT IN (SELECT id FROM images) ORDER BY place LIMIT 1"
    ).fetchone()
    if lost:
        raise CocoError(f"{path}: annotation {lost[0]}: image_id: {lost[1]} is not in `images`")
    index.execute("CREATE INDEX by_image ON annotations (image, place)")


def _insert(index: sqlite3.Connection, statement: str, row: tuple, message: str) -> None:
    try:
        index.execute(statement, row)
    except sqlite3.IntegrityError:
        raise CocoError(message) from None


def _items(path: Path, name: str) -> Iterator[dict[str, Any]]:
    import ijson

    found = False
    try:
        with path.open("rb") as file:
            # The list itself is an event of its own, so an empty one is told from none.
            for prefix, event, value in _entries(ijson, file, name):
                found = True
                if event == "entry":
                    if not isinstance(value, dict):
                        raise CocoError(f"{path}: {prefix}: every entry must be an object")
                    yield value
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise CocoError(f"{path}: not a whole JSON file: {error}") from None
    except OSError as error:
        raise CocoError(f"{path}: cannot be read: {error.strerror}") from None
    if not found:
        raise CocoError(f"{path}: no list `{name}`")


def _entries(ijson, file, name: str):
    """("entry", value) for every element of a top-level list, and once ("list", None) for the list."""
    builder, depth = None, 0
    for prefix, event, value in ijson.parse(file, use_float=True):
        if prefix == name and event == "start_array":
            yield name, "list", None
        elif prefix == f"{name}.item" or builder is not None:
            if builder is None:
                builder = ijson.ObjectBuilder()
            builder.event(event, value)
            depth += (event in ("start_map", "start_array")) - (event in ("end_map", "end_array"))
            if depth == 0:
                yield name, "entry", builder.value
                builder = None


def _id(fields: dict[str, Any], name: str, where: str) -> int:
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise CocoError(f"{where}: {name}: must be a whole number, not {value!r}")
    return value


def _people(index: sqlite3.Connection, path: Path) -> Iterator[People]:
    rows = index.execute("SELECT id, json FROM images ORDER BY place")
    for image_id, text in rows:
        image = json.loads(text)
        where = f"{path}: image {image_id}"
        size = []
        for name in ("width", "height"):
            value = image.get(name)
            if not isinstance(value, int) or value <= 0:
                raise CocoError(f"{where}: {name}: must be a positive whole number, not {value!r}")
            size.append(value)
        if not isinstance(image.get("file_name"), str) or not image["file_name"]:
            raise CocoError(f"{where}: file_name: must be a path")
        found = index.execute("SELECT json FROM annotations WHERE image = ? ORDER BY place", (image_id,))
        yield People(
            size=(size[0], size[1]),
            people=[read_person(json.loads(fields), (size[0], size[1]), str(path)) for (fields,) in found],
            file_name=image["file_name"],
            id=image_id,
            extra={k: v for k, v in image.items() if k not in KNOWN_IMAGE_FIELDS},
        )


class CocoWriter:
    """Writes a COCO-DensePose file image by image; the file appears whole when the context is left.

    Ids that people bring along are kept; the others are given the next free number.

    Args:
        path: the file; an existing one is replaced at the end.
        header: other sections of the file, from :func:`read_header` for a round trip.
        sampling: how dense charts become points.
        first_id: least number for ids given here; above the largest id that comes along.
    """

    def __init__(
        self,
        path: str | Path,
        header: dict[str, Any] | None = None,
        sampling: PointSampling | None = None,
        first_id: int = 1,
    ):
        self.path = Path(path)
        self.header = {"categories": [PERSON_CATEGORY], **(header or {})}
        self.sampling = sampling
        self._next = {"images": first_id, "annotations": first_id}
        self._seen: dict[str, set[int]] = {name: set() for name in LISTS}

    def __enter__(self) -> CocoWriter:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._parts = {
            name: self.path.with_name(f"{self.path.name}.{name}.partial").open("w", encoding="utf-8")
            for name in LISTS
        }
        return self

    def __exit__(self, kind, error, trace) -> None:
        partial = self.path.with_name(f"{self.path.name}.partial")
        try:
            for part in self._parts.values():
                part.close()
            if kind is None:
                self._merge(partial)
                os.replace(partial, self.path)
        finally:
            for path in (partial, *(Path(part.name) for part in self._parts.values())):
                path.unlink(missing_ok=True)

    def add(self, people: People) -> None:
        """Append one image and its people."""
        image_id = self._take("images", people.id)
        records = [
            annotation(person, self._take("annotations", person.id), image_id, people.size, self.sampling)
            for person in people.people
        ]
        self._append("images", image_record(people, image_id))
        for record in records:
            self._append("annotations", record)

    def add_encoded(self, image: dict[str, Any], annotations: list[dict[str, Any]]) -> None:
        """Append what :func:`~annotator.coco.image_record` and ``annotation`` made; it is numbered anew."""
        image_id = self._take("images", None)
        self._append("images", {**image, "id": image_id})
        for fields in annotations:
            self._append("annotations", {**fields, "id": self._take("annotations", None), "image_id": image_id})

    def _take(self, name: str, wanted: int | None) -> int:
        if wanted is None:
            wanted = self._next[name]
            self._next[name] += 1
        elif wanted in self._seen[name]:
            raise CocoError(f"{self.path}: {name} id {wanted} comes twice")
        else:
            self._seen[name].add(wanted)
            self._next[name] = max(self._next[name], wanted + 1)
        return wanted

    def _append(self, name: str, record: dict[str, Any]) -> None:
        part = self._parts[name]
        part.write((",\n" if part.tell() else "\n") + json.dumps(record, separators=(",", ":")))

    def _merge(self, partial: Path) -> None:
        with partial.open("w", encoding="utf-8") as file:
            file.write("{")
            for name, section in self.header.items():
                if name not in LISTS:
                    file.write(f"{json.dumps(name)}:{json.dumps(section)},\n")
            for name in LISTS:
                file.write(f'"{name}":[')
                with Path(self._parts[name].name).open(encoding="utf-8") as part:
                    while block := part.read(1 << 20):
                        file.write(block)
                file.write("\n]" + ("," if name == LISTS[0] else "") + "\n")
            file.write("}\n")
            file.flush()
            os.fsync(file.fileno())
