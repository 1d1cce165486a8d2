"""Read COCO-DensePose files as a stream: memory does not grow with the file.

How one annotation becomes a person is in :mod:`annotator.coco.parsing`.
"""

from __future__ import annotations

import codecs
import json
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

import ijson

from annotator.coco.categories import Categories, read_categories
from annotator.coco.parsing import CocoError, read_person, whole_number
from annotator.labels.messages import MAX_LENGTH, short
from annotator.labels.people import People

__all__ = ["CocoError", "read_coco", "read_file_names", "read_sections"]

IMAGE_FIELDS = ("id", "file_name", "width", "height", "dp_nobody")
"""What :class:`~annotator.labels.people.People` holds by itself; other fields of an image are kept in ``extra``."""
LISTS = ("images", "annotations")
"""The sections that are read record by record."""
MAX_SIDE = 2**16
"""Pixels."""
MAX_DEPTH = 100
"""Of objects and lists in each other."""


def read_sections(path: str | Path) -> dict[str, Any]:
    """All sections of a file except images and annotations: info, licenses, categories and whatever else it has.

    :class:`annotator.coco.writer.CocoWriter` takes them to write them again. Categories of people have the keypoints in
    COCO's order, as :func:`read_coco` has them.

    Raises:
        CocoError: not JSON, cut off, without ``images`` and ``annotations``, or as
            :func:`annotator.coco.categories.read_categories`.
        OSError: no such file.
    """
    sections = _sections(Path(path))
    categories = read_categories(Path(path), sections.get("categories"))
    if categories.by_id:
        sections["categories"] = [category.record for category in categories.by_id.values()]
    return sections


def _sections(path: Path) -> dict[str, Any]:
    """The sections as the file has them."""
    sections: dict[str, Any] = {}
    found, name, builder = set(), "", None
    for depth, event, value in _events(path):
        if depth == 0:
            if event not in ("start_map", "end_map"):
                raise CocoError(f"{path}: must be an object with `images` and `annotations` at its top level")
        elif depth == 1 and event == "map_key":
            name, builder = value, None if value in LISTS else ijson.ObjectBuilder()
            found.add(name)
        elif builder is not None:
            builder.event(event, value)
            is_whole = depth == 1 and not event.startswith("start")
            if is_whole and sections.setdefault(name, builder.value) != builder.value:
                raise CocoError(f"{path}: has {short(name)} twice at its top level, with different contents")
        elif depth == 1 and event not in ("start_array", "end_array"):
            raise CocoError(f"{path}: `{name}` must be a list")
    for name in LISTS:
        if name not in found:
            raise CocoError(f"{path}: has no `{name}` at its top level")
    return sections


def _events(path: Path) -> Iterator[tuple[int, str, Any]]:
    """What the parser meets, with the number of objects and lists around it, but nothing that is inside of :data:`LISTS`.

    Raises:
        CocoError: no JSON, a name twice in one object, or objects in objects without end.
    """
    open_names: list[set[str]] = []
    section, name, last = "", "", "before the first annotation"
    try:
        with _open(path) as file:
            for event, value in ijson.basic_parse(file, use_float=True):
                if event in ("end_map", "end_array"):
                    open_names.pop()
                depth = len(open_names)
                if event in ("start_map", "start_array"):
                    open_names.append(set())
                    if depth == MAX_DEPTH:
                        raise CocoError(f"{path}: nested more than {MAX_DEPTH} levels deep, {last}")
                elif event == "map_key":
                    # The lists may come in several pieces.
                    if value in open_names[-1] and depth > 1:
                        raise CocoError(f"{path}: an object has {short(value)} twice, {last}")
                    open_names[-1].add(value)
                    section, name = value if depth == 1 else section, value
                elif event == "number" and depth == 3 and (section, name) == ("annotations", "id"):
                    last = f"after the id of annotation {value}"
                if depth < 2 or section not in LISTS:
                    yield depth, event, value
    except (ijson.JSONError, UnicodeDecodeError) as error:
        reason = _reason(error)
        if "overflow" in reason:
            raise CocoError(
                f"{path}: a number is too large, whole ones must fit in 64 bits, {last}: {reason}"
            ) from None
        raise CocoError(f"{path}: not valid JSON, or cut off, {last}: {reason}") from None


def read_file_names(path: str | Path) -> Iterator[tuple[int, str]]:
    """The ``id`` and ``file_name`` of each image.

    Raises:
        CocoError: a malformed image, naming file, record and field.
        OSError: no such file.
    """
    for _, record in _images(Path(path)):
        yield record["id"], record["file_name"]


