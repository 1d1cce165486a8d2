import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from PIL import Image
from pycocotools.coco import COCO

from annotator.coco.reader import read_coco
from annotator.coco.surface_points import PointSampling
from annotator.inference.backends.cpu import CpuBackend
from annotator.inference.network import METADATA_KEY, ModelError, Network
from annotator.inference.settings import Settings
from annotator.photos.reading import PhotoError
from annotator.runs.folder import annotate_folder
from annotator.runs.journal import Journal, JournalError
from tests.annotator.conftest import DESCRIPTION, draw_photo
from tests.annotator.disk_events import are_lasting, record_disk_events
from tests.annotator.inference.failing import GREY, write_failing
from tests.annotator.inference.tiny_finder import write_finder

ROOT = Path(__file__).resolve().parents[3]
LEFT, RIGHT = (8, 20, 36, 60, 10), (70, 16, 40, 70, 200)
VOTES = Settings(proposals="votes", pose_estimator=False)
"""The finder knows no people that are drawn as rectangles."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photos of 2, 0, 1 and 1 people in folders in folders, and one that is no photo."""
    photos = tmp_path / "photos"
    draw_photo(photos / "a" / "b" / "two.png", [LEFT, RIGHT])
    draw_photo(photos / "a" / "none.png", [])
    draw_photo(photos / "c.png", [RIGHT])
    draw_photo(photos / "z" / "last.png", [LEFT])
    (photos / "b.jpg").write_text("no photo")
    return photos


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "result" / "labels.json"


@pytest.fixture
def whole(folder: Path, tmp_path: Path, tiny_network: Network) -> bytes:
    """The file of an uninterrupted run."""
    path = tmp_path / "whole.json"
    annotate_folder(folder, path, tiny_network, VOTES)
    return path.read_bytes()


class Stopped(Exception):
    """Raised by :func:`stop_after`."""


def stop_after(photos: int):
    def progress(done: int, total: int) -> None:
        if done == photos:
            raise Stopped

    return progress


def interrupt(folder: Path, out: Path, network: Network, photos: int) -> Path:
    """Stop a run after some photos; its journal."""
    with pytest.raises(Stopped):
        annotate_folder(folder, out, network, VOTES, progress=stop_after(photos))
    assert not out.exists()
    assert names(out.parent) == {"labels.json.partial"}
    return out.parent / "labels.json.partial" / "journal.jsonl"


def read_labels(data: bytes) -> dict:
    """All but what the file says of its run."""
    return {name: section for name, section in json.loads(data).items() if name != "info"}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_folder_becomes_one_file(folder: Path, out: Path, tiny_network: Network):
    calls = []
    summary = annotate_folder(folder, out, tiny_network, VOTES, progress=lambda *call: calls.append(call))
    assert (summary.photos, summary.people, summary.failed, summary.continued) == (5, 4, 1, 0)
    assert calls == [(done, 5) for done in range(6)]
    people = {image.file_name: image for image in read_coco(out)}
    assert list(people) == ["a/b/two.png", "a/none.png", "c.png", "z/last.png"]
    assert [len(image.people) for image in people.values()] == [2, 0, 1, 1]
    assert people["c.png"].size == (128, 96)


def test_the_file_lasts_before_what_it_was_made_of_goes(
    folder: Path, out: Path, tiny_network: Network, monkeypatch
):
    events, remove = record_disk_events(monkeypatch), shutil.rmtree

    def recorded_remove(path: Path) -> None:
        events.append(("remove", path))
        remove(path)

    monkeypatch.setattr(shutil, "rmtree", recorded_remove)
    annotate_folder(folder, out, tiny_network, VOTES)
    before = events[: events.index(("remove", Path(f"{out}.partial")))]
    assert are_lasting(before, [out, Path(f"{out}.failures.jsonl")])


