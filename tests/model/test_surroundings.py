"""Photos that were cut at somebody's box: where they lie in their new surroundings, and that nothing is learned of those."""

import cv2
import numpy as np
import pytest

from annotator.evaluation.ground_truth import is_ignored
from annotator.geometry.boxes import crop
from annotator.photos.reading import read_photo
from model.augmentation import Augmentation
from model.canvas import OWNER, PERSON, paint
from model.label_values import IGNORE
from model.samples import View, make_sample
from model.sources import Record, Source, read_source
from model.surroundings import MAX_TRIM, surround

SEEDS = range(8)


@pytest.fixture
def record(figures) -> Record:
    return read_source(Source(str(figures), str(figures.parent / "images"), cut_at_boxes=True))[0]


@pytest.fixture
def white(tmp_path) -> Record:
    cv2.imwrite(str(tmp_path / "white.png"), np.full((200, 300, 3), 255, np.uint8))
    image = {"id": 1, "file_name": "white.png", "width": 300, "height": 200}
    return Record(image, (), tmp_path / "white.png", None, "empty.json")


def surrounded(record: Record, backgrounds: list[Record], seed: int):
    photo = read_photo(record.path)
    canvas = paint(record, photo.shape[:2])
    return photo, canvas, *surround(photo, canvas, backgrounds, np.random.default_rng(seed))


def known_box(labels: np.ndarray) -> tuple[int, int, int, int]:
    return cv2.boundingRect((labels[..., PERSON] != IGNORE).view(np.uint8))


@pytest.mark.parametrize("seed", SEEDS)
def test_photo_and_labels_stay_together_and_around_them_nothing_is_known(record, white, seed):
    photo, canvas, larger, around = surrounded(record, [white], seed)
    x, y, w, h = known_box(around.labels)
    assert larger.shape[:2] == around.labels.shape[:2] == around.uv.shape[:2]
    assert w >= (1 - 2 * MAX_TRIM) * photo.shape[1] - 2
    assert h >= (1 - 2 * MAX_TRIM) * photo.shape[0] - 2
    inside = larger[y : y + h, x : x + w]
    match = cv2.matchTemplate(photo, inside, cv2.TM_SQDIFF)
    _, _, (left, top), _ = cv2.minMaxLoc(match)
    assert (inside == photo[top : top + h, left : left + w]).all()
    assert (around.labels[y : y + h, x : x + w] == canvas.labels[top : top + h, left : left + w]).all()
    outside = np.ones(larger.shape[:2], bool)
    outside[y : y + h, x : x + w] = False
    assert (around.labels[outside, :OWNER] == IGNORE).all()
    assert not around.labels[outside, OWNER].any()


@pytest.mark.parametrize("seed", SEEDS)
def test_people_move_with_their_pixels(record, white, seed):
    _, canvas, _, around = surrounded(record, [white], seed)
    x, y, w, h = known_box(around.labels)
    assert len(around.people) == len(canvas.people)
    for before, after in zip(canvas.people, around.people, strict=True):
        assert is_ignored(after) == (after.box[2] == 0)
        rest = around.labels[..., OWNER] == around.people.index(after) + 1
        crop(rest, after.box)[...] = False
        assert not rest.any(), "no pixel lies outside of its person's box"
        seen = after.labelled() > 0
        if seen.any():
            places = after.keypoints[seen, :2]
            assert ((places >= (x, y)) & (places < (x + w, y + h))).all()
            moved = places - before.keypoints[seen, :2]
            assert np.allclose(moved, moved[0], atol=1e-3)


def test_other_photos_and_reflections_surround_it(record, white):
    whiteness = []
    for seed in SEEDS:
        _, _, larger, around = surrounded(record, [white], seed)
        outside = around.labels[..., PERSON] == IGNORE
        whiteness.append((larger[outside] == 255).all(axis=-1).mean())
    assert min(whiteness) < 0.1
    assert max(whiteness) > 0.5


def test_without_backgrounds_it_lies_in_its_reflection(record):
    for seed in SEEDS:
        photo, _, larger, _ = surrounded(record, [], seed)
        assert set(map(tuple, larger.reshape(-1, 3))) <= set(map(tuple, photo.reshape(-1, 3)))


def test_samples_of_such_photos_are_surrounded_only_for_training(record):
    view = View(96, 4, 96, person_view=0.0)
    _, plain = make_sample(record, view, None, np.random.default_rng(0))
    assert not (plain["person"] == IGNORE).any()
    still = Augmentation(geometry=0.0, flip=0.0, photometric="thesis")
    _, labels = make_sample(record, view, still, np.random.default_rng(0))
    assert (labels["person"] == IGNORE).any()
    assert (labels["keypoints"][labels["person"] == IGNORE] == IGNORE).mean() > 0.9
