"""The samples of a run: which records train and which validate, which of them an epoch shows, and their batches."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager

import keras
import numpy as np

from model.augmentation import Augmentation
from model.config import RunConfig, StagePlan
from model.copy_paste import CopyPasteSources
from model.sample_pool import Batch, SamplePool, Task
from model.samples import View
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
    config: RunConfig, plan: StagePlan, data: list[list[Record]], stage: int, epoch: int
) -> list[Record]:
    """The records of one epoch, sources mixed by their weights."""
    rng = np.random.default_rng((config.seed, stage, epoch))
    total = sum(map(len, data))
    count = plan.steps * plan.batch if plan.steps else total
    shares = np.array(shares_of(config.data, data), float)
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


def copy_paste_sources(
    config: RunConfig, data: list[list[Record]], validation: list[Record]
) -> CopyPasteSources:
    """People of ``config.copy_paste_sources``, none of them held out for validation, and backgrounds of the training data."""
    empty = [r for records in data for r in records if r.complete and not r.annotations]
    apart = set() if config.validation else {record.path.resolve() for record in validation}
    sources = [
        [r for r in read_source(source) if r.path.resolve() not in apart]
        for source in config.copy_paste_sources
    ]
    return CopyPasteSources.from_records(sources, shares_of(config.copy_paste_sources, sources), empty)


class Batches(keras.utils.PyDataset):
    """Batches of one epoch; which samples and how they are augmented follow from (seed, stage, epoch).

    Args:
        pool: makes the samples.
    """

    def __init__(
        self,
        picks: list[Record],
        batch: int,
        view: View,
        augmentation: Augmentation | None,
        seed: tuple[int, ...],
        pool: SamplePool,
    ):
        # Threads that wait for the pool: two for each of its processes, so that none is ever without work.
        super().__init__(workers=2 * pool.workers, use_multiprocessing=False, max_queue_size=8)
        self.picks = picks
        self.batch = batch
        self.view = view
        self.augmentation = augmentation
        self.seed = seed
        self.pool = pool
        self.error: Exception | None = None

    def __len__(self) -> int:
        return math.ceil(len(self.picks) / self.batch)

    def __getitem__(self, index: int) -> Batch:
        numbers = range(index * self.batch, min((index + 1) * self.batch, len(self.picks)))
        records, seeds = [self.picks[i] for i in numbers], [(*self.seed, i) for i in numbers]
        try:
            return self.pool.make(Task(records, self.view, self.augmentation, seeds))
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
