"""Splitting, merging, adding and deleting people."""

import pytest
from playwright.sync_api import expect

from tests.e2e.review.panel import MINUTE, assert_exported, assert_same, covers, edits_held


def test_split_merge_delete_and_undo(panel, dataset, tmp_path):
    before = first, second = panel.people()
    x, y, w, h = first.box
    panel.click(x + w / 2, y + 0.3 * h)
    panel.press("x")
    panel.drag((x - 10, y + h / 2), (x + w + 10, y + h / 2))
    split = panel.people()
    halves = [person for person in split if person.box[0] < second.box[0]]
    assert len(split) == 3
    assert [half.box[3] for half in halves] == pytest.approx([h / 2, h / 2], abs=6)
    assert sum(half.mask.sum() for half in halves) == first.mask.sum()
    panel.press("Control+z")
    assert_same(panel.people(), before)
    # Undone and done again after a reload of the page.
    panel.page.reload()
    panel.open("")
    panel.show(0)
    panel.press("Control+Shift+Z")
    assert_same(panel.people(), split)
    panel.press("Control+z")
    assert_same(panel.people(), before)
    # By clicking two heads.
    panel.press("q")
    panel.click(x + w / 2, y + 0.3 * h)
    panel.press("h")
    panel.click(x + w / 2, y + 20)
    panel.click(x + w / 2 - 30, y + h - 20)
    panel.press("Enter")
    people = panel.people()
    assert len(people) == 3
    head, foot = ((x + w / 2, y + 20), (x + w / 2 - 30, y + h - 20))
    assert [covers(person, *head) for person in people].count(True) == 1
    assert not any(covers(person, *head) and covers(person, *foot) for person in people)
    panel.press("Control+z", "q")
    assert_same(panel.people(), before)
    panel.click(x + w / 2, y + 0.3 * h)
    panel.press("m")
    panel.click(second.box[0] + second.box[2] / 2, second.box[1] + 0.3 * second.box[3])
    (merged,) = panel.people()
    assert merged.mask.sum() == first.mask.sum() + second.mask.sum()
    assert covers(merged, x + w / 2, y + 0.3 * h)
    panel.press("Control+z")
    assert_same(panel.people(), before)
    panel.press("q")
    panel.click(x + w / 2, y + 0.3 * h)
    panel.press("Delete")
    assert_same(panel.people(), [second])
    assert_exported(panel, dataset, tmp_path / "labels.json")


def test_add_a_person(panel):
    panel.show(2)
    panel.press("n")
    panel.drag((100, 100), (300, 500))
    # There is nobody on this photo; whether the network thinks so decides what the panel proposes.
    panel.page.locator("[data-testid=dp-person], [data-testid=dp-message]").first.wait_for(timeout=MINUTE)
    if not panel.people(2):
        panel.page.get_by_role("button", name="Add an empty person").click()
        (empty,) = panel.people(2)
        assert empty.box == pytest.approx((100, 100, 200, 400), abs=2)
        panel.press("b")
        panel.drag((150, 200), (250, 200))
    (person,) = panel.people(2)
    assert person.mask.any()
    assert person.provenance.author == "Ada"


def test_merging_by_mouse_and_by_keys_alone(panel, dataset, tmp_path):
    first, second = panel.people()
    panel["person"].nth(1).locator(".dp-dot").click()  # in its middle the open row has a button
    panel["tool-merge"].click()
    panel["merge"].click()
    (merged,) = panel.people()
    assert merged.mask.sum() == first.mask.sum() + second.mask.sum()
    assert covers(merged, *first.keypoints[0, :2])
    panel.page.get_by_role("button", name="Undo").click()
    assert len(panel.people()) == 2
    panel.page.mouse.move(5, 5)
    panel.press(",")
    panel.press("m")
    panel.page.wait_for_function("document.activeElement.matches('[data-testid=dp-merge]')")
    panel.page.keyboard.press("Enter")
    assert len(panel.people()) == 1
    panel.page.keyboard.press("Control+z")
    assert len(panel.people()) == 2
    # Whoever is selected can be deleted without a key, too.
    panel.page.get_by_role("button", name="Delete").click()
    assert_same(panel.people(), [second])
    assert_exported(panel, dataset, tmp_path / "labels.json")


def test_who_is_deleted_is_gone_at_once(panel):
    nose = panel.people()[0].keypoints[0, :2]
    panel.click(nose[0], nose[1] + 30)
    # What the table of scores covers is not for the keys.
    panel.press("j")
    panel["score-row"].first.wait_for()
    panel.press("r", "Delete", "Escape")
    expect(panel["scores"]).to_have_count(0)
    expect(panel["person"]).to_have_count(2)
    with edits_held(panel):
        panel.press("Delete")
        expect(panel["person"]).to_have_count(1)
        expect(panel.page.locator("[data-testid=dp-person].dp-on")).to_have_count(1)  # the next one
        panel.press("Shift+A")
        panel.wait_for_image(2)
    (person,) = panel.people()
    assert person.provenance.state == "approved"
    assert not panel["conflict"].count()
    panel.press("Control+z")
    panel.wait_for_image(0)
    assert [person.provenance.state for person in panel.people()] == ["predicted"]