@pytest.mark.parametrize("batch_size", [1, 8])
def test_photos_on_which_the_model_fails_are_listed(
    folder: Path, out: Path, tmp_path: Path, tiny_model: Path, whole: bytes, batch_size: int
):
    cv2.imwrite(str(folder / "a" / "grey.png"), np.full((96, 128, 3), GREY, np.uint8))
    network = Network(
        write_failing(tiny_model, tmp_path / "m.onnx", on_grey="fails", largest_batch=2), threads=1
    )
    summary = annotate_folder(folder, out, network, replace(VOTES, batch_size=batch_size))
    assert (summary.photos, summary.people, summary.failed) == (6, 4, 2)
    failures = [json.loads(line) for line in Path(f"{out}.failures.jsonl").read_text().splitlines()]
    assert failures[0]["file_name"] == "a/grey.png"
    assert failures[0]["failure"].startswith("ONNX Runtime failed: [ONNXRuntimeError]")
    assert read_labels(out.read_bytes()) == read_labels(whole)


def test_a_device_that_fails_for_good_ends_the_run_which_goes_on_later(
    folder: Path, out: Path, tmp_path: Path, tiny_model: Path, tiny_network: Network
):
    for i in range(20):
        shutil.copy(folder / "c.png", folder / f"copy{i:02}.png")
    network = Network(tiny_model, threads=1)
    dead = CpuBackend(write_failing(tiny_model, tmp_path / "dead.onnx", largest_batch=0))

    def progress(done: int, total: int) -> None:
        if done == 1:
            network.backend.session = dead.session

    with pytest.raises(ModelError, match=r"tiny\.onnx: fails even on a blank image: ONNX Runtime failed"):
        annotate_folder(folder, out, network, VOTES, progress=progress)
    assert not out.exists()
    assert annotate_folder(folder, out, tiny_network, VOTES).continued >= 1
    annotate_folder(folder, tmp_path / "whole.json", tiny_network, VOTES)
    assert out.read_bytes() == (tmp_path / "whole.json").read_bytes()


def test_pycocotools_loads_the_file(folder: Path, out: Path, tiny_network: Network):
    annotate_folder(folder, out, tiny_network, VOTES)
    coco = COCO(str(out))
    assert sorted(coco.getImgIds()) == [1, 2, 3, 4]
    assert sorted(coco.getAnnIds()) == [1, 2, 3, 4]
    for record in coco.loadAnns(coco.getAnnIds()):
        assert coco.annToMask(record).sum() == record["area"] > 1000
        assert len(record["dp_masks"]) == 14
        assert record["num_keypoints"] == 17


def test_failures_are_listed_with_their_reasons(folder: Path, out: Path, tiny_network: Network):
    annotate_folder(folder, out, tiny_network, VOTES)
    lines = Path(f"{out}.failures.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"file_name": "b.jpg", "failure": "not an image, or of an unknown format"}
    ]


