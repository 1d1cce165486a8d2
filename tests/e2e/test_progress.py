"""The panel *Labelling progress*: the numbers of the log, filtered and brought up to date."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
from playwright.sync_api import Page, expect

from annotator.dataset.fields import Fields, declare_fields
from annotator.dataset.sample_people import replace_predictions
from annotator.labels.people import People
from annotator.team import edit_log
from tests.annotator.people_samples import SIZE, block

MINUTE = 60_000
ISSUES = ("keypoint_outside", "two_people", "sides_swapped", "")
TARGETS = ("left wrist", "right ankle", "mask", "left hand", "head", "nose")


@pytest.fixture
def people(dataset, tmp_path) -> None:
    import fiftyone as fo

    declare_fields(dataset, Fields())
    sample = fo.Sample(filepath=str(tmp_path / "photo.png"))
    dataset.add_sample(sample)
    replace_predictions(sample, People(SIZE, [block(10), block(40)]), Fields(), tmp_path / "maps")
    sample.save()


@pytest.fixture
def panel(dataset, people, url, page, tmp_path) -> Iterator[Page]:
    """The App with the panel open; what it showed last stays in the test's folder as ``last.png``."""
    page.goto(url)
    page.locator("[data-cy=new-panel-btn]").first.click(timeout=2 * MINUTE)
    page.get_by_text("Labelling progress", exact=True).first.click()
    page.get_by_test_id("dp-report").wait_for()
    yield page
    page.screenshot(path=tmp_path / "last.png")


def write_log(dataset, days: int) -> None:
    """Ada and Bob finish 30 and 20 people a day, a photo for every five, each with a correction and an approval."""
    now, entries = datetime.now(timezone.utc).replace(tzinfo=None), []
    for day in range(days):
        for author, people in (("Ada", 30), ("Bob", 20)):
            for number in range(people):
                name = f"{day}-{author}-{number}"
                issue = ISSUES[number % 4]
                common = {
                    "dataset": dataset._doc.id,
                    "prefix": "dp",
                    "time": now - timedelta(days=day, minutes=number / 100),
                    "author": author,
                    "sample": f"{day}-{author}-{number // 5}",
                    "filepath": "/photo.jpg",
                    "person": name,
                    "people": [name],
                    "issues": {issue: 0.5} if issue else {},
                }
                first = {"state": "predicted", "issue": issue, "issue_score": 0.5 * bool(issue)}
                corrected = {"kind": "set_keypoint", "tool": "keypoints", "corrects": 1, "done": 0}
                approved = {"kind": "approve", "tool": "", "corrects": 0, "done": 1, "targets": []}
                if number % 3:
                    targets = [TARGETS[number % len(TARGETS)]]
                    entries.append(common | first | corrected | {"targets": targets, "seconds": 20.0})
                    first = {"state": "edited", "issue": "", "issue_score": 0.0}
                entries.append(common | first | approved | {"seconds": 10.0})
    for number, entry in enumerate(entries):
        entry["_id"] = f"{dataset._doc.id}-{number:016x}-0000"
    edit_log.collection().insert_many(entries)


def test_the_numbers_are_shown_filtered_and_brought_up_to_date(dataset, panel, tmp_path):
    panel.get_by_text("Nobody has edited anything yet").wait_for(timeout=2 * MINUTE)
    panel.screenshot(path=tmp_path / "empty.png")
    write_log(dataset, 6)
    panel.get_by_test_id("dp-report-refresh").click()
    people = panel.get_by_test_id("dp-tile-people")
    expect(people).to_contain_text("300")
    expect(people).to_contain_text("2 still open")
    expect(panel.get_by_test_id("dp-tile-rate")).to_contain_text("155")
    expect(panel.get_by_test_id("dp-tile-forecast")).to_contain_text("95 %")
    expect(panel.locator(".dp-day")).to_have_count(6)
    expect(panel.get_by_test_id("dp-table-annotators").locator("tbody tr")).to_have_count(2)
    expect(panel.get_by_test_id("dp-table-issues")).to_contain_text("keypoint outside its part")
    expect(panel.get_by_test_id("dp-table-most")).to_contain_text("right ankle")
    for width, height in ((1400, 900), (1280, 720), (600, 900)):
        panel.set_viewport_size({"width": width, "height": height})
        panel.screenshot(path=tmp_path / f"{width}.png")
    panel.set_viewport_size({"width": 1400, "height": 900})
    panel.get_by_test_id("dp-report-period").select_option("Today")
    expect(people).to_contain_text("50")
    panel.get_by_test_id("dp-report-by").select_option("Bob")
    expect(people).to_contain_text("20")
    expect(panel.locator(".dp-day")).to_have_count(1)
    panel.get_by_role("button", name="Export…").click()
    panel.get_by_text("File to write").first.wait_for()
