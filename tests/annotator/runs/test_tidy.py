"""Files of maps on a real database: what nothing refers to goes, and nothing else."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from annotator.cli import main
from annotator.dataset.fields import Fields
from annotator.dataset.info import maps_folder
from annotator.dataset.map_files import _provide_png
from annotator.dataset.sample_people import read_people
from annotator.review import undo
from annotator.review.session import Review
from annotator.runs.tidy import ASIDE, SPARED_HOURS, remove_superseded, superseded_maps

FIELDS = Fields()


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def turn_old(folder: Path) -> None:
    old = time.time() - (SPARED_HOURS + 1) * 3600
    for path in folder.rglob("*"):
        os.utime(path, (old, old))


def test_maps_go_once_nothing_refers_to_them(dataset, sample, tmp_path, capsys):
    maps = tmp_path / "maps"
    first = files(maps)
    assert len(first) == 4
    clone = dataset.clone()
    try:
        review = Review(dataset, maps_dir=maps)
        person, other = review.open(sample.id)["people"]
        delete = {"kind": "delete", "person": person["key"]}
        undo = review.edit(sample.id, delete, {p["key"]: p["version"] for p in (person, other)})["undo"]
        (maps / "notes.png").write_bytes(b"not a map")
        command = ["tidy", dataset.name, "--maps-dir", str(maps)]
        everything = files(maps)
        assert len(everything - first) >= 6  # four maps, what undo needs, and the notes

        turn_old(maps)
        assert main(command) == 0  # the clone still needs the first maps
        assert files(maps) == everything
    finally:
        clone.delete()

    assert main([*command, "--dry-run"]) == 0
    assert "4 files" in capsys.readouterr().out.splitlines()[-1]
    assert files(maps) == everything
    assert main(command) == 0
    assert files(maps) == everything - first
    sample.reload(hard=True)
    assert read_people(sample, FIELDS).people[0].charts.any()

    versions = {p["key"]: p["version"] for p in review.open(sample.id)["people"]}
    review.restore(sample.id, undo, versions)
    assert files(maps) >= first  # written again


def test_young_files_stay(dataset, sample, tmp_path):
    dataset.clear()
    maps = tmp_path / "maps"
    assert main(["tidy", dataset.name, "--maps-dir", str(maps)]) == 0
    assert len(files(maps)) == 4
    turn_old(maps)
    assert main(["tidy", dataset.name, "--maps-dir", str(maps)]) == 0
    assert files(maps) == set()


def test_files_that_go_meanwhile_are_no_error(dataset, sample, tmp_path, monkeypatch):
    dataset.clear()
    maps = tmp_path / "maps"
    turn_old(maps)
    monkeypatch.setattr("annotator.runs.tidy.old_edits", superseded_maps)  # gone when it is their turn
    assert main(["tidy", dataset.name, "--maps-dir", str(maps)]) == 0
    assert files(maps) == set()


def test_what_an_undo_needs_again_after_the_files_were_listed_stays(dataset, sample, tmp_path):
    maps = tmp_path / "maps"
    review = Review(dataset, maps_dir=maps)
    people = review.open(sample.id)["people"]
    versions = {person["key"]: person["version"] for person in people}
    token = review.edit(sample.id, {"kind": "delete", "person": people[0]["key"]}, versions)["undo"]
    turn_old(maps)
    listed = superseded_maps(maps)
    assert len(listed) == 4
    now = {person["key"]: person["version"] for person in review.open(sample.id)["people"]}
    review.restore(sample.id, token, now)
    assert [remove_superseded(path) for path in listed] == [None] * 4
    sample.reload(hard=True)
    assert read_people(sample, FIELDS).people[0].charts.any()


SAVER = """
import os, sys
from pathlib import Path
import numpy as np
from annotator.dataset.map_files import _provide_png

print("ready", flush=True)
for path in map(Path, sys.stdin.read().split("\\n")):
    _provide_png(path, np.zeros((2, 2), np.uint8))
