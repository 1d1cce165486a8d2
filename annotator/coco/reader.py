"""COCO-DensePose files: read and written as a stream, so that memory does not grow with them.

A single annotation is the matter of :mod:`annotator.coco.parsing` and :mod:`annotator.coco.encoding`.
"""

from __future__ import annotations

import codecs
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

import ijson

from annotator.coco.encoding import annotation, image_record
from annotator.coco.parsing import CocoError, read_person
from annotator.coco.polygons import trace
from annotator.coco.surface_points import PointSampling
from annotator.labels.label_space import KEYPOINTS, SKELETON
from annotator.labels.people import People
from annotator.photos.atomic_files import whole_file

__all__ = [
    "PERSON_CATEGORY",
    "CocoError",
    "CocoWriter",
    "person_categories",
    "read_coco",
    "read_sections",
]

PERSON_CATEGORY = {
    "id": 1,
    "name": "person",
    "supercategory": "person",
    "keypoints": [name.replace(" ", "_") for name in KEYPOINTS],
    "skeleton": [[a + 1, b + 1] for a, b in SKELETON],
}
"""COCO's category of people; limbs count keypoints from 1."""

IMAGE_FIELDS = ("id", "file_name", "width", "height")
LARGEST_SIDE = 2**16


def read_sections(path: str | Path) -> dict[str, Any]:
    """Everything of a file but its images and annotations: info, licenses, categories and what else it has.

    Pass it to :class:`CocoWriter` to write it again.

    Raises:
        CocoError: not JSON, cut off, or without ``images`` and ``annotations``.
        OSError: no such file.
    """
    path = Path(path)
    sections: dict[str, Any] = {}
    lists: dict[str, str] = {}
    name, builder, last = "", None, "before the first annotation"
    try:
        with _open(path) as file:
            for prefix, event, value in ijson.parse(file, use_float=True):
                if prefix == "annotations.item.id":
                    last = f"after the id of annotation {value}"
                elif prefix == "":
                    if event == "map_key":
                        name, builder = (
                            value,
                            None if value in ("images", "annotations") else ijson.ObjectBuilder(),
                        )
                    elif event not in ("start_map", "end_map"):
                        raise CocoError(
                            f"{path}: must be an object with `images` and `annotations` at its top level"
                        )
                    continue
                elif prefix == name and builder is None and event != "end_array":
                    lists[name] = event
                if builder is not None:
                    builder.event(event, value)
                    if prefix == name:
                        sections[name] = builder.value
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise CocoError(f"{path}: not valid JSON, or cut off, {last}: {_reason(error)}") from None
    for section in ("images", "annotations"):
        if section not in lists:
            raise CocoError(f"{path}: has no `{section}` at its top level")
        if lists[section] != "start_array":
            raise CocoError(f"{path}: `{section}` must be a list")
    return sections


def read_coco(path: str | Path) -> Iterator[People]:
    """The people of each image of a COCO-DensePose file, in the order of its ``images``.

    Annotations may stand in any order, before or after the images; they are sorted through a temporary file
    about as large as ``path`` (in ``TMPDIR``). Those of other categories than ``person`` are passed over.

    Raises:
        CocoError: as :func:`read_sections`, and for a missing or malformed field, naming file, record and
            field. What concerns the file as a whole comes before the first image.
        OSError: no such file, no room for the temporary one.
    """
    path = Path(path)
    persons = person_categories(path, read_sections(path).get("categories"))
    with _database(path) as database:
        _store_images(path, database)
        _store_annotations(path, database, persons)
        for position, text in database.execute("SELECT position, record FROM images ORDER BY position"):
            record = json.loads(text)
            size = (record["width"], record["height"])
            rows = database.execute(
                "SELECT record FROM annotations WHERE image = ? ORDER BY rowid", (position,)
            )
            yield People(
                size=size,
                people=[read_person(json.loads(row), size, path) for (row,) in rows],
                file_name=record["file_name"],
                id=record["id"],
                extra={key: value for key, value in record.items() if key not in IMAGE_FIELDS},
            )


def _open(path: Path) -> IO[bytes]:
    """The file behind its byte order mark, which editors on Windows write and JSON does not know."""
    file = path.open("rb")
    if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
        file.seek(0)
    return file


def _reason(error: ijson.JSONError | UnicodeDecodeError) -> str:
    """The parser's complaint and the text it is about on one line."""
    text = error.args[0] if isinstance(error, ijson.JSONError) else error
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    reason, *excerpt = (line.strip() for line in str(text).splitlines())
    return f"{reason} near {excerpt[0]}" if excerpt and excerpt[0] else reason


