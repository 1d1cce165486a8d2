"""Left and right of small people: how they are seen, and what is swapped."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from annotator.evaluation.ground_truth import UNKNOWN
from annotator.evaluation.sides import JOINTS, keypoints_swapped, limb_pixels, seen_from
from annotator.labels.label_space import CHART_MIRROR, CHARTS, KEYPOINT_MIRROR, KEYPOINTS, PART_MIRROR, PARTS
from annotator.labels.people import Person
from tests.annotator.evaluation.conftest import measure, measure_people, value
from tests.annotator.labelled_photos import figure_at, write_data

BODY = JOINTS["keypoints"]


def standing(width: float, **changes) -> Person:
    """Somebody 60 pixels tall with a torso 20 long, whose left joints are ``width`` to the right of the right ones."""
    heights = {
        "eye": 4,
        "ear": 4,
        "shoulder": 10,
        "elbow": 20,
        "wrist": 30,
        "hip": 30,
        "knee": 44,
        "ankle": 58,
    }
    keypoints = np.ones((17, 3), np.float32)
    for k, name in enumerate(KEYPOINTS):
        side, _, joint = name.rpartition(" ")
        keypoints[k, :2] = 25 + {"left": 0.5, "right": -0.5}.get(side, 0) * width, 20 + heights.get(joint, 5)
    return figure_at(10, 20, keypoints=keypoints, **changes)


def mirrored(person: Person) -> Person:
    """Everything of a person on the other side of its body."""
    return replace(
        person,
        keypoints=person.keypoints[KEYPOINT_MIRROR],
        parts=PART_MIRROR[person.parts],
        charts=CHART_MIRROR[person.charts],
    )


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize(
    ("width", "seen"), [(15, "front"), (8, "front"), (7, "side"), (0, "side"), (-7, "side"), (-8, "behind")]
)
def test_shoulders_and_hips_tell_how_a_person_is_seen(width: float, seen: str, turns: int):
    person = standing(width)
    person.keypoints[:, :2] = person.keypoints[:, :2] @ np.linalg.matrix_power([[0, 1], [-1, 0]], turns)
    assert seen_from(person, None) == seen


@pytest.mark.parametrize(
    ("front", "seen"),
    [(100, "front"), (91, "front"), (89, "side"), (21, "side"), (19, "behind"), (0, "behind")],
)
def test_without_all_four_the_torso_tells(front: int, seen: str):
    charts = np.full(120, CHARTS.index("head left"), np.uint8)
    charts[:100] = CHARTS.index("torso back")
    charts[:front] = CHARTS.index("torso front")
    person = standing(15)
    assert seen_from(person, charts) == "front"
    person.visibility[KEYPOINTS.index("left hip")] = 0
    person.keypoints[KEYPOINTS.index("left hip")] = 0
    assert seen_from(person, charts) == seen
    assert seen_from(person, charts[90:]) is None
    assert seen_from(person, None) is None


def test_keypoints_that_fit_better_with_sides_exchanged_are_swapped():
    person = standing(15)
    assert keypoints_swapped(person, person, *BODY) is False
    assert keypoints_swapped(mirrored(person), person, *BODY) is True
    legs = person.keypoints.copy()
    legs[13:17] = legs[KEYPOINT_MIRROR][13:17]
    crossed = replace(person, keypoints=legs)
    assert [keypoints_swapped(crossed, person, *JOINTS[name]) for name in JOINTS] == [False, False, True]


def test_where_nothing_tells_left_from_right_nothing_is_swapped():
    near = standing(1)
    assert keypoints_swapped(mirrored(near), near, *BODY) is None
    person = standing(15)
    unlabelled = replace(person, visibility=np.where(np.arange(17) < 9, 2, 0).astype(np.uint8))
    assert keypoints_swapped(mirrored(person), unlabelled, *BODY) is None  # two pairs
    assert keypoints_swapped(mirrored(person), unlabelled, *JOINTS["arms"]) is True
    assert keypoints_swapped(mirrored(person), unlabelled, *JOINTS["legs"]) is None
    unseen = replace(person, visibility=np.zeros(17, np.uint8))
    assert keypoints_swapped(unseen, person, *BODY) is None
    assert keypoints_swapped(replace(person, keypoints=None), person, *BODY) is None


def test_limb_pixels_are_right_or_of_the_other_side():
    target = np.array(
        [PARTS.index(name) for name in ("left hand", "left hand", "right foot", "left foot", "torso", "head")]
        + [UNKNOWN, 0]
    )
    predicted = np.array(
        [
            PARTS.index(name)
            for name in ("left hand", "right hand", "left foot", "left hand", "torso", "torso")
        ]
        + [PARTS.index("left hand")] * 2
    )
    assert limb_pixels(predicted, target) == (1, 2)


@pytest.mark.parametrize(("width", "seen"), [(15, "front"), (-15, "behind"), (3, "side")])
def test_the_report_splits_people_by_how_they_are_seen(tmp_path: Path, width: float, seen: str):
    people = [standing(width), standing(width, box=(70, 20, 30, 60))]
    people[1].keypoints[:, 0] += 60
    source = write_data(tmp_path, [people])
    limbs = int(sum(np.isin(person.parts, np.arange(2, 14)).sum() for person in people))
    found = [people[0], mirrored(people[1])]
    for report in (measure(source, [found]), measure_people(source, found)):
        for key in ("all", seen):
            assert value(report, f"sides.{key}.limb_pixels") == value(report, f"sides.{key}.parts") == 0.5
            assert report["sides"][key]["limb_pixels"]["pixels"] == limbs
            assert report["sides"][key]["parts"]["people"] == 2
            for name in JOINTS if seen != "side" else ():
                assert report["sides"][key][name] == {"value": 0.5, "people": 2}
        for other in {"front", "behind", "side"} - {seen}:
            assert value(report, f"sides.{other}.limb_pixels") is None
            assert value(report, f"sides.{other}.keypoints") is None
    missed = measure_people(source, [people[0], None])
    assert value(missed, "sides.all.parts") == 0
    assert missed["sides"]["all"]["parts"]["people"] == 1