def test_files_of_all_kinds_are_labelled_or_listed(
    folder: Path, out: Path, tiny_network: Network, monkeypatch
):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for name in ("e.jfif", "f.avif", "g.gif", "h.jp2"):
        with Image.open(folder / "c.png") as photo:
            photo.convert("RGB").save(folder / name)
    (folder / "i.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    for name in ("j.mov", "k.cr2", "l.svg", "notes.txt", "labels.json"):
        (folder / name).write_text("no photo")
    (folder / "m.jpg").mkdir()
    shutil.copy(folder / "c.png", folder / "m.jpg" / "inside.png")
    os.mkfifo(folder / "n.jpg")
    (folder / "o.jpg").symlink_to("nowhere.jpg")
    summary = annotate_folder(folder, out, tiny_network, VOTES)
    assert (summary.photos, summary.failed) == (17, 8)
    found = [image.file_name for image in read_coco(out)]
    assert found[2:] == ["c.png", "e.jfif", "f.avif", "g.gif", "h.jp2", "m.jpg/inside.png", "z/last.png"]
    failures = map(json.loads, Path(f"{out}.failures.jsonl").read_text().splitlines())
    assert {failure["file_name"]: failure["failure"] for failure in failures} == {
        "b.jpg": "not an image, or of an unknown format",
        "i.heic": "a HEIC photo, which needs: pip install 'densepose-annotator[heif]'",
        "j.mov": "a video: extract its frames first",
        "k.cr2": "a raw photo: develop it to JPEG, PNG or TIFF first",
        "l.svg": "an image of a format that is not read: convert it to JPEG or PNG first",
        "m.jpg": "a folder, not a file",
        "n.jpg": "a pipe, socket or device, not a file",
        "o.jpg": "a link to a file that is gone",
    }


def test_a_photo_is_labelled_once_however_many_links_lead_to_it(
    folder: Path, out: Path, tiny_network: Network
):
    (folder / "d.png").symlink_to(folder / "c.png")
    os.link(folder / "c.png", folder / "a" / "c.png")
    annotate_folder(folder, out, tiny_network, VOTES)
    assert [people.file_name for people in read_coco(out)] == [
        "a/b/two.png", "a/c.png", "a/none.png", "z/last.png",
    ]  # fmt: skip
    lines = Path(f"{out}.failures.jsonl").read_text().splitlines()
    failures = {line["file_name"]: line["failure"] for line in map(json.loads, lines)}
    assert failures["c.png"] == failures["d.png"] == "the same photo as a/c.png"


def test_names_that_are_no_text_are_failures_and_all_others_are_kept(
    folder: Path, out: Path, tiny_network: Network
):
    photo = (folder / "c.png").read_bytes()
    odd = 'ü 😀 "q".png'
    (folder / odd).write_bytes(photo)
    stray = os.path.join(os.fsencode(folder), b"stray \xff.png")
    try:
        Path(os.fsdecode(stray)).write_bytes(photo)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    summary = annotate_folder(folder, out, tiny_network, VOTES)
    assert (summary.photos, summary.failed) == (7, 2)
    assert odd in [image.file_name for image in read_coco(out)]
    reasons = [json.loads(line)["failure"] for line in Path(f"{out}.failures.jsonl").read_text().splitlines()]
    assert "not valid UTF-8" in reasons[1]


def test_nothing_else_is_left_behind(folder: Path, out: Path, tiny_network: Network):
    annotate_folder(folder, out, tiny_network, VOTES)
    assert names(out.parent) == {"labels.json", "labels.json.failures.jsonl"}
    (folder / "b.jpg").unlink()
    annotate_folder(folder, out, tiny_network, VOTES, overwrite=True)
    assert names(out.parent) == {"labels.json"}


def test_a_second_run_replaces_the_file_if_it_is_told_to(folder: Path, out: Path, tiny_network: Network):
    annotate_folder(folder, out, tiny_network, VOTES)
    draw_photo(folder / "new.png", [LEFT])
    (folder / "c.png").unlink()
    summary = annotate_folder(folder, out, tiny_network, VOTES, overwrite=True)
    assert (summary.photos, summary.continued) == (5, 0)
    found = [image.file_name for image in read_coco(out)]
    assert found == ["a/b/two.png", "a/none.png", "new.png", "z/last.png"]


def test_a_finished_file_is_left_alone(folder: Path, out: Path, tiny_network: Network):
    annotate_folder(folder, out, tiny_network, VOTES)
    before = out.read_bytes(), out.stat().st_mtime_ns
    moved = folder.rename(folder.with_name("moved"))
    assert annotate_folder(moved, out, tiny_network, replace(VOTES, batch_size=3)) is None
    assert (out.read_bytes(), out.stat().st_mtime_ns) == before
    assert names(out.parent) == {"labels.json", "labels.json.failures.jsonl"}


def test_a_finished_file_whose_journal_is_still_there_loses_it(
    folder: Path, out: Path, whole: bytes, tiny_network: Network
):
    journal = interrupt(folder, out, tiny_network, 5)
    out.write_bytes(whole)
    assert annotate_folder(folder, out, tiny_network, VOTES).continued == 5
    assert out.read_bytes() == whole
    assert not journal.parent.exists()


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"settings": replace(VOTES, tiles=2, threshold=0.4)}, r"\(settings\.tiles: 2, was 1\)"),
        (
            {"settings": Settings(proposals="both")},
            r"\(finder: .*, was None; settings\.proposals: 'both', was 'votes'\)",
        ),
        ({"sampling": PointSampling(per_part=5)}, r"\(sampling\.per_part: 5, was"),
        ({"network": "other"}, r"\(model\.model_id: 'other', was 'tiny-1'\)"),
        ({"photos": "one more"}, r"\(photos\.count: 6, was 5\)"),
        ({"photos": "changed"}, r"\(photos\.names_and_sizes: "),
    ],
    ids=str,
)
def test_the_file_of_another_run_is_not_replaced(
    folder: Path, out: Path, tmp_path: Path, tiny_model: Path, tiny_network: Network, other: dict, words: str
):
    annotate_folder(folder, out, tiny_network, VOTES)
    before = out.read_bytes()
    if photos := other.get("photos"):
        draw_photo(folder / ("new.png" if photos == "one more" else "c.png"), [LEFT, RIGHT])
    network = tiny_network
    if "network" in other:
        proto = onnx.load(tiny_model)
        onnx.helper.set_model_props(proto, {METADATA_KEY: json.dumps(DESCRIPTION | {"model_id": "other"})})
        onnx.save(proto, tmp_path / "other.onnx")
        network = Network(tmp_path / "other.onnx", threads=1)
    given = {"settings": VOTES} | {name: other[name] for name in other if name in ("settings", "sampling")}
    with pytest.raises(FileExistsError, match=rf"labels\.json: holds the labels of another run {words}"):
        annotate_folder(folder, out, network, **given)
    assert out.read_bytes() == before
    assert names(out.parent) == {"labels.json", "labels.json.failures.jsonl"}
    assert annotate_folder(folder, out, network, **given, overwrite=True) is not None
    assert annotate_folder(folder, out, network, **given) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "notes",
        "[1]",
        '{"images": [], "info": {}}',
        '{"info": 7}',
        '{"info": {"annotate": []}}',
        '{"info": {"x": 1',
    ],
)
def test_a_file_that_somebody_else_made_is_not_replaced(
    folder: Path, out: Path, tiny_network: Network, text: str
):
    out.parent.mkdir()
    out.write_text(text)
    with pytest.raises(
        FileExistsError, match=r"labels\.json: is there, and does not say that annotate made it"
    ):
        annotate_folder(folder, out, tiny_network, VOTES)
    assert out.read_text() == text
    assert names(out.parent) == {"labels.json"}


