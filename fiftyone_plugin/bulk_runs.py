"""Runs of the panel that may take long: they go on in the background, and the panel asks for the result again and again.

A run is known by the id of the request that began it. After a restart of the server the next request of that id goes on with it,
as :func:`annotator.review.approvals.approve_below` and :func:`~annotator.review.approvals.take_back` do not do again what is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Event, Lock
from typing import Any

import fiftyone.operators as foo
from fiftyone.operators import types

from .calls import OfLabels, RequestId
from .running import Job, start

WAIT = 2.0
"""Seconds that a request of the panel waits for the end: most runs are short."""
Context = foo.ExecutionContext

_RUNS: dict[tuple[str, str], BulkRun] = {}
_LOCK = Lock()


class OfBulkRun(OfLabels):
    request_id: RequestId
    background: bool = False
    """Whether to answer how far it is where it takes long. Who calls from Python gets the result."""


class BulkRun:
    """A run over images in the background, which the panel *Runs* shows, too.

    Args:
        begin: makes the run, given what it is to call with the number of images before the first; it yields numbers of
            people.
        words: what was done, after a number of people.
        results: makes the answer, of the number of people.
    """

    def __init__(
        self,
        begin: Callable[[Callable[[int], None]], Iterator[int]],
        words: str,
        results: Callable[[int], dict[str, Any]],
    ):
        self._begin, self._words, self._results = begin, words, results
        self.done, self.total, self.people = 0, None, 0
        self.ended, self.error = Event(), None

    def start(self, ctx: Context, label: str, prefix: str) -> None:
        job = Job(
            run=self._steps(),
            total=lambda: self.total,
            results=dict,
            output=lambda values: types.Property(types.Object()),
            sentence=lambda values: f"{self.people} people {self._words}.",
            refresh=lambda: {"name": ctx.dataset.name, "prefix": prefix},
        )
        start(ctx, label, job)

    def answer(self, wait: float | None) -> dict[str, Any]:
        """The result, or how far it is.

        Args:
            wait: seconds; ``None`` for until the end.

        Raises:
            Exception: what the run has raised.
        """
        if not self.ended.wait(wait):
            return {"running": {"done": self.done, "total": self.total}}
        if self.error is not None:
            raise self.error
        return self._results(self.people)

    def _set_total(self, images: int) -> None:
        self.total = images

    def _steps(self) -> Iterator[int]:
        try:
            for count in self._begin(self._set_total):
                self.people += count
                self.done += 1
                yield self.done
        except Exception as error:
            self.error = error
            raise
        finally:
            self.ended.set()  # also if it was cancelled


def answer_of(
    ctx: Context, label: str, values: dict[str, Any], make: Callable[[], BulkRun]
) -> dict[str, Any]:
    """The answer of a run, which is begun if this process does not know it, or has answered already.

    Args:
        values: of :class:`OfBulkRun`.
    """
    key, prefix = (label, values["request_id"]), values["prefix"]
    with _LOCK:
        if (run := _RUNS.get(key)) is None:
            run = make()
            run.start(ctx, label, prefix)
            _RUNS[key] = run  # only now: one that did not start would never end
    try:
        return run.answer(WAIT if values["background"] else None)
    finally:
        if run.ended.is_set():
            _RUNS.pop(key, None)
