"""Issues: right labels have none, and each kind of error has its own."""

from dataclasses import replace

import numpy as np
import pytest

from annotator.labels.label_space import CHART_TO_PART, KEYPOINT_MIRROR, KEYPOINT_PARTS, PART_MIRROR
from annotator.labels.maps import Maps
from annotator.labels.people import Person
from annotator.labels.quality import ISSUES, combined_score, find_issues, find_map_issues

TORSO, HEAD = 1, 14


def facing_person() -> Person:
    """Somebody who faces the camera, made of blocks: their left is on the image's right."""
    parts = np.zeros((100, 60), np.uint8)
    parts[:15, 22:38] = HEAD
    parts[15:50, 20:40] = TORSO
    for side, (upper, lower, hand, thigh, shin, foot) in enumerate(
        [(11, 13, 2, 6, 8, 5), (10, 12, 3, 7, 9, 4)]
    ):
        arm, leg = (slice(10, 20), slice(20, 30)) if side == 0 else (slice(40, 50), slice(30, 40))
        parts[15:30, arm], parts[30:44, arm], parts[44:50, arm] = upper, lower, hand
        parts[50:70, leg], parts[70:92, leg], parts[92:, leg] = thigh, shin, foot
    chart_of = np.array([int(np.flatnonzero(part == CHART_TO_PART)[-1]) for part in range(15)], np.uint8)
    chart_of[0] = 0
    keypoints = np.zeros((17, 3), np.float32)
    right = {0: (30, 6), 1: (33, 4), 3: (36, 6), 5: (41, 20), 7: (45, 30), 9: (45, 44), 11: (35, 50)}
    right |= {13: (35, 70), 15: (35, 92)}
    for index, (x, y) in right.items():
        keypoints[index] = x, y, 0.9
        if KEYPOINT_MIRROR[index] != index:
            keypoints[KEYPOINT_MIRROR[index]] = 60 - x, y, 0.9
    keypoints[:, :2] += (100, 200)
    rows = np.linspace(0, 1, 100, dtype=np.float16)[:, None].repeat(60, axis=1)
    return Person(
        (100, 200, 60, 100),
        mask=parts > 0,
        parts=parts,
        charts=chart_of[parts],
        u=rows,
        v=rows.copy(),
        keypoints=keypoints,
        visibility=np.full(17, 2, np.uint8),
    )


def test_right_labels_have_no_issues():
    found = find_issues(facing_person())
    assert set(found) == set(ISSUES) - {"mask_border"}
    assert max(found.values()) == 0


def test_swapped_keypoints_are_an_issue():
    person = facing_person()
    swapped = replace(person, keypoints=person.keypoints[KEYPOINT_MIRROR])
    found = find_issues(swapped)
    assert found["sides_swapped"] > 0.8
    assert found["keypoint_outside"] == 0


def test_swapped_parts_are_an_issue():
    person = facing_person()
    assert find_issues(replace(person, parts=PART_MIRROR[person.parts]))["sides_swapped"] > 0.8


def test_each_stray_keypoint_adds_to_the_issue():
    person = facing_person()
    values = []
    for count in range(3):
        keypoints = person.keypoints.copy()
        keypoints[[0, 9][:count], :2] = (130, 260)
        values.append(find_issues(replace(person, keypoints=keypoints))["keypoint_outside"])
    assert values == pytest.approx([0, 0.4, 0.64])


def test_charts_of_other_parts_are_an_issue():
    person = facing_person()
    charts = person.charts.copy()
    charts[15:50, 20:40] = 24
    share = (35 * 20) / np.count_nonzero(person.mask)
    assert find_issues(replace(person, charts=charts))["chart_against_part"] == pytest.approx(share, abs=0.01)


def test_noise_in_u_is_an_issue():
    person = facing_person()
    noise = np.random.default_rng(0).random(person.u.shape).astype(np.float16)
    assert find_issues(replace(person, u=noise))["surface_jump"] > 0.9


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1)])
def test_somebody_one_pixel_wide_has_no_jumps(size):
    person = facing_person()
    maps = {
        name: getattr(person, name)[40 : 40 + size[0], 20 : 20 + size[1]]
        for name in ("mask", "parts", "charts", "u", "v")
    }
    thin = replace(person, box=(0, 0, *size[::-1]), **maps)
    assert find_issues(thin)["surface_jump"] == 0


def test_a_second_head_is_an_issue():
    person = facing_person()
    parts = person.parts.copy()
    parts[60:75, 20:36] = HEAD
    assert find_issues(replace(person, parts=parts))["two_people"] > 0.9


def test_a_mask_in_two_pieces_hints_at_two_people():
    mask = np.zeros((100, 60), bool)
    mask[:40], mask[60:] = True, True
    assert find_issues(Person((0, 0, 60, 100), mask=mask)) == {"two_people": pytest.approx(0.5)}


def test_issues_do_not_depend_on_the_size_of_the_photo():
    person = facing_person()
    parts = person.parts.copy()
    parts[60:75, 20:36] = HEAD
    small = replace(person, parts=parts)
    arrays = {n: np.kron(getattr(small, n), np.ones((6, 6), getattr(small, n).dtype)) for n in
              ("mask", "parts", "charts", "u", "v")}  # fmt: skip
    arrays["mask"] = arrays["mask"].astype(bool)
    at = (small.keypoints[:, :2] - small.box[:2]) * 6
    large = replace(
        small, box=(0, 0, 360, 600), keypoints=np.column_stack([at, small.keypoints[:, 2]]), **arrays
    )
    a, b = find_issues(small), find_issues(large)
    assert a == pytest.approx(b, abs=0.05)


def test_a_person_without_labels_has_no_issues():
    assert find_issues(Person((0, 0, 5, 5))) == {}


def maps_of(person: np.ndarray, parts: np.ndarray, charts: np.ndarray) -> Maps:
    one, none = np.ones(person.shape, np.float32), np.zeros((*person.shape, 2), np.float32)
    return Maps(person, parts, one, charts, one, one, one, none, np.zeros((10, 10, 17), np.float32))


def test_issues_of_the_maps():
    region = np.zeros((40, 40), bool)
    region[10:30, 10:30] = True
    left_legs = np.full(region.shape, 7, np.uint8), np.full(region.shape, 8, np.uint8)
    assert CHART_TO_PART[8] == 7
    sure = find_map_issues(maps_of(region.astype(np.float32), *left_legs), region)
    assert sure == {"mask_border": 0, "chart_against_part": 0}
    left_legs[0][10:15] = 6
    unsure = find_map_issues(maps_of(np.full(region.shape, 0.5, np.float32), *left_legs), region)
    assert unsure == {"mask_border": 1, "chart_against_part": 0.25}


def test_scores_are_combined():
    assert combined_score([]) == 0
    assert combined_score([0.5, 0.5]) == pytest.approx(0.75)
    assert combined_score([1.0, 0.1]) == 1


def test_every_keypoint_lies_on_its_parts_mirror_image_mirrored():
    for index, parts in enumerate(KEYPOINT_PARTS):
        mirrored = {int(PART_MIRROR[part]) for part in parts}
        assert mirrored == set(KEYPOINT_PARTS[KEYPOINT_MIRROR[index]])
