"""One run at a time on a folder of shards, wherever that is: a file beside it, which the run that has it writes again and again.

Object stores have no locks, and their clocks are not this machine's. So a run is dead if its file does not change while
somebody watches it, or if its process was on this machine and is gone.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any, NoReturn
from uuid import uuid4

from annotator.cluster.manifest import ManifestError
from annotator.cluster.storage import Location

BEAT = 10.0
"""Seconds between two writes of the file."""
SILENCE = 45.0
"""Seconds without one after which the run is dead."""
SETTLE = 1.0
"""Seconds after which the file is read again: of two runs that begin at once, the one that wrote last has it."""


@contextmanager
def hold(folder: Location, say: Callable[[str], object] = print) -> Iterator[None]:
    """Keep other runs from a folder of shards.

    Args:
        folder: which need not be there.
        say: is told of what is waited for.

    Raises:
        ManifestError: another run is at work on it.
        OSError: the file beside it cannot be read or written.
    """
    file = folder + ".lock"
    mine = {"run": uuid4().hex, "machine": _machine(), "host": os.uname().nodename, "process": os.getpid()}
    if (other := _watch(file, say)) is not None:
        _refuse(folder, other)
    is_over = Event()
    beating = Thread(target=_beat, args=(file, mine, is_over), daemon=True)
    beating.start()
    try:
        _write(file, mine)
        time.sleep(SETTLE)
        if not _is_ours(other := _read(file), mine):
            _refuse(folder, other)
        yield
    finally:
        is_over.set()
        beating.join()
        with suppress(OSError):
            if _is_ours(_read(file), mine):
                file.remove()


def _watch(file: Location, say: Callable[[str], object]) -> dict[str, Any] | None:
    """What the run that has the file has written; ``None`` if there is none, or it is dead."""
    first = noted = _read(file)
    if first is None or _is_gone(first):
        return None
    say(f"{file}: waiting up to {SILENCE:g} seconds to see whether the run on {first['host']} is at work")
    end = time.monotonic() + SILENCE
    while noted == first and time.monotonic() < end:
        time.sleep(min(1, BEAT))
        noted = _read(file)
    return None if noted == first else noted


def _refuse(folder: Location, other: dict[str, Any]) -> NoReturn:
    raise ManifestError(
        f"{folder}: another run is at work on it, process {other['process']} on {other['host']}: wait until that is done, or "
        f"end it, then repeat the command; one that was killed is known to be dead after {SILENCE:g} seconds"
    )


def _beat(file: Location, mine: dict[str, Any], is_over: Event) -> None:
    while not is_over.wait(BEAT):
        with suppress(OSError):  # once it is in reach again
            if not _is_ours(_read(file), mine):
                return  # this process was asleep for so long that it passed for dead
            _write(file, mine)


def _is_ours(noted: dict[str, Any] | None, mine: dict[str, Any]) -> bool:
    return noted is None or noted["run"] == mine["run"]


def _is_gone(noted: dict[str, Any]) -> bool:
    """Whether the run was a process of this machine, and has ended."""
    if noted["machine"] != _machine():
        return False
    try:
        os.kill(noted["process"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def _machine() -> str:
    """Where process numbers mean the same: containers have their own."""
    namespace = Path("/proc/self/ns/pid")
    return f"{os.uname().nodename} {os.readlink(namespace) if namespace.exists() else ''}"


def _read(file: Location) -> dict[str, Any] | None:
    try:
        return json.loads(file.read())
    except FileNotFoundError:
        return None


def _write(file: Location, mine: dict[str, Any]) -> None:
    file.write(json.dumps(mine | {"time": time.time()}).encode())