@pytest.mark.parametrize("photos", range(6))
def test_a_stopped_run_goes_on(folder: Path, out: Path, whole: bytes, tiny_network: Network, photos: int):
    interrupt(folder, out, tiny_network, photos)
    calls = []
    summary = annotate_folder(folder, out, tiny_network, VOTES, progress=lambda *call: calls.append(call))
    assert summary.continued == photos
    assert (summary.photos, summary.people, summary.failed) == (5, 4, 1)
    assert calls == [(done, 5) for done in range(photos, 6)]
    assert out.read_bytes() == whole


@pytest.mark.parametrize("cut", [1, 40])
@pytest.mark.parametrize("photos", [0, 3])
def test_a_journal_with_half_a_last_line_goes_on(
    folder: Path, out: Path, whole: bytes, tiny_network: Network, photos: int, cut: int
):
    journal = interrupt(folder, out, tiny_network, photos)
    data = journal.read_bytes()
    journal.write_bytes(data[:-cut])
    summary = annotate_folder(folder, out, tiny_network, VOTES)
    assert summary.continued == max(photos - 1, 0)
    assert out.read_bytes() == whole


@pytest.mark.parametrize("damage", [bytes(40), b"{}", b"[1]", b"7", b'{"file_name": "\xff"}'])
def test_a_journal_goes_on_from_where_it_is_damaged(
    folder: Path, out: Path, whole: bytes, tiny_network: Network, damage: bytes
):
    journal = interrupt(folder, out, tiny_network, 3)
    lines = journal.read_bytes().splitlines()
    lines[2] = damage
    journal.write_bytes(b"".join(line + b"\n" for line in lines))
    summary = annotate_folder(folder, out, tiny_network, VOTES)
    assert summary.continued == 1
    assert out.read_bytes() == whole


