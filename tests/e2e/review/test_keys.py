"""Keys that the user changes, keys that stay out of the comment, and keypoints that a click or a key sets."""

import pytest
from playwright.sync_api import expect

from annotator.labels.label_space import KEYPOINTS


def test_keys_are_changed_in_the_help_and_remembered(panel):
    first = panel.people()[0]
    panel.click(first.box[0] + first.box[2] / 2, first.box[1] + 0.3 * first.box[3])

    def change(standard: str, pressed: str) -> None:
        panel.page.locator(f"[data-testid=dp-key][data-key='{standard}']").click()
        panel.page.keyboard.press(pressed)

    panel.press("?")
    change("a", "F2")
    # A key that has another use is swapped, or kept.
    change("k", "m")
    expect(panel["key-change"]).to_contain_text("M is the key of “merge")
    panel.push("Keep")
    change("k", "m")
    panel.push("Swap the two")
    change("s", "Enter")
    expect(panel["key-change"]).to_contain_text("cannot be changed")
    panel.page.keyboard.press("Escape")
    expect(panel["help"]).to_be_visible()
    expect(panel.page.locator(".dp-changed")).to_have_text(["F2", "M", "K"])
    panel.page.keyboard.press("Escape")
    panel.press("m")
    expect(panel["tool-keypoints"]).to_have_attribute("aria-pressed", "true")
    expect(panel["tool-merge"].locator("kbd")).to_have_text("K")
    assert panel["tool-keypoints"].get_attribute("title").endswith("(M)")
    approve = panel["review"].get_by_role("button", name="Approve", exact=True)
    expect(approve).to_have_attribute("title", "F2")
    panel.press("a")
    panel.page.reload()
    panel.open("")
    panel.show(0)
    assert [person.provenance.state for person in panel.people()] == ["predicted", "predicted"]
    panel.click(first.box[0] + first.box[2] / 2, first.box[1] + 0.3 * first.box[3])
    panel.press("F2")
    assert [person.provenance.state for person in panel.people()] == ["approved", "predicted"]
    panel.press("?")
    panel.push("Show the tour", "Next", "Next")
    expect(panel["tour"]).to_contain_text("Press F2 to approve. Nobody at all? R rejects.")
    panel.press("Escape", "?")
    panel.push("Reset all keys")
    panel.press("Escape", "k")
    expect(panel["tool-keypoints"]).to_have_attribute("aria-pressed", "true")


def test_the_comment_takes_letters_only_of_who_writes_one(panel):
    first = panel.people()[0]
    panel.click(first.box[0] + first.box[2] / 2, first.box[1] + 0.3 * first.box[3])
    comment = panel["comment"]
    # The second click of a double click was meant for what was there before.
    panel.page.wait_for_timeout(600)
    box = comment.bounding_box()
    panel.page.mouse.move(box["x"] + 9, box["y"] + 9)
    panel.page.mouse.down(click_count=2)
    panel.page.mouse.up(click_count=2)
    expect(comment).not_to_be_focused()
    panel.press("c")
    expect(panel["hint"]).to_contain_text("Keys go into the comment")
    panel.page.keyboard.type("bark")
    panel.page.keyboard.press("Escape")
    expect(panel["hint"]).not_to_contain_text("Keys go into the comment")
    panel.page.keyboard.press("b")
    expect(panel["tool-brush"]).to_have_attribute("aria-pressed", "true")
    person = panel.people()[0]
    assert (person.provenance.comment, person.provenance.state) == ("bark", "predicted")
    # A decision saves what was written and leaves the field; the next field does not take the keys.
    panel.page.wait_for_timeout(600)
    comment.click()
    expect(comment).to_be_focused()
    panel.page.keyboard.type("!")
    panel.push("Approve")
    panel.page.keyboard.press("k")
    expect(panel["tool-keypoints"]).to_have_attribute("aria-pressed", "true")
    people = panel.people()
    assert people[0].provenance.comment == "bark!"
    assert people[0].provenance.state == "approved"
    assert not people[1].provenance.comment
    # Nor does a reload lose what is being written.
    panel.page.wait_for_timeout(600)
    comment.click()
    panel.page.keyboard.type("half a sen")
    panel.page.reload()
    panel.open("")
    assert panel.people()[1].provenance.comment == "half a sen"


def test_a_click_sets_the_next_missing_keypoint(panel):
    first, second = panel.people()
    x, y, w, h = first.box
    nose = first.keypoints[0, :2]
    missing = [index for index in range(len(KEYPOINTS)) if not first.visibility[index]]
    panel.click(x + w / 2, y + 0.3 * h)
    panel.press("k")
    expect(panel["hint"]).to_contain_text(f"A click sets the {KEYPOINTS[missing[0]]}.")
    places = (nose[0] + 30, nose[1] - 20), (nose[0] - 30, nose[1] - 20)
    for index, place in zip(missing, places, strict=False):
        panel.click(*place)
        expect(panel["keypoint"]).to_have_value(str(index))
    person = panel.people()[0]
    for index, place in zip(missing, places, strict=False):
        assert person.visibility[index] == 2
        assert person.keypoints[index, :2] == pytest.approx(place, abs=2)
    # Another one is chosen by Tab or in the list, and set by a key where the pointer is.
    expect(panel["hint"]).to_contain_text(f"A click sets the {KEYPOINTS[missing[2]]}.")
    panel["keypoint"].select_option("left knee")
    expect(panel["hint"]).to_contain_text("A click sets the left knee.")
    panel.page.mouse.move(*panel.at(x + 0.55 * w, y + 0.75 * h))
    panel.press("Shift+K")
    person = panel.people()[0]
    assert person.keypoints[13, :2] == pytest.approx((x + 0.55 * w, y + 0.75 * h), abs=2)
    # Far from the selected person a click is about somebody else.
    other = second.keypoints[5, :2]
    panel.click(other[0], other[1] + 30)
    assert panel.people()[0].visibility.tolist() == person.visibility.tolist()
    expect(panel["person"].nth(1)).to_have_class("dp-person dp-on")
