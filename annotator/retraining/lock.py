"""One retraining at a time in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from annotator.photos.file_lock import lock_file


@contextmanager
def only_run_in(folder: Path) -> Iterator[None]:
    """Keep other processes out of the folder of a run, by a lock on a file beside it, which ends with this process, too.

    Raises:
        ValueError: another process is at work in it.
    """
    path = folder.with_name(f".{folder.name}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        if not lock_file(file, path):
            raise ValueError(f"{folder}: another retraining works in this folder: wait until it is done")
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
