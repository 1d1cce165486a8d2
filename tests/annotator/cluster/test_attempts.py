"""Workers that are killed at a photo: each is a real process, which a signal ends."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from annotator.cluster.attempts import REASON
from annotator.cluster.merge import merge, open_run
from annotator.cluster.shard_files import attempt_file
from annotator.cluster.storage import locate
from annotator.cluster.worker import Worker
from annotator.inference.network import Network

from .conftest import failures
from .test_run import start, work

ROOT = Path(__file__).resolve().parents[3]
ONE, OTHER, LAST = "2 ü.png", "3 ü.png", "8 ü.png"
"""Good photos."""


def label(photos: Path, out: Path, network: Network, *killers: str) -> int:
    """Label all photos as the one part of a run, in a process that dies when it opens one of the files; its exit code."""
    command = [sys.executable, "-m", "tests.annotator.cluster.killed_command", "|".join(killers)]
    command += ["annotate", photos, "--out", out, "--shard", "1/1"]
    command += ["--model", network.path, "--proposals", "votes", "--no-pose-estimator"]
    done = subprocess.run(
        list(map(str, command)),
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(out.parent)},  # what a killed process leaves there
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def people(out: Path) -> dict[str, int]:
    """On each photo in a file of labels."""
    labels = json.loads(out.read_text())
    counted = Counter(each["image_id"] for each in labels["annotations"])
    return {image["file_name"]: counted[image["id"]] for image in labels["images"]}


def test_photos_that_kill_every_worker_are_failures_and_the_others_are_labelled(
    photos: Path, out: Path, local: Path, tiny_network: Network
):
    deaths = 0
    while label(photos, out, tiny_network, ONE, OTHER):
        deaths += 1
        assert deaths <= 5, "it is tried for ever"
    assert deaths == 5  # with many photos in hand, and twice alone with each of the two
    merge(open_run(out))
    lines = [json.loads(line) for line in failures(out).splitlines()]
    found = {entry["file_name"]: entry["failure"] for entry in lines}
    known = {entry["file_name"] for entry in map(json.loads, failures(local).splitlines())}
    killers = {f"a-b/{ONE}", f"a/{OTHER}"}
    assert found.keys() == known | killers
    assert {found[name] for name in killers} == {REASON}
    expected = people(local)
    for name in killers:
        del expected[name]
    assert people(out) == expected


def test_workers_that_are_killed_for_another_reason_fail_no_photo(
    photos: Path, out: Path, local: Path, tiny_network: Network
):
    for killer in (ONE, ONE, LAST):
        assert label(photos, out, tiny_network, killer) == -signal.SIGKILL
    assert label(photos, out, tiny_network) == 0
    merge(open_run(out))
    assert out.read_bytes() == local.read_bytes()
    assert failures(out) == failures(local)


def test_a_shard_that_nobody_died_at_has_one_note(photos: Path, out: Path, tiny_network: Network):
    run = start(photos, out, tiny_network)
    run.label(work(run, tiny_network))
    notes = list((run.folder / f"{run.manifest.key}.attempts").path.iterdir())
    assert len(notes) == len(run.manifest.blocks)
    assert {note.read_text() for note in notes} == {'{"photo": null, "was_suspect": false, "given_up": []}'}


def test_a_worker_that_stops_has_not_died(photos: Path, out: Path, tiny_network: Network):
    run = start(photos, out, tiny_network)
    run.shards.path.write_text("in the way of the shard files")
    worker = Worker(work(run, tiny_network))
    note = attempt_file(locate(worker.work.shards), 0)
    with pytest.raises(OSError, match="File exists"):
        run.label(worker.work)
    assert not note.exists()
