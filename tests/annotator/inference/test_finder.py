from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import pytest

from annotator.examples import EXAMPLES
from annotator.geometry.boxes import box_iou
from annotator.geometry.letterbox import Letterbox
from annotator.inference.finder import (
    DEFAULT_FINDER,
    MAX_IN_TILE,
    Finder,
    _belongs,
    boxes_in_image,
    finder_beside,
    finder_views,
    suppress,
)
from annotator.inference.network import ModelError
from annotator.labels.people import PossiblePerson
from annotator.photos.finding import find_photos
from annotator.photos.reading import read_photo

from .tiny_finder import DESCRIPTION, SIDE, write_finder

RED, GREEN = 0, 1


def photo(
    *people: tuple[int, int, int, int, int, int], size: tuple[int, int] = (SIDE * 4, SIDE * 4)
) -> np.ndarray:
    """A black photo with people, each x, y, w, h, colour and how bright it is."""
    image = np.zeros((*size[::-1], 3), np.uint8)
    for x, y, w, h, colour, value in people:
        image[y : y + h, x : x + w, colour] = value
    return image


def boxes(people: list[PossiblePerson]) -> list[tuple[int, int, int, int]]:
    return [tuple(round(value) for value in person.box) for person in people]


@pytest.mark.parametrize("size", [(256, 256), (256, 160), (120, 256)])
def test_people_are_found_in_image_pixels_most_probable_first(tiny_finder: Finder, size: tuple[int, int]):
    image = photo((20, 40, 48, 96, RED, 200), (88, 24, 24, 120, GREEN, 250), size=size)
    (found,) = tiny_finder.find([image], 0.1)
    for person, box in zip(found, [(88, 24, 24, 120), (20, 40, 48, 96)], strict=True):
        np.testing.assert_allclose(person.box, box, atol=5)
    assert [person.score for person in found] == pytest.approx([250 / 255, 200 / 255], abs=0.01)


def test_unlikely_boxes_are_left_out(tiny_finder: Finder):
    image = photo((20, 40, 48, 96, RED, 200), (88, 24, 24, 120, GREEN, 250))
    assert [len(tiny_finder.find([image], least)[0]) for least in (0.1, 0.9, 0.99)] == [2, 1, 0]
    assert tiny_finder.find([photo()], 0.1) == [[]]
    assert tiny_finder.find([], 0.1) == []


