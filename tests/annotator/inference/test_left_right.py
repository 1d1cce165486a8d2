"""Limbs that hang together get one side; joints are looked for between their parts."""

from dataclasses import replace

import numpy as np
import pytest

from annotator.inference.left_right import resolve_sides, weight_joints
from annotator.labels.label_space import CHART_MIRROR, CHART_TO_PART, KEYPOINTS, PARTS, mirror_uv
from annotator.labels.maps import Maps

SIDE = 48
CHART = {part: int(np.flatnonzero(PARTS.index(part) == CHART_TO_PART)[0]) for part in PARTS[1:]}
ARM = ("upper arm", "lower arm", "hand")
LEG = ("upper leg", "lower leg", "foot")


def body(**sides: str) -> Maps:
    """A torso, seen from the front, with two arms and two legs hanging down; ``left_hand="right"`` gives the left hand the wrong side."""
    charts = np.full((SIDE, SIDE), CHART["torso"], np.uint8)
    for x, side in ((30, "left"), (10, "right")):
        for dx, limb in ((4, ARM), (0, LEG)):
            for i, part in enumerate(limb):
                said = sides.get(f"{side}_{part.replace(' ', '_')}", side)
                column = x + dx if side == "left" else x - dx
                top = 6 + 8 * i + (20 if limb is LEG else 0)
                charts[top : top + 8, column : column + 3] = CHART[f"{said} {part}"]
    empty = np.zeros((SIDE, SIDE), np.float32)
    ramp = np.linspace(0, 1, SIDE, dtype=np.float32)
    return Maps(
        person=empty + 1,
        parts=CHART_TO_PART[charts],
        part_confidence=empty,
        charts=charts,
        chart_confidence=empty,
        u=np.tile(ramp[:, None], (1, SIDE)),
        v=np.tile(1 - ramp, (SIDE, 1)),
        head_vectors=np.zeros((SIDE, SIDE, 2), np.float32),
        keypoints=np.zeros((SIDE // 2, SIDE // 2, 17), np.float32),
    )


EVERYWHERE = np.ones((SIDE, SIDE), bool)


@pytest.mark.parametrize(
    "wrong",
    [
        {"left_hand": "right"},
        {"right_foot": "left"},
        {"left_lower_leg": "right"},
        {"right_lower_arm": "left", "right_hand": "left"},
        {"left_lower_leg": "right", "left_foot": "right", "right_hand": "left"},
    ],
)
def test_what_hangs_on_a_limb_has_its_side(wrong):
    right, given = body(), body(**wrong)
    settled = resolve_sides(given, EVERYWHERE)
    np.testing.assert_array_equal(settled.charts, right.charts)
    turned = given.charts != right.charts
    u, v = mirror_uv(given.charts, given.u, given.v)
    np.testing.assert_array_equal(settled.u, np.where(turned, u, given.u))
    np.testing.assert_array_equal(settled.v, np.where(turned, v, given.v))
    assert (given.charts != right.charts).any()  # what was given stays as it is


def test_what_touches_both_limbs_alike_stays():
    """A forearm between two upper arms hangs on either; twice as much of one is needed to turn it."""
    charts = np.zeros((SIDE, SIDE), np.uint8)
    charts[20:30, 20:24] = CHART["left lower arm"]
    charts[10:20, 20:22] = CHART["left upper arm"]
    for width, turned in ((2, False), (3, False), (6, True)):
        charts[10:20, 22:] = 0
        charts[10:20, 22 : 22 + width] = CHART["right upper arm"]
        given = replace(body(), charts=charts)
        settled = resolve_sides(given, EVERYWHERE)
        assert (settled.charts[25, 22] == CHART["right lower arm"]) == turned, width


def test_sides_of_other_people_and_of_loose_pieces_stay():
    given = body(left_hand="right")
    person = np.zeros((SIDE, SIDE), bool)
    person[:, : SIDE // 2] = True
    np.testing.assert_array_equal(resolve_sides(given, person).charts, given.charts)
    loose = body()
    loose.charts[:] = CHART["head"]
    loose.charts[40:44, 40:44] = CHART_MIRROR[CHART["left hand"]]
    np.testing.assert_array_equal(resolve_sides(loose, EVERYWHERE).charts, loose.charts)


def peak(heatmap: np.ndarray) -> tuple[int, int]:
    row, column = np.unravel_index(heatmap.argmax(), heatmap.shape)
    return int(row), int(column)


def test_a_joint_is_looked_for_on_its_own_side():
    maps = body()
    knees = {"left": (17, 15), "right": (17, 5)}  # rows, columns between the parts of each leg
    left, right = KEYPOINTS.index("left knee"), KEYPOINTS.index("right knee")
    maps.keypoints[(*knees["right"], left)] = 0.6
    maps.keypoints[(*knees["left"], left)] = 0.4
    maps.keypoints[(*knees["left"], right)] = 0.6
    maps.keypoints[(*knees["right"], right)] = 0.4
    weighed = weight_joints(maps.keypoints, CHART_TO_PART[maps.charts], (0, 0, *maps.keypoints.shape[1::-1]))
    assert peak(weighed[..., left]) == knees["left"]
    assert peak(weighed[..., right]) == knees["right"]
    # One that only the other side's heatmap found, too.
    maps.keypoints[..., left] = 0
    weighed = weight_joints(maps.keypoints, CHART_TO_PART[maps.charts], (0, 0, *maps.keypoints.shape[1::-1]))
    assert peak(weighed[..., left]) == knees["left"]


def test_where_no_part_tells_of_a_joint_its_heatmap_decides():
    heatmaps = np.zeros((SIDE // 2, SIDE // 2, 17), np.float32)
    heatmaps[3, 4, KEYPOINTS.index("left knee")] = 0.3
    heatmaps[9, 8, KEYPOINTS.index("left knee")] = 0.5
    heatmaps[5, 6, KEYPOINTS.index("nose")] = 0.5
    parts = np.full((SIDE, SIDE), PARTS.index("head"))
    for seen in (parts, np.zeros_like(parts)):
        weighed = weight_joints(heatmaps, seen, (0, 0, *heatmaps.shape[1::-1]))
        assert peak(weighed[..., KEYPOINTS.index("left knee")]) == (9, 8)
        assert peak(weighed[..., KEYPOINTS.index("nose")]) == (5, 6)
