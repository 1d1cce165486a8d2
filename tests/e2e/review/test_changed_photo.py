"""A photo whose file is replaced while it is reviewed: the panel says so, and nothing is saved in the wrong frame."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import expect

from tests.e2e.review.panel import SIZE, assert_same
from tests.e2e.review.test_photos import PIXEL


@pytest.fixture
def replace_photo(samples):
    def replace(number: int, size: tuple[int, int], value: int = 90) -> None:
        path = Path(samples[number].filepath)
        time = os.stat(path).st_mtime_ns
        # In one step: the panel may read the photo at any moment.
        new = path.with_stem("new")
        cv2.imwrite(str(new), np.full((*size[::-1], 3), value, np.uint8))
        os.utime(new, ns=(time + 10**9, time + 10**9))
        new.replace(path)

    return replace


def corner(panel) -> list[int]:
    """The colour that the panel shows of the photo's corner."""
    left, top, _ = map(float, panel["canvas"].get_attribute("data-view").split())
    return panel["canvas"].evaluate(PIXEL, [left + 3, top + 3])


def test_an_edit_of_a_photo_that_was_replaced_is_refused_until_the_labels_are_said_to_fit(
    panel, replace_photo
):
    before = panel.people()
    assert not panel["changed"].count()
    replace_photo(0, SIZE)
    panel.click(120 + 100, 80 + 150)
    panel.press("Shift+S")
    expect(panel["refusal"]).to_contain_text("not saved: the photo has changed since it was labelled")
    expect(panel["changed"]).to_contain_text("another file of the same 900 × 600 pixels")
    assert corner(panel) == pytest.approx([90, 90, 90], abs=2)  # the new photo, of which they are to judge
    assert_same(panel.people(), before)
    assert [person.provenance.state for person in panel.people()] == ["predicted", "predicted"]
    panel["refusal"].get_by_role("button", name="Dismiss").click()
    panel["changed"].get_by_role("button", name="The labels fit").click()
    expect(panel["changed"]).to_have_count(0)
    panel.click(120 + 100, 80 + 150)
    panel.press("Shift+S")
    panel.saved()
    assert panel.people()[0].provenance.edited


def test_a_photo_that_is_replaced_again_is_shown_as_it_is(panel, replace_photo):
    replace_photo(0, SIZE)
    panel.click(120 + 100, 80 + 150)
    panel.press("Shift+S")
    expect(panel["changed"]).to_contain_text("another file of the same 900 × 600 pixels")
    replace_photo(0, SIZE, value=30)
    panel["changed"].get_by_role("button", name="The labels fit").click()
    expect(panel["changed"]).to_have_count(0)
    assert corner(panel) == pytest.approx([30, 30, 30], abs=2)


def test_a_photo_that_was_turned_tells_how_to_label_it_anew(panel, replace_photo):
    panel.show(1)
    replace_photo(0, SIZE[::-1])
    panel.show(0)
    expect(panel["changed"]).to_contain_text("900 × 600 pixels then, 600 × 900 now")
    expect(panel["changed"]).to_contain_text("Label changed photos anew")
    assert not panel["changed"].get_by_role("button").count()
    panel.press("a")
    expect(panel["refusal"]).to_contain_text("600 × 900 now")
    assert [person.provenance.state for person in panel.people()] == ["predicted", "predicted"]
    panel.show(1)
    expect(panel["changed"]).to_have_count(0)


def test_bulk_approval_says_which_photos_it_leaves_out(panel, replace_photo):
    replace_photo(0, SIZE[::-1])
    panel.push("Queue", "Approve the rest…")
    panel.page.locator(".dp-dialog input[type=range]").first.fill("1")
    panel["review"].get_by_role("button", name="Approve 3", exact=True).click()
    expect(panel["message"]).to_contain_text("1 person approved. Images left out: 1, such as")
    expect(panel["message"]).to_contain_text("600 × 900 now")
    states = [person.provenance.state for number in (0, 1) for person in panel.people(number)]
    assert states == ["predicted", "predicted", "approved"]
