"""scripts/make-body: the file in the package is what it makes."""

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from annotator.surface.body import PATH

ROOT = Path(__file__).resolve().parents[2]


def make_body(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "scripts" / "make-body"), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def surface(shared: Path) -> Path:
    path = shared / "densepose" / "surface.npz"
    if not path.is_file():
        pytest.skip(f"needs the body surface {path}")
    return path


def test_it_makes_the_file_of_the_package(surface: Path, tmp_path: Path):
    made = tmp_path / "made.npz"
    result = make_body("--surface", surface, "--out", made)
    assert result.returncode == 0, result.stderr
    # Arrays and times, as another zlib may pack the same arrays into other bytes.
    with np.load(made) as ours, np.load(PATH) as packaged:
        assert set(ours) == set(packaged) == {"position", "inside", "views"}
        for name in ours:
            np.testing.assert_array_equal(ours[name], packaged[name], strict=True)
    with ZipFile(made) as file:
        assert {entry.date_time for entry in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert PATH.stat().st_size < 300_000


def test_it_names_what_is_wrong(surface: Path, tmp_path: Path):
    missing = make_body("--surface", tmp_path / "none.npz", "--out", tmp_path / "body.npz")
    with np.load(surface) as file:
        arrays = dict(file)
    arrays["chart"] = np.where(arrays["chart"] == 5, 4, arrays["chart"]).astype(np.uint8)
    np.savez(tmp_path / "footless.npz", **arrays)
    footless = make_body("--surface", tmp_path / "footless.npz", "--out", tmp_path / "body.npz")
    no_folder = make_body("--surface", surface, "--out", tmp_path / "nowhere" / "body.npz")
    for result, status, words in (
        (missing, 1, "none.npz: no such surface file"),
        (footless, 1, "no node of the grid lies on a face of chart 5"),
        (no_folder, 2, "--out: "),
    ):
        assert result.returncode == status
        assert words in result.stderr
        assert "Traceback" not in result.stderr
    assert not (tmp_path / "body.npz").exists()
