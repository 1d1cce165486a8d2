"""What holds for every kind of edit."""

import numpy as np
import pytest

from annotator.review.edits import EditError
from tests.annotator.review.conftest import edit


def test_edits_together_are_done_one_after_another(scene):
    swap = {"kind": "swap_sides", "person": "a"}
    changes = edit(scene, "together", edits=[swap, {"kind": "delete", "person": "b"}, swap])
    assert changes["b"] is None
    np.testing.assert_array_equal(changes["a"].charts, scene.people["a"].charts)
    assert changes["a"].provenance.state == "edited"
    approve = [{"kind": "decide", "person": key, "state": "approved"} for key in "ab"]
    changes = edit(scene, "together", edits=approve)
    assert [person.provenance.state for person in changes.values()] == ["approved", "approved"]


def test_edits_together_see_what_those_before_did(scene):
    edits = [{"kind": "delete", "person": "a"}, {"kind": "swap_sides", "person": "a"}]
    with pytest.raises(EditError, match="there is no person 'a'"):
        edit(scene, "together", edits=edits)


def test_issues_are_found_anew_and_the_border_stays(scene):
    person = edit(scene, "set_keypoint", person="a", keypoint=0, visibility=2, x=20, y=48)["a"]
    assert person.issues["mask_border"] == 0.25
    assert person.issues["keypoint_outside"] > 0.3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "delete", "person": "x"}, "delete: person: there is no person 'x'"),
        ({"kind": "set_keypoint", "person": "a", "keypoint": 1, "visibility": 2, "x": 90, "y": 5}, "set_keypoint: x, y: lie outside the image"),
        ({"kind": "fill_area", "person": "a", "x": 5, "y": 5, "part": 1}, "does not lie on the person"),
        ({"kind": "split_by_line", "person": "a", "points": [[1, 1], [1, 1]]}, "are the same"),
        ({"kind": "merge", "people": ["a", "z"]}, "merge: people: there is no person 'z'"),
        ({"kind": "add", "box": [1, 1, 2, 50]}, "box must have 4"),
        ({"kind": "add", "box": [1, 1, 20, 50]}, "no model"),
        ({"kind": "correct_surface", "person": "a", "corrections": [[5, 5, 2, 0, 0]]}, "does not lie on the person"),
        ({"kind": "nobody", "nobody": True}, "nobody: is said of an image without people"),
        ({"kind": "together", "edits": [{"kind": "nobody", "nobody": True}]}, "not together with other edits"),
    ],
)  # fmt: skip
def test_an_edit_that_these_people_do_not_allow_is_refused_by_name(scene, values, message):
    with pytest.raises(EditError, match=message):
        edit(scene, **values)
