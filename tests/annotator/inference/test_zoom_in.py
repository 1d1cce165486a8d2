from pathlib import Path

import numpy as np
import pytest

from annotator.inference.network import Network
from annotator.inference.settings import Settings
from annotator.inference.zoom_in import zoom_in
from annotator.labels.people import People, Person
from annotator.photos.reading import read_photo
from tests.annotator.conftest import draw_photo

SIZE = (400, 300)
LEFT, BESIDE, RIGHT = (20, 30, 60, 90, 64), (82, 40, 50, 80, 191), (310, 190, 60, 80, 128)


@pytest.fixture
def photo(tmp_path: Path) -> np.ndarray:
    return read_photo(draw_photo(tmp_path / "a.png", [LEFT, BESIDE, RIGHT], SIZE))


def person(box: tuple[int, int, int, int], score: float = 0.5) -> Person:
    return Person(box, mask=np.ones(box[3:1:-1], bool), score=score)


def boxes(people: People) -> np.ndarray:
    return np.array(sorted(person.box for person in people.people))


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_one_small_blob_may_be_two_people(photo: np.ndarray, tiny_network: Network, batch_size: int):
    first = People(SIZE, [person((20, 30, 112, 90)), person(RIGHT[:4])], "a.png", 3, {"note": "x"})
    seen = zoom_in(photo, first, tiny_network, Settings(batch_size=batch_size))
    assert np.abs(boxes(seen) - np.array([LEFT[:4], BESIDE[:4], RIGHT[:4]])).max() <= 3
    assert (seen.size, seen.file_name, seen.id, seen.extra) == (SIZE, "a.png", 3, {"note": "x"})
    scores = [person.score for person in seen.people]
    assert scores == sorted(scores, reverse=True)


def test_neighbours_are_seen_together_and_once(photo: np.ndarray, tiny_network: Network):
    calls = []

    class Counting:
        side, info = tiny_network.side, tiny_network.info

        def run(self, images):
            calls.append(len(images))
            return tiny_network.run(images)

    first = People(SIZE, [person(box[:4]) for box in (LEFT, BESIDE, RIGHT)])
    seen = zoom_in(photo, first, Counting(), Settings(batch_size=8))
    assert calls == [2]
    assert len(seen.people) == 3


def test_people_who_fill_the_photo_stay_as_they_were(photo: np.ndarray, tiny_network: Network):
    # One of them is small, but its window is that of both.
    large = [person((0, 0, 300, 290), 0.9), person((290, 180, 90, 100), 0.8)]
    seen = zoom_in(photo, People(SIZE, large), tiny_network, Settings())
    assert [p is q for p, q in zip(seen.people, large, strict=True)] == [True, True]


def test_a_person_that_the_zoom_in_does_not_find_stays(photo: np.ndarray, tiny_network: Network):
    nobody, right = person((180, 20, 60, 60), score=0.1), person(RIGHT[:4])
    seen = zoom_in(photo, People(SIZE, [right, nobody]), tiny_network, Settings())
    assert seen.people[1] is nobody
    assert seen.people[0] is not right


def test_no_people_no_call(photo: np.ndarray, tiny_network: Network):
    assert zoom_in(photo, People(SIZE, []), tiny_network, Settings()).people == []
