"""Values in error messages."""

from __future__ import annotations

import reprlib

MAX_LENGTH = 80
"""Characters."""

_REPR = reprlib.Repr()
_REPR.maxlevel, _REPR.maxlist, _REPR.maxdict, _REPR.maxstring = 2, 6, 3, 60


def short(value: object) -> str:
    """A value from a file or a request as Python writes it, on one line of at most :data:`MAX_LENGTH` characters."""
    text = _REPR.repr(value)
    return text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH - 3] + "..."
