"""Files that appear whole or not at all, also when the power fails, and stay once they are there."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex


@contextmanager
def whole_file(path: Path, sync_name: bool = True) -> Iterator[Path]:
    """A path to write to in the place of ``path``, which the file takes at the end; after an error nothing is left.

    Args:
        path: of the file.
        sync_name: whether its name, too, is on the disk at the end. Who writes several files into one folder may do
            that once for all of them, by :func:`sync_folder`.

    Raises:
        FileNotFoundError: there is no folder for it.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent}: no such folder")
    # Not tempfile: the file is to have the permissions of any new file.
    temporary = path.with_name(f".{path.name}.{token_hex(4)}")
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        if sync_name:
            sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def move_file(source: Path, target: Path) -> None:
    """Move a file that was written in full into its place, on the same disk; what was there is replaced."""
    _sync(source)
    os.replace(source, target)
    sync_folder(target.parent)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, if they are missing."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Return when the names in a folder are on the disk, as they are now."""
    try:
        _sync(folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBADF):  # of file systems that cannot do it
            raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
