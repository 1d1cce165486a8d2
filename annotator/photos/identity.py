"""Which paths are the same photo."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Hashable


def photo_identity(path: str | os.PathLike[str]) -> Hashable:
    """What all paths of one photo have in common: links to it, and other spellings where the file system knows them.

    Of a photo that is not there, only the spelling of the path counts.
    """
    try:
        status = os.stat(path)
    # A path may hold a null character.
    except (OSError, ValueError):
        return unicodedata.normalize("NFC", os.path.normpath(path))
    return status.st_dev, status.st_ino
