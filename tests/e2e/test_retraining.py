"""The panel *Retraining*: curves that grow while a model learns in another process."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from annotator.retraining.progress import Progress, remember_run
from annotator.runs.dataset_import import import_labels

from ..model.conftest import write_source

MINUTE = 60_000
CURVES = """() => {
    const plot = document.querySelector('.js-plotly-plot');
    return plot && Object.fromEntries(plot.data.map(line => [line.name, [...line.y]]));
}"""


@pytest.fixture
def panel(dataset, url, page, tmp_path) -> Iterator[Page]:
    """The App with the panel open; what it showed last stays in the test's folder as ``last.png``."""
    import_labels(dataset, write_source(tmp_path / "data"), tmp_path / "data" / "images")
    page.goto(url)
    page.locator("[data-cy=new-panel-btn]").first.click(timeout=2 * MINUTE)
    page.get_by_text("Retraining", exact=True).first.click()
    yield page
    page.screenshot(path=tmp_path / "last.png")


def test_the_losses_are_drawn_while_it_trains(dataset, panel, retraining_run, tmp_path):
    """The files of a real run, at the panel's pace."""
    panel.get_by_text("No model learns from this dataset yet").wait_for(timeout=MINUTE)
    folder = tmp_path / "spring"
    remember_run(dataset, folder)
    panel.get_by_text("the first epoch is not done yet").wait_for(timeout=MINUTE)
    for epoch in (1, 2):
        retraining_run.replay("run/log.csv", folder, epoch)
        # Nobody touches the page.
        panel.get_by_text(f"epoch {epoch} done").wait_for(timeout=MINUTE)
        panel.wait_for_function(f"({CURVES})()?.training?.length === {epoch}", timeout=MINUTE)
        rows = Progress(folder).losses
        assert panel.evaluate(CURVES) == {
            "training": [row["loss"] for row in rows],
            "held out of training": [row["val_loss"] for row in rows],
        }
    retraining_run.replay("report.md", folder)
    panel.get_by_text("is finished").wait_for(timeout=MINUTE)
    # Of everybody, and of those whose labels are not a model's.
    expect(panel.get_by_text("person mask IoU, mean")).to_have_count(2, timeout=MINUTE)
