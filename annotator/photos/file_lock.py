"""Locks on files, which end with the process that holds them."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO, Any


def lock_file(file: IO[Any], path: Path) -> bool:
    """Lock a file that was opened at ``path``, until it is closed.

    Returns:
        Whether it is ours: no other process has it locked, or has removed it meanwhile.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except (BlockingIOError, FileNotFoundError):
        return False
