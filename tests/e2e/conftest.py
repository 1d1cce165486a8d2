"""One App server and one Chromium for all tests that walk as users do; each test has a dataset and a browser
profile of its own."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import end_with_parent

# As the command `app` starts it.
os.environ["FIFTYONE_PLUGINS_CACHE_ENABLED"] = "true"

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
]


PATIENCE = 120_000
"""Milliseconds that a busy machine may take for what an idle one does at once."""
expect.set_options(timeout=PATIENCE)


# Of this package, not of the session: while Playwright runs, FiftyOne's operators find an event loop that is not theirs.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def new_page(browser: Browser, dataset) -> Iterator[Callable[[], Page]]:
    """Opens pages with storage of their own, which are closed before the dataset is deleted."""
    contexts = []

    def open_page() -> Page:
        contexts.append(browser.new_context(viewport={"width": 1500, "height": 950}))
        contexts[-1].set_default_timeout(PATIENCE)
        page = contexts[-1].new_page()
        # The App's own switch: without its advertisement, which comes at any time and swallows the clicks.
        page.add_init_script("window.IS_PLAYWRIGHT = true")
        # The panel's tour would lie over the photo.
        page.add_init_script("window.localStorage?.setItem('densepose-tour', 'seen')")
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_page) -> Page:
    return new_page()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def app_server(port: int) -> Iterator[str]:
    """An App's server for all datasets; its address. At the end it is killed."""
    command = [sys.executable, "main.py", "--port", str(port), "--address", "127.0.0.1"]
    folder = Path(find_spec("fiftyone").origin).parent / "server"
    # Not by FiftyOne's own call, which gives up after a minute on a busy machine.
    process = subprocess.Popen(command, cwd=folder, preexec_fn=end_with_parent)  # noqa: PLW1509
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/fiftyone")
        yield address
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="package")
def server(database) -> Iterator[str]:
    """The address of the App's server of all tests."""
    with app_server(free_port()) as address:
        yield address


def wait_for(url: str, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=10).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
        else:
            return


@pytest.fixture
def url(server: str, dataset) -> str:
    """Where the App shows the dataset."""
    return f"{server}/datasets/{dataset.name}"
