"""Decisions."""

from annotator.review.edits import Scene
from tests.annotator.people_samples import SIZE
from tests.annotator.review.conftest import edit


def test_decide_keeps_the_labels(scene):
    person = edit(scene, "decide", person="a", state="approved", comment="hat")["a"]
    assert (person.provenance.state, person.provenance.comment) == ("approved", "hat")
    assert person.mask is scene.people["a"].mask
    changed = edit(Scene(SIZE, {"a": person}), "set_keypoint", person="a", keypoint=0, visibility=0)["a"]
    assert (changed.provenance.state, changed.provenance.comment) == ("edited", "hat")
