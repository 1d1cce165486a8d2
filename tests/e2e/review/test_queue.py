"""The queue, the table of scores, and images that come and go."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from annotator.dataset.fields import Fields, declare_fields
from annotator.dataset.sample_people import read_people, replace_predictions
from annotator.labels.people import People
from tests.e2e.review.panel import FIELDS, MINUTE, SIZE, Panel, body_person


def test_the_queue_and_what_is_drawn(panel, samples):
    panel.page.get_by_role("button", name="Queue", exact=True).click()
    names = panel["item"].locator(".dp-file").all_inner_texts()
    assert names == ["photo1.png", "photo0.png", "photo2.png"]
    assert "0 of 3 images done" in panel["done"].inner_text()
    panel.show(1)
    panel.page.keyboard.press("d")
    panel.wait_for_image(0)
    panel.press("PageUp")
    panel.wait_for_image(1)
    panel.page.get_by_role("button", name="Queue", exact=True).click()
    panel.page.get_by_role("button", name="left and right swapped 1").click()
    expect(panel["item"].locator(".dp-file")).to_have_text(["photo1.png"])
    looks = set()
    for fill in ("mask", "parts", "charts", "texture", "u", "v", "none"):
        panel["fill"].select_option(fill)
        panel.page.wait_for_timeout(200)
        looks.add(panel["canvas"].screenshot())
    assert len(looks) == 7
    panel.press("?")
    assert (
        "approve the person, have a possible one labelled, or say that nobody is here, and go on"
        in panel["help"].inner_text()
    )
    panel.press("Escape")
    assert not panel["help"].count()


def test_the_table_of_scores_leads_to_a_person(panel):
    second = str(panel.samples[0].dp_people.detections[1].id)
    panel.show(1)
    panel.press("j")
    rows = panel["score-row"]
    rows.first.wait_for()
    assert [text.split("\t")[0].split() for text in rows.all_inner_texts()] == [
        ["photo1.png", "·", "1"],
        ["photo0.png", "·", "2"],
        ["photo0.png", "·", "1"],
    ]
    panel.page.get_by_role("button", name="left and right swapped", exact=True).click()
    rows.nth(1).click()
    panel.wait_for_image(0)
    assert not panel["scores"].count()
    panel.page.locator(f"[data-testid=dp-person][data-key='{second}'].dp-on").wait_for()


def test_an_image_stays_in_the_filtered_queue_while_it_is_open(panel):
    panel.page.get_by_role("button", name="Queue", exact=True).click()
    panel["queue"].get_by_role("button", name="predicted").click()
    expect(panel["item"].locator(".dp-file")).to_have_text(["photo1.png", "photo0.png"])
    panel.show(0)
    panel.press("Shift+S", "a", "Shift+S")
    panel.saved()
    panel.page.get_by_role("button", name="Queue", exact=True).click()
    expect(panel["queue"].get_by_role("button", name="predicted 1", exact=True)).to_be_visible(timeout=MINUTE)
    expect(panel["item"].locator(".dp-file")).to_have_text(["photo1.png", "photo0.png"])
    panel.press("d")
    panel["message"].get_by_text("This was the last image of the queue.").wait_for()


def test_what_cannot_be_shown_is_passed_over(panel):
    network = panel.page.context.new_cdp_session(panel.page)
    network.send("Network.enable")
    network.send("Network.setCacheDisabled", {"cacheDisabled": True})
    panel.show(2)
    Path(panel.samples[0].filepath).unlink()
    panel.show(1)
    panel.press("a")
    panel["message"].get_by_text("photo0.png (").wait_for()
    assert panel["canvas"].get_attribute("data-sample") == ""
    panel.press("a")
    panel.wait_for_image(2)
    panel.press("a")  # nobody to approve
    panel["message"].wait_for()
    assert [person.provenance.state for person in panel.people(1)] == ["approved"]
    assert [person.provenance.state for person in panel.people(0)] == ["predicted", "predicted"]


@pytest.mark.parametrize("call", ["review_setup", "review_queue"])
def test_a_panel_that_gets_no_answer_asks_again(panel, call):
    failed = []

    def fail(route):
        if call in (route.request.post_data or "") and len(failed) < 2:
            failed.append(route.abort())
        else:
            route.continue_()

    panel.page.route("**/operators/execute", fail)
    panel.open("")
    assert len(failed) == 2
    panel.show(1)


def test_labels_of_another_prefix(dataset, url, page, samples, tmp_path):
    other = Fields("second")
    declare_fields(dataset, other)
    replace_predictions(samples[1], People(SIZE, [body_person(500, 90)]), other, tmp_path / "maps")
    samples[1].save()
    panel = Panel(page, url, samples)
    panel.open("Ada")
    assert panel["prefix"].input_value() == "dp"
    held = []

    def hold(route):
        asked = route.request.post_data or ""
        if "review_open" in asked and str(samples[1].id) in asked and len(held) < 2:
            held.append(route)
        else:
            route.continue_()

    # The same image is still loading with the labels of the first prefix when the other is chosen: it is loaded ahead
    # as the one that is next after the last of the queue.
    panel.page.route("**/operators/execute", hold)
    panel.show(2)
    panel.page.get_by_role("button", name="Queue", exact=True).click()
    panel["item"].filter(has_text="photo1.").click()
    panel["prefix"].select_option("second")
    for _ in range(600):
        if len(held) == 2:
            break
        panel.page.wait_for_timeout(100)
    assert len(held) == 2
    for route in held:
        with panel.page.expect_response(lambda response: "review_open" in (response.request.post_data or "")):
            route.continue_()
    key = str(samples[1].second_people.detections[0].id)
    panel.page.locator(f"[data-testid=dp-person][data-key='{key}']").wait_for()
    panel.click(500 + 100, 90 + 150)
    panel.press("r")
    panel.saved()
    samples[1].reload(hard=True)
    states = [read_people(samples[1], fields).people[0].provenance.state for fields in (FIELDS, other)]
    assert states == ["predicted", "rejected"]
    # The choice is kept, and what was done can be undone there.
    panel.page.reload()
    panel.open("")
    assert panel["prefix"].input_value() == "second"
    panel.press("Control+z")
    panel.saved()
    samples[1].reload(hard=True)
    assert read_people(samples[1], other).people[0].provenance.state == "predicted"
