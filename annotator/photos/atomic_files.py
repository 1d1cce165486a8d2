"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write to in the place of ``path``, which the file takes at the end; after an error nothing is left.

    Raises:
        FileNotFoundError: there is no folder for it.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent}: no such folder")
    # Not tempfile: the file is to have the permissions of any new file.
    temporary = path.with_name(f".{path.name}.{token_hex(4)}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
