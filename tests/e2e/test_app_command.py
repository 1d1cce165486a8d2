"""What a new user sees first: the command ``app`` on a folder, in a browser."""

import shutil
from collections.abc import Callable

from annotator.examples import EXAMPLES
from tests.annotator.test_app import App, start  # noqa: F401

MINUTE = 60_000


def test_the_command_opens_the_review_on_the_first_photo(tmp_path, new_page, start: Callable[..., App]):  # noqa: F811
    photos = tmp_path / "photos"
    photos.mkdir()
    shutil.copy(EXAMPLES / "astronaut.jpg", photos)
    app = start(photos)
    app.wait_until_open(600)
    page = new_page()
    page.goto(f"http://localhost:{app.port}")
    page.locator("[data-testid=dp-canvas]:not([data-sample=''])").wait_for(timeout=5 * MINUTE)
    page.locator("[data-testid=dp-done]").get_by_text("0 of 1 images done").wait_for(timeout=MINUTE)
    # The grid is one click away.
    page.get_by_text("Samples", exact=True).first.click()
    page.locator("[data-cy=looker]").first.wait_for(timeout=2 * MINUTE)
