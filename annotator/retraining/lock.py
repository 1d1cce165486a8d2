"""One retraining at a time in a folder."""

from __future__ import annotations

import time
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
    path = _lock_of(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        # A second try: somebody may just have asked, see below.
        if not lock_file(file, path) and (time.sleep(0.1) or not lock_file(file, path)):
            raise ValueError(f"{folder}: another retraining works in this folder: wait until it is done")
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def is_at_work(folder: Path) -> bool:
    """Whether a process is at work in the folder of a run."""
    path = _lock_of(folder)
    try:
        with path.open("r") as file:
            return not lock_file(file, path)
    except FileNotFoundError:
        return False


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")
