"""Masks made and mended by clicks; what the network makes of a click is tested with the click prompt."""

from dataclasses import replace

import numpy as np
import pytest

from annotator.labels.people import Person, Provenance
from annotator.review.edits import EditError, Scene
from tests.annotator.people_samples import block
from tests.annotator.review.conftest import assert_whole, edit, full_mask


def following(scene: Scene, found: Person | None) -> tuple[Scene, list]:
    """A scene whose network answers so, and what it was asked."""
    asked = []

    def label(person, clicks):
        asked.append((person, [tuple(click) for click in clicks]))
        return found

    return replace(scene, label_click=label), asked


def test_a_click_where_nobody_is_begins_somebody(scene):
    scene, asked = following(scene, block(62, w=10, provenance=Provenance("new")))
    changes = edit(scene, "click", clicks=[[65, 20, True]])
    (person,) = changes.values()
    assert changes.keys().isdisjoint(scene.people)
    assert person.box == (62, 10, 10, 40)
    assert (person.provenance.model, person.provenance.state) == ("new", "edited")
    assert asked == [(None, [(65, 20, True)])]


def test_a_click_changes_a_person_and_the_labels_follow(scene):
    found = block(5, provenance=Provenance("new"))
    found.keypoints[0, :2] = 9, 9
    scene, asked = following(scene, found)
    moved = edit(scene, "set_keypoint", person="a", keypoint=12, visibility=1, x=13, y=40)["a"]
    scene = replace(scene, people=scene.people | {"a": moved})
    clicks = [[15, 20, True], [27, 20, False]]
    changed = edit(scene, "click", person="a", clicks=clicks)["a"]
    assert changed.box == (5, 10, 20, 40)
    assert_whole(changed)
    assert (changed.charts[changed.mask] > 0).all()
    assert changed.keypoints[0, :2].tolist() == [9, 9]
    # What a human has set stays.
    assert changed.keypoints[12].tolist() == [13, 40, 1]
    assert asked[0][1] == [tuple(click) for click in clicks]


def test_others_keep_their_pixels_unless_they_are_clicked_on(scene):
    found = block(10, w=40)
    scene, _ = following(scene, found)
    changes = edit(scene, "click", person="a", clicks=[[31, 20, True]])
    assert changes["a"].box == (10, 10, 30, 40)
    assert "b" not in changes
    changes = edit(scene, "click", person="a", clicks=[[45, 20, True]])
    assert changes["a"].box == (10, 10, 40, 40)
    assert not (full_mask(changes["a"]) & full_mask(changes["b"])).any()
    # A click that says that b is somebody else takes nothing from b.
    assert "b" not in edit(scene, "click", person="a", clicks=[[45, 20, False]])


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"clicks": [[90, 5, True]]}, "clicks: a click lies outside of the image"),
        ({"clicks": [[65, 5, False]]}, "clicks: must be one positive click where nobody is named"),
        ({"clicks": [[65, 5, True]]}, "clicks: nobody was found there"),
        ({"clicks": [[15, 15, False]], "person": "a"}, "clicks: nothing would be left"),
        ({"clicks": [[15, 15, True]], "person": "z"}, "person: there is no person 'z'"),
    ],
)
def test_a_click_that_cannot_be_followed_is_refused(scene, values, problem):
    with pytest.raises(EditError, match=problem):
        edit(following(scene, None)[0], "click", **values)


def test_somebody_who_has_all_pixels_is_not_labelled_twice(scene):
    inside = Person((12, 12, 5, 5), mask=np.ones((5, 5), bool))
    with pytest.raises(EditError, match="somebody else has these pixels"):
        edit(following(scene, inside)[0], "click", clicks=[[65, 5, True]])
