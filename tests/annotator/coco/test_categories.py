"""Which annotations are people, and in which order their keypoints are."""

from pathlib import Path

import numpy as np
import pytest

from annotator.coco.categories import PERSON_CATEGORY, read_categories
from annotator.coco.parsing import CocoError
from annotator.labels.label_space import KEYPOINT_MIRROR, KEYPOINTS

FILE = Path("labels.json")
NAMES = PERSON_CATEGORY["keypoints"]
SWAPPED = [NAMES[index] for index in KEYPOINT_MIRROR]
"""COCO's names, with left and right exchanged."""
POSETRACK = ["nose", "head_bottom", "head_top", *NAMES[3:]]
PERSON = {"id": 1, "name": "person"}
DOG = {"id": 7, "name": "dog"}


def order(names) -> tuple[int, ...] | None:
    return read_categories(FILE, [PERSON | {"keypoints": names}]).by_id[1].order


@pytest.mark.parametrize(
    "spelt",
    [
        lambda side, joint: f"{side}_{joint}",
        lambda side, joint: f"{side} {joint}",
        lambda side, joint: f"{joint}-{side}",
        lambda side, joint: f"{joint}.{side[0]}",
        lambda side, joint: f"{side[0]}_{joint}",
        lambda side, joint: f"{side[0].upper()}{joint.title()}",
        lambda side, joint: f"{side.upper()} {joint.upper()}",
        lambda side, joint: f"{side}{joint.title()}",
    ],
)
def test_names_are_understood_in_many_spellings(spelt):
    names = ["Nose", *(spelt(*name.split()) for name in KEYPOINTS[1:])]
    assert order(names) is None
    assert order(names[::-1]) == tuple(range(16, -1, -1))


@pytest.mark.parametrize("names", [None, [], NAMES, list(KEYPOINTS)])
def test_cocos_own_order_stays_as_it_is(names):
    section = [PERSON | {"keypoints": names}]
    category = read_categories(FILE, section).by_id[1]
    assert category.record is section[0]
    annotation = {"keypoints": [1, 2, 2] * 17}
    assert category.in_coco_order(annotation) is annotation


def test_all_values_of_a_keypoint_move_together():
    category = read_categories(
        FILE, [PERSON | {"keypoints": ["right_ankle", "nose"], "skeleton": [[1, 2]]}]
    ).by_id[1]
    annotation = {
        "keypoints": [5, 6, 2, 7, 8, 1],
        "keypoints_pseudo": [1, 0],
        "dp_keypoint_scores": [0.25, 0.5],
        "num_keypoints": 2,
        "mood": [1, 2],
    }
    moved = category.in_coco_order(annotation)
    points = np.reshape(moved["keypoints"], (17, 3))
    assert points[[0, 16]].tolist() == [[7, 8, 1], [5, 6, 2]]
    assert not points[1:16].any()
    assert moved["keypoints_pseudo"] == [0] * 16 + [1]
    assert moved["dp_keypoint_scores"] == [0.5] + [0] * 15 + [0.25]
    assert (moved["num_keypoints"], moved["mood"]) == (2, [1, 2])
    assert category.record == PERSON | {name: PERSON_CATEGORY[name] for name in ("keypoints", "skeleton")}


def test_exchanged_sides_are_put_right():
    category = read_categories(FILE, [PERSON | {"keypoints": SWAPPED}]).by_id[1]
    moved = category.in_coco_order({"keypoints_pseudo": list(range(17))})
    assert moved["keypoints_pseudo"] == KEYPOINT_MIRROR.tolist()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keypoints": POSETRACK}, "'head_bottom', 'head_top' are none of COCO's 17 keypoints: leave out"),
        ({"keypoints": ["0", "1"]}, "'0', '1' are none of COCO's"),
        ({"keypoints": ["pelvis"] * 2000}, "'pelvis', .* and 1992 more are none of COCO's"),
        ({"keypoints": list(range(17))}, r"must be names of COCO's keypoints, not \[0, 1"),
        ({"keypoints": "nose"}, "must be names of COCO's keypoints, not 'nose'"),
        ({"keypoints": ["nose", "l_eye", "left eye"]}, "'l_eye', 'left eye' mean the same keypoint"),
    ],
)
def test_other_names_are_refused(changes, message):
    with pytest.raises(CocoError, match=f"^labels.json: category 1: keypoints: {message}") as refused:
        read_categories(FILE, [DOG | changes, PERSON | changes])
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("field", ["keypoints", "keypoints_pseudo", "dp_keypoint_scores"])
def test_as_many_values_as_names_are_needed(field):
    category = read_categories(FILE, [PERSON | {"keypoints": NAMES[:5]}]).by_id[1]
    with pytest.raises(
        CocoError, match=f"^{field}: has 51 numbers; the 5 keypoints of category 1 take (15|5)$"
    ):
        category.in_coco_order({field: [0] * 51})


@pytest.mark.parametrize(
    ("categories", "category_id", "is_person"),
    [
        ([], None, True),
        ([], 5, True),
        ([PERSON], 1, True),
        ([PERSON], None, True),
        ([PERSON, {"id": 2, "name": "Person"}], None, True),
        ([PERSON, DOG], 1, True),
        ([PERSON, DOG], 7, False),
    ],
)
def test_who_is_a_person(categories, category_id, is_person):
    assert read_categories(FILE, categories).of({"category_id": category_id}).is_person == is_person


@pytest.mark.parametrize(
    ("categories", "category_id", "message"),
    [
        ([PERSON], 2, r"there is no category 2; the file has the categories 1 \(person\)$"),
        ([PERSON, DOG], 2, r"there is no category 2; the file has the categories 1 \(person\), 7 \(dog\)$"),
        ([PERSON, DOG], None, r"missing; the file has the categories 1 \(person\), 7 \(dog\)$"),
        ([PERSON, PERSON | {"id": 2, "keypoints": SWAPPED}], None, "missing"),
        ([], "1", "'1' is not a whole number"),
        ([PERSON], [1], r"\[1\] is not a whole number"),
    ],
)
def test_a_category_that_is_not_known_is_refused(categories, category_id, message):
    with pytest.raises(CocoError, match=f"^category_id: {message}"):
        read_categories(FILE, categories).of({"category_id": category_id})


def test_an_id_of_two_categories_is_refused():
    with pytest.raises(CocoError, match=r"^labels\.json: categories: id 1 is used twice"):
        read_categories(FILE, [PERSON, DOG | {"id": 1}])
