"""Chromium for the tests that walk as users do."""

import os
import shutil
import socket
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

# As the command `app` starts it.
os.environ["FIFTYONE_PLUGINS_CACHE_ENABLED"] = "true"

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
]


@pytest.fixture
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser) -> Page:
    return new_page(browser)


def new_page(browser: Browser) -> Page:
    """A page with storage of its own."""
    page = browser.new_page(viewport={"width": 1500, "height": 950})
    # The App's own switch: without its advertisement, which comes at any time and swallows the clicks.
    page.add_init_script("window.IS_PLAYWRIGHT = true")
    return page


@pytest.fixture
def port() -> int:
    """Of the App's server: one that is free."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
