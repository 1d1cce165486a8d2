"""What a retraining is doing, written to a file that any process reads, and the request that it stop.

Both are in the run's folder; until that is there, beside it, with a dot and its name before.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from annotator.retraining.corrections import CORRECTIONS

STATUS, STOP = "status.json", "stop"
WRITE_EVERY = 0.5
"""Seconds."""
MIN_SHARE = 0.01
"""Of the work from which what remains can be estimated."""


class Stopped(ValueError):
    """Somebody has asked the retraining to stop."""

    def __init__(self):
        super().__init__("the retraining was stopped: start it again with the same folder, and it goes on")


@dataclass
class Status:
    """How far a retraining is."""

    stage: str = "reading the corrected photos"
    """What it is at, in words."""
    share: float = 0.0
    """Of all the work, 0..1, estimated."""
    began: float = 0.0
    """Time of the start, or of the last one."""
    begun_at: float = 0.0
    """Share that was done then."""
    updated: float = 0.0
    arguments: dict[str, Any] = field(default_factory=dict)
    """Of :class:`annotator.retraining.fine_tuning.Retraining`, but for samples and folder."""

    @property
    def seconds_left(self) -> float | None:
        """Estimated; ``None`` where it is too early to tell."""
        done = self.share - self.begun_at
        return (self.updated - self.began) * (1 - self.share) / done if done >= MIN_SHARE else None


def read_status(folder: Path) -> Status | None:
    """The status of the retraining in a folder, ``None`` if there is none."""
    for path in _places(folder, STATUS):
        with suppress(OSError, ValueError, TypeError):
            return Status(**json.loads(path.read_text(encoding="utf-8")))
    return None


def request_stop(folder: Path) -> None:
    """Ask the retraining in a folder to stop, which it does after the batch or photo that it is at."""
    _place(folder, STOP).touch()


def is_stopping(folder: Path) -> bool:
    return any(path.exists() for path in _places(folder, STOP))


class StatusWriter:
    """Keeps the status of a retraining.

    Args:
        folder: of the run.
        stages: names of the stages and how long each takes, relative to the others.
        arguments: see :class:`Status`.
    """

    def __init__(self, folder: Path, stages: list[tuple[str, float]], arguments: dict[str, Any]):
        self.folder, self._done = folder, 0
        total = sum(weight for _, weight in stages)
        self._stages = [(name, weight / total) for name, weight in stages]
        self._status = Status(began=time.time(), arguments=arguments)
        self._written = 0.0
        self.forget_stop()
        self.show("", now=True)

    def _share(self) -> float:
        return sum(weight for _, weight in self._stages[: self._done])

    def begin_stage(self, index: int, *, first: bool = False) -> None:
        """Say which stage begins.

        Args:
            first: whether those before it were done by an earlier process, which says nothing about the speed.
        """
        self._done = index
        if first:
            self._status.begun_at, self._status.began = self._share(), time.time()
        self.show("", now=True)

    def show(self, what: str, part: float = 0.0, *, now: bool = False) -> None:
        """Say what the stage is at, and which part of it is done, 0..1.

        Raises:
            Stopped: somebody has asked for it.
        """
        if is_stopping(self.folder):
            raise Stopped
        if self._done == len(self._stages) or (not now and time.time() - self._written < WRITE_EVERY):
            return
        name, weight = self._stages[self._done]
        status = self._status
        status.stage = f"{name}, {what}" if what else name
        status.share, status.updated = self._share() + part * weight, time.time()
        path = _place(self.folder, STATUS)
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_text(json.dumps(asdict(status)), encoding="utf-8")
        os.replace(temporary, path)
        self._written = time.time()
        if path.parent == self.folder:
            _beside(self.folder, STATUS).unlink(missing_ok=True)

    def forget_stop(self) -> None:
        for path in _places(self.folder, STOP):
            path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Leave no trace."""
        self.forget_stop()
        for path in _places(self.folder, STATUS):
            path.unlink(missing_ok=True)


def _beside(folder: Path, name: str) -> Path:
    return folder.with_name(f".{folder.name}.{name}")


def _places(folder: Path, name: str) -> tuple[Path, Path]:
    return folder / name, _beside(folder, name)


def _place(folder: Path, name: str) -> Path:
    return folder / name if (folder / CORRECTIONS).is_file() else _beside(folder, name)
