"""Two annotators and a reviewer at three browsers, and a customer who may only look."""

import json
import re

import pytest
from playwright.sync_api import expect

from annotator.runs.dataset_export import export_samples
from annotator.team.listing import photo_work
from annotator.team.settings import TeamSettings, save_settings
from tests.e2e.review.panel import FIELDS, Panel, held, move_apart
from tests.e2e.review.test_edit_log import entries

SCREENS = ((1400, 900), (1280, 720), (600, 800))


def team_panel(new_page, url: str, samples: list, name: str) -> Panel:
    """Of somebody who gives a name when asked for it, and is given a photo."""
    panel = Panel(new_page(), url, samples)
    # Wide enough to show the queue beside the photo.
    panel.page.set_viewport_size({"width": 2400, "height": 950})
    panel.open("")
    panel["name"].get_by_placeholder("Your name").fill(name)
    panel.push("Begin")
    expect(panel["name"]).to_have_count(0)
    return panel


def shown(panel: Panel) -> str:
    """Id of the photo that is open."""
    return panel["canvas"].get_attribute("data-sample")


def wait_for(panel: Panel, sample: str) -> None:
    expect(panel["canvas"]).to_have_attribute("data-sample", sample)


def work(dataset, sample: str) -> dict:
    return photo_work(dataset, FIELDS, sample)


def test_a_day_of_two_annotators_and_a_reviewer(  # noqa: PLR0915
    dataset, samples, url, new_page, tmp_path
):
    save_settings(dataset, TeamSettings(team=True))
    # The worst first.
    worst, second = samples[1].id, samples[0].id

    # Nobody edits before the panel knows who it is; whoever was looking goes on with the photo that is open.
    ada = Panel(new_page(), url, samples)
    ada.page.set_viewport_size({"width": 2400, "height": 950})
    ada.open("")
    expect(ada["name"]).to_be_visible()
    ada.push("Only look")
    expect(ada["name"]).to_have_count(0)
    ada.press("a")
    expect(ada["name"]).to_be_visible()
    assert {person.provenance.state for person in ada.people(1)} == {"predicted"}
    ada.page.screenshot(path=tmp_path / "name.png")
    ada["name"].get_by_placeholder("Your name").fill("Ada")
    ada.push("Begin")
    wait_for(ada, worst)
    expect(ada["stage"]).to_contain_text("To label")
    bob = team_panel(new_page, url, samples, "Bob")
    wait_for(bob, second)  # the worst is Ada's
    assert [work(dataset, key)["holder"] for key in (worst, second)] == ["Ada", "Bob"]

    # Bob opens Ada's photo all the same, and is told.
    expect(bob["item"].filter(has_text="photo1.")).to_contain_text("Ada", timeout=60_000)
    bob.show(1)
    expect(bob["other"]).to_contain_text("Ada works on this photo")
    bob.page.screenshot(path=tmp_path / "other.png")
    bob.show(0)
    expect(bob["other"]).to_have_count(0)

    # Whoever has decided everybody sends the photo on; that takes the next one.
    ada.press("a")
    expect(ada["message"]).to_contain_text("send it to review (Ctrl+Enter)")
    ada.press("Control+Enter")
    wait_for(ada, samples[2].id)
    assert work(dataset, worst)["stage"] == "review"

    # The reviewer hands it back.
    eve = team_panel(new_page, url, samples, "Eve")
    eve["work-filters"].get_by_role("button", name="to review 1").click()
    eve.press("Shift+N")
    wait_for(eve, worst)
    expect(eve["stage"]).to_contain_text("To review")
    expect(eve["stage"]).to_contain_text("labelled by Ada")
    eve.push("Hand back…")
    eve["hand-back"].fill("the left hand")
    for width, height in SCREENS:
        eve.page.set_viewport_size({"width": width, "height": height})
        eve.page.screenshot(path=tmp_path / f"hand_back_{width}.png")
    eve.page.set_viewport_size({"width": 2400, "height": 950})
    eve.push("Hand back")
    expect(eve["message"]).to_contain_text("Handed back.")

    # Ada is given it before anything else.
    returned = ada["work-filters"].get_by_role("button", name="returned to me")
    returned.click()
    expect(returned).to_have_text("returned to me 1")
    ada.push("Next photo")
    wait_for(ada, worst)
    expect(ada["returned"]).to_contain_text("Eve handed this back to Ada: the left hand")
    ada.page.screenshot(path=tmp_path / "returned.png")
    returned.click()
    nose = ada.people(1)[0].keypoints[0, :2]
    ada.press("k")
    ada.drag(tuple(nose), (nose[0] + 20, nose[1]))
    ada.press("a")
    ada.push("Send to review")
    wait_for(ada, samples[2].id)
    expect(ada["returned"]).to_have_count(0)
    # Nobody says of a photo that is his own that it is done.
    ada.show(1)
    ada.push("Done")
    expect(ada["message"]).to_contain_text("you have labelled this photo yourself")
    ada.show(2)
    expect(ada["stage"]).to_contain_text("To label")  # the other one is left
    eve.press("Shift+N")
    expect(eve["stage"]).to_contain_text("To review")
    eve.press("Control+Enter")
    expect(eve["message"]).to_contain_text("Done.")
    expect(eve["work-filters"]).to_contain_text("done 1")
    assert [(entry["author"], entry["action"]) for entry in work(dataset, worst)["history"]] == [
        ("Ada", "send"),
        ("Eve", "hand_back"),
        ("Ada", "send"),
        ("Eve", "done"),
    ]

    # The database, the log and the export say the same.
    (person,) = eve.people(1)
    assert person.keypoints[0, 0] == pytest.approx(nose[0] + 20, abs=2)
    assert (person.provenance.state, person.provenance.author) == ("approved", "Ada")
    logged = [entry for entry in entries(samples) if entry["kind"] != "view"]
    assert [(entry["author"], entry["kind"], entry["sample"]) for entry in logged] == [
        ("Ada", "approve", worst),
        ("Ada", "set_keypoint", worst),
        ("Ada", "approve", worst),
    ]
    path = tmp_path / "labels.json"
    export_samples(dataset, path, state="approved")
    exported = json.loads(path.read_text())
    assert [image["file_name"] for image in exported["images"]] == ["photo1.png"]
    (annotation,) = exported["annotations"]
    assert annotation["keypoints"][0] == pytest.approx(nose[0] + 20, abs=2)


