"""Whatever a label file of another tool holds, it is read right, or refused in one line; nothing that it names is run."""

import random
import shutil
from pathlib import Path

import pytest

from annotator.formats.names import COCO
from annotator.formats.registry import FORMATS
from annotator.formats.values import FormatError
from annotator.labels.people import People
from tests.annotator.formats.test_round_trips import SIZE, blob, photos
from tests.robustness.label_file_fuzzer import break_file, label_files, read_all

FEW, MANY = 40, 3000
"""Broken files per format: in the suite, and with ``--campaign``."""
FORMS = [(name, kind.suffix) for name, kind in FORMATS.items() if name != COCO] + [
    ("densepose-dump", ".json")
]


@pytest.mark.parametrize(("name", "suffix"), FORMS)
def test_a_broken_file_is_refused_in_one_line_or_read_in_part(name, suffix, tmp_path, campaign):
    folder = photos(tmp_path / "photos", "a.jpg", "b.jpg")
    good, bad = tmp_path / f"good{suffix}", tmp_path / f"bad{suffix}"
    with FORMATS[name].writer(good, folder) as writer:
        for place, photo in enumerate("ab"):
            writer.add(People(SIZE, [blob(2 * place), blob(2 * place + 1)], f"{photo}.jpg"))
    for seed in range(MANY if campaign else FEW):
        rng = random.Random(seed)
        _copy(good, bad)
        break_file(rng.choice(label_files(bad)), rng)
        problem = _problem(name, bad, folder)
        assert problem is None, seed


def _problem(name: str, bad: Path, folder: Path) -> str | None:
    """What is wrong with how a file is refused."""
    try:
        read_all(name, bad, folder)
    except FormatError as error:
        line = str(error)
        return None if str(bad) in line and len(line.splitlines()) == 1 else line
    return None


def _copy(good: Path, bad: Path) -> None:
    if good.is_dir():
        shutil.rmtree(bad, ignore_errors=True)
        shutil.copytree(good, bad, symlinks=True)
    else:
        shutil.copy(good, bad)
