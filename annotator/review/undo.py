"""The people as they were before each edit, on disk, so that every edit can be undone, even after a restart.

A folder per image holds one file per edit, named by its token: the time in milliseconds and the request id of the
edit, as hexadecimal digits.
"""

from __future__ import annotations

import json
import re
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from secrets import token_hex
from typing import Any

import bson
import numpy as np

from annotator.labels.messages import short
from annotator.labels.people import BOX_ARRAYS, Person, Provenance
from annotator.photos.atomic_files import make_folder, whole_file

KEPT_DAYS = 14
"""Days for which an edit can be undone."""
_REQUEST_ID = re.compile(r"[0-9a-f]{16}")
_TOKEN = re.compile(r"[0-9a-f]{28}")
# Also the half-written ones that a killed process leaves.
_FILE = re.compile(r"\.?[0-9a-f]{28}\.npz(\.[0-9a-f]{8})?")
_ARRAYS = (*BOX_ARRAYS, "keypoints", "visibility", "points", "corrections")


def history_folder(maps: Path) -> Path:
    """The folder of a dataset's edits, beside its maps; it has a folder per sample."""
    return maps / "history"


def save_people(
    folder: Path,
    people: Mapping[str, Person | None],
    request_id: str | None = None,
    documents: Mapping[str, Any] | None = None,
    possible: Mapping[str, str] | None = None,
) -> str:
    """Save the people before an edit, and remove the image's edits that are older than :data:`KEPT_DAYS`.

    Args:
        folder: of the image's edits.
        people: by key, None for one who was not there.
        request_id: 16 hexadecimal digits, by which :func:`find_token` finds the token.
        documents: by key, what else is to come back with a person; of what MongoDB can hold.
        possible: by key, the states of possible people.

    Returns:
        The token of the edit, for :func:`load_people`, :func:`load_documents` and :func:`load_possible`.
    """
    arrays, described = {}, {}
    for number, (key, person) in enumerate(people.items()):
        described[key] = None if person is None else _described(person)
        for field in _ARRAYS:
            array = None if person is None else getattr(person, field)
            if array is not None:
                arrays[f"{number}/{field}"] = array
    arrays["people"] = np.frombuffer(json.dumps(described).encode(), np.uint8)
    arrays["possible"] = np.frombuffer(json.dumps(possible or {}).encode(), np.uint8)
    arrays["documents"] = np.frombuffer(bson.encode(documents or {}), np.uint8)
    return _write_arrays(folder, arrays, request_id)


def save_rows(folder: Path, header: Any, rows: Iterable[Any], request_id: str) -> str:
    """As :func:`save_people`, for any number of values that JSON can hold, of which one is in memory at a time. Returns the token
    for :func:`load_rows`."""

    def write(archive: zipfile.ZipFile) -> None:
        count = 0
        with archive.open("rows.jsonl", "w", force_zip64=True) as file:
            for count, row in enumerate(rows, 1):  # noqa: B007
                file.write(json.dumps(row).encode() + b"\n")
        archive.writestr("header.json", json.dumps({"header": header, "rows": count}))

    return _write(folder, write, request_id)