def test_photos_that_come_or_go_during_the_stop(
    folder: Path, out: Path, tmp_path: Path, tiny_network: Network
):
    interrupt(folder, out, tiny_network, 3)
    draw_photo(folder / "a" / "a.png", [LEFT])
    (folder / "a" / "none.png").unlink()
    summary = annotate_folder(folder, out, tiny_network, VOTES)
    assert (summary.photos, summary.continued) == (5, 2)
    annotate_folder(folder, tmp_path / "whole.json", tiny_network, VOTES)
    assert out.read_bytes() == (tmp_path / "whole.json").read_bytes()


def test_another_batch_size_may_go_on(folder: Path, out: Path, whole: bytes, tiny_network: Network):
    interrupt(folder, out, tiny_network, 2)
    assert annotate_folder(folder, out, tiny_network, replace(VOTES, batch_size=3)).continued == 2
    assert out.read_bytes() == whole


@pytest.mark.parametrize(
    "other",
    [
        {"settings": replace(VOTES, zoom_in=False)},
        {"settings": replace(VOTES, threshold=0.4)},
        {"settings": Settings(proposals="both")},
        {"sampling": PointSampling(per_part=5)},
    ],
)
def test_other_settings_may_not_go_on(folder: Path, out: Path, tiny_network: Network, other: dict):
    journal = interrupt(folder, out, tiny_network, 2)
    before = journal.read_bytes()
    with pytest.raises(JournalError, match="delete that folder"):
        annotate_folder(folder, out, tiny_network, **{"settings": VOTES} | other)
    assert journal.read_bytes() == before


def test_another_finder_may_not_go_on(folder: Path, out: Path, tmp_path: Path, tiny_model: Path):
    network = Network(shutil.copy(tiny_model, tmp_path / "tiny.onnx"), threads=1)
    settings = Settings(proposals="finder")
    finder = write_finder(tmp_path / "finder.onnx")
    with pytest.raises(Stopped):
        annotate_folder(folder, out, network, settings, progress=stop_after(2))
    write_finder(finder, model_id="better")
    with pytest.raises(JournalError, match="delete that folder"):
        annotate_folder(folder, out, network, settings)
    write_finder(finder)
    assert annotate_folder(folder, out, network, settings).continued == 2


def test_another_folder_may_not_go_on(folder: Path, out: Path, tiny_network: Network):
    interrupt(folder, out, tiny_network, 2)
    with pytest.raises(JournalError, match="another folder"):
        annotate_folder(folder / "a", out, tiny_network, VOTES)


def test_a_second_run_at_the_same_time_is_refused(folder: Path, out: Path, tiny_network: Network):
    refused = []

    def start_again(done: int, _: int) -> None:
        if done == 2:
            with pytest.raises(JournalError, match="written by another run"):
                annotate_folder(folder, out, tiny_network, VOTES)
            refused.append(done)

    summary = annotate_folder(folder, out, tiny_network, VOTES, progress=start_again)
    assert refused == [2]
    assert (summary.photos, summary.people, summary.continued) == (5, 4, 0)
    assert names(out.parent) == {"labels.json", "labels.json.failures.jsonl"}


