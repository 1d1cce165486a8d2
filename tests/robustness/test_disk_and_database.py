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
FEW = 3
"""Operations per test, in the suite; with ``--campaign`` all."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "name" in metafunc.fixturenames:
        is_campaign = metafunc.config.getoption("campaign")
        few = random.Random(metafunc.function.__name__).sample(list(OPERATIONS), FEW)
        metafunc.parametrize("name", OPERATIONS if is_campaign else few)


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


def test_a_full_disk(name, place, own_disk, campaign):
    operation, problems, errors = place.campaign(name), [], []
    for room in random.Random(name).choices(range(0, ROOM, 4096), k=4 if campaign else 1):
        operation.restore()
        with (own_disk / "ballast").open("wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, max(shutil.disk_usage(own_disk).free - room, 1))
        ended = operation.run()
        (own_disk / "ballast").unlink()
        errors.append(ended.error)
        problems += [*told(ended), *operation.problems(ended)]
    check(name, "full disk", problems, errors)


def test_a_read_only_disk(name, place, own_disk):
    operation = place.campaign(name)
    operation.restore()
    try:
        subprocess.run(["mount", "-o", "remount,ro", own_disk], check=True)
        ended = operation.run()
    finally:
        subprocess.run(["mount", "-o", "remount,rw", own_disk], check=True)
    check(name, "read-only disk", [*told(ended), *operation.problems(ended)], [ended.error])


def test_a_database_that_does_not_answer_for_a_while(name, place, campaign):
    disturb(
        name,
        place,
        "database stopped",
        signal.SIGSTOP,
        lambda: go_on_after(LONG_PAUSE if campaign else PAUSE),
    )


def test_a_database_that_is_killed_and_started_again(name, place, campaign):
    for seed in range(2 if campaign else 1):
        disturb(name, place, f"database killed{seed or ''}", signal.SIGKILL, started_again)


def test_what_was_acknowledged_is_there_after_the_database_is_killed(place, campaign):
    """It is killed at the first write after an edit was acknowledged."""
    operation = place.campaign("edit")
    saved = [at for at, write in enumerate(operation.writes, 1) if write.startswith("update samples.")]
    for at in saved[:-1] if campaign else saved[3:4]:
        disturb("edit", place, "database killed after an edit", signal.SIGKILL, started_again, at + 1)


def disturb(name: str, place, kind: str, number: int, mended: Callable, write: int | None = None) -> None:
    """Send the database a signal before a write of the operation, of any that is left to chance."""
    operation = place.campaign(name)
    operation.restore()
    write = write or random.Random(name + kind).randint(1, len(operation.writes))
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
    OwnMongod.process.send_signal(signal.SIGCONT)  # Stopped at the last moment.


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
