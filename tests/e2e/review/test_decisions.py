"""Approving and rejecting, one by one and the rest at once, and taking it back."""

import json

import numpy as np
from playwright.sync_api import expect

from annotator.labels.label_space import KEYPOINT_MIRROR
from annotator.runs.dataset_export import export_samples
from tests.e2e.review.panel import (
    MINUTE,
    Panel,
    edits_held,
)


def test_decide(panel, dataset, tmp_path):
    panel.click(120 + 100, 80 + 150)
    panel["comment"].fill("left foot hidden")
    panel["comment"].press("Enter")
    panel.people()
    panel.press("a")
    assert [p.provenance.state for p in panel.people()] == ["approved", "predicted"]
    assert panel.people()[0].provenance.comment == "left foot hidden"
    # The second person is selected now; deciding it moves on to the next image.
    panel.press("r")
    panel.wait_for_image(2)
    assert [p.provenance.state for p in panel.people()] == ["approved", "rejected"]
    panel.show(1)
    panel.press("Shift+A")
    assert panel.people(1)[0].provenance.state == "approved"
    path = tmp_path / "labels.json"
    export_samples(dataset, path)
    annotations = json.loads(path.read_text())["annotations"]
    assert [a["dp_provenance"]["state"] for a in annotations] == ["approved", "approved"]
    assert annotations[0]["dp_provenance"]["comment"] == "left foot hidden"
    assert annotations[0]["dp_provenance"]["author"] == "Ada"


def test_a_decision_by_mouse_goes_on_and_undo_leads_back(panel):
    first, second = (str(detection.id) for detection in panel.samples[0].dp_people.detections)
    selected = panel.page.locator("[data-testid=dp-person].dp-on")
    panel.click(120 + 100, 80 + 150)
    panel.push("Approve")
    expect(selected).to_have_attribute("data-key", second)
    panel.saved()
    panel.push("Undo")
    panel.saved()
    expect(selected).to_have_attribute("data-key", first)
    panel.press("r")
    assert [p.provenance.state for p in panel.people()] == ["rejected", "predicted"]
    # Taken back, it is what it was before.
    panel.click(120 + 100, 80 + 150)
    panel.push("Open again")
    assert [p.provenance.state for p in panel.people()] == ["predicted", "predicted"]
    # Who is next is selected once somebody is deleted, and who is put back has the same place.
    panel.push("Delete")
    expect(selected).to_have_attribute("data-key", second)
    panel.saved()
    panel.press("Control+z")
    panel.saved()
    expect(selected).to_have_attribute("data-key", first)
    assert panel["person"].evaluate_all("rows => rows.map(row => row.dataset.key)") == [first, second]


def test_that_nobody_is_there_is_a_decision(panel):
    panel.page.get_by_role("button", name="Queue", exact=True).click()
    nobody = panel["item"].filter(has_text="photo2.").get_by_text("nobody?")
    nobody.wait_for()
    panel.show(2)
    panel.push("Nobody is here")
    panel.wait_for_image(1)
    panel.page.get_by_role("button", name="Queue", exact=True).click()
    expect(panel["done"]).to_have_text("1 of 3 images done", timeout=MINUTE)
    assert not nobody.count()
    panel.press("Control+z")
    panel.wait_for_image(2)
    panel.page.get_by_role("button", name="Queue", exact=True).click()
    expect(panel["done"]).to_have_text("0 of 3 images done", timeout=MINUTE)
    # After a reload it is open again.
    panel.page.reload()
    panel.open("")
    panel.wait_for_image(2)


def test_images_and_decisions_by_mouse_alone(panel):
    panel.push("‹")
    panel.wait_for_image(1)
    panel.push("Reject")
    panel.wait_for_image(0)
    panel.push("‹")
    panel.wait_for_image(1)
    panel.push("›")
    panel.wait_for_image(0)
    panel.push("Approve all")
    panel.wait_for_image(2)
    assert [p.provenance.state for p in panel.people()] == ["approved", "approved"]
    assert [p.provenance.state for p in panel.people(1)] == ["rejected"]


def test_approve_the_rest(panel):
    panel.page.get_by_role("button", name="Queue", exact=True).click()
    panel.page.get_by_role("button", name="Approve the rest").click()
    issue_score = panel.page.locator(".dp-dialog input").first.bounding_box()
    panel.page.mouse.click(
        issue_score["x"] + issue_score["width"] / 2, issue_score["y"] + issue_score["height"] / 2
    )
    panel.page.get_by_text("Predicted people: 2, images: 1").wait_for(timeout=MINUTE)
    panel.page.get_by_role("button", name="Approve 2").click()
    panel.page.get_by_text("2 people approved.").wait_for(timeout=MINUTE)
    assert [p.provenance.state for p in panel.people()] == ["approved", "approved"]
    assert [p.provenance.state for p in panel.people(1)] == ["predicted"]
    panel.open("")
    panel.page.get_by_role("button", name="Queue", exact=True).click()
    panel.page.get_by_role("button", name="Take back 2").click()
    panel.page.get_by_text("2 people to be decided again.").wait_for(timeout=MINUTE)
    assert [p.provenance.state for p in panel.people()] == ["predicted", "predicted"]


