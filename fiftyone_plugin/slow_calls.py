"""Calls of the panel that may take long where there are many photos: the answer is made in the background, and the panel asks for it
again and again by the same id, so that no request is open for minutes and the panel can say how far it is."""

from __future__ import annotations

from threading import Event, Lock, Thread
from typing import Any

import fiftyone.operators as foo

from annotator.dataset.fields import Fields
from annotator.dataset.photo_index import PhotoIndex

from .calls import Call, OfLabels, RequestId

WAIT = 2.0
"""Seconds that a request waits for the answer: most are there sooner."""
KEPT = 50
"""Answers that are kept for somebody who may ask for them; the panel may have been closed meanwhile."""
Context = foo.ExecutionContext

_ANSWERS: dict[str, _Answer] = {}
_LOCK = Lock()


class OfSlowCall(OfLabels):
    request_id: RequestId | None = None
    """Who has none, as from Python, waits for the answer."""


class SlowCall(Call):
    """A call that only reads. The answer says how many photos are summarized, ``running``, until it is there."""

    Values = OfSlowCall
    writes = False

    def execute(self, ctx: Context) -> dict[str, Any]:
        key = ctx.params.get("request_id")
        if not isinstance(key, str):
            return super().execute(ctx)
        with _LOCK:
            if key not in _ANSWERS:
                while len(_ANSWERS) >= KEPT:
                    _ANSWERS.pop(next(iter(_ANSWERS)))
                _ANSWERS[key] = _Answer(super().execute, ctx)
            answer = _ANSWERS[key]
        if not answer.ready.wait(WAIT):
            done, total = PhotoIndex(ctx.dataset, Fields(ctx.params["prefix"])).progress() or (0, None)
            return {"running": {"done": done, "total": total}}
        _ANSWERS.pop(key, None)
        return answer.value


class _Answer:
    """What a call answers, once it is ready."""

    def __init__(self, execute: Any, ctx: Context):
        self.ready, self.value = Event(), {"unavailable": "the server was stopped"}
        self._execute, self._ctx = execute, ctx
        Thread(target=self._make, daemon=True).start()

    def _make(self) -> None:
        try:
            self.value = self._execute(self._ctx)
        finally:
            self.ready.set()
