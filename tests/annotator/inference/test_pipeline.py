import itertools
import sys
import threading
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from annotator.inference import pipeline
from annotator.inference.network import Network
from annotator.inference.pipeline import Annotated, annotate
from annotator.inference.settings import Settings
from annotator.labels.people import Person
from annotator.photos.reading import PhotoFile, read_photo
from tests.annotator.conftest import draw_photo

LEFT, RIGHT = (8, 20, 36, 60, 10), (70, 16, 40, 70, 200)


VOTES = Settings(proposals="votes", pose_estimator=False)
"""The finder knows no people that are drawn as rectangles."""


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Seven photos of 0, 1 or 2 people, of different sizes, each person of its own width."""
    people = [[], [LEFT], [LEFT, RIGHT]]
    return [
        draw_photo(
            tmp_path / f"{i}.png",
            [(x, y, w - 2 * i, h, green) for x, y, w, h, green in people[i % 3]],
            (128 + 8 * i, 96),
        )
        for i in range(7)
    ]


def numbers(person: Person) -> dict:
    """All that is known of a person, comparable."""
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name in person.__slots__
        if (value := getattr(person, name)) is not None
    }


def labels(results: Iterator[Annotated] | list[Annotated]) -> list[list[dict]]:
    return [[numbers(person) for person in result.people.people] for result in results]


def test_people_come_in_the_order_of_the_photos(photos: list[Path], tiny_network: Network):
    results = list(annotate(photos, tiny_network, VOTES))
    assert [result.path for result in results] == photos
    assert [result.failure for result in results] == [None] * 7
    assert [result.people.size for result in results] == [(128 + 8 * i, 96) for i in range(7)]
    assert [len(result.people.people) for result in results] == [0, 1, 2, 0, 1, 2, 0]
    for i, result in enumerate(results):
        expected = sorted([(8, 20, 36 - 2 * i, 60), (70, 16, 40 - 2 * i, 70)][: i % 3])
        found = sorted(person.box for person in result.people.people)
        assert np.abs(np.subtract(found, expected)).max(initial=0) <= 2


def test_results_are_encoded_in_the_threads_of_their_photos(photos: list[Path], tiny_network: Network):
    photos[3].write_text("no photo")
    threads = set()

    def encode(result: Annotated) -> tuple[Path, int | str]:
        threads.add(threading.get_ident())
        return result.path, result.failure or len(result.people.people)

    results = list(annotate(photos, tiny_network, VOTES, encode=encode))
    assert [result.encoded for result in results] == [
        (result.path, result.failure or len(result.people.people)) for result in results
    ]
    assert [result.encoded[0] for result in results] == photos
    assert threading.get_ident() not in threads


def test_an_error_of_encoding_is_raised_in_its_turn(photos: list[Path], tiny_network: Network):
    def encode(result: Annotated) -> None:
        if result.path == photos[2]:
            raise ZeroDivisionError

    results = annotate(photos, tiny_network, VOTES, encode=encode)
    assert [next(results).path for _ in range(2)] == photos[:2]
    with pytest.raises(ZeroDivisionError):
        next(results)


@pytest.mark.parametrize("batch_size", [1, 3, 8])
@pytest.mark.parametrize("zoom_in", [False, True])
def test_the_batch_size_changes_no_label(
    photos: list[Path], tiny_network: Network, batch_size: int, zoom_in: bool
):
    alone = [
        result
        for path in photos
        for result in annotate([path], tiny_network, replace(VOTES, zoom_in=zoom_in))
    ]
    settings = replace(VOTES, batch_size=batch_size, zoom_in=zoom_in)
    assert labels(annotate(photos, tiny_network, settings)) == labels(alone)


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_a_bad_photo_says_why_and_harms_no_other(
    photos: list[Path], tmp_path: Path, tiny_network: Network, batch_size: int
):
    settings = replace(VOTES, batch_size=batch_size)
    good = labels(annotate(photos, tiny_network, settings))
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no photo")
    (tmp_path / "cut.png").write_bytes(photos[1].read_bytes()[:200])
    bad = {
        tmp_path / "empty.png": "empty",
        tmp_path / "text.png": "not an image",
        tmp_path / "cut.png": "damaged",
        tmp_path / "gone.png": "cannot be read",
    }
    mixed = [path for pair in itertools.zip_longest(bad, photos) for path in pair if path]
    results = list(annotate(mixed, tiny_network, settings))
    assert [result.path for result in results] == mixed
    assert labels(result for result in results if result.failure is None) == good
    for result in results:
        if result.path in bad:
            assert bad[result.path] in result.failure
            assert result.people is None


@pytest.mark.parametrize("batch_size", [1, 3])
def test_nothing_but_bad_photos(tmp_path: Path, tiny_network: Network, batch_size: int):
    paths = [tmp_path / f"{i}.jpg" for i in range(8)]
    results = list(annotate(paths, tiny_network, replace(VOTES, batch_size=batch_size)))
    assert [result.path for result in results] == paths
    assert all(result.people is None and result.failure for result in results)


def test_no_photos(tiny_network: Network):
    assert list(annotate([], tiny_network, VOTES)) == []


@pytest.fixture
def opened() -> Iterator[list[Path]]:
    """All files that are opened while a test runs, once per time."""
    paths, watching = [], True

    def watch(event: str, arguments: tuple) -> None:
        if watching and event == "open" and isinstance(arguments[0], str):
            paths.append(Path(arguments[0]))

    sys.addaudithook(watch)  # cannot be removed
    yield paths
    watching = False


@pytest.mark.parametrize("batch_size", [1, 8])
def test_a_photo_is_read_once(photos: list[Path], tiny_network: Network, batch_size: int, opened: list[Path]):
    settings = replace(VOTES, batch_size=batch_size)
    zoomed = labels(annotate(photos, tiny_network, settings))
    assert sorted(path for path in opened if path.suffix == ".png") == photos
    assert zoomed != labels(annotate(photos, tiny_network, replace(VOTES, zoom_in=False)))


@pytest.mark.parametrize("batch_size", [1, 8])
@pytest.mark.parametrize("room", [1, 3])
def test_few_large_photos_are_in_memory(
    photos: list[Path], tiny_network: Network, batch_size: int, room: int, monkeypatch: pytest.MonkeyPatch
):
    settings, photos = replace(VOTES, batch_size=batch_size, workers=2), [photos[2]] * 12
    expected = labels(annotate(photos, tiny_network, settings))
    width, height = read_photo(photos[0]).shape[1::-1]
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
    monkeypatch.setattr(pipeline, "MAX_HELD_PIXELS", room * width * height)
    assert labels(annotate(photos, tiny_network, settings)) == expected
    assert most[0] <= max(room, settings.workers)
    assert (len(images), in_memory()) == (12, 0)


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_closing_early_reads_little_more_and_ends_all_threads(
    photos: list[Path], tiny_network: Network, taken: int
):
    asked = []

    def endless() -> Iterator[Path]:
        for path in itertools.cycle(photos):
            asked.append(path)
            yield path

    threads = set(threading.enumerate())
    results = annotate(endless(), tiny_network, VOTES)
    assert len(list(itertools.islice(results, taken))) == taken
    results.close()
    assert set(threading.enumerate()) <= threads
    assert len(asked) <= taken + 32


def test_a_failing_source_of_paths_is_heard_and_ends_all_threads(photos: list[Path], tiny_network: Network):
    def broken() -> Iterator[Path]:
        yield from photos[:3]
        raise OSError("the disk is gone")

    threads = set(threading.enumerate())
    with pytest.raises(OSError, match="the disk is gone"):
        list(annotate(broken(), tiny_network, VOTES))
    assert set(threading.enumerate()) <= threads


def test_the_zoom_in_sees_the_edges(tmp_path: Path, tiny_network: Network):
    # At 400 pixels a pixel of the maps is 12.5 pixels of the photo; the second look sees the edges.
    path = draw_photo(tmp_path / "small.png", [(203, 107, 90, 100, 80)], (400, 300))
    errors = []
    for zoom_in in (False, True):
        settings = replace(VOTES, zoom_in=zoom_in)
        (result,) = annotate([path], tiny_network, settings)
        (person,) = result.people.people
        ground_truth = np.zeros((300, 400), bool)
        ground_truth[107:207, 203:293] = True
        x, y, w, h = person.box
        seen = np.zeros_like(ground_truth)
        seen[y : y + h, x : x + w] = person.mask
        errors.append(int((seen != ground_truth).sum()))
    coarse, fine = errors
    assert fine < coarse / 2


def test_a_relative_path_is_the_file_name(
    photos: list[Path], tmp_path: Path, tiny_network: Network, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path.parent)
    relative = f"{tmp_path.name}/{photos[1].name}"
    results = annotate([relative, photos[1]], tiny_network, VOTES)
    assert [result.people.file_name for result in results] == [relative, ""]
