"""Clicks that make a mask, moving a person as a whole, and copying people from the photo before."""

import cv2
import numpy as np
import pytest

from annotator.dataset.fields import declare_fields
from annotator.dataset.sample_people import replace_predictions
from annotator.examples import EXAMPLES
from annotator.labels.people import People
from tests.e2e.review.panel import FIELDS, MINUTE, SIZE, Panel, assert_same, body_person, covers


@pytest.fixture
def samples(dataset, tmp_path) -> list:
    """Two photos of one person each, who is labelled on neither; on the first somebody else is, beside."""
    import fiftyone as fo

    declare_fields(dataset, FIELDS)
    photo = np.full((*SIZE[::-1], 3), 90, np.uint8)
    photo[:512, :512] = cv2.imread(str(EXAMPLES / "astronaut.jpg"))
    for number, people in enumerate(([body_person(540, 60)], [])):
        path = tmp_path / f"photo{number}.png"
        cv2.imwrite(str(path), photo)
        sample = fo.Sample(filepath=str(path))
        dataset.add_sample(sample)
        replace_predictions(sample, People(SIZE, people), FIELDS, tmp_path / "maps")
        sample.save()
    return list(dataset)


def test_click_move_and_copy(panel: Panel):
    (drawn,) = panel.people()
    # A person out of one click, where the network sees one.
    panel.press("2")
    panel.click(200, 350)
    panel["person"].nth(1).wait_for(timeout=2 * MINUTE)
    first, clicked = panel.people()
    assert_same([first], [drawn])
    assert covers(clicked, 200, 350)
    assert np.count_nonzero(clicked.mask) > 5000
    assert clicked.visibility.any()
    assert (clicked.parts[clicked.mask] > 0).mean() > 0.9
    assert clicked.provenance.model
    # A right click takes away what is there; undo brings it back.
    panel.page.mouse.click(*panel.at(200, 350), button="right")
    _, less = panel.people()
    assert not covers(less, 200, 350)
    panel.press("Control+z")
    assert_same(panel.people(), [drawn, clicked])
    # Dragged with all labels, then by keys.
    panel.press("3")
    x, y, w, h = drawn.box
    nose = drawn.keypoints[0, :2]
    panel.drag((nose[0], nose[1] + 40), (nose[0] - 20, nose[1] + 50))
    moved = panel.people()[0]
    assert moved.box == (x - 20, y + 10, w, h)
    np.testing.assert_array_equal(moved.charts, drawn.charts)
    np.testing.assert_allclose(moved.keypoints[0, :2], nose + np.array([-20, 10]), atol=0.01)
    panel.press("ArrowLeft", "ArrowLeft", "Shift+ArrowUp")
    assert panel.people()[0].box == (x - 22, y, w, h)
    # Copied to the next photo of the folder.
    before = panel.people()
    panel.press("4")
    panel.show(1)  # the tool stays
    panel["paste-all"].wait_for(timeout=MINUTE)
    panel.click(nose[0] - 22, nose[1] + 40)
    panel["person"].first.wait_for(timeout=MINUTE)
    (copy,) = panel.people(1)
    assert_same([copy], before[:1])
    assert copy.provenance.comment == "copied from photo0.png"
    panel["paste-all"].click()
    panel["person"].nth(1).wait_for(timeout=MINUTE)
    assert len(panel.people(1)) == 2
    panel.press("Control+z", "Control+z")
    assert panel.people(1) == []
