"""Each kind of edit: what it changes, and that it changes nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from annotator.labels.label_space import CHART_MIRROR, mirror_uv
from annotator.labels.people import Person
from annotator.review.edits import EditError, Scene
from tests.annotator.people_samples import SIZE, block
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


def test_the_first_keypoint_of_a_person_without(scene):
    bare = Scene(SIZE, {"a": Person((1, 2, 30, 30))})
    (person,) = edit(bare, "set_keypoint", person="a", keypoint=3, visibility=2, x=5, y=6).values()
    assert person.visibility.tolist() == [0, 0, 0, 2] + [0] * 13


def test_a_correction_is_kept_and_the_pixel_says_so(scene):
    person = edit(scene, "correct_surface", person="a", corrections=[[20, 27, 2, 0.25, 0.75]])["a"]
    assert person.charts[17, 10] == 2
    assert person.u[17, 10] == pytest.approx(0.25, abs=0.02)
    assert person.v[17, 10] == pytest.approx(0.75, abs=0.02)
    again = edit(
        Scene(SIZE, {"a": person}), "correct_surface", person="a", corrections=[[15, 30, 2, 0.5, 0.5]]
    )["a"]
    assert len(again.corrections) == 2
    assert again.u[17, 10] == pytest.approx(0.25, abs=0.02)
    newer = edit(
        Scene(SIZE, {"a": again}), "correct_surface", person="a", corrections=[[20.4, 27, 2, 0.9, 0.5]]
    )["a"]
    assert len(newer.corrections) == 2
    assert newer.u[17, 10] == pytest.approx(0.9, abs=0.02)


def test_swapped_sides_swap_back(scene):
    once = edit(scene, "swap_sides", person="a")["a"]
    assert set(np.unique(once.parts)) == {1, 7, 14}
    assert once.visibility[11] == 2
    twice = edit(Scene(SIZE, {"a": once}), "swap_sides", person="a")["a"]
    np.testing.assert_array_equal(twice.charts, scene.people["a"].charts)


def test_swapped_depth_turns_the_torso(scene):
    person = edit(scene, "swap_depth", person="a", parts=[1])["a"]
    assert (person.charts[10:25] == 1).mean() > 0.9
    assert (person.charts[25:] == 9).all()


def test_decide_keeps_the_labels(scene):
    person = edit(scene, "decide", person="a", state="approved", comment="hat")["a"]
    assert (person.provenance.state, person.provenance.comment) == ("approved", "hat")
    assert person.mask is scene.people["a"].mask
    changed = edit(Scene(SIZE, {"a": person}), "set_keypoint", person="a", keypoint=0, visibility=0)["a"]
    assert (changed.provenance.state, changed.provenance.comment) == ("edited", "hat")


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


def test_swapping_a_part_keeps_the_corrections_of_others(scene):
    person = edit(scene, "correct_surface", person="a", corrections=[[20, 27, 2, 0.25, 0.75]])["a"]
    corrected = Scene(SIZE, {"a": person})
    for kind in ("swap_sides", "swap_depth"):
        np.testing.assert_array_equal(
            edit(corrected, kind, person="a", parts=[14])["a"].corrections, person.corrections
        )
        assert edit(corrected, kind, person="a", parts=[1])["a"].corrections is None
        assert edit(corrected, kind, person="a")["a"].corrections is None


def test_surface_points_of_a_file_follow_every_edit(scene):
    rows = np.array([[20, 15, 2, 0.2, 0.3], [20, 45, 9, 0.4, 0.6]], np.float32)
    known = Scene(SIZE, {"a": replace(scene.people["a"], points=rows), "b": scene.people["b"]})

    mirrored = edit(known, "swap_sides", person="a")["a"].points
    u, v = mirror_uv(rows[:, 2].astype(int), rows[:, 3], rows[:, 4])
    np.testing.assert_array_equal(mirrored[:, 2], CHART_MIRROR[rows[:, 2].astype(int)])
    np.testing.assert_allclose(mirrored[:, 3:], np.column_stack([u, v]))
    np.testing.assert_array_equal(mirrored[:, :2], rows[:, :2])

    corrected = edit(known, "correct_surface", person="a", corrections=[[20, 15, 2, 0.9, 0.1]])["a"]
    assert corrected.points[0] == pytest.approx([20, 15, 2, 0.9, 0.1], abs=0.02)

    halves = edit(known, "split_by_line", person="a", points=[[0, 32], [60, 32]])
    assert sorted(len(piece.points) for piece in halves.values()) == [1, 1]
    merged = edit(Scene(SIZE, halves), "merge", people=list(halves))
    (person,) = (person for person in merged.values() if person is not None)
    assert sorted(map(tuple, person.points)) == sorted(map(tuple, rows))


def test_surface_points_of_a_person_without_a_mask_follow_its_charts():
    rows = np.array([[20, 27, 2, 0.2, 0.3]], np.float32)
    person = block(10, mask=None, points=rows)
    turned = edit(Scene(SIZE, {"a": person}), "swap_depth", person="a")["a"]
    assert turned.points[0, 2] == turned.charts[17, 10] == 1


def test_what_was_said_of_the_surface_goes_with_its_pixels(scene):
    rows = np.float32([[15, 15, 24, 0.2, 0.3], [25, 15, 24, 0.6, 0.3], [20, 45, 9, 0.4, 0.6]])
    known = Scene(
        SIZE, {"a": replace(scene.people["a"], points=rows, corrections=rows), "b": scene.people["b"]}
    )

    def left(person: Person) -> list[list[int]]:
        assert np.array_equal(person.points, person.corrections)
        return np.rint(person.points[:, :2]).astype(int).tolist()

    erased = edit(known, "paint", person="a", layer="mask", erase=True, points=[[20, 45]], radius=8)["a"]
    assert left(erased) == [[15, 15], [25, 15]]
    # The next correction still has only points that lie on the person.
    assert "a" in edit(
        Scene(SIZE, {"a": erased}), "correct_surface", person="a", corrections=[[12, 12, 23, 0, 0]]
    )
    # Other tools take pixels away without a word.
    mask = scene.people["a"].mask.copy()
    mask[30:] = False
    cut = Scene(SIZE, {"a": replace(known.people["a"], mask=mask)})
    corrected = edit(cut, "correct_surface", person="a", corrections=[[12, 12, 23, 0, 0]])["a"]
    assert corrected.corrections[:, :2].tolist() == [[15, 15], [25, 15], [12, 12]]
    by_another = edit(known, "paint", person="b", layer="mask", points=[[25, 15]], radius=3)["a"]
    assert left(by_another) == [[15, 15], [20, 45]]
    painted = edit(known, "fill_area", person="a", x=20, y=45, part=1)["a"]
    assert left(painted) == [[15, 15], [25, 15]]
    same = edit(known, "fill_area", person="a", x=20, y=45, part=6)["a"]
    assert left(same) == [[15, 15], [25, 15], [20, 45]]
    no_part = edit(known, "paint", person="a", layer="part", erase=True, points=[[15, 15]], radius=2)["a"]
    assert left(no_part) == [[25, 15], [20, 45]]
