"""Worker processes that make training samples.

Threads would not do: most of the work on a sample holds the interpreter's lock, also against the thread that trains.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from joblib.externals.loky import ProcessPoolExecutor

from model.copy_paste import CopyPasteSources

WATCH_SECONDS = 1.0
"""How often a worker looks whether the training is still there."""


Labels = np.ndarray | dict[str, np.ndarray]
"""Of a sample, or of the samples of a batch."""
Batch = tuple[np.ndarray, Labels]
"""Images, uint8 [N, size, size, 3], and their labels."""


@dataclass(frozen=True)
class Task:
    """What makes a batch of samples."""

    make: Callable[..., tuple[np.ndarray, Labels]]
    """Makes a sample: such as :func:`model.samples.make_sample`, with all but item, ``rng`` and ``copy_paste_sources`` set by
    :func:`functools.partial`. Workers import its module, so that should do without Keras."""
    items: Sequence[Any]
    """What each sample is made of: a record, or several."""
    seeds: Sequence[tuple[int, ...]]
    """One a sample, which decides everything that is drawn at random."""


class SamplePool:
    """Makes batches in worker processes, which start with the first batch and end with the pool or the process it is in.

    Args:
        workers: number of processes; 0 to make the samples in the calling thread.
        copy_paste_sources: what may be pasted into samples that are augmented.
    """

    def __init__(self, workers: int = 0, copy_paste_sources: CopyPasteSources | None = None):
        self.workers, self._sources = workers, copy_paste_sources
        self._lock = threading.Lock()
        self._executor: ProcessPoolExecutor | None = None

    def make(self, task: Task) -> Batch:
        """The samples of a task, the same in whatever process; threads may call it at the same time.

        Raises:
            DataError, annotator.coco.reader.CocoError: as of :attr:`Task.make`.
            concurrent.futures.process.BrokenProcessPool: a worker was killed, for lack of memory say.
        """
        if not self.workers:
            return _make(task, self._sources)
        return self._started().submit(_make_in_worker, task).result()

    def _started(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._executor is None:
                # Not the standard library's, whose workers import __main__: the App's server, or Keras.
                self._executor = ProcessPoolExecutor(
                    self.workers, initializer=_begin, initargs=(os.getpid(), self._sources)
                )
            return self._executor

    def close(self) -> None:
        """End the workers; another batch would start them again."""
        with self._lock:
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(kill_workers=True)


class _Worker:
    """What a worker process keeps from task to task."""

    sources: CopyPasteSources | None = None


def _begin(parent: int, sources: CopyPasteSources | None) -> None:
    """Prepare a worker."""
    _Worker.sources = sources
    cv2.setNumThreads(1)  # there are as many workers as shall be busy
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process once its parent is gone, of which a worker that waits for a task would hear nothing."""
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os._exit(1)


def _make_in_worker(task: Task) -> Batch:
    return _make(task, _Worker.sources)


def _make(task: Task, sources: CopyPasteSources | None) -> Batch:
    samples = [
        task.make(item, rng=np.random.default_rng(seed), copy_paste_sources=sources)
        for item, seed in zip(task.items, task.seeds, strict=True)
    ]
    images, labels = zip(*samples, strict=True)
    if isinstance(labels[0], dict):
        return np.stack(images), {name: np.stack([each[name] for each in labels]) for name in labels[0]}
    return np.stack(images), np.stack(labels)