def _write_arrays(folder: Path, arrays: Mapping[str, np.ndarray], request_id: str | None) -> str:
    def write(archive: zipfile.ZipFile) -> None:
        for key, array in arrays.items():
            with archive.open(f"{key}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array)

    return _write(folder, write, request_id)


def _write(folder: Path, write: Callable[[zipfile.ZipFile], None], request_id: str | None) -> str:
    make_folder(folder)
    # Tokens sort by time.
    token = f"{time.time_ns() // 1_000_000:012x}{request_id or token_hex(8)}"
    # As numpy.savez_compressed, at a level that takes a third of the time: every edit waits for it.
    with (
        whole_file(folder / f"{token}.npz") as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        write(archive)
    for path in expired_files(folder):
        path.unlink(missing_ok=True)
    return token


def remove(folder: Path, token: str) -> None:
    """Remove an edit that was not made after all."""
    (folder / f"{token}.npz").unlink(missing_ok=True)


def find_token(folder: Path, request_id: str) -> str | None:
    """The last token of a request, ``None`` if there is none.

    Raises:
        ValueError: not a request id.
    """
    if not isinstance(request_id, str) or not _REQUEST_ID.fullmatch(request_id):
        raise ValueError(f"request_id: must be 16 hexadecimal digits, not {short(request_id)}")
    return max((path.stem for path in folder.glob(f"*{request_id}.npz")), default=None)


def request_of(token: str) -> str:
    """The request id of the edit that a token stands for, or what was made up where there was none."""
    return token[12:]


def load_people(folder: Path, token: str) -> dict[str, Person | None]:
    """The people by key, None for one who was not there.

    Raises:
        KeyError: no such token, or one that is too old.
    """
    with _open(folder, token) as file:
        described = json.loads(file["people"].tobytes())
        return {
            key: None if values is None else _person(values, file, number)
            for number, (key, values) in enumerate(described.items())
        }


def load_documents(folder: Path, token: str) -> dict[str, Any]:
    """What else was saved of the people, by key.

    Raises:
        KeyError: as :func:`load_people`.
    """
    with _open(folder, token) as file:
        return bson.decode(file["documents"].tobytes())


def load_possible(folder: Path, token: str) -> dict[str, str]:
    """The states of possible people that were saved, by key.

    Raises:
        KeyError: as :func:`load_people`.
    """
    with _open(folder, token) as file:
        return json.loads(file["possible"].tobytes())


def load_rows(folder: Path, token: str) -> tuple[Any, int, Iterator[Any]]:
    """The header that :func:`save_rows` saved, the number of rows, and the rows, which are read one by one.

    Raises:
        KeyError: as :func:`load_people`.
    """
    path = _path(folder, token)
    with zipfile.ZipFile(path) as archive:
        about = json.loads(archive.read("header.json"))

    def rows() -> Iterator[Any]:
        with zipfile.ZipFile(path) as archive, archive.open("rows.jsonl") as file:
            yield from map(json.loads, file)

    return about["header"], about["rows"], rows()


def _open(folder: Path, token: str) -> np.lib.npyio.NpzFile:
    return np.load(_path(folder, token))


def _path(folder: Path, token: str) -> Path:
    path = folder / f"{token}.npz"
    if not isinstance(token, str) or not _TOKEN.fullmatch(token) or not path.exists():
        raise KeyError(
            f"there is nothing to undo under {short(token)}: it is older than {KEPT_DAYS} days, or the photo was labelled "
            "anew since"
        )
    return path


def _described(person: Person) -> dict:
    return {
        "box": [int(side) for side in person.box],
        "score": float(person.score),
        "quality": {name: float(value) for name, value in person.quality.items()},
        "issues": {name: float(value) for name, value in person.issues.items()},
        "provenance": asdict(person.provenance),
        "hand_made": person.hand_made,
        "removed_keypoints": person.removed_keypoints,
        "crowd": person.crowd,
        "id": person.id,
        "extra": person.extra,
    }


def _person(values: dict, file: Mapping[str, np.ndarray], number: int) -> Person:
    arrays = {name: file[f"{number}/{name}"] for name in _ARRAYS if f"{number}/{name}" in file}
    changes = {
        "box": tuple(values["box"]),
        "provenance": Provenance(**values["provenance"]),
        "hand_made": tuple(values.get("hand_made", ())),
        "removed_keypoints": tuple(values.get("removed_keypoints", ())),
    }
    return Person(**(values | changes | arrays))


def expired_files(folder: Path) -> list[Path]:
    """Files of edits, also half-written ones, that are older than :data:`KEPT_DAYS`."""
    oldest = f"{(time.time_ns() - KEPT_DAYS * 86_400 * 10**9) // 1_000_000:012x}"
    return [
        path
        for path in folder.iterdir()
        if _FILE.fullmatch(path.name) and path.name.removeprefix(".") < oldest
    ]


def with_id_of(person: Person | None, now: Person | None) -> Person | None:
    """A person who was numbered by an export since keeps the number."""
    known = person is None or now is None or person.id is not None
    return person if known else replace(person, id=now.id)
