"""Limbs get the side whose joints the heatmaps show on them."""

import numpy as np
import pytest

from annotator.inference.pose_sides import MIN_LEAD, set_sides
from annotator.labels.label_space import CHART_MIRROR, CHART_TO_PART, CHARTS, KEYPOINTS, PARTS, mirror_uv
from annotator.labels.people import Person

STEP = 4
"""Pixels of the photo in a heatmap pixel."""
TO_MAPS = np.array([[1 / STEP, 0, 2.0], [0, 1 / STEP, 3.0]])
"""The box begins at pixel 2, 3 of the heatmaps."""
LEGS = {"right": 4, "left": 28}
"""First column of each leg; both are 12 pixels wide, the upper leg from row 0 to 24, the lower to 48."""


def walker() -> Person:
    """Two legs apart, seen from the front."""
    charts = np.zeros((48, 48), np.uint8)
    for side, x in LEGS.items():
        charts[:24, x : x + 12] = CHARTS.index(f"{side} upper leg front")
        charts[24:, x : x + 12] = CHARTS.index(f"{side} lower leg front")
    ramp = np.linspace(0, 1, 48, dtype=np.float16)
    return Person(
        (10, 20, 48, 48),
        mask=charts > 0,
        charts=charts,
        parts=CHART_TO_PART[charts],
        u=np.tile(ramp, (48, 1)),
        v=np.tile(ramp[:, None], (1, 48)),
    )


def heatmaps(**said: float) -> np.ndarray:
    """Joints of both legs where they are: ``left_knee`` is the value of the left knee on the left leg, ``left_not_knee`` that of
    the right knee there."""
    maps = np.zeros((20, 20, 17), np.float32)
    for side, x in LEGS.items():
        column = int((x + 6) / STEP + 2)
        for joint, row in (("hip", 3), ("knee", 9), ("ankle", 14)):
            other = "left" if side == "right" else "right"
            maps[row, column, KEYPOINTS.index(f"{side} {joint}")] = said.get(f"{side}_{joint}", 0.6)
            maps[row, column, KEYPOINTS.index(f"{other} {joint}")] = said.get(f"{side}_not_{joint}", 0.1)
    return maps


def turned_over(person: Person, region: np.ndarray) -> Person:
    """The person with the labels of some pixels mirrored."""
    u, v = mirror_uv(person.charts, person.u, person.v)
    charts = np.where(region, CHART_MIRROR[person.charts], person.charts)
    return Person(
        person.box,
        mask=person.mask,
        charts=charts,
        parts=CHART_TO_PART[charts],
        u=np.where(region, u, person.u),
        v=np.where(region, v, person.v),
    )


def assert_same_labels(found: Person, expected: Person) -> None:
    for name in ("charts", "parts", "u", "v"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
        assert getattr(found, name).dtype == getattr(expected, name).dtype


ROWS, COLUMNS = np.mgrid[:48, :48]


@pytest.mark.parametrize(
    "wrong",
    [
        np.ones((48, 48), bool),
        ROWS >= 24,
        COLUMNS < 24,
        (ROWS < 24) & (COLUMNS >= 24),
        np.zeros((48, 48), bool),
    ],
    ids=["both legs", "lower legs", "right leg", "left upper leg", "nothing"],
)
def test_each_piece_gets_the_side_of_its_joints(wrong: np.ndarray):
    found = turned_over(walker(), wrong)
    set_sides(found, heatmaps(), TO_MAPS)
    assert_same_labels(found, walker())


def test_a_hand_and_its_mirror_image_have_mirrored_u():
    charts = np.full((16, 16), CHARTS.index("left hand"), np.uint8)
    u = np.full((16, 16), 0.25, np.float16)
    person = Person(
        (0, 0, 16, 16), mask=charts > 0, charts=charts, parts=CHART_TO_PART[charts], u=u, v=u.copy()
    )
    maps = np.zeros((20, 20, 17), np.float32)
    maps[5, 4, KEYPOINTS.index("right wrist")] = 0.5
    set_sides(person, maps, TO_MAPS)
    assert (person.parts == PARTS.index("right hand")).all()
    assert (person.charts == CHARTS.index("right hand")).all()
    assert (person.u == 0.75).all()
    assert (person.v == 0.25).all()
    assert (u == 0.25).all()  # what was given stays as it is


@pytest.mark.parametrize(("lead", "changes"), [(MIN_LEAD - 0.02, False), (MIN_LEAD + 0.02, True)])
def test_a_lead_that_is_too_small_changes_nothing(lead: float, changes: bool):
    """The mean of hip and knee decides of the upper leg, that of knee and ankle of the lower one."""
    maps = heatmaps(
        left_hip=0.3, left_not_hip=0.3, left_knee=0.3, left_not_knee=0.3 + 2 * lead, left_ankle=0.5
    )
    found = walker()
    set_sides(found, maps, TO_MAPS)
    assert (found.parts[:24, 28:40] == PARTS.index("right upper leg" if changes else "left upper leg")).all()
    assert (found.parts[24:] == walker().parts[24:]).all()


def test_who_has_no_parts_or_no_heatmap_pixel_stays():
    bare = Person((0, 0, 8, 8), mask=np.ones((8, 8), bool))
    set_sides(bare, heatmaps(), TO_MAPS)
    assert bare.parts is None
    outside = turned_over(walker(), np.ones((48, 48), bool))
    set_sides(outside, heatmaps(), np.array([[1 / STEP, 0, 100], [0, 1 / STEP, 3]]))
    assert_same_labels(outside, turned_over(walker(), np.ones((48, 48), bool)))
