"""What the other tools' own code makes of the files that are written for it, and what is read of its own files.

They need not be installed here, and ultralytics must not be (it brings another OpenCV): ``DENSEPOSE_TOOLS_PYTHON`` names the
interpreter of an environment with cvat-sdk, label-studio-sdk, labelme, ultralytics and torch.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from annotator.formats.registry import FORMATS
from annotator.geometry.boxes import crop
from annotator.labels.people import People
from tests.annotator.formats import real_tools
from tests.annotator.formats.test_round_trips import SIZE, blob, photos

PYTHON = os.environ.get("DENSEPOSE_TOOLS_PYTHON", sys.executable)
PEOPLE = [blob(seed) for seed in (1, 2, 3)]


def on_photo(person) -> np.ndarray:
    whole = np.zeros(SIZE[::-1], bool)
    crop(whole, person.box)[...] = person.mask
    return whole


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return np.count_nonzero(a & b) / np.count_nonzero(a | b)


@pytest.fixture
def run(tmp_path):
    """Write people for a tool, and let it read them and write others; what it read, and the folder."""

    def run_tool(name: str) -> tuple[dict[str, np.ndarray], Path]:
        folder = photos(tmp_path / "photos", "a.jpg")
        with FORMATS[name].writer(tmp_path / f"labels{FORMATS[name].suffix}", folder) as writer:
            writer.add(People(SIZE, PEOPLE, "a.jpg"))
        seen = [person.visibility[:, None] > 0 for person in PEOPLE]
        truth = {
            "masks": [on_photo(person) for person in PEOPLE],
            "keypoints": [np.where(s, p.keypoints[:, :2], 0) for p, s in zip(PEOPLE, seen, strict=True)],
        }
        np.savez(tmp_path / "truth.npz", **truth)
        done = subprocess.run(
            [PYTHON, real_tools.__file__, name, str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"YOLO_CONFIG_DIR": str(tmp_path), "YOLO_OFFLINE": "true"},
        )
        if done.returncode == real_tools.MISSING:
            pytest.skip(f"{done.stdout.strip()} for {PYTHON}: DENSEPOSE_TOOLS_PYTHON names the one to use")
        assert done.returncode == 0, done.stdout + done.stderr
        with np.load(tmp_path / "read.npz") as file:
            return dict(file), tmp_path

    return run_tool


def read(name: str, path: Path, folder: Path) -> list:
    (people,) = FORMATS[name].read(path, folder / "photos", None)
    assert people.file_name == "a.jpg"
    return people.people


@pytest.mark.parametrize(
    ("name", "written"),
    [("cvat", "written.xml"), ("label-studio", "written.json"), ("labelme", "written.json")],
)
def test_masks_are_exact_both_ways(run, name, written):
    found, folder = run(name)
    back = read(name, folder / written, folder)
    for person, theirs, ours in zip(PEOPLE, found["masks"], back, strict=True):
        np.testing.assert_array_equal(theirs, on_photo(person))
        np.testing.assert_array_equal(on_photo(ours), on_photo(person))
    if name == "cvat":
        for person, points in zip(PEOPLE, found["keypoints"], strict=True):
            seen = person.visibility > 0
            np.testing.assert_allclose(points[seen], person.keypoints[seen, :2], atol=0.0051)
    if name == "labelme":
        points = np.concatenate([person.keypoints[person.visibility > 0, :2] for person in PEOPLE])
        np.testing.assert_allclose(found["seen"], points, atol=0.00051)


def test_ultralytics_draws_masks_but_for_the_joining_lines(run):
    found, folder = run("yolo-seg")
    for theirs in found["masks"]:
        truth = max((on_photo(person) for person in PEOPLE), key=lambda mask: iou(mask, theirs))
        assert iou(theirs, truth) > 0.98
        assert not (truth & ~theirs).any()
    (person,) = read("yolo-seg", folder / "written", folder)
    expected = np.zeros(SIZE[::-1], bool)
    expected[10:30, 10:30] = expected[20:60, 50:70] = True
    np.testing.assert_array_equal(on_photo(person), expected)


def test_ultralytics_reads_keypoints_and_their_visibility(run):
    found, _ = run("yolo-pose")
    for points, visibility in zip(found["keypoints"], found["visibility"], strict=True):
        (person,) = (person for person in PEOPLE if np.array_equal(person.labelled(), visibility))
        seen = person.labelled() > 0
        np.testing.assert_allclose(points[seen], person.keypoints[seen, :2], atol=0.001)


def test_pytorch_reads_and_writes_results(run):
    found, folder = run("densepose-dump")
    np.testing.assert_array_equal(found["charts"], [person.charts for person in PEOPLE])
    where = [person.charts > 0 for person in PEOPLE]
    expected = [np.where(w, [p.u, p.v], 0) for p, w in zip(PEOPLE, where, strict=True)]
    np.testing.assert_array_equal(found["uv"], np.array(expected, np.float32))
    np.testing.assert_array_equal(found["boxes"][:, :2], [person.box[:2] for person in PEOPLE])
    for name in ("written", "legacy", "plain", "quantized"):
        for person, uv, back in zip(
            PEOPLE, expected, read("densepose-dump", folder / f"{name}.pkl", folder), strict=True
        ):
            np.testing.assert_array_equal(back.charts, person.charts)
            step = 1 / 255 if name == "quantized" else 0
            np.testing.assert_allclose([back.u, back.v], uv, atol=step)
