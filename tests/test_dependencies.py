"""What is installed: one OpenCV, files that nothing has overwritten, and the same versions with and without training."""

import base64
import csv
import hashlib
import json
import os
import re
import subprocess
import sys
from configparser import ConfigParser
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = "densepose-annotator"
CARRIED = {"_vendor", "thirdparty_files"}
"""Folders of distributions that others carry."""


def name_of(requirement: str) -> str:
    """The distribution's normalized name: ``fiftyone_db>=1`` is ``fiftyone-db``."""
    name = re.match(r"[\w.-]+", requirement).group()
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(*extras: str) -> list[str]:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    lists = [
        setup["options"]["install_requires"],
        *(setup["options.extras_require"][extra] for extra in extras),
    ]
    return [line for text in lists for line in text.strip().splitlines()]


def test_one_opencv_is_installed_and_it_needs_no_screen():
    assert {name_of(name) for name in metadata.packages_distributions()["cv2"]} == {"opencv-python-headless"}


def recorded_files(distribution: metadata.Distribution) -> list[tuple[str, str, str]]:
    """Path, kind of hash and hash of each file that was installed as it is; caches are written anew."""
    rows = csv.reader((distribution.read_text("RECORD") or "").splitlines())
    return [
        (os.path.join(distribution.locate_file(""), path), *digest.split("=", 1))
        for path, digest, _ in rows
        if digest and not path.endswith(".pyc")
    ]


def digest_of(path: str, kind: str) -> str:
    digest = hashlib.new(kind)
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()


def test_no_installed_file_is_missing_or_overwritten_by_another_distribution():
    checked, wrong = 0, []
    for distribution in metadata.distributions():
        name = name_of(distribution.name)
        # setuptools and Ray carry parts of other distributions, without their commands and tests.
        if name == PROJECT or CARRIED & set(Path(distribution.locate_file("")).parts):
            continue
        for path, kind, expected in recorded_files(distribution):
            checked += 1
            if not os.path.exists(path):
                wrong.append(f"{name}: {path} is missing")
            elif digest_of(path, kind) != expected:
                wrong.append(f"{name}: {path} is another file than {name} installed")
    assert wrong == []
    assert checked > 10_000


def test_what_is_installed_fits_together():
    done = subprocess.run(
        [sys.executable, "-m", "pip", "check"], capture_output=True, text=True, timeout=120, check=False
    )
    # imaug is installed without the second OpenCV that it asks for, see scripts/environment.sh.
    misfits = [line for line in done.stdout.splitlines() if not line.startswith("imaug ")]
    assert misfits in ([], ["No broken requirements found."]), done.stdout + done.stderr


def resolution(folder: Path, *extras: str) -> subprocess.Popen:
    """pip, finding out what it would install into an empty environment; it writes ``report.json``.

    FiftyOne is left out: it wants the same with and without training, and is most of the download.
    """
    folder.mkdir()
    listed = folder / "requirements.txt"
    lines = [line for line in requirements(*extras) if name_of(line) != "fiftyone"]
    listed.write_text("\n".join(lines), encoding="utf-8")
    options = ["--dry-run", "--ignore-installed", "--quiet", "--retries", "1", "--timeout", "30"]
    return subprocess.Popen(
        [sys.executable, "-m", "pip", "install", *options, "--report", folder / "report.json", "-r", listed],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def versions(process: subprocess.Popen, folder: Path) -> dict[str, str]:
    said, _ = process.communicate(timeout=600)
    if process.returncode and re.search("from versions: none|timed out|no such option: --report", said):
        pytest.skip(f"pip cannot ask the package index: {said.strip().splitlines()[-1]}")
    assert process.returncode == 0, said
    installed = json.loads((folder / "report.json").read_text(encoding="utf-8"))["install"]
    return {name_of(each["metadata"]["name"]): each["metadata"]["version"] for each in installed}


def test_training_changes_no_version_that_labelling_installed(tmp_path):
    folders = {extras: tmp_path / "-".join(extras) for extras in (("cpu",), ("cpu", "train"))}
    running = {extras: resolution(folder, *extras) for extras, folder in folders.items()}
    try:
        alone, both = (versions(process, folders[extras]) for extras, process in running.items())
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    labelling = {name_of(line) for line in requirements("cpu")} - {"fiftyone"}
    assert {"numpy", "onnxruntime", "opencv-python-headless"} <= labelling
    assert {name: both.get(name) for name in labelling} == {name: alone.get(name) for name in labelling}
    assert labelling <= set(alone)
    assert [name for name in both if name.startswith("opencv")] == ["opencv-python-headless"]