def test_a_journal_that_is_removed_while_it_is_opened_is_not_gone_on_with(tmp_path: Path, monkeypatch):
    path, flock = tmp_path / "journal.jsonl", fcntl.flock
    path.write_text("{}\n")

    def finish(file, how):
        path.unlink()
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", finish)
    with pytest.raises(JournalError, match="written by another run"):
        Journal(path, {}).open()


def test_a_foreign_file_in_place_of_the_journal_is_left_alone(folder: Path, out: Path, tiny_network: Network):
    journal = interrupt(folder, out, tiny_network, 2)
    journal.write_text("some notes\nof mine\n")
    with pytest.raises(JournalError, match="delete that folder"):
        annotate_folder(folder, out, tiny_network, VOTES)
    assert journal.read_text() == "some notes\nof mine\n"


def test_a_folder_without_photos_replaces_nothing(tmp_path: Path, out: Path, tiny_network: Network):
    (tmp_path / "bare").mkdir()
    out.parent.mkdir()
    out.write_text("labels of yesterday")
    with pytest.raises(PhotoError, match="bare: no photos"):
        annotate_folder(tmp_path / "bare", out, tiny_network, VOTES)
    assert out.read_text() == "labels of yesterday"
    assert names(out.parent) == {"labels.json"}


def test_a_folder_in_place_of_the_result_is_said_at_once(folder: Path, out: Path, tiny_network: Network):
    out.mkdir(parents=True)
    with pytest.raises(IsADirectoryError, match=r"labels\.json"):
        annotate_folder(folder, out, tiny_network, VOTES)
    assert names(out.parent) == {"labels.json"}


RUN = """
import os, signal, sys
from annotator.runs.folder import annotate_folder
from annotator.inference.network import Network
from annotator.inference.settings import Settings

folder, out, model, photos, when = sys.argv[1:]
network = Network(model, threads=1)
settings = Settings(proposals="votes", pose_estimator=False)
if when == "photos":
    def progress(done, total):
        if done == int(photos):
            os.kill(os.getpid(), signal.SIGKILL)
    annotate_folder(folder, out, network, settings, progress=progress)
else:
    replace = os.replace
    def killed(*arguments):
        os.kill(os.getpid(), signal.SIGKILL)
    os.replace = killed
    annotate_folder(folder, out, network, settings)
"""


@pytest.mark.parametrize("when", ["photos", "writing"])
def test_a_killed_run_goes_on(
    folder: Path, out: Path, whole: bytes, tiny_model: Path, tiny_network: Network, when: str
):
    command = [sys.executable, "-c", RUN, str(folder), str(out), str(tiny_model), "3", when]
    status = subprocess.run(command, cwd=ROOT, timeout=60, check=False).returncode
    assert status == -signal.SIGKILL
    assert not out.exists()
    summary = annotate_folder(folder, out, tiny_network, VOTES)
    assert summary.continued == (3 if when == "photos" else 5)
    assert out.read_bytes() == whole
    assert names(out.parent) == {"labels.json", "labels.json.failures.jsonl"}


def test_kills_at_any_moment_lose_nothing(
    folder: Path, out: Path, tmp_path: Path, tiny_model: Path, tiny_network: Network
):
    for i in range(200):
        shutil.copy(folder / "a" / "b" / "two.png", folder / f"copy{i:03}.png")
    whole = tmp_path / "whole.json"
    annotate_folder(folder, whole, tiny_network, VOTES)
    journal = out.parent / "labels.json.partial" / "journal.jsonl"
    command = [sys.executable, "-c", RUN, str(folder), str(out), str(tiny_model), "-1", "photos"]
    size = 0
    for _ in range(3):
        run = subprocess.Popen(command, cwd=ROOT)
        end = time.monotonic() + 60
        while time.monotonic() < end and (not journal.exists() or journal.stat().st_size < size + 20_000):
            assert run.poll() is None
            time.sleep(0.001)
        run.kill()
        run.wait()
        size = journal.stat().st_size
    assert annotate_folder(folder, out, tiny_network, VOTES).continued > 3
    assert out.read_bytes() == whole.read_bytes()
