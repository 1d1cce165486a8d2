"""What the brush, the eraser, polygons and the bucket change."""

from dataclasses import replace

import numpy as np
import pytest

from annotator.labels.label_space import CHART_TO_PART
from annotator.review.edits import Scene
from tests.annotator.people_samples import SIZE, block
from tests.annotator.review.conftest import assert_whole, edit, full_mask


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