def read_coco(path: str | Path) -> Iterator[People]:
    """The people of each image of a COCO-DensePose file, in the order of its ``images``.

    Annotations may come in any order, before or after the images: they are sorted in a temporary file about as large
    as ``path`` (in ``TMPDIR``). Those of other categories than ``person`` are only counted. Keypoints are put in COCO's
    order by the names that the category has for them.

    Raises:
        CocoError: as :func:`read_sections`, and for a missing or malformed field, naming file, record and
            field. What concerns the file as a whole comes before the first image.
        OSError: no such file, no room for the temporary one.
    """
    path = Path(path)
    categories = read_categories(path, _sections(path).get("categories"))
    with _database(path) as database:
        _store_images(path, database)
        _store_annotations(path, database, categories)
        for position, text in database.execute("SELECT position, record FROM images ORDER BY position"):
            record = json.loads(text)
            size = (record["width"], record["height"])
            rows = database.execute(
                "SELECT record, class FROM annotations WHERE image = ? ORDER BY rowid", (position,)
            ).fetchall()
            yield People(
                size=size,
                people=[read_person(json.loads(row), size, path) for row, _ in rows if row is not None],
                file_name=record["file_name"],
                id=record["id"],
                extra={key: value for key, value in record.items() if key not in IMAGE_FIELDS},
                nobody=record.get("dp_nobody"),
                other_classes=dict(Counter(name for row, name in rows if row is None)),
            )


@contextmanager
def _database(path: Path) -> Iterator[sqlite3.Connection]:
    """A temporary database for the records of a file."""
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
                    CREATE TABLE annotations (id INTEGER UNIQUE, image INTEGER, record TEXT, class TEXT);
                    BEGIN;
                    """
                )
                yield database
        except sqlite3.OperationalError as error:
            raise OSError(
                f"{folder}: cannot hold the records of {path}: {error}; set TMPDIR to a folder with room"
            ) from None


def _items(path: Path, section: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each record of a section, with a checked ``id``, and how to name it in an error."""
    with _open(path) as file:
        for position, record in enumerate(ijson.items(file, f"{section}.item", use_float=True)):
            where = f"{path}: {section[:-1]} number {position}"
            if not isinstance(record, dict):
                raise CocoError(f"{where}: must be an object")
            _check_id(where, record, "id")
            yield f"{path}: {section[:-1]} {record['id']}", record


def _check_id(where: str, record: dict[str, Any], field: str) -> None:
    try:
        whole_number(record, field)
    except CocoError as error:
        raise CocoError(f"{where}: {error}") from None


def _images(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each image, checked, and how to name it in an error."""
    for where, record in _items(path, "images"):
        if not isinstance(record.get("file_name"), str) or not record["file_name"]:
            raise CocoError(f"{where}: file_name: must be a path below the images' folder")
        for side in ("width", "height"):
            value = record.get(side)
            if type(value) is not int or not 0 < value <= MAX_SIDE:
                raise CocoError(f"{where}: {side}: {short(value)} is not a number of pixels in 1..{MAX_SIDE}")
        nobody = record.get("dp_nobody")
        if nobody is not None and not (
            isinstance(nobody, dict)
            and nobody.keys() <= {"author", "time"}
            and all(isinstance(value, str) for value in nobody.values())
        ):
            raise CocoError(f"{where}: dp_nobody: must be an object with author (text), time (text)")
        yield where, record


def _store_images(path: Path, database: sqlite3.Connection) -> None:
    for where, record in _images(path):
        try:
            database.execute(
                "INSERT INTO images (id, record) VALUES (?, ?)", (record["id"], json.dumps(record))
            )
        except sqlite3.IntegrityError:
            raise CocoError(f"{where}: id: used by two images") from None


def _store_annotations(path: Path, database: sqlite3.Connection, categories: Categories) -> None:
    for where, record in _items(path, "annotations"):
        _check_id(where, record, "image_id")
        image = record["image_id"]
        try:
            category = categories.of(record)
            person = category.in_coco_order(record) if category.is_person else None
        except CocoError as error:
            raise CocoError(f"{where}: {error}") from None
        found = database.execute("SELECT position FROM images WHERE id = ?", (image,)).fetchone()
        if found is None:
            raise CocoError(f"{where}: image_id: there is no image {image}")
        text, other = (None, category.name) if person is None else (json.dumps(person), None)
        try:
            database.execute(
                "INSERT INTO annotations VALUES (?, ?, ?, ?)", (record["id"], found[0], text, other)
            )
        except sqlite3.IntegrityError:
            raise CocoError(f"{where}: id: used by two annotations") from None
    database.execute("CREATE INDEX by_image ON annotations (image)")


def _open(path: Path) -> IO[bytes]:
    """The file without its byte order mark, which editors on Windows write and JSON does not allow."""
    file = path.open("rb")
    if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
        file.seek(0)
    return file


def _reason(error: ijson.JSONError | UnicodeDecodeError) -> str:
    """The parser's message and the text it is about, on one line."""
    text = error.args[0] if isinstance(error, ijson.JSONError) else error
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    # Then comes a line with an arrow, after text with a zero in the same line.
    reason, *excerpt = (line.strip() for line in str(text).partition("(right here)")[0].splitlines())
    near = "".join(c if c.isprintable() else "?" for c in excerpt[0][:MAX_LENGTH]) if excerpt else ""
    return f"{reason} near {near}" if near else reason
