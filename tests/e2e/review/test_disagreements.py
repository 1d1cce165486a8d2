"""Where two annotators differ, a third sees both side by side and chooses."""

import numpy as np

from annotator.dataset.fields import Fields
from annotator.dataset.sample_people import read_people
from annotator.review.session import Review
from annotator.runs.agreement import Agreement
from annotator.runs.second_labels import give_second_labels
from annotator.team.settings import TeamSettings, save_settings
from tests.e2e.review.panel import MINUTE, Panel


def approve(dataset, key: str, prefix: str, author: str, edit: dict) -> None:
    """Make one edit, then approve everybody."""
    session = Review(dataset, prefix, author)
    people = session.open(key)["people"]
    session.edit(key, edit | {"person": people[0]["key"]}, {})
    for person in people:
        session.edit(key, {"kind": "decide", "person": person["key"], "state": "approved"}, {})


def test_whoever_settles_chooses_and_mixes(dataset, samples, page, url, tmp_path):
    key = samples[0].id
    give_second_labels(dataset.select(key), share=1)
    x, y, w, h = read_people(samples[0], Fields()).people[0].box
    corners = [[x, y], [x + w, y], [x + w, y + h / 2], [x, y + h / 2]]
    approve(dataset, key, "dp", "Ada", {"kind": "fill", "layer": "mask", "erase": True, "points": corners})
    nose = {"kind": "set_keypoint", "keypoint": 0, "visibility": 2, "x": x + 5, "y": y + 90}
    approve(dataset, key, "dp_second", "Bob", nose)
    Agreement(dataset).run()
    panel = Panel(page, url, samples)
    panel.open("Eve")
    panel.show(0)
    panel["agreement"].get_by_text(
        "Ada and Bob have both labelled this photo, and differ on 1 person"
    ).wait_for(timeout=MINUTE)
    panel["agreement"].get_by_role("button", name="Compare").click()
    panel["disagreements"].get_by_text("1 person to settle").wait_for(timeout=MINUTE)
    assert panel["disagreements"].locator("canvas").count() == 2
    page.screenshot(path=tmp_path / "side by side.png")
    panel["disagreements"].get_by_role("button", name="Bob’s mask").click()
    page.get_by_text("Everything is settled").wait_for(timeout=MINUTE)
    ours = panel.people()[0]
    samples[0].reload(hard=True)
    theirs = read_people(samples[0], Fields("dp_second")).people[0]
    np.testing.assert_array_equal(ours.mask, theirs.mask)
    assert abs(ours.keypoints[0, 0] - theirs.keypoints[0, 0]) > 10  # Ada's
    assert (ours.provenance.author, ours.provenance.state) == ("Eve", "edited")
    panel.press("Control+z")
    assert np.count_nonzero(panel.people()[0].mask) < np.count_nonzero(theirs.mask)

    # A customer may compare, too, and change nothing.
    save_settings(dataset, TeamSettings(read_only=True))
    page.reload()
    panel.open("")
    panel.show(0)
    panel.push("Compare")
    panel["disagreements"].get_by_text("1 person left to compare").wait_for(timeout=MINUTE)
    assert panel["disagreements"].get_by_role("button").all_inner_texts() == ["Next"]
    panel.push("Next")
    page.get_by_text("These were all.").wait_for(timeout=MINUTE)