def person_categories(path: Path, categories: object) -> set[int] | None:
    """Ids of the categories named person, ``None`` where the file names no categories at all."""
    if categories is None or categories == []:
        return None
    if not isinstance(categories, list) or not all(isinstance(c, dict) for c in categories):
        raise CocoError(f"{path}: categories: must be a list of objects")
    for category in categories:
        if type(category.get("id")) is not int:
            raise CocoError(f"{path}: categories: id: {category.get('id')!r} is not a whole number")
    persons = _persons(categories)
    if not persons:
        raise CocoError(f"{path}: categories: none is named person")
    return set(persons)


def _persons(categories: list[dict[str, Any]]) -> list[int]:
    return [category.get("id") for category in categories if str(category.get("name")).lower() == "person"]


@contextmanager
def _database(path: Path) -> Iterator[sqlite3.Connection]:
    """For the records of a file, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="coco-") as folder:
        try:
            # A generator may be created in one thread and read in another.
            with closing(
                sqlite3.connect(f"{folder}/records.sqlite", isolation_level=None, check_same_thread=False)
            ) as database:
                database.executescript(
                    """
                    PRAGMA journal_mode = OFF;
                    PRAGMA synchronous = OFF;
                    PRAGMA cache_size = -8192;
                    CREATE TABLE images (position INTEGER PRIMARY KEY, id INTEGER UNIQUE, record TEXT);
                    CREATE TABLE annotations (id INTEGER UNIQUE, image INTEGER, record TEXT);
                    BEGIN;
                    """
                )
                yield database
        except sqlite3.OperationalError as error:
            raise OSError(
                f"{folder}: cannot hold the records of {path}: {error}; set TMPDIR to a folder with room"
            ) from None


def _items(path: Path, section: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each record of a section and how to name it in an error; its ``id`` is checked."""
    with _open(path) as file:
        for position, record in enumerate(ijson.items(file, f"{section}.item", use_float=True)):
            where = f"{path}: {section[:-1]} number {position}"
            if not isinstance(record, dict):
                raise CocoError(f"{where}: must be an object")
            _check_id(where, record, "id")
            yield f"{path}: {section[:-1]} {record['id']}", record


def _check_id(where: str, record: dict[str, Any], field: str) -> None:
    value = record.get(field)
    if type(value) is not int:
        raise CocoError(
            f"{where}: {field}: " + ("missing" if value is None else f"{value!r} is not a whole number")
        )


def _store_images(path: Path, database: sqlite3.Connection) -> None:
    for where, record in _items(path, "images"):
        if not isinstance(record.get("file_name"), str) or not record["file_name"]:
            raise CocoError(f"{where}: file_name: must be a path below the images' folder")
        for side in ("width", "height"):
            value = record.get(side)
            if type(value) is not int or not 0 < value <= LARGEST_SIDE:
                raise CocoError(f"{where}: {side}: {value!r} is not a number of pixels in 1..{LARGEST_SIDE}")
        try:
            database.execute(
                "INSERT INTO images (id, record) VALUES (?, ?)", (record["id"], json.dumps(record))
            )
        except sqlite3.IntegrityError:
            raise CocoError(f"{where}: id: used by two images") from None


def _store_annotations(path: Path, database: sqlite3.Connection, persons: set[int] | None) -> None:
    for where, record in _items(path, "annotations"):
        _check_id(where, record, "image_id")
        image, category = record["image_id"], record.get("category_id")
        if category is not None:
            _check_id(where, record, "category_id")
        found = database.execute("SELECT position FROM images WHERE id = ?", (image,)).fetchone()
        if found is None:
            raise CocoError(f"{where}: image_id: there is no image {image}")
        # Other categories are stored without their record: their ids must be unique, too.
        wanted = persons is None or category is None or category in persons
        try:
            database.execute(
                "INSERT INTO annotations VALUES (?, ?, ?)",
                (record["id"], found[0] if wanted else None, json.dumps(record) if wanted else None),
            )
        except sqlite3.IntegrityError:
            raise CocoError(f"{where}: id: used by two annotations") from None
    database.execute("CREATE INDEX by_image ON annotations (image)")


