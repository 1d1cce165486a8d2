"""The panel shows every photo that the product reads, upright as the labels expect it."""

from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import expect

from annotator.dataset.fields import declare_fields
from annotator.dataset.sample_people import replace_predictions
from annotator.labels.people import People
from tests.annotator.photos.odd_photos import BLUE, GREEN, ORIENTATION, RED, exif, quarters
from tests.e2e.review.panel import FIELDS, SIZE, Panel, body_person

PIXEL = """(canvas, [x, y]) => {
    const ratio = window.devicePixelRatio;
    return [...canvas.getContext("2d").getImageData(x * ratio, y * ratio, 1, 1).data].slice(0, 3);
}"""


@pytest.fixture
def odd_panel(dataset, url, page, tmp_path) -> Iterator[Panel]:
    """On photos of four colours with a person each: a plain one, one that is turned, two that browsers do not read, one
    that was replaced by another size. What it showed last stays in the test's folder as ``last.png``."""
    import fiftyone as fo

    declare_fields(dataset, FIELDS)
    upright = Image.fromarray(quarters(*SIZE))
    lying = upright.transpose(Image.Transpose.ROTATE_90)
    upright.save(tmp_path / "photo0.png")
    lying.save(tmp_path / "photo1.png", exif=exif())
    lying.save(tmp_path / "photo2.tif", tiffinfo={ORIENTATION: 6})
    upright.save(tmp_path / "photo3.jp2")
    lying.save(tmp_path / "photo4.jpg")
    for path in sorted(tmp_path.glob("photo*")):
        sample = fo.Sample(filepath=str(path))
        dataset.add_sample(sample)
        replace_predictions(sample, People(SIZE, [body_person(40, 80)]), FIELDS, tmp_path / "maps")
        sample.save()
    panel = Panel(page, url, list(dataset))
    panel.open("Ada")
    yield panel
    page.screenshot(path=tmp_path / "last.png")


def test_photos_that_the_browser_cannot_read_are_shown_upright(odd_panel):
    canvas = odd_panel["canvas"]
    for number in range(4):
        odd_panel.show(number)
        left, top, scale = map(float, canvas.get_attribute("data-view").split())
        for x, y, colour in ((0.05, 0.05, RED), (0.95, 0.05, GREEN), (0.05, 0.95, BLUE)):
            shown = canvas.evaluate(PIXEL, [left + x * SIZE[0] * scale, top + y * SIZE[1] * scale])
            assert shown == pytest.approx(colour, abs=30), number
    odd_panel.push("Queue")
    odd_panel["item"].filter(has_text="photo4.").click()
    message = "The photo has 600 × 900 pixels, its labels are for 900 × 600"
    expect(odd_panel["review"].get_by_text(message)).to_be_visible()
