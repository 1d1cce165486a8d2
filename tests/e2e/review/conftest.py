"""The review panel as annotators use it: mouse and keys in Chromium, results read back from the database."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from annotator.dataset.fields import declare_fields
from annotator.dataset.sample_people import replace_predictions
from annotator.labels.people import People
from tests.e2e.review.panel import FIELDS, SIZE, Panel, body_person


@pytest.fixture
def samples(dataset, tmp_path) -> list:
    """Three photos: two people, one doubtful person, nobody."""
    import fiftyone as fo

    declare_fields(dataset, FIELDS)
    scenes = [
        [body_person(40, 80), body_person(460, 80, issues={"two_people": 0.2})],
        [body_person(250, 60, issues={"sides_swapped": 0.9})],
        [],
    ]
    noise = np.random.default_rng(0).integers(60, 120, (*SIZE[::-1], 3), np.uint8)
    for number, people in enumerate(scenes):
        path = tmp_path / f"photo{number}.png"
        cv2.imwrite(str(path), noise)
        sample = fo.Sample(filepath=str(path))
        dataset.add_sample(sample)
        replace_predictions(sample, People(SIZE, people), FIELDS, tmp_path / "maps")
        sample.save()
    return list(dataset)


@pytest.fixture
def panel(samples, url, page, tmp_path) -> Iterator[Panel]:
    """On the image with two people; what it showed last stays in the test's folder as ``last.png``."""
    panel = Panel(page, url, samples)
    panel.open("Ada")
    panel.show(0)
    yield panel
    page.screenshot(path=tmp_path / "last.png")
