"""Mask and surface lie on the person in the middle and nowhere else, and what is not labelled is not known."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from model.augmentation import Augmentation
from model.copy_paste import CopyPaste, CopyPasteSources
from model.pose import samples
from model.pose.samples import STRIDE, UV_STRIDE, make_sample, show, subjects_of
from model.pose.surface_labels import PART_LABEL
from model.sources import Record
from tests.model.conftest import encode

SIZE = 96
STILL = Augmentation(geometry=0.0, flip=0.0)
MOVED = Augmentation(geometry=1.0, upturned=0.3)
NOTHING = CopyPasteSources()
GREY = 90
COLOURS = ((250, 20, 20), (20, 20, 250), (20, 250, 20))
"""Of the people of a photo, in the order of their boxes."""
LEFT, RIGHT = (20, 20, 40, 70), (70, 30, 36, 60)


@pytest.fixture(autouse=True)
def pixels_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Colours tell here who is where."""
    monkeypatch.setattr("model.crops.augment_pixels", lambda image, strength, rng: image)


@pytest.fixture
def boxes_as_labelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the view are neither of the visible pixels nor moved."""
    monkeypatch.setattr(samples, "VISIBLE_BOX", 0.0)
    monkeypatch.setattr(samples, "JITTERED", 0.0)


def record(folder: Path, *people: dict, complete=True, cut_at_box=False) -> Record:
    """A grey photo with an ellipse of a colour of its own in the box of each person; later ones lie in front."""
    owner = np.zeros((110, 130), np.uint8)
    for number, person in enumerate(people, 1):
        x, y, w, h = person["bbox"]
        cv2.ellipse(owner, (x + w // 2, y + h // 2), (w // 2 - 1, h // 2 - 1), 0, 0, 360, number, -1)
    photo = np.array([(GREY,) * 3, *COLOURS], np.uint8)[owner]
    annotations = []
    for number, person in enumerate(people, 1):
        described = {"id": number, "image_id": 1, "category_id": 1, "segmentation": encode(owner == number)}
        described |= person | {"bbox": list(person["bbox"])}
        annotations.append({name: value for name, value in described.items() if value is not None})
    path = folder / f"{len(list(folder.iterdir()))}.png"
    cv2.imwrite(str(path), photo[..., ::-1])
    image = {"id": 1, "file_name": path.name, "width": 130, "height": 110, "complete": complete}
    return Record(image, tuple(annotations), path, None, "drawn.json", cut_at_box)


def sample(record: Record, seed=0, augmentation=STILL, sources=NOTHING):
    image, labels = make_sample(record, SIZE, augmentation, np.random.default_rng(seed), sources)
    assert (image.shape, image.dtype) == ((SIZE, SIZE, 3), np.uint8)
    fine, coarse = SIZE // STRIDE, SIZE // UV_STRIDE
    for name in ("mask", "known"):
        assert (labels[name].shape, labels[name].dtype) == ((fine, fine), np.float32)
    shapes = {"surface": (fine, fine), "uv_charts": (coarse, coarse), "uv": (coarse, coarse, 2)}
    for name, shape in shapes.items():
        assert (labels[name].shape, labels[name].dtype) == (shape, np.uint8)
    assert not labels["surface"][labels["mask"] == 0].any()
    assert set(np.unique(labels["known"])) <= {0, 1}
    return image, labels["mask"], labels["known"]


def share_of(colour: tuple[int, int, int], image: np.ndarray) -> np.ndarray:
    """The share of each pixel of the mask in which the image has a colour."""
    near = (np.abs(image.astype(int) - colour).max(axis=-1) < 90).astype(np.float32)
    return near.reshape(SIZE // STRIDE, STRIDE, SIZE // STRIDE, STRIDE).mean(axis=(1, 3))


@pytest.mark.parametrize("augmentation", [STILL, MOVED])
@pytest.mark.parametrize("seed", range(6))
def test_the_mask_is_one_persons_pixels_and_everybody_else_is_background(tmp_path, augmentation, seed):
    """Two of whom one hides a part of the other."""
    both = record(tmp_path, {"bbox": LEFT}, {"bbox": (50, 30, 36, 60)})
    image, mask, known = sample(both, seed, augmentation)
    assert known.all()
    gaps = [np.abs(mask - share_of(colour, image)).mean() for colour in COLOURS[:2]]
    assert min(gaps) < 0.01
    assert max(gaps) > 0.05
    assert set(np.unique(mask)) & {0.25, 0.5, 0.75}, "the rim is shares of pixels"


def test_the_person_is_in_the_middle_in_a_padded_box(tmp_path, boxes_as_labelled):
    image, mask, _ = sample(record(tmp_path, {"bbox": LEFT}))
    rows, columns = np.nonzero(mask > 0.5)
    # 70 pixels, and a tenth of them on each side.
    np.testing.assert_allclose(np.ptp(rows), SIZE / STRIDE / 1.2, atol=2)
    np.testing.assert_allclose([rows.mean(), columns.mean()], SIZE / STRIDE / 2 - 0.5, atol=0.8)
    assert (image[:, :5] == 114).all(), "padding beside a region that is higher than wide"


@pytest.mark.parametrize(
    "changes",
    [{"segmentation": None}, {"iscrowd": 1}, {"flaw": "hole"}],
)
def test_whose_pixels_are_not_labelled_is_not_known(tmp_path, changes):
    drawn = record(tmp_path, {"bbox": LEFT}, {"bbox": (50, 30, 36, 60)} | changes)
    for seed in range(6):
        image, mask, known = sample(drawn, seed)
        assert np.abs(mask - share_of(COLOURS[0], image)).mean() < 0.01
        assert (known[share_of(COLOURS[1], image) == 1] == 0).all()
        assert (known[mask == 1] == 1).all()


def test_unlabelled_people_are_not_known(tmp_path, boxes_as_labelled):
    """Of a photo in which not everybody is labelled only the boxes of those who are."""
    drawn = record(tmp_path, {"bbox": LEFT}, {"bbox": (50, 30, 36, 60)}, complete=False)
    unlabelled = replace(drawn, annotations=drawn.annotations[:1])
    image, mask, known = sample(unlabelled)
    other = share_of(COLOURS[1], image) == 1
    assert np.abs(mask - share_of(COLOURS[0], image)).mean() < 0.01
    assert (known[mask > 0] == 1).all()
    assert 0 < known[other].mean() < 1, "beyond the labelled box"


@pytest.mark.parametrize("changes", [{"group": 2}, {"flaw": "hole"}, {"iscrowd": 1}, {"segmentation": None}])
def test_who_is_not_one_person_with_a_mask_is_never_shown(tmp_path, changes):
    drawn = record(tmp_path, {"bbox": LEFT} | changes, {"bbox": RIGHT}, {"bbox": (2, 2, 12, 12)})
    assert subjects_of(drawn) == [(drawn, 1)]
    for seed in range(10):
        image, mask, _ = sample(drawn, seed)
        assert np.abs(mask - share_of(COLOURS[1], image)).mean() < 0.01


def test_nothing_is_known_of_surroundings(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "SURROUNDED", 1.0)
    white = tmp_path / "white.png"
    cv2.imwrite(str(white), np.full((200, 300, 3), 255, np.uint8))
    image = {"id": 1, "file_name": white.name, "width": 300, "height": 200}
    background = Record(image, (), white, None, "empty.json")
    drawn = record(tmp_path, {"bbox": (2, 2, 126, 106)}, cut_at_box=True)
    unknown = 0
    for seed in range(20):
        image, _, known = sample(drawn, seed, sources=CopyPasteSources(backgrounds=[background]))
        around = share_of((255, 255, 255), image) == 1
        assert not known[around].any()
        unknown += around.sum()
    assert unknown > 100
    assert sample(replace(drawn, cut_at_box=False))[2].all()


def test_who_is_pasted_in_is_shown_too_and_covers_others(tmp_path):
    drawn = record(tmp_path, {"bbox": LEFT})
    pasted = record(tmp_path, {"bbox": (90, 2, 4, 4)}, {"bbox": RIGHT})
    sources = CopyPasteSources.from_records([[pasted]], [1.0], ())
    augmentation = replace(STILL, copy_paste=CopyPaste(share=1.0, people=1))
    shown = []
    for seed in range(20):
        image, mask, _ = sample(drawn, seed, augmentation, sources)
        red = share_of(COLOURS[0], image)
        shown.append(np.abs(mask - red).mean() < 0.03)
        if not shown[-1]:
            assert (mask * red).sum() < 0.1 * mask.sum(), "somebody else, where no red is"
    assert 2 < sum(shown) < 20


def test_where_nobody_is_visible_nothing_is_known(tmp_path):
    few = np.zeros((110, 130), bool)
    few[50:55, 35:40] = True
    image, mask, known = sample(record(tmp_path, {"bbox": LEFT, "segmentation": encode(few)}))
    assert not mask.any()
    assert not known.any()
    assert not image.any()


def test_the_same_seed_makes_the_same_sample(tmp_path):
    drawn = record(tmp_path, {"bbox": LEFT}, {"bbox": RIGHT})
    sources = CopyPasteSources.from_records([[drawn]], [1.0], ())
    augmentation = replace(MOVED, coarse=0.5, copy_paste=CopyPaste(share=0.5))
    one, same, other = (sample(drawn, seed, augmentation, sources) for seed in (3, 3, 4))
    for a, b in zip(one, same, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (one[0] != other[0]).any()


def test_validation_shows_this_person_plainly(tmp_path):
    drawn = record(tmp_path, {"bbox": LEFT}, {"bbox": RIGHT})
    for index, subject in enumerate(subjects_of(drawn)):
        image, labels = show(subject, SIZE)
        assert np.abs(labels["mask"] - share_of(COLOURS[index], image)).mean() < 0.01
        np.testing.assert_array_equal(image, show(subject, SIZE)[0])


NOSE, SHOULDERS, ELBOW = (40, 30), ((52, 45), (28, 45)), (55, 62)


def test_the_surface_is_what_keypoints_say_and_only_on_the_person(tmp_path):
    points = np.zeros((17, 3))
    points[0], points[5], points[6], points[7] = ((*at, 2) for at in (NOSE, *SHOULDERS, ELBOW))
    drawn = record(tmp_path, {"bbox": LEFT, "keypoints": points.ravel().tolist(), "num_keypoints": 4})
    for flip in (0.0, 1.0):
        _, labels = make_sample(drawn, SIZE, replace(STILL, flip=flip), np.random.default_rng(0), NOTHING)
        head, upper_arm = PART_LABEL + 14, PART_LABEL + (11 if flip else 10)
        assert set(np.unique(labels["surface"])) == {0, head, upper_arm}
        _, columns = np.nonzero(labels["surface"] == upper_arm)
        assert (columns.mean() < SIZE / STRIDE / 2) == bool(flip)
        assert not labels["uv_charts"].any()


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_points_are_charts_with_u_and_v(tmp_path, boxes_as_labelled, flip):
    """One of the left upper arm's front, somewhere in the DensePose box of 256 by 256."""
    points = {"dp_x": [128.0], "dp_y": [64.0], "dp_I": [15.0], "dp_U": [0.25], "dp_V": [0.75]}
    drawn = record(tmp_path, {"bbox": LEFT} | points)
    _, labels = make_sample(drawn, SIZE, replace(STILL, flip=flip), np.random.default_rng(0), NOTHING)
    chart = 16 if flip else 15
    for charts, stride in ((labels["surface"], STRIDE), (labels["uv_charts"], UV_STRIDE)):
        ((row, column),) = np.argwhere(charts)
        assert charts[row, column] == chart
        # A quarter down the box, in its middle; the box is five sixths of the view.
        np.testing.assert_allclose((row + 0.5) * stride / SIZE, 1 / 12 + 5 / 6 / 4, atol=stride / SIZE)
        np.testing.assert_allclose((column + 0.5) * stride / SIZE, 0.5, atol=stride / SIZE)
    np.testing.assert_array_equal(labels["uv"][labels["uv_charts"] > 0], [[64, 191]])
