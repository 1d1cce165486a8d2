"""Each kind of edit: what it changes, and that it changes nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from annotator.labels.label_space import CHART_MIRROR, CHART_TO_PART, mirror_uv
from annotator.labels.people import Person, Provenance
from annotator.review.edits import EditError, Scene, apply_edit
from tests.annotator.people_samples import SIZE, block


@pytest.fixture
def scene() -> Scene:
    return Scene(SIZE, {"a": block(10), "b": block(40)})


def edit(scene: Scene, kind: str, **values) -> dict[str, Person | None]:
    before = {key: replace(person) for key, person in scene.people.items()}
    arrays = {k: {n: getattr(p, n).copy() for n in ("mask", "parts", "charts", "keypoints") if getattr(p, n) is not None}
              for k, p in scene.people.items()}  # fmt: skip
    changes = apply_edit(scene, {"kind": kind, **values})
    for key, person in scene.people.items():
        assert person.box == before[key].box
        for name, array in arrays[key].items():
            np.testing.assert_array_equal(getattr(person, name), array)
    return changes


def full_mask(person: Person) -> np.ndarray:
    mask = np.zeros(SIZE[::-1], bool)
    x, y, w, h = person.box
    mask[y : y + h, x : x + w] = person.mask
    return mask


def assert_whole(person: Person) -> None:
    """Arrays fit the box, and nothing is labelled off the mask."""
    for name in ("mask", "parts", "charts", "u", "v"):
        assert getattr(person, name).shape == person.box[3:1:-1]
    assert not person.parts[~person.mask].any()
    assert not person.charts[~person.mask].any()


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


def test_paint_adds_to_the_mask_and_labels_go_on(scene):
    changes = edit(scene, "paint", person="a", layer="mask", points=[[10, 30]], radius=5)
    person = changes["a"]
    assert list(changes) == ["a"]
    assert person.box == (5, 10, 25, 40)
    assert_whole(person)
    # The torso's rows are 20..34, those of the leg begin at 35.
    assert person.parts[30 - 10, 0] == 1
    assert person.charts[30 - 10, 0] == 2
    assert (CHART_TO_PART[person.charts] == person.parts).all()
    grown = full_mask(person) & ~full_mask(scene.people["a"])
    assert grown.sum() == pytest.approx(np.pi * 25 / 2, rel=0.1)


def test_paint_takes_from_the_neighbour(scene):
    changes = edit(scene, "paint", person="a", layer="mask", points=[[30, 30], [45, 30]], radius=3)
    assert set(changes) == {"a", "b"}
    assert not (full_mask(changes["a"]) & full_mask(changes["b"])).any()
    assert_whole(changes["b"])
    both = full_mask(changes["a"]) | full_mask(changes["b"])
    assert both.sum() > (full_mask(scene.people["a"]) | full_mask(scene.people["b"])).sum()


def test_paint_ends_at_the_image(scene):
    person = edit(scene, "paint", person="a", layer="mask", points=[[-3, 55], [12, 70]], radius=8)["a"]
    x, y, w, h = person.box
    assert x >= 0
    assert y >= 0
    assert x + w <= SIZE[0]
    assert y + h <= SIZE[1]
    assert edit(scene, "paint", person="a", layer="mask", points=[[-30, -30]], radius=8) == {}


def test_erase_takes_all_labels_with_it(scene):
    person = edit(
        scene, "paint", person="a", layer="mask", erase=True, points=[[10, 10], [30, 10]], radius=4
    )["a"]
    assert person.box[1] > 10
    assert_whole(person)


def test_erasing_everything_leaves_an_empty_person(scene):
    person = edit(scene, "paint", person="a", layer="mask", erase=True, points=[[20, 30]], radius=99)["a"]
    assert not person.mask.any()
    assert person.box == (10, 10, 20, 40)


def test_a_part_is_painted_with_charts_of_its_own(scene):
    person = edit(scene, "paint", person="a", layer="part", part=14, points=[[20, 22]], radius=3)["a"]
    assert person.parts[12, 10] == 14
    assert person.charts[12, 10] == 24
    assert_whole(person)
    np.testing.assert_array_equal(person.mask, scene.people["a"].mask)


def test_a_part_that_was_nowhere_has_no_charts_yet(scene):
    person = edit(scene, "paint", person="a", layer="part", part=3, points=[[20, 22]], radius=3)["a"]
    assert person.parts[12, 10] == 3
    assert person.charts[12, 10] == 0


def test_a_part_painted_outside_is_the_persons(scene):
    person = edit(scene, "paint", person="a", layer="part", part=14, points=[[8, 12]], radius=3)["a"]
    assert full_mask(person)[12, 8]
    assert_whole(person)


def test_an_erased_part_is_unknown_and_the_mask_stays(scene):
    person = edit(scene, "paint", person="a", layer="part", erase=True, points=[[20, 22]], radius=3)["a"]
    assert person.parts[12, 10] == 0
    assert person.charts[12, 10] == 0
    assert person.mask.all()


def test_fill_a_polygon(scene):
    corners = [[30, 20], [36, 20], [36, 30], [30, 30]]
    person = edit(scene, "fill", person="a", layer="part", part=1, points=corners)["a"]
    assert person.box == (10, 10, 26, 40)
    assert (person.parts[10:20, 20:] == 1).all()
    assert person.mask.sum() == 800 + 60


@pytest.mark.parametrize("x", [30, 30.5])
def test_a_polygon_that_is_a_line_fills_nothing(scene, x):
    assert edit(scene, "fill", person="a", layer="mask", points=[[x, 20], [x, 25], [x, 30]]) == {}


def test_fill_an_area(scene):
    person = edit(scene, "fill_area", person="a", x=12, y=12, part=1)["a"]
    assert (person.parts[:25] == 1).all()
    assert (person.charts[:25] == 2).all()
    assert (person.parts[25:] == 6).all()


def test_split_by_a_line(scene):
    changes = edit(scene, "split_by_line", person="a", points=[[5, 22], [40, 22]])
    assert len(changes) == 2
    assert "a" in changes
    upper, lower = sorted(changes.values(), key=lambda person: person.box[1])
    assert upper.box == (10, 10, 20, 12)
    assert lower.box == (10, 22, 20, 28)
    assert upper.visibility.nonzero()[0].tolist() == [0]
    assert lower.visibility.nonzero()[0].tolist() == [12]
    for person in (upper, lower):
        assert_whole(person)
    # The larger half stays who it was.
    assert changes["a"] is lower or np.array_equal(changes["a"].mask, lower.mask)


def test_split_by_heads(scene):
    changes = edit(scene, "split_by_heads", person="a", points=[[15, 12], [25, 45]])
    first, second = sorted(changes.values(), key=lambda person: person.box[1])
    assert not (full_mask(first) & full_mask(second)).any()
    assert (full_mask(first) | full_mask(second)).sum() == 800
    assert full_mask(first)[12, 15]
    assert full_mask(second)[45, 25]


def test_a_split_that_leaves_nobody_is_refused(scene):
    with pytest.raises(EditError, match="split_by_line: points: one side would be left"):
        edit(scene, "split_by_line", person="a", points=[[0, 55], [70, 55]])


def test_split_and_merge_are_inverse(scene):
    halves = edit(scene, "split_by_line", person="a", points=[[18, 0], [22, 60]])
    keys = sorted(halves, key=lambda key: key != "a")
    merged = edit(Scene(SIZE, halves), "merge", people=keys)
    assert merged[keys[1]] is None
    whole = scene.people["a"]
    for name in ("box", "mask", "parts", "charts", "keypoints", "visibility"):
        np.testing.assert_array_equal(getattr(merged["a"], name), getattr(whole, name))
    np.testing.assert_array_equal(merged["a"].u[whole.charts > 0], whole.u[whole.charts > 0])


def test_merge_with_one_who_has_no_charts(scene):
    bare = Person((35, 10, 5, 10), mask=np.ones((10, 5), bool))
    merged = edit(Scene(SIZE, {"a": scene.people["a"], "c": bare}), "merge", people=["a", "c"])["a"]
    assert merged.mask.sum() == 850
    assert np.count_nonzero(merged.charts) == 800


def test_delete(scene):
    assert edit(scene, "delete", person="b") == {"b": None}


def test_add_asks_the_network_and_leaves_the_others_their_pixels(scene):
    asked = []

    def label(box):
        asked.append(box)
        return block(20, w=30)

    scene = replace(scene, label_box=label)
    (key, person), = edit(scene, "add", box=[18.5, 8, 34, 44]).items()  # fmt: skip
    assert asked == [(18, 8, 35, 44)]
    assert key not in scene.people
    assert person.box == (30, 10, 10, 40)
    assert person.provenance.state == "edited"
    assert_whole(person)


REJECTED = Provenance("lite", state="rejected")


def test_a_rejected_double_does_not_come_back_when_it_is_painted_over(scene):
    double = block(15, provenance=REJECTED)
    scene = Scene(SIZE, {"right": block(10, w=5), "double": double})
    changes = edit(
        scene, "fill", person="right", layer="mask", points=[[12, 10], [25, 10], [25, 50], [12, 50]]
    )
    assert changes["right"].provenance.state == "edited"
    assert changes["double"].provenance.state == "rejected"
    assert not (full_mask(changes["double"]) & full_mask(changes["right"])).any()
    # Who is meant comes back.
    for kind, values in {
        "paint": {"person": "double", "layer": "mask", "points": [[40, 30]], "radius": 3},
        "split_by_line": {"person": "double", "points": [[20, 0], [20, 60]]},
        "merge": {"people": ["double", "right"]},
    }.items():
        people = [person for person in edit(scene, kind, **values).values() if person is not None]
        assert {person.provenance.state for person in people} == {"edited"}


def test_add_takes_pixels_from_those_who_were_rejected(scene):
    found = block(10)
    people = {"double": block(15, provenance=REJECTED), "neighbour": block(25)}
    changes = edit(Scene(SIZE, people, lambda box: found), "add", box=[10, 10, 20, 40])
    (new,) = changes.keys() - people
    assert changes.keys() == {"double", new}
    assert [full_mask(changes[key]).any(axis=0).nonzero()[0].tolist() for key in (new, "double")] == [
        list(range(10, 25)),
        list(range(25, 35)),
    ]
    assert [changes[key].provenance.state for key in (new, "double")] == ["edited", "rejected"]


def test_add_says_when_nobody_is_there(scene):
    with pytest.raises(EditError, match="nobody found"):
        edit(replace(scene, label_box=lambda box: None), "add", box=[0, 0, 9, 50])
    with pytest.raises(EditError, match="labelled already"):
        edit(replace(scene, label_box=lambda box: block(10)), "add", box=[10, 10, 20, 40])


def test_add_empty_and_paint(scene):
    (key, person), = edit(scene, "add_empty", box=[60, 0, 20, 20]).items()  # fmt: skip
    assert person.box == (60, 0, 20, 20)
    assert not person.mask.any()
    painted = edit(
        Scene(SIZE, {key: person}), "paint", person=key, layer="part", part=14, points=[[70, 10]], radius=4
    )
    assert painted[key].box == (66, 6, 8, 8)
    assert set(np.unique(painted[key].parts)) == {0, 14}


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
    changes = apply_edit(
        scene, {"kind": "together", "edits": [swap, {"kind": "delete", "person": "b"}, swap]}
    )
    assert changes["b"] is None
    np.testing.assert_array_equal(changes["a"].charts, scene.people["a"].charts)
    assert changes["a"].provenance.state == "edited"
    approve = [{"kind": "decide", "person": key, "state": "approved"} for key in "ab"]
    changes = apply_edit(scene, {"kind": "together", "edits": approve})
    assert [person.provenance.state for person in changes.values()] == ["approved", "approved"]


def test_edits_together_see_what_those_before_did(scene):
    edits = [{"kind": "delete", "person": "a"}, {"kind": "swap_sides", "person": "a"}]
    with pytest.raises(EditError, match="there is no person 'a'"):
        apply_edit(scene, {"kind": "together", "edits": edits})


def test_doubts_are_found_anew_and_the_border_stays(scene):
    person = edit(scene, "set_keypoint", person="a", keypoint=0, visibility=2, x=20, y=48)["a"]
    assert person.issues["mask_border"] == 0.25
    assert person.issues["keypoint_outside"] > 0.3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "together"}, "together: edits: must be a list of edits"),
        ({"kind": "together", "edits": ["delete"]}, "together: edits: must be a list of edits"),
        ({"kind": "paintt"}, "kind is 'paintt'"),
        ({"kind": "delete", "person": "x"}, "delete: person: there is no person 'x'"),
        ({"kind": "set_keypoint", "person": "a", "keypoint": 17, "visibility": 2}, "keypoint: must be one of 0..16"),
        ({"kind": "set_keypoint", "person": "a", "keypoint": 1, "visibility": 2, "x": 90, "y": 5}, "outside the image"),
        ({"kind": "set_keypoint", "person": "a", "keypoint": 1, "visibility": 2, "x": "1"}, "x: must be a number"),
        ({"kind": "paint", "person": "a", "layer": "mask", "points": [], "radius": 1}, "points: "),
        ({"kind": "paint", "person": "a", "layer": "hat", "points": [[1, 2]], "radius": 1}, "layer: must be one of"),
        ({"kind": "paint", "person": "a", "layer": "mask", "points": [[1, 2]], "radius": 0}, "radius: must be above"),
        ({"kind": "paint", "person": "a", "layer": "mask", "points": [[1, None]], "radius": 1}, "points: must be"),
        ({"kind": "fill", "person": "a", "layer": "mask", "points": [[1, 2], [3, 4]]}, "points: needs 3"),
        ({"kind": "fill_area", "person": "a", "x": 5, "y": 5, "part": 1}, "does not lie on the person"),
        ({"kind": "split_by_line", "person": "a", "points": [[1, 1], [1, 1]]}, "are the same"),
        ({"kind": "merge", "people": ["a", "a"]}, "two or more different"),
        ({"kind": "merge", "people": ["a", "z"]}, "no person 'z'"),
        ({"kind": "add", "box": [1, 1, 2, 50]}, "box must have 4"),
        ({"kind": "add", "box": [1, 1, 20, 50]}, "no model"),
        ({"kind": "correct_surface", "person": "a", "corrections": [[20, 30, 25, 0, 0]]}, "charts are 1..24"),
        ({"kind": "correct_surface", "person": "a", "corrections": [[5, 5, 2, 0, 0]]}, "does not lie on the person"),
        ({"kind": "swap_sides", "person": "a", "parts": [15]}, "parts: must be a list of parts"),
        ({"kind": "decide", "person": "a", "state": "perfect"}, "state: must be one of"),
        ({"kind": "decide", "person": "a", "state": "approved", "comment": 3}, "comment: must be a text"),
    ],
)  # fmt: skip
def test_a_wrong_edit_is_refused_by_name(scene, values, message):
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


@pytest.mark.parametrize("missing", [{"mask": None}, {"parts": None}, {"mask": None, "parts": None}])
def test_a_stroke_keeps_what_other_labels_say(missing):
    """A file may have parts without a mask, corrections make charts without parts."""
    whole = block(10)
    person = replace(whole, **missing)
    changed = edit(
        Scene(SIZE, {"a": person}), "paint", person="a", layer="part", part=2, points=[[20, 30]], radius=2
    )
    assert_whole(changed["a"])
    np.testing.assert_array_equal(changed["a"].mask, whole.mask)
    assert (
        np.count_nonzero(changed["a"].parts != whole.parts) == np.count_nonzero(changed["a"].parts == 2) < 20
    )
    filled = edit(
        Scene(SIZE, {"a": replace(whole, parts=None)}), "fill_area", person="a", x=20, y=45, part=7
    )["a"]
    assert np.unique(filled.parts).tolist() == [1, 7, 14]
