"""One queue of views for each model, from which a single thread fills its batches, whosever the views are."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np

from annotator.inference.network import InferenceError


class QueueClosedError(RuntimeError):
    """The run has ended before a model saw the view."""


@dataclass(eq=False)
class _Request:
    """Views that one call of :meth:`QueuedModel.run` waits for."""

    images: np.ndarray
    left: int
    results: list[tuple[Any, int] | Exception]
    """Of each view: the result of its batch and its index in that, or the error."""
    is_done: threading.Event = field(default_factory=threading.Event)


class BatchingQueue:
    """Runs models for many threads, on full batches.

    Each task is a thread of the caller's that works inside of :meth:`working`; it stops there while a model has its views.
    A batch is run when it is full, or when all tasks wait for one, so that none is smaller than it must be and nobody
    waits for ever.

    Args:
        workers: tasks that work at once; those that wait for a model do not count.
    """

    def __init__(self, workers: int) -> None:
        self._batch_sizes: dict[Any, int] = {}
        self.batches: dict[Any, list[int]] = {}
        """How many batches each model has run, and of how many views in all."""
        self._waiting: dict[Any, deque[tuple[_Request, int]]] = {}
        self._cores = threading.Semaphore(workers)
        self._changed = threading.Condition()
        self._busy = 0
        """Tasks that do not wait for a model."""
        self._is_closed = False
        self._runner = threading.Thread(target=self._serve, name="network", daemon=True)
        self._runner.start()

    def queued(self, model: Any, batch_size: int) -> QueuedModel:
        """A network or finder whose :meth:`run` goes through the queue, ``batch_size`` views per call."""
        self._batch_sizes[model] = batch_size
        with self._changed:
            self._waiting[model] = deque()
            self.batches[model] = [0, 0]
        return QueuedModel(model, self)

    def expect(self) -> None:
        """Say that a task will begin: batches wait for its views."""
        with self._changed:
            self._busy += 1

    @contextmanager
    def working(self) -> Iterator[None]:
        """While the body is a task that was expected."""
        try:
            with self.core():
                yield
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()

    @contextmanager
    def core(self) -> Iterator[None]:
        """While the body works, as one of the workers; it may not run models."""
        self._cores.acquire()
        try:
            yield
        finally:
            self._cores.release()

    def close(self) -> None:
        """End the batch in hand; whoever waits gets a :class:`QueueClosedError`."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._runner.join()
        for waiting in self._waiting.values():
            while waiting:
                self._deliver(*waiting.popleft(), QueueClosedError())

    def run(self, model: Any, images: np.ndarray) -> Any:
        """What ``model.run`` gives for the images, once it has seen all of them; only for tasks."""
        if not len(images):
            return model.run(images)
        request = _Request(images, len(images), [QueueClosedError()] * len(images))
        self._cores.release()
        with self._changed:
            if self._is_closed:
                request.is_done.set()
            else:
                self._waiting[model].extend((request, i) for i in range(len(images)))
                self._busy -= 1
                self._changed.notify_all()
        request.is_done.wait()
        self._cores.acquire()
        for result in request.results:
            if isinstance(result, Exception):
                raise result
        return _joined(request.results)

    def _serve(self) -> None:
        while (taken := self._take()) is not None:
            model, views = taken
            results = _run(model, [request.images[i] for request, i in views])
            for (request, i), result in zip(views, results, strict=True):
                self._deliver(request, i, result)

    def _take(self) -> tuple[Any, list[tuple[_Request, int]]] | None:
        """The next batch, ``None`` when the queue is closed."""
        with self._changed:
            while not self._is_closed:
                fill = {
                    model: len(views) / self._batch_sizes[model] for model, views in self._waiting.items()
                }
                model = max(fill, key=fill.get, default=None)
                if model is not None and (fill[model] >= 1 or (fill[model] and self._busy <= 0)):
                    waiting = self._waiting[model]
                    count = min(len(waiting), self._batch_sizes[model])
                    self.batches[model][0] += 1
                    self.batches[model][1] += count
                    return model, [waiting.popleft() for _ in range(count)]
                self._changed.wait()
        return None

    def _deliver(self, request: _Request, i: int, result: tuple[Any, int] | Exception) -> None:
        request.results[i] = result
        request.left -= 1
        if not request.left:
            self.expect()  # it works on, from now on and not only when it is awake
            request.is_done.set()


class QueuedModel:
    """A network or finder that runs through a queue; everything else is the model's own."""

    def __init__(self, model: Any, queue: BatchingQueue) -> None:
        self._model, self._queue = model, queue

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def run(self, images: np.ndarray) -> Any:
        """As the model's own."""
        return self._queue.run(self._model, images)


def _run(model: Any, images: list[np.ndarray]) -> list[tuple[Any, int] | Exception]:
    """The results of a batch; where the model fails, each view is run alone, and only the bad ones fail."""
    try:
        result = model.run(np.stack(images))
        return [(result, i) for i in range(len(images))]
    except (MemoryError, InferenceError) as error:
        if len(images) == 1:
            return [error]
    except Exception as error:  # a fault of the program, which whoever waits is to raise
        return [error] * len(images)
    return [result for image in images for result in _run(model, [image])]


def _joined(results: list[tuple[Any, int]]) -> Any:
    """The result for the views of one call, whose batches may have held others, too."""
    whole, first = results[0]
    if all(batch is whole and at == first + i for i, (batch, at) in enumerate(results)):
        return _map(lambda array: array[first : first + len(results)], whole)
    return _map(
        lambda *arrays: np.stack([array[at] for array, (_, at) in zip(arrays, results, strict=True)]),
        *(batch for batch, _ in results),
    )


def _map(function: Any, *results: Any) -> Any:
    """A function of the arrays of results, which are dataclasses or tuples of them."""
    first = results[0]
    if is_dataclass(first):
        return type(first)(*(function(*(getattr(r, f.name) for r in results)) for f in fields(first)))
    return tuple(function(*arrays) for arrays in zip(*results, strict=True))
