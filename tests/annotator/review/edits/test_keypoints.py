"""Setting and removing keypoints."""

import numpy as np

from annotator.labels.people import Person
from annotator.review.edits import Scene
from tests.annotator.people_samples import SIZE
from tests.annotator.review.conftest import edit


def test_a_keypoint_moves_and_is_certain(scene):
    (person,) = edit(scene, "set_keypoint", person="a", keypoint=5, visibility=1, x=30.5, y=20).values()
    assert person.keypoints[5].tolist() == [30.5, 20, 1]
    assert person.visibility[5] == 1
    others = np.arange(17) != 5
    np.testing.assert_array_equal(person.keypoints[others], scene.people["a"].keypoints[others])
    assert person.provenance.state == "edited"


def test_a_keypoint_goes(scene):
    (person,) = edit(scene, "set_keypoint", person="a", keypoint=0, visibility=0).values()
    assert person.keypoints[0].tolist() == [0, 0, 0]
    assert person.visibility[0] == 0
    assert person.removed_keypoints == (0,)
    again = Scene(SIZE, {"a": person})
    (person,) = edit(again, "set_keypoint", person="a", keypoint=0, visibility=2, x=5, y=6).values()
    assert person.removed_keypoints == ()


def test_the_first_keypoint_of_a_person_without(scene):
    bare = Scene(SIZE, {"a": Person((1, 2, 30, 30))})
    (person,) = edit(bare, "set_keypoint", person="a", keypoint=3, visibility=2, x=5, y=6).values()
    assert person.visibility.tolist() == [0, 0, 0, 2] + [0] * 13
