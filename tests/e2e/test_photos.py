"""The browser and the product read a photo alike: labels lie where the browser draws it."""

import base64

from playwright.sync_api import Browser

from annotator.photos.reading import photo_size
from tests.annotator.photos.odd_photos import write_odd_photos

SIZES = """async (data) => {
    const blob = await (await fetch("data:;base64," + data)).blob();
    const drawn = await createImageBitmap(blob);
    const shown = new Image();
    shown.src = URL.createObjectURL(blob);
    await shown.decode();
    return [[drawn.width, drawn.height], [shown.naturalWidth, shown.naturalHeight]];
}"""


def test_photos_have_the_size_that_the_browser_gives_them(browser: Browser, tmp_path):
    page = browser.new_page()
    names = [name for name in write_odd_photos(tmp_path) if not name.endswith(".tif")]
    for name in names:
        data = base64.b64encode((tmp_path / name).read_bytes()).decode()
        size = list(photo_size(tmp_path / name))
        assert page.evaluate(SIZES, data) == [size, size], name
    page.close()
