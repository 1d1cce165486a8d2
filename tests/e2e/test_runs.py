"""The panel *Runs*: a run goes on whatever becomes of its form and page, can be cancelled, and says how it ended."""

import re
import shutil
from pathlib import Path

from playwright.sync_api import expect

from .test_app import MINUTE, App, app, photos  # noqa: F401

COPIES = 150
"""Photos enough for a run to go on while the page is loaded again."""


def test_a_run_shows_its_progress_goes_on_over_a_reload_and_is_cancelled(app: App, dataset, photos, tmp_path):  # noqa: F811
    import fiftyone as fo

    more = [shutil.copy(photos[0], photos[0].with_stem(f"copy {i}")) for i in range(COPIES)]
    bad = tmp_path / "bad.jpg"
    bad.write_text("no image")
    dataset.add_samples([fo.Sample(filepath=str(path)) for path in (bad, *more)])
    total = len(photos) + COPIES + 1
    app.open()
    page = app.page
    app.form("Annotate people").get_by_role("button", name="Execute").click()
    page.locator("[data-cy=operators-prompt-modal]").wait_for(state="detached")
    page.get_by_text(re.compile(rf"[1-9]\d* of {total} photos, .+, about .+ left")).wait_for(
        timeout=2 * MINUTE
    )
    page.screenshot(path=tmp_path / "runs.png")

    page.goto("about:blank")
    page.goto(app.url)
    page.get_by_text(re.compile(rf"of {total} photos")).wait_for(timeout=2 * MINUTE)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Annotate people, stopped at").wait_for(timeout=2 * MINUTE)
    said = page.get_by_text(
        re.compile(r"Stopped\. What is labelled stays; to go on, run it again\. \d+ people on")
    )
    expect(said).to_be_visible()
    expect(page.get_by_text("bad.jpg: not an image")).to_be_visible()
    dataset.reload()
    done = len(dataset.exists("dp_people"))
    assert 0 < done < total - 1
    assert f" on {done} photos" in said.inner_text()

    # Nothing that was done is done again, and what is left is done.
    left = [sample.id for sample in dataset.exists("dp_people", False) if sample.filepath != str(bad)]
    dataset.delete_samples(left[2:])
    total -= len(left[2:])
    page.get_by_role("button", name="Dismiss").click()
    said.wait_for(state="detached")
    app.form("Annotate people").get_by_role("button", name="Execute").click()
    result = app.result("Annotate people")
    assert (result["Photos"], result["Photos left alone"]) == (total - 1 - done, done)
    assert Path(page.screenshot(path=tmp_path / "done.png") and tmp_path / "done.png").is_file()
