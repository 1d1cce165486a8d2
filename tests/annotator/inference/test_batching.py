"""The queue from which models get full batches."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from annotator.inference import pipeline
from annotator.inference.batching import BatchingQueue, QueueClosedError
from annotator.inference.network import InferenceError, Network
from annotator.inference.settings import Settings
from tests.annotator.conftest import draw_photo

BAD = 200


class Doubler:
    """Gives the first pixel of each image twice, in two arrays; fails on batches with an image of :data:`BAD`."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.threads: set[int] = set()

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.batches.append(len(images))
        self.threads.add(threading.get_ident())
        if (images == BAD).any():
            raise InferenceError("bad")
        return images[:, 0].astype(int), images[:, 0].astype(int)


def run_tasks(queue: BatchingQueue, model: Doubler, tasks: list[list[int]]) -> list:
    """What each task gets for its images, the sum of both arrays, or its error; all begin before a batch is run."""
    queued = queue.queued(model, 4)

    def task(values: list[int]):
        with queue.working():
            try:
                return np.add(*queued.run(np.uint8(values)[:, None])).tolist()
            except (InferenceError, QueueClosedError) as error:
                return error

    for _ in tasks:
        queue.expect()
    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(task, tasks))


@pytest.fixture
def queue():
    queue = BatchingQueue(workers=2)
    yield queue
    queue.close()


@pytest.mark.parametrize(
    ("tasks", "batches"),
    [
        ([[1]], [1]),
        ([[1], [2], [3], [4]], [4]),
        ([[1], [2, 3], [4, 5, 6]], [4, 2]),
        ([[1, 2, 3, 4, 5, 6, 7, 8, 9]], [4, 4, 1]),
        ([[i] for i in range(10)], [4, 4, 2]),
    ],
)
def test_batches_are_full_but_for_the_last(queue: BatchingQueue, tasks: list[list[int]], batches: list[int]):
    model = Doubler()
    assert run_tasks(queue, model, tasks) == [[2 * value for value in values] for values in tasks]
    assert model.batches == batches
    assert list(queue.batches.values()) == [[len(batches), sum(batches)]]
    assert len(model.threads) == 1
    assert threading.get_ident() not in model.threads


def test_a_batch_that_cannot_be_made_leaves_nobody_waiting(queue: BatchingQueue):
    queued, failed = queue.queued(Doubler(), 2), []

    def task(side: int) -> None:
        with queue.working():
            try:
                queued.run(np.zeros((1, side), np.uint8))
            except ValueError as error:
                failed.append(str(error))

    threads = [threading.Thread(target=task, args=(side,), daemon=True) for side in (1, 2)]
    for _ in threads:  # before any begins, or the first would be a batch of its own
        queue.expect()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert failed == ["all input arrays must have the same shape"] * 2
    assert run_tasks(queue, Doubler(), [[1]]) == [[2]]


def test_a_failure_is_that_of_its_own_view(queue: BatchingQueue):
    first, bad, *others = run_tasks(queue, Doubler(), [[1, 2], [BAD], [4], [5], [6]])
    assert isinstance(bad, InferenceError)
    assert [first, *others] == [[2, 4], [8], [10], [12]]


def test_more_rounds_than_one(queue: BatchingQueue):
    model = Doubler()
    queued = queue.queued(model, 4)

    def task(value: int) -> int:
        with queue.working():
            for _ in range(3):
                value = int(queued.run(np.uint8([[value]]))[0][0]) + 1
            return value

    for _ in range(8):
        queue.expect()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(task, range(8))) == [i + 3 for i in range(8)]
    assert sum(model.batches) == 24
    assert max(model.batches) == 4


def test_no_batch_waits_for_a_task_that_is_done_with_models(queue: BatchingQueue):
    queue.expect()
    with queue.working():
        pass
    with queue.core():
        assert run_tasks(queue, Doubler(), [[1]]) == [[2]]


def test_whoever_waits_when_it_is_closed_is_told(queue: BatchingQueue):
    queue.expect()  # a task that never comes: no batch is run
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(run_tasks, queue, Doubler(), [[1]])
        while not any(queue._waiting.values()):
            pass
        queue.close()
        (error,) = waiting.result()
    assert isinstance(error, QueueClosedError)


@pytest.mark.parametrize("quality", ["one look", "zoom-in"])
def test_second_looks_of_different_photos_share_batches(
    tmp_path: Path, tiny_network: Network, quality: str, monkeypatch: pytest.MonkeyPatch
):
    person = (8, 20, 30, 40, 10)
    photos = [draw_photo(tmp_path / f"{i}.png", [person], (128, 96)) for i in range(40)]
    queues = []

    class Watched(BatchingQueue):
        def __init__(self, *arguments) -> None:
            super().__init__(*arguments)
            queues.append(self)

    monkeypatch.setattr(pipeline, "BatchingQueue", Watched)
    settings = Settings(proposals="votes", batch_size=8, zoom_in=quality == "zoom-in", pose_estimator=False)
    results = list(pipeline.annotate(photos, tiny_network, settings))
    assert all(len(result.people.people) == 1 for result in results)
    ((calls, views),) = queues[0].batches.values()
    assert views == (80 if quality == "zoom-in" else 40)
    assert views / calls > 4


def test_workers_change_no_label(tmp_path: Path, tiny_network: Network):
    photos = [draw_photo(tmp_path / f"{i}.png", [(8 + i, 20, 30, 40, 10)], (128, 96)) for i in range(6)]
    found = [
        [
            [(person.box, person.mask.tobytes(), person.score) for person in result.people.people]
            for result in pipeline.annotate(
                photos, tiny_network, Settings(proposals="votes", workers=workers)
            )
        ]
        for workers in (1, 2, 5)
    ]
    assert found[0] == found[1] == found[2]
    with pytest.raises(ValueError, match="workers must be 1 or more, not 0"):
        Settings(workers=0)