"""


def test_a_file_that_another_process_needs_at_the_same_moment_stays(tmp_path):
    paths = [tmp_path / f"{i}-{'0' * 16}-u.png" for i in range(2000)]
    for path in paths:
        path.write_bytes(b"old")
    turn_old(tmp_path)
    command = [sys.executable, "-c", SAVER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as saver:
        assert saver.stdout.readline() == "ready\n"
        saver.stdin.write("\n".join(map(str, paths)))
        saver.stdin.close()
        # From the other end, so that both meet on many files.
        for path in reversed(paths):
            remove_superseded(path)
    assert saver.returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in paths}


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_file_that_is_needed_while_it_is_moved_out_of_the_way_stays(tmp_path, monkeypatch, when: str):
    path = tmp_path / f"a-{'0' * 16}-u.png"
    path.write_bytes(b"old")
    turn_old(tmp_path)
    replace = os.replace

    def meanwhile(source, target):
        monkeypatch.undo()
        if when == "after":
            replace(source, target)
        _provide_png(path, np.zeros((2, 2), np.uint8))
        if when == "before":
            replace(source, target)

    monkeypatch.setattr(os, "replace", meanwhile)
    assert (remove_superseded(path) is None) == (when == "before")
    assert files(tmp_path) == {path.name}


def test_files_that_a_killed_process_has_moved_out_of_the_way_come_back(dataset, sample, tmp_path):
    maps = tmp_path / "maps"
    first = files(maps)
    for path in maps.rglob("*.png"):
        path.rename(path.with_name(f".{path.name}{ASIDE}"))
    assert main(["tidy", dataset.name, "--maps-dir", str(maps)]) == 0
    assert files(maps) == first


def test_an_unknown_dataset_is_named(dataset, capsys):
    assert main(["tidy", "nowhere"]) == 1
    assert "there is no dataset 'nowhere'" in capsys.readouterr().err


def test_maps_reached_by_another_path_stay(dataset, sample, tmp_path):
    maps = tmp_path / "maps"
    turn_old(maps)
    first = files(maps)
    (tmp_path / "link").symlink_to(maps)
    assert main(["tidy", dataset.name, "--maps-dir", str(tmp_path / "link")]) == 0
    assert files(maps) == first
    moved = maps.rename(tmp_path / "moved")
    assert main(["tidy", dataset.name, "--maps-dir", str(moved)]) == 0
    assert files(moved) == first


def test_edits_too_old_to_be_undone_go(dataset, sample, tmp_path, monkeypatch):
    maps = tmp_path / "maps"
    folder = undo.history_folder(maps_folder(dataset, "dp", maps)) / sample.id
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now - (undo.KEPT_DAYS + 1) * 86_400 * 10**9)
    old = undo.save_people(folder, {"a": None})
    (folder / f".{old}.npz.0123abcd").write_bytes(b"half")
    monkeypatch.undo()
    young = undo.save_people(folder.parent / "another", {"a": None})
    kept = [young, f".{young}.npz", "notes"]
    (folder / f".{young}.npz.0123abcd").write_bytes(b"being written")
    (folder / "notes.npz").write_bytes(b"not an edit")
    assert main(["tidy", dataset.name, "--maps-dir", str(maps)]) == 0
    assert {path.stem for path in folder.parent.rglob("*.*")} == set(kept)


def test_a_database_that_does_not_start_is_named(database, tmp_path):
    """Its data are of no database; FiftyOne waits for a second, not for its minute."""
    (tmp_path / "WiredTiger").write_text("nothing of the kind")
    (tmp_path / "WiredTiger.turtle").write_text("nothing of the kind")
    code = (
        "from fiftyone.core.service import Service\n"
        "Service._wait_for_child_port.__defaults__ = None, 1\n"
        "from annotator.cli import main\n"
        "raise SystemExit(main(['tidy', 'people']))"
    )
    own = {name: value for name, value in os.environ.items() if name != "FIFTYONE_DATABASE_URI"}
    own["FIFTYONE_DATABASE_DIR"] = str(tmp_path)
    result = subprocess.run(
        [sys.executable, "-c", code], env=own, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert f"its log may say why: {tmp_path}/log/mongo.log" in result.stderr
    assert "Traceback" not in result.stderr
    assert (tmp_path / "log" / "mongo.log").is_file()
