"""What keypoints say of the surface: limbs, head and the side of the torso, where nobody labelled these."""

import numpy as np
import pytest

from annotator.labels.label_space import CHART_TO_PART, CHARTS, PARTS
from annotator.labels.people import Person
from model.canvas import CHART, OWNER, PART, PERSON, Canvas
from model.label_values import SOME
from model.pose.surface_labels import PART_LABEL, paint_from_keypoints, surface_labels

FACING = {
    "nose": (50, 12), "left shoulder": (62, 25), "right shoulder": (38, 25), "left elbow": (80, 40),
    "left wrist": (92, 60), "left hip": (58, 60), "right hip": (42, 60), "right knee": (40, 80), "right ankle": (39, 98),
}  # fmt: skip
"""Of somebody who faces the camera, by their names: x, y."""


def canvas_of(points: dict[str, tuple[int, int]], hidden: tuple[str, ...] = ()) -> Canvas:
    """Somebody who fills their box, of whose surface nothing is labelled, in a larger photo."""
    from annotator.labels.label_space import KEYPOINTS

    keypoints, visibility = np.zeros((17, 3), np.float32), np.zeros(17, np.uint8)
    for name, (x, y) in points.items():
        index = KEYPOINTS.index(name)
        keypoints[index] = x, y, 1
        visibility[index] = 1 if name in hidden else 2
    person = Person(
        (20, 0, 90, 110), mask=np.ones((110, 90), bool), keypoints=keypoints, visibility=visibility
    )
    labels = np.zeros((120, 130, 4), np.uint8)
    labels[0:110, 20:110] = 1, SOME, SOME, 1
    return Canvas(labels, np.zeros((120, 130, 2), np.uint8), [person])


def painted(canvas: Canvas) -> np.ndarray:
    paint_from_keypoints(canvas, 0)
    labels = canvas.labels
    return surface_labels(labels[..., CHART], labels[..., PART], labels[..., OWNER] == 1)


def part(name: str) -> int:
    return PART_LABEL + PARTS.index(name)


def test_limbs_head_and_torso_are_where_the_keypoints_say():
    labels = painted(canvas_of(FACING))
    assert labels[32, 71] == part("left upper arm")
    assert labels[50, 86] == part("left lower arm")
    assert labels[70, 41] == part("right upper leg")
    assert labels[89, 39] == part("right lower leg")
    assert labels[12, 50] == part("head")
    assert labels[42, 50] == CHARTS.index("torso front")
    assert labels[110:].max() == labels[:, 110:].max() == 0
    assert set(np.unique(labels)) == {
        0, 2, *(part(f"{limb}") for limb in
                ("left upper arm", "left lower arm", "right upper leg", "right lower leg", "head")),
    }  # fmt: skip


def test_joints_themselves_are_left_out():
    labels = painted(canvas_of(FACING))
    for name in ("left elbow", "left wrist", "right knee", "left shoulder"):
        x, y = FACING[name]
        assert labels[y, x] == 0


def test_a_torso_whose_left_shoulder_is_on_the_left_is_seen_from_behind():
    behind = {name: (100 - x, y) for name, (x, y) in FACING.items()}
    assert painted(canvas_of(behind))[42, 50] == CHARTS.index("torso back")
    turned = {name: (50 + (x - 50) // 4, y) for name, (x, y) in FACING.items()}
    assert not set(np.unique(painted(canvas_of(turned)))) & {1, 2}, "from the side it may be either"


def test_hidden_limbs_say_nothing_and_keep_others_from_it():
    hidden = painted(canvas_of(FACING, ("left elbow",)))
    assert not {part("left upper arm"), part("left lower arm")} & set(np.unique(hidden))
    crossing = FACING | {"right elbow": (80, 32), "right wrist": (92, 32)}
    labels = painted(canvas_of(crossing))
    assert labels[32, 71] == 0
    assert painted(canvas_of(crossing, ("right elbow",)))[32, 71] == 0


@pytest.mark.parametrize(("channel", "label"), [(PART, 10), (CHART, 15)])
def test_what_people_labelled_stays(channel: int, label: int):
    canvas = canvas_of(FACING)
    canvas.labels[0:110, 20:110, channel] = label
    before = canvas.labels.copy()
    labels = painted(canvas)
    np.testing.assert_array_equal(canvas.labels, before)
    expected = part("left upper arm") if channel == PART else label
    assert set(np.unique(labels)) == {0, expected}
    assert CHART_TO_PART[15] == PARTS.index("left upper arm")


def test_who_has_no_keypoints_says_nothing():
    canvas = canvas_of({})
    assert not painted(canvas).any()
    canvas.people[0].keypoints = canvas.people[0].visibility = None
    assert not painted(canvas).any()
    assert canvas.labels[..., PERSON].any()
