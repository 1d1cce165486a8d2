"""The journal of an unfinished run, on disk: whatever kills the run, nothing is lost and nothing is done twice."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from annotator.photos.file_lock import lock_file
from annotator.runs.differences import differences

BUSY = "is being written by another run: wait until that is done"


class JournalError(ValueError):
    """An unfinished run that cannot be continued; the message says how to go on."""


class Journal:
    """A JSON Lines file: the run's identity, then one line per photo, which must have ``file_name``.

    An entry survives a kill of the process once :meth:`append` returns. A line that a kill cut in half, or that a
    crash of the machine damaged, is dropped with all after it, and those photos are done again.

    ::

        journal = Journal(path, identity)
        done = journal.open()
        with journal:
            journal.append({"file_name": "a.jpg", ...})

    Args:
        path: of the file.
        identity: JSON; an unfinished run is continued only by one with the same.
    """

    def __init__(self, path: Path, identity: dict[str, Any]):
        self.path = path
        self.identity = identity
        self._offsets: dict[str, int] = {}
        """By photo, the byte at which its line starts."""

    def open(self) -> set[str]:
        """Open the file for :meth:`append`; the names of the photos that are done.

        Raises:
            JournalError: the journal is of another run, or another process is writing it.
        """
        self._file = self.path.open("ab+")
        if not lock_file(self._file, self.path):
            self._refuse(BUSY)
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
                self._offsets[name] = end
            end += len(line)
        self._file.truncate(end)
        if end == 0:
            self._add(self.identity)
        return set(self._offsets)

    def _check(self, line: bytes) -> None:
        try:
            was = json.loads(line)
        except ValueError:
            was = None
        if different := differences(was, json.loads(json.dumps(self.identity))):
            self._refuse(
                f"is of an unfinished run with another folder, model or settings ({different}): "
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
        """Write one photo's entry."""
        self._offsets[entry["file_name"]] = self._add(entry)

    def _add(self, value: dict[str, Any]) -> int:
        """Write a line; returns the byte at which it starts."""
        start = self._file.seek(0, os.SEEK_END)
        self._file.write(json.dumps(value, separators=(",", ":")).encode() + b"\n")
        self._file.flush()
        return start

    def entries(self, names: Iterable[str]) -> Iterator[dict[str, Any]]:
        """The entries of these photos, in this order."""
        with self.path.open("rb") as file:
            for name in names:
                file.seek(self._offsets[name])
                yield json.loads(file.readline())


def _photo_of(line: bytes) -> str | None:
    """The photo of a line; ``None`` if the line is damaged."""
    try:
        return json.loads(line)["file_name"]
    except (ValueError, TypeError, KeyError):
        return None
