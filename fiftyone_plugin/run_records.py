"""The records of a dataset's runs: how far each is, and how it ended.

They are in FiftyOne's execution store, so that every page, the App after a restart and processes that do scheduled runs see the
same.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from threading import Event, Lock, Thread
from typing import Any
from uuid import uuid4

from fiftyone.core.odm import get_db_conn
from fiftyone.factory.repos.execution_store import MongoExecutionStoreRepo
from fiftyone.operators.store import ExecutionStore
from pymongo.errors import PyMongoError

STORE = "densepose_runs"
CANCEL = "cancel "
"""Prefix of the key that is there once a run is to stop."""
KEPT = 5
"""Runs that have ended and are still listed."""
BEAT = 1.0
"""Seconds between two writes of a run that goes on."""
SILENCE = 45.0
"""Seconds without a write after which the process of a run is gone."""


@dataclass
class Record:
    """What is known of a run."""

    key: str
    label: str
    """Of its operator."""
    total: int | None = None
    unit: str = "photos"
    state: str = "running"
    """Also ``done``, ``stopped`` or ``failed``."""
    done: int = 0
    text: str = ""
    """What was done last, where that is not a number of photos."""
    began: float = 0.0
    updated: float = 0.0
    first: tuple[int, float] | None = None
    """What was done at the first step, and when: what comes before says nothing about the speed."""
    sentence: str = ""
    """How it ended."""
    details: list[list[str]] = field(default_factory=list)
    """Pairs of label and text."""
    refresh: dict[str, Any] | None = None
    """What the App is to show once it has ended, the arguments of :func:`.runs_panel.refresh_app`."""
    panel: str | None = None
    """Where the run is shown, if it has a panel of its own."""
    seen: bool = False
    """Whether somebody has seen how it ended."""
    is_cancelled: bool = False
    """Whether somebody had asked it to stop when it was listed."""

    @property
    def is_running(self) -> bool:
        return self.state == "running" and time.time() - self.updated < SILENCE

    @property
    def share(self) -> float | None:
        """What is done of all, 0..1."""
        return min(self.done / self.total, 1.0) if self.total else None

    def describe(self) -> str:
        """How far it is, its speed, and about how long the rest takes."""
        if not self.done:
            return f"Starting, since {duration(self.updated - self.began)}"
        text = (
            self.text or (f"{self.done} of {self.total}" if self.total else str(self.done)) + f" {self.unit}"
        )
        steps, seconds = self.done - self.first[0], self.updated - self.first[1]
        if steps < 1 or seconds <= 0:
            return text
        speed = steps / seconds
        if not self.text:
            text += f", {speed:.1f} per second" if speed >= 1 else f", {1 / speed:.1f} s each"
        if self.total:
            text += f", about {duration((self.total - self.done) / speed)} left"
        return text


def duration(seconds: float) -> str:
    """As ``40 s``, ``12 min`` or ``3 h 05 min``."""
    seconds = max(int(seconds), 0)
    if seconds < 90:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"


class Records:
    """The records of a dataset.

    Args:
        dataset_id: of its document.
    """

    def __init__(self, dataset_id: Any):
        self._dataset_id = dataset_id
        self._store = ExecutionStore.create(STORE, dataset_id)

    def list(self) -> list[Record]:
        """All of them, the newest first."""
        # By one query, where the store has one for each.
        query = {"store_name": STORE, "dataset_id": self._dataset_id, "key": {"$ne": "__store__"}}
        found = get_db_conn()[MongoExecutionStoreRepo.COLLECTION_NAME].find(query, ["key", "value"])
        values = {row["key"]: row["value"] for row in found}
        records = [Record(**value) for key, value in values.items() if value and not key.startswith(CANCEL)]
        for record in records:
            record.is_cancelled = CANCEL + record.key in values
        return sorted(records, key=lambda record: -record.began)

    def save(self, record: Record) -> None:
        self._store.set(record.key, asdict(record))

    def request_cancel(self, key: str) -> None:
        """Ask a run to stop after the step that it is at."""
        self._store.set(CANCEL + key, True)

    def is_cancelled(self, key: str) -> bool:
        return self._store.has(CANCEL + key)

    def remove(self, key: str) -> None:
        self._store.delete(CANCEL + key)
        self._store.delete(key)

    def mark_seen(self, record: Record) -> None:
        if not record.seen and not record.is_running:
            record.seen = True
            self.save(record)


class Recorder:
    """Keeps the record of a run up to date while it goes on, by a thread of its own: a step may take long.

    Args:
        dataset_id: of the dataset's document; ``None`` where none is open, and nothing is recorded.
    """

    def __init__(
        self, dataset_id: Any, label: str, total: int | None, unit: str = "photos", panel: str | None = None
    ):
        now = time.time()
        self.record = Record(uuid4().hex, label, total, unit, began=now, updated=now, panel=panel)
        self.cancelled = self.stopped = False
        self._records = Records(dataset_id) if dataset_id is not None else None
        self._lock, self._ended = Lock(), Event()
        if self._records:
            for old in [other for other in self._records.list() if not other.is_running][KEPT - 1 :]:
                self._records.remove(old.key)
            self._write()
            Thread(target=self._beat, daemon=True).start()

    def show(self, done: int, total: int | None, text: str = "") -> None:
        record = self.record
        # In this order: the other thread may write the record at any time.
        if record.first is None or done < record.done:  # a run may count twice
            record.first = done, time.time()
        record.done, record.total, record.text = done, total, text

    def end(
        self,
        state: str,
        sentence: str,
        details: list[list[str]] | None = None,
        refresh: dict[str, Any] | None = None,
    ) -> None:
        record = self.record
        # The state last: who sees that it has ended must see the rest, too.
        record.sentence, record.details, record.refresh = sentence, details or [], refresh
        record.state = state
        self._ended.set()
        self._write()

    def _beat(self) -> None:
        while not self._ended.wait(BEAT):
            self._write()

    def _write(self) -> None:
        if self._records is None:
            return
        with self._lock:
            self.record.updated = time.time()
            try:
                self._records.save(self.record)
                self.cancelled = self.cancelled or self._records.is_cancelled(self.record.key)
            except PyMongoError:
                pass  # the run itself says so, if it needs the database
