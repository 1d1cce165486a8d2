"""Keypoints, brush, eraser, polygon, bucket and the surface."""

import numpy as np
import pytest
from playwright.sync_api import expect

from annotator.labels.label_space import CHART_TO_PART, KEYPOINT_MIRROR
from tests.e2e.review.panel import assert_exported, assert_same, covers, pixel


def test_keypoints(panel):
    first = panel.people()[0]
    nose = first.keypoints[0, :2]
    panel.click(nose[0], nose[1] + 30)
    panel.press("k")
    panel.drag(tuple(nose), (nose[0] + 25, nose[1] + 12))
    moved = panel.people()[0]
    assert moved.keypoints[0, :2] == pytest.approx([nose[0] + 25, nose[1] + 12], abs=2)
    assert moved.provenance.author == "Ada"
    # The left eye is missing: Tab selects it, a click sets it, arrows nudge it.
    panel.press("Tab")
    panel.click(nose[0] + 12, nose[1] - 10)
    at = panel.people()[0].keypoints[1, :2]
    panel.press("ArrowLeft", "Shift+ArrowDown")
    person = panel.people()[0]
    assert person.keypoints[1, :2] == pytest.approx([at[0] - 1, at[1] + 10], abs=0.1)
    for seen in (1, 2, 1):
        panel.press("v")
        assert panel.people()[0].visibility[1] == seen
    panel.press("s")
    assert panel.people()[0].visibility[[1, 2]].tolist() == [0, 1]
    panel.press("Tab", "Delete")
    assert panel.people()[0].visibility[2] == 0


def test_keypoints_by_mouse_alone(panel, dataset, tmp_path):
    nose, shoulder = panel.people()[0].keypoints[[0, 5], :2]
    panel.click(nose[0], nose[1] + 30)
    panel["tool-keypoints"].click()
    panel.click(*nose)
    for word, visibility in (("hidden", 1), ("visible", 2)):
        panel.push(word)
        person = panel.people()[0]
        assert person.visibility[0] == visibility
        assert person.keypoints[0, :2] == pytest.approx(nose, abs=0.01)
    panel.push("missing")
    panel.drag(tuple(shoulder), (shoulder[0], shoulder[1] + 15))
    person = panel.people()[0]
    assert person.visibility[[0, 5]].tolist() == [0, 2]
    assert person.keypoints[5, 1] == pytest.approx(shoulder[1] + 15, abs=2)
    # A missing one is chosen by its name, gets its place by a click, and is visible until told otherwise.
    panel["keypoint"].select_option("left eye")
    hidden = panel.page.get_by_role("button", name="hidden", exact=True)
    expect(hidden).to_be_disabled()
    panel.click(nose[0] + 12, nose[1] - 10)
    assert panel.people()[0].visibility[1] == 2
    hidden.click()
    person = panel.people()[0]
    assert person.visibility[:2].tolist() == [0, 1]
    assert person.keypoints[1, :2] == pytest.approx([nose[0] + 12, nose[1] - 10], abs=2)
    panel.push("swap")
    swapped = panel.people()[0]
    np.testing.assert_array_equal(swapped.keypoints[[2, 1], :2], person.keypoints[[1, 2], :2])
    assert_exported(panel, dataset, tmp_path / "labels.json")