@pytest.mark.parametrize("tiles", [2, 3, 4])
@pytest.mark.parametrize("shape", [(640, 480, 3), (333, 1000, 3)])
def test_tiles_cover_the_photo_and_overlap(shape: tuple[int, ...], tiles: int):
    whole, *rest = finder_views(shape[1::-1], tiles, SIDE)
    assert (whole.size, whole.origin) == ((shape[1], shape[0]), (0, 0))
    assert len(rest) == tiles**2
    seen = np.zeros(shape[:2], int)
    for tile in rest:
        low = np.array(tile.origin)
        high = low + tile.size
        assert (low >= 0).all()
        assert (high <= np.array(shape[1::-1]) + 1e-6).all()
        (x0, y0), (x1, y1) = np.ceil(low).astype(int), np.floor(high + 1e-6).astype(int)
        seen[y0:y1, x0:x1] += 1
    assert seen.min() == 1
    # Along each inner border some pixels are in both tiles.
    assert (seen[shape[0] // (2 * tiles)] > 1).any()
    assert (seen[:, shape[1] // (2 * tiles)] > 1).any()


def test_one_tile_is_the_whole_photo():
    assert finder_views((640, 480), 1, SIDE) == [Letterbox((640, 480), SIDE)]


@pytest.mark.parametrize(
    ("box", "belongs"),
    [
        ((150, 150, 20, 30), True),
        ((100, 150, 20, 30), False),
        ((150, 100, 20, 30), False),
        ((180, 150, 20, 30), False),
        ((150, 170, 20, 30), False),
        ((110, 150, 100 * MAX_IN_TILE + 2, 10), False),
        ((110, 150, 100 * MAX_IN_TILE - 2, 10), True),
    ],
    ids=["inside", "left", "top", "right", "bottom", "large", "not large"],
)
def test_of_a_tile_only_small_people_count_whom_it_shows_whole(box: tuple, belongs: bool):
    tile = Letterbox((100, 100), SIDE, (100.0, 100.0))
    assert _belongs(np.array([box]), tile, (300, 300, 3)).tolist() == [belongs]


def test_the_border_of_the_photo_cuts_nobody():
    for origin, box in (((0.0, 0.0), (0, 0, 20, 30)), ((200.0, 200.0), (280, 270, 20, 30))):
        tile = Letterbox((100, 100), SIDE, origin)
        assert _belongs(np.array([box]), tile, (300, 300, 3)).all()
        assert _belongs(np.array([box]), Letterbox((300, 300), SIDE), (300, 300, 3)).all()


@pytest.mark.parametrize("tiles", [1, 2, 3, 4])
def test_whom_the_border_of_a_tile_cuts_is_found_once(tiny_finder: Finder, tiles: int):
    # Two tiles meet between 35 and 65 per cent of the photo.
    image = photo((64, 96, 52, 40, RED, 250), (4, 4, 12, 12, GREEN, 200))
    (found,) = tiny_finder.find([image], 0.1, tiles=tiles)
    assert len(found) == 2
    assert box_iou(found[0].box, (64, 96, 52, 40)) > 0.7
    assert box_iou(found[1].box, (4, 4, 12, 12)) > 0.5


def test_tiles_find_whom_the_whole_photo_shows_too_small(tiny_finder: Finder):
    image = photo((201, 13, 2, 2, RED, 255))
    assert tiny_finder.find([image], 0.1, tiles=1) == [[]]
    (found,) = tiny_finder.find([image], 0.1, tiles=4)
    assert found
    for person in found:
        np.testing.assert_allclose(person.box[:2], (201, 13), atol=2)
        assert max(person.box[2:]) < 6


@pytest.mark.parametrize("tiles", [1, 2, 3])
@pytest.mark.parametrize("batch_size", [1, 2, 7, 100])
def test_the_batch_size_changes_nobody(tiny_finder: Finder, tiles: int, batch_size: int):
    rng = np.random.default_rng(0)
    images = [
        photo(
            (*rng.integers(0, 120, 2), *rng.integers(8, 80, 2), RED, 150 + 20 * i),
            (*rng.integers(0, 120, 2), *rng.integers(8, 80, 2), GREEN, 240),
            size=(200 + 30 * i, 256),
        )
        for i in range(4)
    ]
    alone = [tiny_finder.find([image], 0.1, tiles=tiles)[0] for image in images]
    assert all(alone)
    assert tiny_finder.find(images, 0.1, tiles=tiles, batch_size=batch_size) == alone
    for people in alone:
        assert [p.score for p in people] == sorted((p.score for p in people), reverse=True)


def test_boxes_end_where_the_view_ends():
    letterbox = Letterbox((100, 50), SIDE, (30.0, 20.0))
    found, scores = boxes_in_image(
        np.array([[-5, -5, 70, 70], [0, 16, 32, 48]]), np.array([0.9, 0.8]), letterbox, 0.5
    )
    np.testing.assert_allclose(found, [(30, 20, 100, 50), (30, 20, 50, 50)])
    assert scores.tolist() == [0.9, 0.8]


def test_boxes_without_an_extent_in_the_view_are_left_out():
    letterbox = Letterbox((100, 50), SIDE, (30.0, 20.0))
    outside, empty, reversed_ = [70, 20, 90, 40], [10, 20, 10, 40], [40, 20, 10, 40]
    found, scores = boxes_in_image(
        np.array([outside, empty, reversed_, [10, 20, 40, 40]], float),
        np.array([0.9, 0.8, 0.7, 0.6]),
        letterbox,
        0.5,
    )
    assert (len(found), scores.tolist()) == (1, [0.6])


def test_of_boxes_that_overlap_the_best_is_kept():
    boxes = np.array([(0, 0, 10, 10), (1, 0, 10, 10), (20, 0, 10, 10)], float)
    assert suppress(boxes, np.array([0.5, 0.9, 0.2]), 0.6).tolist() == [1, 2]
    assert suppress(np.zeros((0, 4)), np.zeros(0), 0.6).tolist() == []


def test_the_finder_of_the_package_finds_people_on_the_example_photos():
    finder = Finder()
    images = [read_photo(path) for path in find_photos(EXAMPLES)]
    found = finder.find(images, 0.3, batch_size=2)
    for image, people in zip(images, found, strict=True):
        assert people
        assert [p.score for p in people] == sorted((p.score for p in people), reverse=True)
        for person in people:
            x, y, w, h = person.box
            assert 0.3 <= person.score <= 1
            assert min(x, y) >= 0
            assert min(w, h) > 0
            assert x + w <= image.shape[1] + 1e-3
            assert y + h <= image.shape[0] + 1e-3


def test_the_finder_beside_a_model_goes_before_that_of_the_package(tmp_path: Path):
    model = tmp_path / "mine.onnx"
    assert finder_beside(model) == DEFAULT_FINDER
    beside = write_finder(tmp_path / "finder.onnx")
    assert finder_beside(model) == beside
    assert asdict(Finder(beside).info) == DESCRIPTION
    assert finder_beside(DEFAULT_FINDER.with_name("lite.onnx")) == DEFAULT_FINDER


def test_files_that_are_no_finder_are_refused(tmp_path: Path, tiny_model: Path):
    with pytest.raises(ModelError, match=r"none\.onnx: no such model file"):
        Finder(tmp_path / "none.onnx")
    with pytest.raises(ModelError, match=r"tiny\.onnx: .*`densepose_annotator_finder`"):
        Finder(tiny_model)
    newer = write_finder(tmp_path / "newer.onnx", format_version=99)
    with pytest.raises(ModelError, match=r"newer\.onnx: model format 99 is newer"):
        Finder(newer)
    model = onnx.load(write_finder(tmp_path / "half.onnx"))
    model.graph.output.pop()
    onnx.save(model, tmp_path / "half.onnx")
    with pytest.raises(ModelError, match=r"half\.onnx: has no output `scores`"):
        Finder(tmp_path / "half.onnx")
