"""A file is there whole, or what was there before still is."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from annotator.coco.writer import CocoWriter
from annotator.dataset.map_files import SurfaceMaps
from annotator.evaluation.evaluate import write_report
from annotator.labels.people import People
from annotator.photos.atomic_files import whole_file
from annotator.review import undo
from tests.annotator.disk_events import are_lasting, record_disk_events
from tests.annotator.full_disk import full_disk
from tests.annotator.people_samples import dense_person


def save_maps(folder: Path) -> None:
    maps = SurfaceMaps.blank((64, 64))
    maps.u[:] = np.random.default_rng(0).integers(0, 2**16, maps.u.shape)
    maps.save(folder, "a")


def save_report(folder: Path) -> None:
    write_report({"text": "x" * 10_000}, folder / "report.json")


def save_edit(folder: Path) -> None:
    undo.save_people(folder, {"a": dense_person(1)})


@pytest.mark.parametrize("save", [save_maps, save_report, save_edit])
def test_of_what_the_disk_has_no_room_for_nothing_is_left(tmp_path: Path, save: Callable[[Path], None]):
    with full_disk(1000), pytest.raises(OSError, match="File too large"):
        save(tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert not list(tmp_path.glob("report.json"))


def save_labels(folder: Path) -> None:
    with CocoWriter(folder / "labels.json") as writer:
        writer.add(People((64, 64), file_name="a.jpg"))


@pytest.mark.parametrize("save", [save_maps, save_report, save_edit, save_labels])
def test_a_file_lasts_when_the_power_fails(
    tmp_path: Path, save: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
):
    events = record_disk_events(monkeypatch)
    save(tmp_path / "new" if save in (save_maps, save_edit) else tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert are_lasting(events, files)
    for made in [path for path in tmp_path.rglob("*") if path.is_dir()]:
        assert ("sync", made.parent) in events


def test_maps_that_are_there_already_last_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    save_maps(tmp_path)
    events = record_disk_events(monkeypatch)
    save_maps(tmp_path)  # who wrote them may have been killed before their names were on the disk
    assert events == [("sync", tmp_path)]


def write(path: Path, text: str, stop: bool = False) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(text)
        if stop:
            raise KeyboardInterrupt


def test_an_error_leaves_the_old_file(tmp_path: Path):
    path = tmp_path / "a.txt"
    with pytest.raises(KeyboardInterrupt):
        write(path, "half", stop=True)
    assert not path.exists()
    write(path, "old")
    with pytest.raises(KeyboardInterrupt):
        write(path, "half", stop=True)
    assert path.read_text() == "old"
    write(path, "new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_named(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="none: no such folder"), whole_file(tmp_path / "none" / "a"):
        pass
