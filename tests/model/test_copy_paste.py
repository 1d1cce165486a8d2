"""What is pasted carries its labels to where its pixels go, and nothing it covers stays labelled."""

import dataclasses
import json

import cv2
import numpy as np
import pytest

from annotator.evaluation.ground_truth import is_ignored
from annotator.photos.reading import read_photo
from model.augmentation import Augmentation
from model.canvas import CHART, OWNER, PART, PERSON, paint
from model.copy_paste import CopyPaste, CopyPasteSources, _forget_hidden, compose
from model.label_values import IGNORE, SOME
from model.samples import View, make_sample
from model.sources import DataError, Record, Source, read_source
from tests.model.conftest import HEIGHT, WIDTH, figure

HEAD, TORSO = (90, 120, 220), (200, 160, 40)
"""Colours of a drawn figure, as OpenCV wrote them: blue, green, red."""


@pytest.fixture
def records(figures) -> list[Record]:
    return read_source(Source(str(figures), str(figures.parent / "images")))


@pytest.fixture
def empty(tmp_path) -> Record:
    """A photo without people, white."""
    cv2.imwrite(str(tmp_path / "white.png"), np.full((200, 300, 3), 255, np.uint8))
    image = {"id": 1, "file_name": "white.png", "width": 300, "height": 200}
    return Record(image, (), tmp_path / "white.png", None, "empty.json")


def pasted(record: Record, sources: CopyPasteSources, copy_paste: CopyPaste, seed: int):
    photo = read_photo(record.path)
    canvas = paint(record, photo.shape[:2])
    return photo, compose(photo, canvas, sources, copy_paste, np.random.default_rng(seed)), canvas


ALWAYS = CopyPaste(share=1.0, people=1, height=(0.5, 0.6))


@pytest.mark.parametrize("seed", range(6))
def test_labels_lie_where_the_pixels_are(records, empty, seed):
    sources = CopyPasteSources.from_records([records], [1.0], ())
    before, photo, canvas = pasted(empty, sources, ALWAYS, seed)
    assert (before == 255).all(), "the photo that came in is not changed"
    changed = (photo != 255).any(axis=-1)
    person = canvas.labels[..., PERSON] == 1
    assert person.sum() > 500
    assert (changed & person).sum() / (changed | person).sum() > 0.85
    assert set(np.unique(canvas.labels[..., OWNER])) == {0, 1}
    parts = canvas.labels[..., PART]
    assert set(np.unique(parts)) <= {0, 1, 14, IGNORE}
    assert (parts[person] == IGNORE).mean() < 0.05
    assert set(np.unique(canvas.labels[..., CHART][person])) <= {SOME, IGNORE}
    # The head is reddish, the torso bluish, in whatever light.
    for part, brighter in ((14, 0), (1, 2)):
        inside = cv2.erode((parts == part).astype(np.uint8), np.ones((5, 5))) > 0
        red, _, blue = photo[inside].astype(int).T
        assert inside.sum() < 30 or ((red > blue) == (brighter == 0)).mean() > 0.9


@pytest.mark.parametrize("seed", range(6))
def test_points_and_keypoints_move_along(records, empty, seed):
    _, _, canvas = pasted(empty, CopyPasteSources.from_records([records], [1.0], ()), ALWAYS, seed)
    person = canvas.people[0]
    nose = person.keypoints[0, :2]
    if person.visibility[0]:
        assert canvas.labels[int(nose[1]), int(nose[0]), PART] == 14
    else:
        assert not ((nose >= 0) & (nose < (300, 200))).all()
    for x, y, chart in person.points[:, :3]:
        if 0 <= x < 300 and 0 <= y < 200:
            assert canvas.labels[int(y), int(x), PART] in ((1,) if chart == 2 else (14, IGNORE))


@pytest.mark.parametrize("seed", range(6))
def test_the_box_is_around_what_is_seen(records, empty, seed):
    _, _, canvas = pasted(empty, CopyPasteSources.from_records([records], [1.0], ()), ALWAYS, seed)
    seen = cv2.boundingRect((canvas.labels[..., OWNER] == 1).astype(np.uint8))
    assert canvas.people[0].box == seen


def test_keypoints_behind_something_are_left_behind(records, empty):
    """What hid them is not pasted: they would lie in the open."""
    annotation = json.loads(json.dumps(records[0].annotations[0]))
    nose = annotation["keypoints"][:2]
    in_front = figure(2, 1, (int(nose[0]) - 10, int(nose[1]) - 10, 20, 20))
    hidden = dataclasses.replace(records[0], annotations=(annotation, in_front))
    for seed in range(6):
        _, _, canvas = pasted(empty, CopyPasteSources([[(hidden, 0)]], [1.0]), ALWAYS, seed)
        assert canvas.people[0].visibility[0] == 0
        assert canvas.people[0].visibility[1:].any()


