"""The panel *Retraining*: curves that grow while a model learns in another process."""

from collections.abc import Iterator
from contextlib import closing

import fiftyone as fo
import pytest
from playwright.sync_api import Page, expect

from annotator.retraining.fine_tuning import FineTuning, Retraining, losses
from annotator.runs.dataset import import_labels

from ..model.conftest import write_source

MINUTE = 60_000
CURVES = """() => {
    const plot = document.querySelector('.js-plotly-plot');
    return plot && Object.fromEntries(plot.data.map(line => [line.name, [...line.y]]));
}"""


@pytest.fixture
def reviewed(dataset, tmp_path):
    """Four photos with people who are approved."""
    import_labels(dataset, write_source(tmp_path / "data"), tmp_path / "data" / "images")
    dataset.delete_samples(dataset[4:])
    for sample in dataset:
        for person in sample.dp_people.detections:
            person["review"] = "approved"
        sample.save()
    return dataset


@pytest.fixture
def panel(reviewed, page, port, tmp_path) -> Iterator[Page]:
    """The App with the panel open; what it showed last stays in the test's folder as ``last.png``."""
    with closing(fo.launch_app(reviewed, port=port, address="127.0.0.1", remote=True)):
        page.goto(f"http://127.0.0.1:{port}/datasets/{reviewed.name}")
        page.locator("[data-cy=new-panel-btn]").first.click(timeout=2 * MINUTE)
        page.get_by_text("Retraining", exact=True).first.click()
        yield page
        page.screenshot(path=tmp_path / "last.png")


def test_the_losses_are_drawn_while_it_trains(reviewed, panel, tmp_path):
    panel.get_by_text("No model learns from this dataset yet").wait_for(timeout=MINUTE)
    plan = FineTuning(epochs=2, steps=1, batch=2, size=64, held_out=0.4)
    run = iter(Retraining(reviewed, tmp_path / "spring", plan=plan))
    for epoch in (1, 2):
        next(run)
        # Nobody touches the page.
        panel.get_by_text(f"epoch {epoch} done").wait_for(timeout=MINUTE)
        panel.wait_for_function(f"({CURVES})()?.training?.length === {epoch}", timeout=MINUTE)
        rows = losses(tmp_path / "spring")
        assert panel.evaluate(CURVES) == {
            "training": [row["loss"] for row in rows],
            "held out of training": [row["val_loss"] for row in rows],
        }
    list(run)
    panel.get_by_text("is finished").wait_for(timeout=MINUTE)
    # Of everybody, and of those whose labels are not a model's.
    expect(panel.get_by_text("person mask IoU, mean")).to_have_count(2, timeout=MINUTE)
