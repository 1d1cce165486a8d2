"""The samples of a run: which records train and which validate, which of them an epoch shows, and their batches."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from model.config import RunConfig
from model.copy_paste import CopyPasteSources
from model.sample_pool import Batch, SamplePool, Task
from model.sources import DataError, Record, Source, read_source


def split(
    config: RunConfig, data: list[list[Record]] | None = None
) -> tuple[list[list[Record]], list[Record]]:
    """Training records by source, and validation records.

    Without validation sources a fixed share of the images is held out, chosen by a hash of file name, so
    that it stays the same when data is added.

    Args:
        data: the records of ``config.data``, where they have been read already.
    """
    if data is None:
        data = [read_source(source) for source in config.data]
    if not any(data):
        raise DataError("data: no images to train on")
    if config.validation:
        validation = [record for source in config.validation for record in read_source(source)]
        if not validation:
            raise DataError("validation: no images to measure on")
        return data, validation

    def held_out(record: Record) -> bool:
        return zlib.crc32(record.image["file_name"].encode()) / 2**32 < config.validation_share

    validation = [r for records in data for r in records if held_out(r)]
    data = [[r for r in records if not held_out(r)] for records in data]
    if not validation:
        several = [records for records in data if len(records) > 1]
        if not several:
            raise DataError("data: too few images to hold some out for validation; give `validation`")
        validation = [several[0].pop()]
    return data, validation


def shares_of(sources: Sequence[Source], records: Sequence[Sequence[Record]]) -> list[float]:
    """Relative shares of sources with these records: their weights, or what stands for 0 (:attr:`Source.weight`)."""
    total = sum(map(len, records))
    return [source.weight or len(some) / max(total, 1) for source, some in zip(sources, records, strict=True)]


def pick(
    sources: Sequence[Source], data: Sequence[Sequence[Record]], count: int, rng: np.random.Generator
) -> list[Record]:
    """So many records of an epoch, sources mixed by their weights.

    Args:
        sources: with their weights.
        data: the records of each.

    Raises:
        DataError: there are none.
    """
    shares = np.array(shares_of(sources, data), float)
    shares[[not records for records in data]] = 0
    if shares.sum() <= 0:
        raise DataError("data: no images")
    counts = np.floor(np.cumsum(shares / shares.sum()) * count + 0.5).astype(int)
    picks = []
    for records, number in zip(data, np.diff(counts, prepend=0), strict=True):
        rounds = math.ceil(number / len(records)) if records else 0
        order = np.concatenate([rng.permutation(len(records)) for _ in range(rounds)]) if rounds else []
        picks += [records[i] for i in order[:number]]
    rng.shuffle(picks)
    return picks


def fill_up(records: list[Record], multiple: int) -> list[Record]:
    """The records, and the first of them again, so that their number is a multiple: what is left for the last batch must be
    divided among all devices, too."""
    missing = -len(records) % multiple
    return records + [records[i % len(records)] for i in range(missing)]


def backgrounds_of(data: Sequence[Sequence[Record]]) -> list[Record]:
    """The photos without people."""
    return [r for records in data for r in records if r.complete and not r.annotations]


def copy_paste_sources(
    sources: Sequence[Source], backgrounds: Sequence[Record], held_out: Sequence[Record] = ()
) -> CopyPasteSources:
    """The people of sources, none of them on a photo that is held out, and backgrounds."""
    apart = {record.path.resolve() for record in held_out}
    records = [[r for r in read_source(source) if r.path.resolve() not in apart] for source in sources]
    return CopyPasteSources.from_records(records, shares_of(sources, records), backgrounds)


class Batches(keras.utils.PyDataset):
    """Batches of one epoch.

    Args:
        make: makes a sample, see :attr:`model.sample_pool.Task.make`.
        items: what each sample is made of.
        batch: samples per batch.
        seed: of the epoch; with the sample's number it decides what is drawn at random.
        pool: makes the samples.
    """

    def __init__(
        self, make: Callable, items: Sequence[Any], batch: int, seed: tuple[int, ...], pool: SamplePool
    ):
        # Threads that wait for the pool: two for each of its processes, so that none is ever without work.
        super().__init__(workers=2 * pool.workers, use_multiprocessing=False, max_queue_size=8)
        self.make = make
        self.items = items
        self.batch = batch
        self.seed = seed
        self.pool = pool
        self.error: Exception | None = None

    def __len__(self) -> int:
        return math.ceil(len(self.items) / self.batch)

    def __getitem__(self, index: int) -> Batch:
        numbers = range(index * self.batch, min((index + 1) * self.batch, len(self.items)))
        items, seeds = [self.items[i] for i in numbers], [(*self.seed, i) for i in numbers]
        try:
            return self.pool.make(Task(self.make, items, seeds))
        except (ValueError, BrokenExecutor) as error:
            self.error = error
            raise


@contextmanager
def errors_of(batches: Batches) -> Iterator[Batches]:
    """A context in which an error of the data is raised as it was, and not inside one of Keras's own."""
    try:
        yield batches
    except Exception:
        if batches.error is not None:
            raise batches.error from None
        raise
