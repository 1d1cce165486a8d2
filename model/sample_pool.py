"""Worker processes that make training samples.

Threads would not do: most of the work on a sample holds the interpreter's lock, also against the thread that trains.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from joblib.externals.loky import ProcessPoolExecutor

from model.augmentation import Augmentation
from model.copy_paste import CopyPasteSources
from model.samples import View, make_sample
from model.sources import Record

WATCH_SECONDS = 1.0
"""How often a worker looks whether the training is still there."""


@dataclass(frozen=True)
class Task:
    """What makes a batch of samples."""

    records: Sequence[Record]
    view: View
    augmentation: Augmentation | None
    seeds: Sequence[tuple[int, ...]]
    """One a record, which decides everything that is drawn at random."""


Batch = tuple[np.ndarray, dict[str, np.ndarray]]
"""Samples as of :func:`model.samples.make_sample`, stacked."""


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
            DataError, annotator.coco.reader.CocoError: as of :func:`model.samples.make_sample`.
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
        make_sample(record, task.view, task.augmentation, np.random.default_rng(seed), sources)
        for record, seed in zip(task.records, task.seeds, strict=True)
    ]
    images = np.stack([image for image, _ in samples])
    return images, {name: np.stack([labels[name] for _, labels in samples]) for name in samples[0][1]}
