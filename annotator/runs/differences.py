"""What two descriptions of a run do not have in common."""

from __future__ import annotations

from typing import Any

from annotator.labels.messages import short


def differences(was: Any, now: dict[str, Any]) -> str:
    """The first difference of each section in words, ``settings.tiles: 2, was 1``; empty if there is none.

    Args:
        was: what JSON made of the other description, or anything.
        now: the sections of a description, of what JSON can hold.
    """
    was = was if isinstance(was, dict) else {}
    found = (_first_difference(was.get(name), value, name) for name, value in now.items())
    return "; ".join(filter(None, found))


def _first_difference(was: Any, now: Any, name: str) -> str | None:
    if isinstance(was, dict) and isinstance(now, dict):
        parts = (_first_difference(was.get(key), value, f"{name}.{key}") for key, value in now.items())
        return next(filter(None, parts), None)
    return None if was == now else f"{name}: {short(now)}, was {short(was)}"
