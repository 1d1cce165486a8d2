"""Accepting and dismissing possible people."""

from dataclasses import replace

import pytest

from annotator.labels.people import PossiblePerson
from annotator.review.edits import EditError, Scene, decisions, parse_edit
from tests.annotator.people_samples import block
from tests.annotator.review.conftest import edit

POSSIBLE = {"p": PossiblePerson((19.5, 8, 30, 44), 0.6), "q": PossiblePerson((60, 5, 15, 50), 0.2)}


@pytest.fixture
def scene(scene) -> Scene:
    return replace(scene, possible=POSSIBLE, label_box=lambda box: block(22, w=16))


def decided(scene: Scene, kind: str, **values) -> dict[str, str]:
    return decisions(scene, parse_edit({"kind": kind, **values}), edit(scene, kind, **values))


def test_who_is_accepted_is_labelled_as_if_the_box_were_drawn(scene):
    asked = []

    def label(box):
        asked.append(box)
        return block(20, w=30)

    scene = replace(scene, label_box=label)
    (accepted,) = edit(scene, "accept_possible", possible="p").values()
    (added,) = edit(scene, "add", box=list(POSSIBLE["p"].box)).values()
    assert asked[0] == asked[1] == (19, 8, 31, 44)
    assert accepted.box == added.box
    assert (accepted.provenance.state, accepted.provenance.edited) == ("edited", True)
    assert decided(scene, "accept_possible", possible="p") == {"p": "accepted"}


def test_who_is_dismissed_changes_nobody(scene):
    assert edit(scene, "dismiss_possible", possible="q") == {}
    assert decided(scene, "dismiss_possible", possible="q") == {"q": "dismissed"}
    both = [{"kind": "dismiss_possible", "possible": key} for key in POSSIBLE]
    assert decided(scene, "together", edits=both) == {"p": "dismissed", "q": "dismissed"}


def test_who_is_in_the_box_of_a_person_who_is_added_is_not_missing_any_more(scene):
    assert decided(scene, "add_empty", box=[20, 8, 30, 42]) == {"p": "accepted"}
    assert decided(scene, "add_empty", box=[0, 0, 10, 10]) == {}
    assert decided(scene, "delete", person="a") == {}


@pytest.mark.parametrize("kind", ["accept_possible", "dismiss_possible"])
def test_who_is_decided_already_cannot_be_decided_again(scene, kind):
    with pytest.raises(EditError, match=f"{kind}: possible: the possible person 'x' is decided already"):
        edit(scene, kind, possible="x")


def test_where_the_network_finds_nobody_nobody_is_accepted(scene):
    scene = replace(scene, label_box=lambda box: None)
    with pytest.raises(EditError, match="accept_possible: nobody found in the box"):
        edit(scene, "accept_possible", possible="p")