def test_a_person_in_front_hides_labels_but_never_all_of_them(records):
    sources = CopyPasteSources.from_records([records], [1.0], ())
    copy_paste = CopyPaste(share=1.0, people=3, height=(0.4, 1.0))
    for seed in range(8):
        _, _, canvas = pasted(records[0], sources, copy_paste, seed)
        owners = canvas.labels[..., OWNER]
        assert len(canvas.people) > 1
        assert (owners == 1).any(), "the person who was there"
        _, labels = make_sample(
            records[0],
            View(128, 2, 256, person_view=0.0),
            Augmentation(geometry=0.0, flip=0.0, photometric="thesis", copy_paste=copy_paste),
            np.random.default_rng(seed),
            sources,
        )
        # Points lie on their own person only; no two people own a pixel.
        assert set(np.unique(labels["charts"])) <= {0, 2, 23, 24, SOME, IGNORE}


def test_an_occluder_is_background(records, empty):
    sources = CopyPasteSources(backgrounds=[empty])
    covered = 0
    for seed in range(5):
        before, photo, canvas = pasted(records[0], sources, CopyPaste(occluders=1.0), seed)
        changed = (photo != before).any(axis=-1)
        assert (photo[changed] == 255).all()
        assert (canvas.labels[changed] == 0).all()
        whole = paint(records[0], (HEIGHT, WIDTH)).labels
        assert (canvas.labels[~changed] == whole[~changed]).all()
        covered += (whole[changed, PERSON] == 1).sum()
    assert covered > 100


def test_nothing_happens_without_sources_or_share(records, empty):
    for sources, copy_paste in (
        (CopyPasteSources(), ALWAYS),
        (CopyPasteSources.from_records([records], [1.0], [empty]), CopyPaste()),
    ):
        before, photo, canvas = pasted(empty, sources, copy_paste, 0)
        assert (before == photo).all()
        assert not canvas.people


def test_only_people_with_a_sound_mask_are_cut_out(records):
    annotation = records[0].annotations[0] | {"bbox": [10, 10, 40, 64]}
    for change in (
        {"iscrowd": 1},
        {"flaw": "hole"},
        {"group": 1},
        {"segmentation": []},
        {"bbox": [1, 1, 9, 47]},
    ):
        unusable = dataclasses.replace(records[0], annotations=(annotation | change,))
        assert not CopyPasteSources.from_records([[unusable]], [1.0], ()).people, change
    sound = dataclasses.replace(records[0], annotations=(annotation,))
    sources = CopyPasteSources.from_records([[], [sound]], [3.0, 1.0], ())
    assert list(sources.weights) == [0.0, 1.0]
    json.dumps(sources.weights)


def test_the_photo_of_somebody_pasted_has_the_size_that_the_file_says(records, empty):
    wrong = dataclasses.replace(records[0], image=records[0].image | {"width": 50})
    with pytest.raises(DataError, match=rf"image 1: width, height: 50 × {HEIGHT}, but .*0.png has {WIDTH} ×"):
        pasted(empty, CopyPasteSources.from_records([[wrong]], [1.0], ()), ALWAYS, 0)


def test_pasted_people_take_the_points_of_those_whom_they_hide(records, monkeypatch):
    monkeypatch.setattr("model.copy_paste.MIN_VISIBLE", 0.95)
    sources = CopyPasteSources.from_records([records], [1.0], ())
    hidden = 0
    for seed in range(8):
        _, _, canvas = pasted(records[0], sources, ALWAYS, seed)
        hidden += sum(person.extra.get("flaw") == "hidden" for person in canvas.people)
    assert hidden > 0


def test_who_is_hidden_has_no_points_left(records):
    photo = read_photo(records[0].path)
    canvas = paint(records[0], photo.shape[:2])
    kept = [person.keypoints is not None for person in canvas.people]
    assert any(kept)
    compose(photo, canvas, CopyPasteSources((), (), ()), CopyPaste(), np.random.default_rng(0))
    assert [person.keypoints is not None for person in canvas.people] == kept

    areas = [np.bincount(canvas.labels[..., OWNER].ravel(), minlength=len(canvas.people) + 1)]
    canvas.labels[canvas.labels[..., OWNER] == 1] = 0
    _forget_hidden(canvas, areas)
    assert canvas.people[0].keypoints is None
    assert is_ignored(canvas.people[0])
    assert [person.keypoints is not None for person in canvas.people[1:]] == kept[1:]
