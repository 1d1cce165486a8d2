"""Moving people as a whole, and copying those of another photo."""

from dataclasses import replace

import numpy as np
import pytest

from annotator.labels.people import Person
from annotator.review.edits import EditError, Scene
from tests.annotator.people_samples import SIZE, block
from tests.annotator.review.conftest import assert_whole, edit, full_mask


def test_everything_moves_together(scene):
    rows = np.array([[12, 40, 2, 0.5, 0.5]], np.float32)
    person = replace(scene.people["a"], points=rows, corrections=rows)
    changes = edit(Scene(SIZE, {"a": person}), "move", person="a", dx=7, dy=-4)
    moved = changes["a"]
    assert moved.box == (17, 6, 20, 40)
    for name in ("mask", "parts", "charts", "u", "v", "visibility"):
        np.testing.assert_array_equal(getattr(moved, name), getattr(person, name))
    seen = person.visibility > 0
    np.testing.assert_array_equal(moved.keypoints[seen], person.keypoints[seen] + np.float32([7, -4, 0]))
    assert not moved.keypoints[~seen].any()
    for name in ("points", "corrections"):
        np.testing.assert_array_equal(getattr(moved, name), rows + np.float32([7, -4, 0, 0, 0]))
    assert moved.provenance.state == "edited"


def test_what_leaves_the_photo_is_cut_off(scene):
    moved = edit(scene, "move", person="a", dx=-15, dy=0)["a"]
    assert moved.box == (0, 10, 15, 40)
    assert_whole(moved)
    # The hip, at x = 12, is outside now.
    assert moved.visibility.nonzero()[0].tolist() == [0]
    with pytest.raises(EditError, match="move: dx, dy: the person would lie outside"):
        edit(scene, "move", person="a", dx=-30, dy=0)
    assert edit(scene, "move", person="a", dx=0, dy=0) == {}


def test_a_pixel_stays_of_one_person(scene):
    changes = edit(scene, "move", person="a", dx=20, dy=0)
    assert not (full_mask(changes["a"]) & full_mask(changes["b"])).any()
    assert changes["b"].mask.sum() == 400


def with_photo_before(scene: Scene, size=SIZE) -> Scene:
    people = {"x": block(12), "y": block(60, extra={"id": 3}, id=7)}
    return replace(scene, copied_people=lambda sample: (size, "frame_1.png", people))


def test_copies_are_new_people_at_the_same_place(scene):
    (copy,) = edit(with_photo_before(scene), "paste", source="s", copied=["y"]).values()
    np.testing.assert_array_equal(full_mask(copy), full_mask(block(60)))
    assert copy.visibility.any()
    provenance = copy.provenance
    assert (provenance.model, provenance.comment, provenance.state) == (
        "lite",
        "copied from frame_1.png",
        "edited",
    )
    assert (copy.id, copy.extra) == (None, {})


def test_who_is_labelled_already_is_not_copied(scene):
    # x stands where a is.
    (copy,) = edit(with_photo_before(scene), "paste", source="s", copied=["x", "y"]).values()
    assert copy.box[0] == 60
    with pytest.raises(EditError, match="paste: copied: everybody who was copied is labelled here already"):
        edit(with_photo_before(scene), "paste", source="s", copied=["x"])


def test_who_is_only_a_box_is_not_copied_twice(scene):
    scene = replace(scene, copied_people=lambda sample: (SIZE, "frame_1.png", {"x": Person((62, 5, 10, 20))}))
    copies = edit(scene, "paste", source="s", copied=["x"])
    assert [copy.box for copy in copies.values()] == [(62, 5, 10, 20)]
    with pytest.raises(EditError, match="everybody who was copied is labelled here already"):
        edit(replace(scene, people=scene.people | copies), "paste", source="s", copied=["x"])


@pytest.mark.parametrize(
    ("size", "copied", "problem"),
    [
        ((90, 60), "y", "source: frame_1.png has another size, 90 × 60: its people have no place here"),
        (SIZE, "z", "copied: frame_1.png does not have that person any more"),
    ],
)
def test_what_cannot_be_copied_is_refused(scene, size, copied, problem):
    with pytest.raises(EditError, match=problem):
        edit(with_photo_before(scene, size), "paste", source="s", copied=[copied])
