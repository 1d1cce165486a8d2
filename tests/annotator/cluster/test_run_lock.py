"""Runs on one folder of shards at the same time, in processes and on machines that may be dead."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from annotator.cli import main
from annotator.cluster import run_lock
from annotator.cluster.manifest import ManifestError
from annotator.cluster.run_lock import hold
from annotator.cluster.storage import Location, locate
from annotator.inference.network import Network
from tests.conftest import end_with_parent

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_lock, "BEAT", 0.5)
    monkeypatch.setattr(run_lock, "SETTLE", 0.1)


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_lock, "SILENCE", 3)


@pytest.fixture
def folder(tmp_path: Path) -> Location:
    return locate(tmp_path / "labels.json.shards")


@contextmanager
def running(folder: Location) -> Iterator[subprocess.Popen]:
    """A process that holds a folder."""
    code = f"""
import time
from annotator.cluster import run_lock
from annotator.cluster.storage import locate
run_lock.BEAT, run_lock.SETTLE = {run_lock.BEAT}, 0
with run_lock.hold(locate({str(folder)!r})):
    print("held", flush=True)
    time.sleep(600)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=end_with_parent,  # noqa: PLW1509
    )
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_second_run_is_refused_until_the_first_is_done(folder: Location):
    said = []
    with hold(folder):
        with pytest.raises(ManifestError) as refused, hold(folder, said.append):
            pass
        assert str(refused.value).startswith(
            f"{folder}: another run is at work on it, process {os.getpid()} on "
        )
        assert "wait until that is done, or end it" in str(refused.value)
        assert "waiting up to 45 seconds to see whether the run" in said[0]
    with hold(folder):
        pass
    assert not (folder + ".lock").exists()


def test_a_process_that_was_killed_lets_go_at_once(folder: Location):
    with running(folder) as process:
        with pytest.raises(ManifestError, match=f"process {process.pid} on"), hold(folder):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
        began = time.monotonic()
        with hold(folder):
            assert time.monotonic() - began < run_lock.SILENCE


def test_a_run_of_another_machine_lets_go_when_it_is_silent(folder: Location, brief):
    file = folder + ".lock"
    gone = {"run": "1", "machine": "elsewhere", "host": "elsewhere", "process": 1, "time": time.time() + 9e9}
    file.write(json.dumps(gone).encode())
    began, said = time.monotonic(), []
    with hold(folder, said.append):
        assert time.monotonic() - began >= run_lock.SILENCE
        assert "whether the run on elsewhere is at work" in said[0]


def test_a_run_that_passed_for_dead_leaves_the_folder_to_the_other(folder: Location, brief):
    with running(folder) as process:
        process.send_signal(signal.SIGSTOP)
        with hold(folder):
            process.send_signal(signal.SIGCONT)
            time.sleep(3 * run_lock.BEAT)
            assert json.loads((folder + ".lock").read())["process"] == os.getpid()


def test_of_runs_that_begin_at_once_one_goes_on(folder: Location, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(run_lock, "SETTLE", 2)
    outcomes = []

    def run() -> None:
        try:
            with hold(folder):
                time.sleep(3 * run_lock.BEAT)
                outcomes.append("done")
        except ManifestError:
            outcomes.append("refused")

    threads = [Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "refused", "refused", "refused"]


def test_commands_name_the_folder(photos: Path, out: Path, tiny_network: Network, capsys):
    options = [
        f"file://{photos}",
        "--out",
        str(out),
        "--model",
        str(tiny_network.path),
        "--proposals",
        "votes",
    ]
    assert main(["annotate", *options, "--shard", "1/1"]) == 0
    with hold(locate(f"{out}.shards")):
        for command in (["annotate", *options], ["merge", str(out)]):
            assert main(command) == 1
            assert (
                f"densepose-annotator: {out}.shards: another run is at work on it" in capsys.readouterr().err
            )
    assert main(["merge", str(out)]) == 0
