"""Values in messages and tables."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence

MAX_LENGTH = 80
"""Characters."""
MAX_LISTED = 8

_REPR = reprlib.Repr()
_REPR.maxlevel, _REPR.maxlist, _REPR.maxdict, _REPR.maxstring = 2, 6, 3, 60


def short(value: object) -> str:
    """A value from a file or a request as Python writes it, on one line of at most :data:`MAX_LENGTH` characters."""
    try:
        text = _REPR.repr(value)
    except ValueError:  # Python's limit for whole numbers
        return "a number of too many digits"
    return text if len(text) <= MAX_LENGTH else f"{text[: MAX_LENGTH - 23]}...{text[-20:]}"


def listed(words: Sequence[str]) -> str:
    """Words with commas, the first :data:`MAX_LISTED` of them."""
    more = f" and {len(words) - MAX_LISTED} more" if len(words) > MAX_LISTED else ""
    return ", ".join(words[:MAX_LISTED]) + more


def table_cell(text: str) -> str:
    """Text that somebody chose, for a cell of a table in Markdown."""
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split())
