"""A folder of photos, and the files that a run over it writes on one machine."""

from pathlib import Path

import pytest

from annotator.coco.surface_points import PointSampling
from annotator.inference.network import Network
from annotator.inference.settings import Settings
from annotator.runs.folder import annotate_folder
from tests.annotator.conftest import draw_photo

LEFT, RIGHT = (8, 20, 36, 60, 10), (70, 16, 40, 70, 200)
VOTES = Settings(proposals="votes", pose_estimator=False)
"""The finder knows no people that are drawn as rectangles."""
SAMPLING = PointSampling()
SHARD = 3
"""Photos."""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Ten photos in folders, of 0 to 2 people, one of them a link to another, and three that cannot be used."""
    folder = tmp_path / "photos"
    for number in range(9):
        people = ([], [LEFT], [RIGHT], [LEFT, RIGHT])[number % 4]
        draw_photo(folder / f"{'a' if number % 2 else 'a-b'}" / f"{number} ü.png", people)
    (folder / "b.jpg").write_text("no photo")
    (folder / "clip.mov").write_text("a video")
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    (folder / "z.png").symlink_to(folder / "a" / "1 ü.png")
    (folder / ".hidden.png").write_text("not seen")
    (folder / "notes.txt").write_text("no photo at all")
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "labels.json"


@pytest.fixture
def local(photos: Path, tmp_path: Path, tiny_network: Network) -> Path:
    """The file of a run on one machine, with the list of its failures beside it."""
    path = tmp_path / "local" / "labels.json"
    annotate_folder(photos, path, tiny_network, VOTES)
    return path


def failures(out: Path) -> bytes:
    """The list beside a file of labels."""
    return Path(f"{out}.failures.jsonl").read_bytes()