class CocoWriter:
    """Writes a COCO-DensePose file, image by image; it appears, whole, when the context is left.

    ::

        with CocoWriter("labels.json", sections=read_sections("old.json")) as writer:
            for people in read_coco("old.json"):
                writer.add(people)

    Until then records go to unnamed files in its folder; after an exception nothing is left. Ids that are given are
    kept; images and people without one are numbered on from the highest id so far.

    Args:
        path: of the file; one that is there is replaced.
        info: COCO's section, which goes before that of ``sections``.
        sections: all sections of the top level but ``images`` and ``annotations``, as from
            :func:`read_sections`. :data:`PERSON_CATEGORY` is added where no category is a person's. People get the
            id of the category that is, unless they have it already.
        sampling: of the surface points of densely labelled people.
        polygons: write masks as polygons, for tools that read no run lengths; holes are filled.
    """

    def __init__(
        self,
        path: str | Path,
        info: dict[str, Any] | None = None,
        sections: dict[str, Any] | None = None,
        sampling: PointSampling | None = None,
        polygons: bool = False,
    ) -> None:
        self.path, self.polygons = Path(os.path.realpath(path)), polygons
        self.sampling = sampling or PointSampling()
        self._sections = {"info": {}, "licenses": []} if sections is None else dict(sections)
        if info is not None:
            self._sections["info"] = info
        categories = self._sections.get("categories") or []
        self._persons = _persons(categories)
        if not self._persons:
            self._persons = [max((category["id"] for category in categories), default=0) + 1]
            self._sections["categories"] = [*categories, PERSON_CATEGORY | {"id": self._persons[0]}]

    def __enter__(self) -> CocoWriter:
        self._images, self._annotations = self._part(), self._part()
        self._image_ids, self._annotation_ids = _Ids("image"), _Ids("annotation")
        return self

    def add(self, people: People) -> None:
        """Write an image and its people.

        Raises:
            CocoError: an id that was used before, a value that JSON cannot hold, or no ``file_name``.
        """
        records = [annotation(person, people.size, sampling=self.sampling) for person in people.people]
        if self.polygons:
            for person, record in zip(people.people, records, strict=True):
                if person.mask is not None:
                    record["segmentation"] = trace(person.mask, person.box)
        self.add_records(image_record(people), records)

    def add_records(self, image: dict[str, Any], annotations: Iterable[dict[str, Any]]) -> None:
        """Write records as :func:`image_record` and :func:`annotation` make them; missing ids are given here.

        Raises:
            CocoError: as :meth:`add`.
        """
        if not image.get("file_name"):
            raise CocoError("file_name: must say where below the images' folder the photo lies")
        image_id = self._image_ids.take(image.get("id"))
        lines = [_line({"id": image_id, **image}, f"image {image_id}")]
        for record in annotations:
            annotation_id = self._annotation_ids.take(record.get("id"))
            ids = {"id": annotation_id, "image_id": image_id}
            if record.get("category_id") not in self._persons:
                ids["category_id"] = self._persons[0]
            lines.append(_line(ids | record | ids, f"annotation {annotation_id}"))
        _write(self._images, lines[:1])
        _write(self._annotations, lines[1:])

    def __exit__(self, kind: type | None, *_: object) -> None:
        with self._images, self._annotations:
            if kind is None:
                self._finish()

    def _part(self) -> IO[str]:
        return tempfile.TemporaryFile("w+", encoding="utf-8", dir=self.path.parent)

    def _finish(self) -> None:
        """All in one new file, which then takes the place of the old one."""
        with whole_file(self.path) as temporary, temporary.open("x", encoding="utf-8") as whole:
            whole.write("{\n")
            for name, value in self._sections.items():
                whole.write(f"{json.dumps(name)}: {_line(value, name)},\n")
            for name, part, end in (
                ("images", self._images, ",\n"),
                ("annotations", self._annotations, "\n}\n"),
            ):
                whole.write(f'"{name}": [')
                part.seek(0)
                shutil.copyfileobj(part, whole, 1 << 20)
                whole.write(f"\n]{end}")
            whole.flush()
            os.fsync(whole.fileno())
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class _Ids:
    """Ids used so far, as bits in pages of 512: a million neighbouring ids take a few hundred kilobytes."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.pages: dict[int, int] = {}
        self.next = 1

    def take(self, given: int | None) -> int:
        """``given``, or the next free one."""
        number = self.next if given is None else given
        page, bit = number >> 9, 1 << (number & 511)
        bits = self.pages.get(page, 0)
        if bits & bit:
            raise CocoError(
                f"{self.kind} id {number} is used twice; give each {self.kind} its own id, or none"
            )
        self.pages[page] = bits | bit
        self.next = max(self.next, number + 1)
        return number


def _line(value: object, what: str) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CocoError(f"{what} cannot be written as JSON: {error}") from None


def _write(file: IO[str], lines: list[str]) -> None:
    for line in lines:
        file.write(("\n" if file.tell() == 0 else ",\n") + line)
