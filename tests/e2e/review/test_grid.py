"""The App's own grid beside the panel shows what was edited."""

import fiftyone as fo
from playwright.sync_api import expect

from tests.e2e.review.panel import MINUTE, Panel
from tests.e2e.test_app import App


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


def test_the_grid_shows_what_a_run_has_labelled(dataset, samples, url, page):
    app = App(page, url)
    app.open()
    page.locator("[data-cy='checkbox-dp_issue_score']").click()
    photos = page.locator("[data-cy=looker]")
    photos.get_by_text("0.9", exact=True).wait_for()
    # The first run opens the panel Runs, which changes the grid.
    for score in (0.75, 0.6):
        form = app.form("Annotate people")
        samples[0]["dp_issue_score"] = score
        samples[0].save()
        form.get_by_role("button", name="Execute").click()
        app.result("Annotate people")
        photos.get_by_text(str(score), exact=True).wait_for(timeout=MINUTE)
        page.get_by_role("button", name="Dismiss").click()
