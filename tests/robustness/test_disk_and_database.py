"""A disk that is full or read-only, and a database that goes away: what is going on ends with one line or goes on, nothing is
lost, and doing it again ends as if nothing had happened."""

import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.robustness.campaign import Problem
from tests.robustness.conftest import OwnMongod
from tests.robustness.operations import OPERATIONS

ROOM = 28_000
"""Bytes: no operation writes so much less than this that it would always find room, or so much more that it never would."""
PAUSE, LONG_PAUSE = 1, 30
"""Seconds without the database, in the suite and with ``--campaign``."""
each_operation = pytest.mark.parametrize("name", OPERATIONS)


@pytest.fixture
def own_disk(disk):
    if not os.path.ismount(disk):
        pytest.skip("needs a disk of its own: only root may mount one, and not in every container")
    return disk


def told(ended) -> list[Problem]:
    """An operation that is not killed ends well or with one line."""
    is_line = not ended.error or (ended.error.strip() and "\n" not in ended.error)
    return [] if is_line and not ended.killed else [Problem("not told", ended.error or "killed")]


def check(name: str, kind: str, problems: list[Problem], errors: list[str]) -> None:
    print(
        f"{name}, {kind}: {len(errors)} times, {len(list(filter(None, errors)))} errors, {len(problems)} problems"
    )
    assert not problems, "\n".join([*(f"{one.kind}: {one.text}" for one in problems), *errors])


@each_operation
def test_a_full_disk(name, place, own_disk, campaign):
    operation, problems, errors = place.campaign(name), [], []
    for room in random.Random(name).choices(range(0, ROOM, 4096), k=8 if campaign else 1):
        operation.restore()
        with (own_disk / "ballast").open("wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, max(shutil.disk_usage(own_disk).free - room, 1))
        ended = operation.run()
        (own_disk / "ballast").unlink()
        errors.append(ended.error)
        problems += [*told(ended), *operation.problems(ended)]
    check(name, "full disk", problems, errors)


@each_operation
def test_a_read_only_disk(name, place, own_disk):
    operation = place.campaign(name)
    operation.restore()
    try:
        subprocess.run(["mount", "-o", "remount,ro", own_disk], check=True)
        ended = operation.run()
    finally:
        subprocess.run(["mount", "-o", "remount,rw", own_disk], check=True)
    check(name, "read-only disk", [*told(ended), *operation.problems(ended)], [ended.error])


@each_operation
def test_a_database_that_does_not_answer_for_a_while(name, place, campaign):
    disturb(
        name,
        place,
        "database stopped",
        signal.SIGSTOP,
        lambda: go_on_after(LONG_PAUSE if campaign else PAUSE),
    )


@each_operation
def test_a_database_that_is_killed_and_started_again(name, place, campaign):
    for _ in range(4 if campaign else 1):
        disturb(name, place, "database killed", signal.SIGKILL, started_again)


def disturb(name: str, place, kind: str, number: int, mended: Callable) -> None:
    """Send the database a signal before one of the operation's writes."""
    operation = place.campaign(name)
    operation.restore()
    write = random.Random(name + kind).randint(1, len(operation.writes))
    with mended():
        ended = operation.run(write, OwnMongod.process.pid, number)
    place.database.client.admin.command("ping")
    check(name, kind, [*told(ended), *operation.problems(ended)], [ended.error])


@contextmanager
def go_on_after(seconds: float) -> Iterator[None]:
    def go_on(is_over: Callable[[], bool]) -> None:
        while not is_over():
            if " T " in Path(f"/proc/{OwnMongod.process.pid}/stat").read_text():  # stopped
                time.sleep(seconds)
                OwnMongod.process.send_signal(signal.SIGCONT)
            time.sleep(0.05)

    with meanwhile(go_on):
        yield


@contextmanager
def started_again() -> Iterator[None]:
    def start(is_over: Callable[[], bool]) -> None:
        while not is_over():
            start_if_dead()
            time.sleep(0.05)

    def start_if_dead() -> None:
        if OwnMongod.process.poll() is not None:
            OwnMongod.start()

    with meanwhile(start):
        yield
    time.sleep(0.2)  # A signal takes its time.
    start_if_dead()


@contextmanager
def meanwhile(work: Callable[[Callable[[], bool]], None]) -> Iterator[None]:
    """Work in a thread until the block is over, which ``work`` asks."""
    is_over = threading.Event()
    thread = threading.Thread(target=work, args=[is_over.is_set])
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
