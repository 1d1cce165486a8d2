"""Models on which ONNX Runtime fails in the middle of a run: smaller batches, one photo's failure, or the end of it."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from annotator.inference import pipeline
from annotator.inference.backends.cpu import CpuBackend
from annotator.inference.box_prompt import label_boxes
from annotator.inference.finder import Finder
from annotator.inference.network import InferenceError, ModelError, Network
from annotator.inference.pipeline import annotate
from annotator.inference.settings import Settings
from tests.annotator.conftest import SIDE, draw_photo

from .failing import GREY, write_failing
from .test_pipeline import LEFT, RIGHT, VOTES, labels

RUNTIME = "ONNX Runtime failed: .*Gather node"
BOTH = Settings(confidence=0.05, min_proposal=0.05, min_area=4)
VARIANTS = [
    VOTES,
    replace(VOTES, zoom_in=False, flip_augment=True),
    BOTH,
    replace(BOTH, proposals="finder", tiles=2, flip_augment=True),
]


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Seven photos of 0, 1 or 2 people."""
    people = [[], [LEFT], [LEFT, RIGHT]]
    return [draw_photo(tmp_path / f"{i}.png", people[i % 3]) for i in range(7)]


def grey(path: Path) -> Path:
    """Write a photo on which models fail that do so :attr:`~write_failing` ``on_grey``."""
    assert cv2.imwrite(str(path), np.full((96, 128, 3), GREY, np.uint8))
    return path


@pytest.fixture
def models(tmp_path: Path, tiny_model: Path, tiny_finder: Finder) -> Iterator:
    """Makes a network and a finder that fail, see :func:`write_failing`."""

    def make(**how) -> tuple[Network, Finder]:
        network = write_failing(tiny_model, tmp_path / "failing.onnx", **how)
        finder = write_failing(tiny_finder.path, tmp_path / "failing-finder.onnx", **how)
        return Network(network, threads=1), Finder(finder, threads=1)

    return make


class CountedSession:
    """A session of ONNX Runtime that remembers how many images each call had."""

    def __init__(self, session):
        self.session, self.batches = session, []

    def run(self, names, feeds):
        self.batches.append(len(feeds["images"]))
        return self.session.run(names, feeds)


@pytest.mark.parametrize("largest", [1, 2, 3])
def test_smaller_batches_give_the_same_and_are_remembered(models, tiny_network, tiny_finder, largest: int):
    images = np.random.default_rng(0).integers(0, 256, (5, SIDE, SIDE, 3), np.uint8)
    network, finder = models(largest_batch=largest)
    sessions = [CountedSession(model.backend.session) for model in (network, finder)]
    network.backend.session, finder.backend.session = sessions
    maps, expected = network.run(images), tiny_network.run(images)
    for name in maps.__slots__:
        np.testing.assert_array_equal(getattr(maps, name), getattr(expected, name))
    for found, wanted in zip(finder.run(images), tiny_finder.run(images), strict=True):
        np.testing.assert_array_equal(found, wanted)
    for session, model in zip(sessions, (network, finder), strict=True):
        session.batches.clear()
        model.run(images)
        assert max(session.batches) <= largest
        assert sum(session.batches) == 5


@pytest.mark.parametrize("settings", VARIANTS, ids=["votes", "flip", "both", "tiles"])
def test_a_batch_that_is_too_large_changes_no_label(
    photos, models, tiny_network, tiny_finder, settings: Settings
):
    settings = replace(settings, batch_size=8)
    expected = labels(annotate(photos, tiny_network, settings, tiny_finder))
    assert sum(map(len, expected)) >= 4
    assert (
        labels(annotate(photos, models(largest_batch=1)[0], settings, models(largest_batch=1)[1])) == expected
    )


