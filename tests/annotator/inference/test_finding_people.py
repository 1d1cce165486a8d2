"""The whole way where the finder proposes: people of photos, each labelled in a view of its own."""

import shutil
import weakref
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from annotator.examples import EXAMPLES
from annotator.geometry.boxes import box_iou
from annotator.inference import pipeline
from annotator.inference.box_prompt import label_prompts
from annotator.inference.finder import Finder
from annotator.inference.network import ModelError, Network
from annotator.inference.pipeline import MIN_FOUND, Annotated, annotate
from annotator.inference.pose_estimator import PoseEstimator
from annotator.inference.settings import QUALITIES, Settings
from annotator.labels.people import People
from annotator.photos.finding import find_photos
from annotator.photos.reading import PhotoFile, read_photo
from tests.annotator.conftest import draw_photo

from .tiny_finder import write_finder

PHOTOS = find_photos(EXAMPLES)[2:5]
WAYS = ("finder", "both")


@pytest.fixture(scope="module")
def network() -> Network:
    return Network()


@pytest.fixture(scope="module")
def finder() -> Finder:
    return Finder()


@pytest.fixture(scope="module")
def found(network: Network, finder: Finder) -> dict[str, list[Annotated]]:
    """What becomes of the example photos, for each who proposes."""
    return {way: list(annotate(PHOTOS, network, Settings(proposals=way), finder)) for way in WAYS}


def labels(people: People) -> list[dict]:
    """Everything that is known of people and possible people, comparable."""
    described = [asdict(person) for person in people.people]
    for person in described:
        for name, value in person.items():
            if isinstance(value, np.ndarray):
                person[name] = value.tobytes()
    return [*described, *map(asdict, people.possible)]


@pytest.mark.parametrize("way", WAYS)
def test_people_are_found_on_every_photo(found: dict[str, list[Annotated]], way: str):
    settings = Settings(proposals=way)
    assert [result.path for result in found[way]] == PHOTOS
    for result in found[way]:
        people = result.people
        assert result.failure is None
        assert people.people
        assert people.size == read_photo(result.path).shape[1::-1]
        scores = [person.score for person in people.people]
        assert scores == sorted(scores, reverse=True)
        assert settings.least_score <= scores[-1] <= scores[0] <= 1
        for person in people.people:
            assert person.mask.any()
            assert person.provenance.model
            assert (person.parts[person.mask] > 0).all()
        for one in people.possible:
            assert settings.possible <= one.score <= 1
            assert all(box_iou(one.box, person.box) <= 0.5 for person in people.people)
        assert [one.score for one in people.possible] == sorted(
            (one.score for one in people.possible), reverse=True
        )


def test_people_are_labelled_in_views_of_their_own(
    found: dict[str, list[Annotated]], network: Network, finder: Finder
):
    settings = Settings(proposals="finder")
    for result in found["finder"][:2]:
        photo = read_photo(result.path)
        (proposals,) = finder.find([photo], MIN_FOUND)
        prompts = [(photo, p.box) for p in proposals if p.score >= settings.min_proposal]
        alone = label_prompts(prompts, network, settings, PoseEstimator(), flip_augment=False)
        masks = {(one.box, one.mask.tobytes()) for one in alone if one is not None}
        assert {(one.box, one.mask.tobytes()) for one in result.people.people} <= masks


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("batch_size", [2, 8])
def test_the_batch_size_changes_no_label(
    found: dict[str, list[Annotated]], network: Network, finder: Finder, way: str, batch_size: int
):
    settings = Settings(proposals=way, batch_size=batch_size)
    for result, alone in zip(annotate(PHOTOS, network, settings, finder), found[way], strict=True):
        assert result.path == alone.path
        assert labels(result.people) == labels(alone.people)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("batch_size", [1, 3])
def test_a_bad_photo_says_why_and_harms_no_other(
    found: dict[str, list[Annotated]],
    network: Network,
    finder: Finder,
    tmp_path: Path,
    way: str,
    batch_size: int,
):
    bad = tmp_path / "bad.jpg"
    bad.write_text("no photo")
    settings = Settings(proposals=way, batch_size=batch_size)
    first, failed, second = annotate([PHOTOS[0], bad, PHOTOS[1]], network, settings, finder)
    assert (failed.people, failed.failure) == (None, "not an image, or of an unknown format")
    for result, alone in zip((first, second), found[way], strict=False):
        assert labels(result.people) == labels(alone.people)