def test_brush_eraser_polygon_and_fill(panel):
    first, second = panel.people()
    x, y, w, h = first.box
    head = x + w / 2, y + 20
    panel.click(*head)
    panel["tool-brush"].click()
    panel["radius"].fill("3")  # e³ = 20 pixels, then 25
    panel.press("]")
    panel.drag((x + w / 2 + 60, y + 10), (x + w / 2 + 90, y + 10))
    painted = panel.people()[0]
    assert covers(painted, x + w / 2 + 75, y + 10 + 22)
    assert painted.mask.sum() > first.mask.sum() + 500
    panel.press("e")
    panel.drag((x + w / 2 + 50, y + 10), (x + w / 2 + 100, y + 10))
    erased = panel.people()[0]
    assert not covers(erased, x + w / 2 + 75, y + 10)
    # On parts: the torso's middle becomes head.
    panel.press("b", "{")
    assert panel["part"].input_value() == "14"
    panel.press("}")
    assert panel["part"].input_value() == "1"
    panel["part"].select_option("head")
    middle = x + w / 2, y + 0.35 * h
    panel.drag(middle, (middle[0] + 10, middle[1]))
    person = panel.people()[0]
    assert person.parts[pixel(person, *middle)] == 14
    assert CHART_TO_PART[person.charts[pixel(person, *middle)]] == 14
    # Alt-click takes the part under the pointer, the bucket fills with it.
    panel.page.keyboard.down("Alt")
    panel.click(middle[0], middle[1] + 40)
    panel.page.keyboard.up("Alt")
    panel.press("g")
    panel.click(*middle)
    person = panel.people()[0]
    assert person.parts[pixel(person, *middle)] == 1
    # A polygon of mask beside the leg.
    panel.press("p", "l")
    for point in ((x + 20, y + h - 60), (x + 70, y + h - 60), (x + 70, y + h - 20), (x + 20, y + h - 20)):
        panel.click(*point)
    panel.press("Enter")
    assert covers(panel.people()[0], x + 40, y + h - 40)
    np.testing.assert_array_equal(panel.people()[1].mask, second.mask)


def test_a_polygon_cuts_away_and_its_last_corner_is_taken_back(panel):
    first = panel.people()[0]
    x, y, w, h = first.box
    middle, below = y + 0.3 * h, y + 0.36 * h
    panel.click(x + w / 2, middle)
    panel.press("p")
    wrong = (x + 0.9 * w, y + h), (x + 0.1 * w, y + h)
    for point in ((x + 0.45 * w, middle), (x + 0.55 * w, middle), (x + 0.5 * w, below), *wrong):
        panel.click(*point)
    panel.push("Undo")
    panel.press("Control+z", "e", "Enter")
    cut = panel.people()[0]
    assert not covers(cut, x + w / 2, middle + 5)
    gone = first.mask.sum() - cut.mask.sum()
    assert gone == pytest.approx(0.5 * 0.1 * w * 0.06 * h, rel=0.1)
    # Another polygon adds; nothing is being drawn now, so that undo takes back what was done.
    panel.press("p")
    for point in ((x + 5, y + h - 40), (x + 45, y + h - 40), (x + 45, y + h - 5), (x + 5, y + h - 5)):
        panel.click(*point)
    panel.press("Enter")
    assert covers(panel.people()[0], x + 25, y + h - 20)
    panel.press("Control+z")
    np.testing.assert_array_equal(panel.people()[0].mask, cut.mask)
    panel.push("Undo")
    np.testing.assert_array_equal(panel.people()[0].mask, first.mask)


def test_keys_of_the_view_and_of_one_part(panel):
    first = panel.people()[0]
    x, y, w, h = first.box
    panel.click(x + w / 2, y + 0.3 * h)
    panel.page.mouse.move(*panel.at(x - 20, y))

    def screenshot() -> bytes:
        panel.page.wait_for_timeout(200)
        return panel["canvas"].screenshot()

    labelled = screenshot()
    panel.press("<")
    fainter = screenshot()
    panel.press(">")
    assert screenshot() == labelled
    panel.press("Shift+W")
    bare = screenshot()
    assert len({labelled, fainter, bare}) == 3
    panel.press("Shift+W")
    assert screenshot() == labelled
    panel.press("{", "}")  # the torso
    panel.press("Shift+B")
    person = panel.people()[0]
    assert (person.charts[first.charts == 2] == 1).mean() > 0.8
    others = first.charts > 2
    np.testing.assert_array_equal(person.charts[others], first.charts[others])
    panel.press("c")
    panel.page.keyboard.type("seen")
    panel.page.keyboard.press("Enter")
    assert panel.people()[0].provenance.comment == "seen"


