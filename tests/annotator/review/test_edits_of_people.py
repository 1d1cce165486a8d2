"""Edits after which there are more people or fewer: split, merge, delete, add."""

from dataclasses import replace

import numpy as np
import pytest

from annotator.labels.people import Person, Provenance
from annotator.review.edits import EditError, Scene
from tests.annotator.people_samples import SIZE, block
from tests.annotator.review.conftest import assert_whole, edit, full_mask


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