@pytest.mark.parametrize("way", WAYS)
def test_nothing_but_bad_photos(network: Network, finder: Finder, tmp_path: Path, way: str):
    settings = Settings(proposals=way, batch_size=2)
    results = list(annotate([tmp_path / f"{i}.jpg" for i in range(3)], network, settings, finder))
    assert all(result.people is None and result.failure for result in results)
    assert list(annotate([], network, settings, finder)) == []


@pytest.mark.parametrize("quality", QUALITIES)
def test_every_quality_finds_people(network: Network, finder: Finder, quality: str):
    (result,) = annotate(PHOTOS[-1:], network, Settings.of_quality(quality), finder)
    assert result.people.people


@pytest.fixture
def drawn(tmp_path: Path) -> list[Path]:
    """Seven photos of one red person each, and one of nobody."""
    people = [[(20 + 3 * i, 10 + 2 * i, 30 + 2 * i, 60, 20 * i)] for i in range(7)] + [[]]
    return [draw_photo(tmp_path / "drawn" / f"{i}.png", one, (128, 96)) for i, one in enumerate(people)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_whoever_the_finder_finds_is_labelled(
    drawn: list[Path], tiny_network: Network, tiny_finder: Finder, way: str, batch_size: int
):
    settings = Settings(proposals=way, confidence=0.3, batch_size=batch_size, pose_estimator=False)
    results = list(annotate(drawn, tiny_network, settings, tiny_finder))
    assert [len(result.people.people) for result in results] == [1] * 7 + [0]
    for i, result in enumerate(results[:7]):
        assert box_iou(result.people.people[0].box, (20 + 3 * i, 10 + 2 * i, 30 + 2 * i, 60)) > 0.9
    alone = replace(settings, batch_size=1)
    for path, result in zip(drawn, results, strict=True):
        (expected,) = annotate([path], tiny_network, alone, tiny_finder)
        assert labels(result.people) == labels(expected.people)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("room", [1, 3])
def test_few_large_photos_are_in_memory(
    drawn: list[Path],
    tiny_network: Network,
    tiny_finder: Finder,
    way: str,
    batch_size: int,
    room: int,
    monkeypatch: pytest.MonkeyPatch,
):
    settings = Settings(proposals=way, confidence=0.3, batch_size=batch_size, workers=2)
    photos = drawn[:1] * 12
    images, most = [], [0]

    def decode(file: PhotoFile, reduction: int) -> np.ndarray:
        image = decode_file(file, reduction)
        images.append(weakref.ref(image))
        most[0] = max(most[0], in_memory())
        return image

    def in_memory() -> int:
        return sum(image() is not None for image in images)

    decode_file = PhotoFile.decode
    monkeypatch.setattr(PhotoFile, "decode", decode)
    monkeypatch.setattr(pipeline, "MAX_HELD_PIXELS", room * 128 * 96)
    results = list(annotate(photos, tiny_network, settings, tiny_finder))
    assert [len(result.people.people) for result in results] == [1] * 12
    assert most[0] <= max(room, settings.workers)
    assert (len(images), in_memory()) == (12, 0)


def test_the_finder_beside_the_model_is_used(drawn: list[Path], tiny_model: Path, tmp_path: Path):
    network = Network(shutil.copy(tiny_model, tmp_path / "tiny.onnx"), threads=1)
    settings = Settings(proposals="finder", confidence=0.3)
    (none,) = annotate(drawn[:1], network, settings)
    assert none.people.people == []  # the package's finder knows nobody of that kind
    write_finder(tmp_path / "finder.onnx")
    (one,) = annotate(drawn[:1], network, settings)
    assert len(one.people.people) == 1
    # Where votes alone propose, no finder is needed.
    (tmp_path / "finder.onnx").write_text("no finder")
    (voted,) = annotate(drawn[:1], network, Settings(proposals="votes"))
    assert len(voted.people.people) == 1
    (voted,) = annotate(drawn[:1], network, Settings(proposals="votes", zoom_in=False), Finder())
    assert len(voted.people.people) == 1
    with pytest.raises(ModelError, match=r"finder\.onnx: ONNX Runtime cannot load it"):
        annotate(drawn[:1], network, settings)
