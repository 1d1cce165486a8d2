"""Adding and deleting people."""

from dataclasses import replace

import numpy as np
import pytest

from annotator.labels.people import Provenance
from annotator.review.edits import EditError, Scene
from tests.annotator.people_samples import SIZE, block
from tests.annotator.review.conftest import assert_whole, edit, full_mask


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
