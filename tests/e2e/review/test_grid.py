"""The App's own grid beside the panel shows what was edited."""

import fiftyone as fo
from playwright.sync_api import expect

from tests.e2e.review.panel import MINUTE, Panel


def test_the_grid_beside_the_panel_shows_edits_without_a_reload(dataset, samples, url, page):
    grid, review = fo.Panel(type="Samples", pinned=True), fo.Panel(type="densepose_review")
    beside = [fo.Space(children=[each], active_child=each.component_id) for each in (grid, review)]
    layout = fo.Space(children=beside, orientation="horizontal", sizes=[0.4, 0.6])
    dataset.save_workspace("both", layout)
    page.goto(f"{url}?workspace=both")
    panel = Panel(page, url, samples)
    panel.wait_for_image()
    photos = page.locator("[data-cy=looker]")
    photos.nth(2).wait_for(timeout=2 * MINUTE)
    panel["author"].fill("Ada")
    # What the user has chosen in the App, which stays: the issue scores are shown on the photos.
    page.locator("[data-cy='checkbox-dp_issue_score']").click()
    other, worst = (photos.nth(i).get_by_text(score, exact=True) for i, score in enumerate(("0.2", "0.9")))
    worst.wait_for()
    page.evaluate("window.isSamePage = true")
    panel.press("r")
    expect(worst).to_have_count(0)
    expect(other).to_be_visible()
    expect(photos).to_have_count(3)
    # The panel has gone on meanwhile.
    panel.wait_for_image(0)
    assert page.evaluate("window.isSamePage")
    assert panel["author"].input_value() == "Ada"