def test_the_surface(panel):
    first = panel.people()[0]
    x, y, w, h = first.box
    chest = x + w / 2, y + 0.3 * h
    panel.click(*chest)
    panel.press("u")
    panel.page.mouse.move(*panel.at(*chest))
    panel.page.get_by_text("torso front, U").wait_for()
    panel.page.mouse.move(*panel.at(chest[0], y + 15))
    expect(panel["place"]).to_contain_text("head")
    # The chest's pixel belongs to the belly: click it, then the place on the drawing.
    panel.click(*chest)
    assert "Now click the place on the body" in panel["hint"].inner_text()
    body = panel["body"].bounding_box()
    left, top = panel.at(*chest)
    assert not (0 <= left - body["x"] <= body["width"] and 0 <= top - body["y"] <= body["height"])
    panel.page.mouse.click(body["x"] + 0.25 * body["width"], body["y"] + 0.42 * body["height"])
    person = panel.people()[0]
    at = pixel(person, *chest)
    assert person.charts[at] == 2
    assert abs(float(person.v[at]) - float(first.v[at])) + abs(float(person.u[at]) - float(first.u[at])) > 0.1
    assert len(person.corrections) == 1
    panel.press("Shift+S")
    person = panel.people()[0]
    assert person.visibility.tolist() == first.visibility[KEYPOINT_MIRROR].tolist()
    hands = np.isin(first.parts, (2, 3))
    assert (person.parts != first.parts)[hands].all()
    panel.press("Shift+F")
    person = panel.people()[0]
    assert (person.charts[first.charts == 2] == 1).mean() > 0.8


def test_a_drag_that_is_given_up_goes_back(panel):
    nose = panel.people()[0].keypoints[0, :2]
    panel.click(nose[0], nose[1] + 30)
    panel.press("k")
    mouse = panel.page.mouse
    mouse.move(*panel.at(*nose))
    mouse.down()
    mouse.move(*panel.at(nose[0] + 60, nose[1]), steps=4)
    panel.press("Escape")
    mouse.up()
    # It can be taken where it was.
    panel.drag(tuple(nose), (nose[0], nose[1] + 12))
    assert panel.people()[0].keypoints[0, :2] == pytest.approx((nose[0], nose[1] + 12), abs=2)


def test_a_stroke_is_of_the_person_it_was_begun_on(panel):
    first, second = panel.people()
    x, y, w, h = first.box
    nose = first.keypoints[0, :2]
    panel.click(x + w / 2, y + 0.3 * h)
    panel.press("k")
    panel.click(*nose)
    panel.press("b")
    mouse = panel.page.mouse
    mouse.move(*panel.at(x - 5, y + 0.3 * h))
    mouse.down()
    panel.press(".")
    mouse.move(*panel.at(x - 5, y + 0.4 * h), steps=4)
    mouse.up()
    painted, other = panel.people()
    assert covers(painted, x - 5, y + 0.35 * h)
    np.testing.assert_array_equal(other.mask, second.mask)
    # Nor does the keypoint stay selected with another tool: it would be what Delete removes.
    panel.press(",")
    panel.press("Delete")
    assert_same(panel.people(), [second])


def test_removing_a_keypoint_loses_neither_the_place_nor_the_person(panel):
    shoulder = panel.people()[0].keypoints[5, :2]
    panel.click(shoulder[0], shoulder[1] + 30)
    panel.press("k")
    panel.click(*shoulder)
    panel.press("Delete", "Delete")
    people = panel.people()
    assert len(people) == 2
    assert people[0].visibility[[0, 5, 6]].tolist() == [2, 0, 2]
    panel.press("Tab")
    expect(panel["keypoint"]).to_have_value("6")