def test_a_photo_is_sent_on_only_as_it_is_seen(dataset, samples, url, new_page):
    save_settings(dataset, TeamSettings(team=True))
    ada, bob = (team_panel(new_page, url, samples, name) for name in ("Ada", "Bob"))
    # What was handed out to them is there.
    wait_for(ada, samples[1].id)
    wait_for(bob, samples[0].id)
    ada.show(0)
    move_apart(ada, bob, ada.people()[0].keypoints[0, :2])
    send = bob["team"].get_by_role("button", name="Send to review")

    # Not before it is decided what becomes of the edit that came too late.
    expect(bob["conflict"]).to_be_visible()
    expect(send).to_be_disabled()
    bob.press("Control+Enter")
    expect(bob["message"]).to_contain_text("First decide what becomes of the edit that is not saved")
    bob.push("Keep theirs")
    expect(send).to_be_enabled()

    # Not while another one is coming, nor before it is known at which stage that one is.
    with held(bob, "review_open"):
        for number in (2, 1, 0):  # one of them may have been loaded before
            bob["item"].filter(has_text=f"photo{number}.").click()
        expect(send).to_be_disabled()
        bob.press("Control+Enter")
    expect(send).to_be_enabled()
    with held(bob, "team_take"):
        bob.show(2)
        expect(send).to_have_count(0)
        bob.press("Control+Enter")
    expect(send).to_be_enabled()
    assert [work(dataset, sample.id)["stage"] for sample in samples] == ["label"] * 3

    # Who opens a photo while another one is handed out stays there, and that one is free again.
    following = bob["team"].get_by_role("button", name="Next photo")
    with held(bob, "team_next"):
        following.click()
        bob.show(0)
    expect(following).to_be_enabled()
    assert shown(bob) == str(samples[0].id)
    assert work(dataset, samples[1].id)["holder"] is None


def test_a_customer_may_only_look(dataset, samples, url, new_page, tmp_path):
    save_settings(dataset, TeamSettings(team=True))
    bob = team_panel(new_page, url, samples, "Bob")
    save_settings(dataset, TeamSettings(team=True, read_only=True))
    customer = Panel(new_page(), url, samples)
    customer.open("")
    expect(customer["read-only"]).to_contain_text("Read-only: nothing can be changed")
    customer.show(0)
    customer.press("b", "a")
    expect(customer["message"]).to_contain_text("read-only")
    for name in ("Approve", "Approve all", "Approve the rest…", "Undo", "Next photo"):
        expect(customer["review"].get_by_role("button", name=name, exact=True)).to_have_count(0)
    expect(customer["tool-brush"]).to_have_count(0)
    for width, height in SCREENS:
        customer.page.set_viewport_size({"width": width, "height": height})
        customer.page.screenshot(path=tmp_path / f"read_only_{width}.png")
    # Who had the panel open is told, too.
    bob.press("a")
    expect(bob["review"].get_by_text(re.compile("nothing can be changed")).first).to_be_visible()
    samples[1].reload()
    assert [person["review"] for person in samples[1].dp_people.detections] == ["predicted"]