def focused(panel: Panel) -> str:
    return panel.page.evaluate("document.activeElement.innerText")


def tab_to(panel: Panel, words: str) -> None:
    """Tab until a button with these words has the focus."""
    for _ in range(40):
        if words in focused(panel):
            return
        panel.page.keyboard.press("Tab")
    raise AssertionError(f"no button {words!r} is reached by Tab")


def test_filters_and_approve_the_rest_by_keys_alone(panel):
    keyboard = panel.page.keyboard
    panel.page.mouse.move(5, 5)  # not over the panel, which would take the focus
    panel.press("/")
    panel.page.wait_for_function("document.activeElement.matches('.dp-chip')")
    tab_to(panel, "left and right swapped")
    keyboard.press("Enter")
    expect(panel["item"]).to_have_count(1)
    keyboard.press("Space")
    expect(panel["item"]).to_have_count(3)
    tab_to(panel, "Approve the rest")
    keyboard.press("Enter")
    panel.page.wait_for_function("document.activeElement.matches('.dp-dialog input')")
    for _ in range(40):
        keyboard.press("ArrowRight")
    panel.page.get_by_text("Predicted people: 2, images: 1").wait_for(timeout=MINUTE)
    tab_to(panel, "Approve 2")
    keyboard.press("Enter")
    panel.page.get_by_text("2 people approved.").wait_for(timeout=MINUTE)
    assert [p.provenance.state for p in panel.people()] == ["approved", "approved"]
    keyboard.press("d")  # the panel has its keys again
    panel.page.get_by_text("This was the last image of the queue.").wait_for()


def test_a_held_key_decides_once(panel):
    panel["review"].focus()
    for _ in range(4):
        panel.page.keyboard.down("a")
    panel.page.keyboard.up("a")
    assert [person.provenance.state for person in panel.people()].count("approved") == 1
    panel.press("Shift+A")
    assert [person.provenance.state for person in panel.people()] == ["approved", "approved"]


def test_rejected_people_stay_rejected(panel):
    panel.click(*panel.people()[0].keypoints[0, :2] + (0, 30))
    panel.press("r", "Shift+A")
    assert [person.provenance.state for person in panel.people()] == ["rejected", "approved"]


def test_undo_goes_back_to_a_decision_that_led_to_the_next_image(panel):
    panel.press("a", "a")
    panel.wait_for_image(2)
    assert [person.provenance.state for person in panel.people()] == ["approved", "approved"]
    panel.press("Control+z")
    panel.wait_for_image(0)
    assert sorted(person.provenance.state for person in panel.people()) == ["approved", "predicted"]
    panel.press("Control+Shift+Z")
    assert [person.provenance.state for person in panel.people()] == ["approved", "approved"]


def test_one_undo_takes_back_one_action(panel):
    panel.press("Shift+A")
    panel.wait_for_image(2)
    assert [person.provenance.state for person in panel.people()] == ["approved", "approved"]
    panel.press("Control+z")
    panel.wait_for_image(0)
    assert [person.provenance.state for person in panel.people()] == ["predicted", "predicted"]
    first = panel.people()[0]
    panel.click(*first.keypoints[0, :2] + (0, 30))
    panel.press("Shift+T")
    turned = panel.people()[0]
    assert turned.visibility.tolist() == first.visibility[KEYPOINT_MIRROR].tolist()
    assert (turned.charts[first.charts == 2] == 1).mean() > 0.8
    panel.press("Control+z")
    back = panel.people()[0]
    np.testing.assert_array_equal(back.charts, first.charts)
    np.testing.assert_array_equal(back.visibility, first.visibility)


def test_who_is_typing_is_left_alone(panel):
    x, y, w, h = panel.people()[0].box
    keyboard = panel.page.keyboard
    theirs = "<input id=theirs style='position: fixed; right: 0; bottom: 0; z-index: 9'>"
    panel.page.evaluate(f'document.body.insertAdjacentHTML("beforeend", "{theirs}")')
    panel.page.mouse.move(5, 5)
    panel.page.locator("#theirs").focus()
    keyboard.type("c")
    panel.page.mouse.move(*panel.at(x + w / 2, y + 0.3 * h))
    keyboard.type("ar")
    assert panel.page.locator("#theirs").input_value() == "car"
    panel.click(x + w / 2, y + 0.3 * h)
    with edits_held(panel):
        panel.press("b")
        panel.drag((x - 5, y + 0.3 * h), (x - 5, y + 0.4 * h))
        panel["comment"].fill("left")
        panel["comment"].press("Enter")
        panel["comment"].focus()
        keyboard.press("End")
        keyboard.type(" fo")
    panel.saved()
    keyboard.type("ot")
    panel.push("›")
    panel.wait_for_image(2)
    person, other = panel.people()
    assert (person.provenance.state, person.provenance.comment) == ("edited", "left foot")
    assert other.provenance.state == "predicted"