@pytest.mark.parametrize("settings", VARIANTS, ids=["votes", "flip", "both", "tiles"])
@pytest.mark.parametrize("batch_size", [1, 8])
@pytest.mark.parametrize(
    ("on_grey", "reason"), [("fails", RUNTIME), ("nan", "output `.*` has values that are NaN")]
)
def test_a_photo_on_which_a_model_fails_harms_no_other(
    photos, models, tiny_network, tiny_finder, tmp_path, settings, batch_size, on_grey, reason
):
    settings = replace(settings, batch_size=batch_size)
    expected = labels(annotate(photos, tiny_network, settings, tiny_finder))
    bad = [grey(tmp_path / f"grey{i}.png") for i in range(3)]
    mixed = [bad[0], *photos[:2], bad[1], *photos[2:], bad[2]]
    results = list(annotate(mixed, *_arguments(models(on_grey=on_grey), settings)))
    assert [result.path for result in results] == mixed
    assert labels(result for result in results if result.path not in bad) == expected
    for result in results:
        if result.path in bad:
            assert result.people is None
            assert result.by_model
            assert re.search(reason, result.failure)
            assert "\n" not in result.failure


def _arguments(models: tuple[Network, Finder], settings: Settings) -> tuple[Network, Settings, Finder]:
    return models[0], settings, models[1]


def test_a_batch_size_is_not_remembered_for_a_photo_on_which_a_model_fails(models):
    network, _ = models(on_grey="fails")
    images = np.zeros((4, SIDE, SIDE, 3), np.uint8)
    images[2] = GREY
    with pytest.raises(InferenceError, match=RUNTIME):
        network.run(images)
    network.backend.session = session = CountedSession(network.backend.session)
    network.run(np.zeros_like(images))
    assert session.batches == [4]


@pytest.mark.parametrize("batch_size", [1, 8])
def test_photo_after_photo_that_fails_ends_the_run(models, tmp_path, batch_size: int):
    asked = []

    def endless() -> Iterator[Path]:
        path = grey(tmp_path / "grey.png")
        for i in itertools.count():
            asked.append(i)
            yield path

    with pytest.raises(ModelError, match=rf"failing\.onnx: it or its finder fails on every photo: {RUNTIME}"):
        list(annotate(endless(), *_arguments(models(on_grey="fails"), replace(VOTES, batch_size=batch_size))))
    assert len(asked) <= pipeline.MAX_MODEL_FAILURES + 8 * batch_size + 8


def test_after_a_success_photos_that_fail_in_a_row_are_failures(photos, models, tmp_path):
    bad = [grey(tmp_path / f"grey{i}.png") for i in range(2 * pipeline.MAX_MODEL_FAILURES + 1)]
    (tmp_path / "text.png").write_text("no photo")
    mixed = [photos[1], *bad[:5], tmp_path / "text.png", *bad[5:], photos[2]]
    results = list(annotate(mixed, *_arguments(models(on_grey="fails"), VOTES)))
    assert [result.path for result in results] == mixed
    assert [result.failure is None for result in results] == [True, *[False] * (len(bad) + 1), True]


@pytest.mark.parametrize("broken", ["network", "finder"])
@pytest.mark.parametrize("left", [1, 100])
def test_a_device_that_fails_for_good_ends_the_run_and_spoils_no_photo(
    photos, models, tiny_network, tiny_finder, tmp_path, broken: str, left: int
):
    network, finder = models()
    model, tiny = (network, tiny_network) if broken == "network" else (finder, tiny_finder)
    dead = CpuBackend(write_failing(tiny.path, tmp_path / "dead.onnx", largest_batch=0), threads=1)
    results = annotate([*photos, *photos[1:2] * left], network, BOTH, finder)
    done = [next(results)]
    model.backend.session = dead.session
    with pytest.raises(ModelError, match=rf"{model.path.name}: fails even on a blank image: {RUNTIME}"):
        done.extend(results)
    assert len(done) <= len(photos)
    assert all(result.failure is None for result in done)


def test_a_box_prompt_says_it_in_one_sentence(models, tiny_network):
    photo = np.zeros((96, 128, 3), np.uint8)
    photo[20:80, 8:44, 0] = 255
    boxes = [(8, 20, 36, 60), (6, 18, 40, 64), (8, 20, 36, 50)]
    settings = replace(VOTES, batch_size=8)
    found = label_boxes(photo, boxes, models(largest_batch=1)[0], settings)
    for person, expected in zip(found, label_boxes(photo, boxes, tiny_network, settings), strict=True):
        np.testing.assert_array_equal(person.mask, expected.mask)
    with pytest.raises(InferenceError, match=RUNTIME) as error:
        label_boxes(np.full((96, 128, 3), GREY, np.uint8), boxes, models(on_grey="fails")[0], settings)
    assert "\n" not in str(error.value)
