"""`densepose-annotator texture` paints the people of a photo and nothing else."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from annotator.cli import main
from annotator.inference.network import Network
from annotator.inference.pipeline import annotate
from annotator.inference.settings import Settings
from annotator.photos.reading import read_photo
from annotator.surface.texture import checkerboard, paint_people
from tests.annotator.conftest import draw_photo

BLUE = (20, 40, 250)
VOTES = "votes"
"""Proposals: finder and pose estimator know no people that are drawn as rectangles."""


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return draw_photo(tmp_path / "a.png", [(8, 20, 36, 60, 10), (70, 16, 40, 70, 200)])


@pytest.fixture
def command(photo: Path, tiny_model: Path) -> list[str]:
    return ["texture", str(photo), "--model", str(tiny_model), "--proposals", VOTES, "--no-pose-estimator"]


def test_people_are_painted_with_the_checkerboard(
    command: list[str], photo: Path, tiny_network: Network, capsys: pytest.CaptureFixture
):
    assert main(command) == 0
    out = photo.with_name("a-texture.png")
    assert capsys.readouterr().out == f"2 people: {out}\n"
    (result,) = annotate([photo], tiny_network, Settings(proposals=VOTES, pose_estimator=False))
    painted, before = read_photo(out), read_photo(photo)
    assert (painted == paint_people(before, result.people, checkerboard())).all()
    outside = np.ones(before.shape[:2], bool)
    for person in result.people.people:
        x, y, w, h = person.box
        outside[y : y + h, x : x + w] &= ~person.mask
    assert (painted[outside] == before[outside]).all()
    assert (painted[~outside] != before[~outside]).any(axis=1).mean() > 0.9


@pytest.mark.parametrize("extension", [".png", ".JPG", ".webp"])
def test_a_texture_of_ones_own(command: list[str], tmp_path: Path, extension: str):
    texture, out = tmp_path / "blue.png", tmp_path / f"out{extension}"
    cv2.imwrite(str(texture), np.full((30, 20, 3), BLUE[::-1], np.uint8))
    assert main([*command, "--texture", str(texture), "--out", str(out)]) == 0
    with Image.open(out) as image:
        assert image.format == {".png": "PNG", ".JPG": "JPEG", ".webp": "WEBP"}[extension]
    np.testing.assert_allclose(read_photo(out)[50, 25].astype(int), BLUE, atol=10)


def test_a_transparent_texture_and_shading(command: list[str], photo: Path, tmp_path: Path):
    texture, out = tmp_path / "t.png", tmp_path / "out.png"
    cv2.imwrite(str(texture), np.zeros((30, 20, 4), np.uint8))
    assert main([*command, "--texture", str(texture), "--out", str(out)]) == 0
    assert (read_photo(out) == read_photo(photo)).all()
    cv2.imwrite(str(texture), np.full((30, 20, 3), 100, np.uint8))
    assert main([*command, "--texture", str(texture), "--out", str(out), "--shading"]) == 0
    shaded = read_photo(out)
    # The disc on the drawn person is lighter than the rest of it.
    assert shaded[50, 26].min() > shaded[25, 12].max()


def test_settings_reach_the_labels(command: list[str], photo: Path, capsys: pytest.CaptureFixture):
    assert main([*command, "--grouping", "dbscan", "--min-samples", "99999"]) == 0
    assert capsys.readouterr().out.startswith("0 people: ")
    assert (read_photo(photo.with_name("a-texture.png")) == read_photo(photo)).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{tmp}/none.png"], "none.png: cannot be read: No such file or directory"),
        (["{tmp}/text.png"], "text.png: not an image"),
        (
            ["{tmp}/a.png", "--texture", "{tmp}/none.png"],
            "none.png: cannot be read: No such file or directory",
        ),
        (["{tmp}/a.png", "--texture", "{tmp}/text.png"], "text.png: not an image"),
        (["{tmp}/a.png", "--out", "{tmp}/b.gif"], "b.gif: --out names a file that ends in .png, .jpg"),
        (["{tmp}/a.png", "--out", "{tmp}/a.png"], "a.png: is read; --out names another file"),
        (["{tmp}/a.png", "--out", "{tmp}/none/b.png"], "none: no such folder"),
        (["{tmp}/a.png", "--eps", "0.1"], "--eps needs --grouping dbscan"),
    ],
)
def test_mistakes_are_one_line(
    photo: Path,
    tmp_path: Path,
    tiny_model: Path,
    capsys: pytest.CaptureFixture,
    arguments: list[str],
    words: str,
):
    (tmp_path / "text.png").write_text("no image")
    before = photo.read_bytes()
    assert main(["texture", *(a.format(tmp=tmp_path) for a in arguments), "--model", str(tiny_model)]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith("densepose-annotator: ")
    assert words in errors
    assert photo.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "text.png"]
