"""Samples from worker processes: the same as without, with the same errors, and nothing stays behind."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import psutil
import pytest
from joblib.externals.loky.process_executor import BrokenProcessPool

from model.augmentation import Augmentation
from model.copy_paste import CopyPaste, CopyPasteSources
from model.sample_pool import SamplePool, Task
from model.samples import View, make_sample
from model.sources import DataError, Source, read_source

AUGMENTATION = Augmentation(copy_paste=CopyPaste(share=0.8))
WAIT = """
import sys, time
from multiprocessing import active_children
from tests.model.test_sample_pool import *
pool, tasks = pool_and_tasks(sys.argv[1], 2)
pool.make(tasks[0])
print(*(child.pid for child in psutil.Process().children(recursive=True)), flush=True)
time.sleep(600)
"""


def pool_and_tasks(figures, workers: int) -> tuple[SamplePool, list[Task]]:
    records = read_source(Source(str(figures), str(os.path.dirname(figures)) + "/images"))
    pool = SamplePool(workers, CopyPasteSources.from_records([records], [1.0], []))
    view = View(64, 2, 256)
    make = partial(make_sample, view=view, augmentation=AUGMENTATION)
    return pool, [
        Task(make, records[i : i + 2], [(7, 3, 0, i), (7, 3, 0, i + 1)]) for i in range(0, len(records), 2)
    ]


@pytest.fixture(scope="module")
def pool(figures):
    """Two workers and what they have to do."""
    pool, tasks = pool_and_tasks(figures, 2)
    yield pool, tasks
    pool.close()


def test_samples_do_not_depend_on_the_number_of_workers(figures, pool):
    processes, tasks = pool
    here, _ = pool_and_tasks(figures, 0)
    # The last first, so that it is not the order either.
    made = [processes.make(task) for task in tasks[::-1]][::-1]
    for task, (images, labels) in zip(tasks, made, strict=True):
        expected_images, expected_labels = here.make(task)
        np.testing.assert_array_equal(images, expected_images)
        assert labels.keys() == expected_labels.keys()
        for name, values in labels.items():
            np.testing.assert_array_equal(values, expected_labels[name], err_msg=name)
    other = replace(tasks[0], seeds=[(7, 3, 1, 0), (7, 3, 1, 1)])
    assert (here.make(other)[0] != made[0][0]).any(), "another epoch"


def test_an_error_of_the_data_comes_out_as_it_was(figures, pool, tmp_path):
    processes, tasks = pool
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    task = replace(tasks[0], items=[replace(tasks[0].items[0], path=broken)], seeds=[(0,)])
    with pytest.raises(DataError, match=r"train\.json: image 1: .*broken\.png"):
        processes.make(task)
    processes.make(tasks[0])  # and goes on


def test_a_killed_training_leaves_no_process_behind(figures):
    process = subprocess.Popen([sys.executable, "-c", WAIT, str(figures)], stdout=subprocess.PIPE, text=True)
    children = [psutil.Process(int(pid)) for pid in process.stdout.readline().split()]
    assert len(children) >= 2
    process.kill()
    process.wait()
    gone, alive = psutil.wait_procs(children, timeout=60)
    assert len(gone) == len(children), alive


def test_a_killed_worker_is_an_error_and_a_new_one_starts(figures):
    pool, tasks = pool_and_tasks(figures, 1)
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    pool.make(tasks[0])
    workers = [c for c in psutil.Process().children(recursive=True) if c.pid not in before]
    for worker in workers:
        if "popen_loky_posix" in " ".join(worker.cmdline()):
            os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(BrokenProcessPool):
        pool.make(tasks[0])
    pool.close()
    pool.make(tasks[0])
    pool.close()
