"""The command ``app`` as a user runs it: a process of its own, a real mongod, the App's real server."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from annotator.app import (
    AppError,
    check_port,
    dataset_name,
    open_app,
    open_dataset,
    plugin_folder,
    register_plugin,
)
from annotator.examples import EXAMPLES
from annotator.photos.reading import PhotoError

ROOT = Path(__file__).resolve().parent.parent.parent


def free_port() -> int:
    with socket.create_server(("localhost", 0)) as server:
        return server.getsockname()[1]


class App:
    """A running ``densepose-annotator app`` with a database, datasets and plugins of its own."""

    def __init__(self, home: Path, photos: Path, *options: str) -> None:
        self.port = free_port()
        self.log = home / "app.log"
        own = {
            "FIFTYONE_DATABASE_NAME": f"app-{home.name}"[:60],
            "FIFTYONE_DEFAULT_DATASET_DIR": str(home / "datasets"),
            "FIFTYONE_PLUGINS_DIR": str(home / "plugins"),
        }
        command = [
            sys.executable,
            "-m",
            "annotator.cli",
            "app",
            str(photos),
            "--port",
            str(self.port),
            *options,
        ]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, "--no-browser"], cwd=ROOT, env=os.environ | own, stdout=log, stderr=log
            )

    def wait_until_open(self, seconds: float = 180) -> str:
        """The text it printed until the App was there."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            text = self.log.read_text()
            if f"The App is at http://localhost:{self.port}" in text:
                return text
            time.sleep(0.5)
        pytest.fail(f"the App did not open:\n{self.log.read_text()}")

    def stop(self, how: signal.Signals) -> int:
        """The exit status; all the processes it had started must end, too."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(how)
        status = self.process.wait(60)
        _, alive = psutil.wait_procs(children, 60)
        assert not alive
        return status


@pytest.fixture
def start(tmp_path: Path, database) -> Iterator[Callable[[Path], App]]:
    """Starts the command on a folder; what still runs after the test is ended."""
    apps = []

    def start_app(photos: Path, *options: str) -> App:
        apps.append(App(tmp_path, photos, *options))
        return apps[-1]

    yield start_app
    for app in apps:
        if app.process.poll() is None:
            app.stop(signal.SIGTERM)


def test_annotates_opens_and_goes_on_with_new_photos(tmp_path: Path, start: Callable[[Path], App]):
    photos = tmp_path / "photos"
    (photos / "deeper").mkdir(parents=True)
    shutil.copy(EXAMPLES / "meadow.jpg", photos)
    shutil.copy(EXAMPLES / "hall.jpg", photos / "deeper")
    (photos / "broken.jpg").write_bytes(b"no photo")
    for name in ("clip.mp4", "raw.arw"):
        (photos / name).write_bytes(b"no photo")
    (photos / "gone.jpg").symlink_to("nowhere.jpg")
    (photos / os.fsdecode(b"stray \xff.jpg")).write_bytes(b"no photo")

    app = start(photos)
    text = app.wait_until_open()
    assert "photos: 2 annotated, 0 had labels before" in text
    assert f"left out: {photos / 'broken.jpg'}: " in text
    assert f"left out: {photos / 'clip.mp4'}: a video: extract its frames first" in text
    assert f"left out: {photos / 'raw.arw'}: a raw photo: " in text
    assert f"left out: {photos / 'gone.jpg'}: a link to a file that is gone" in text
    assert f"left out: {photos}/stray \\udcff.jpg: its path is not valid UTF-8" in text
    with urllib.request.urlopen(f"http://localhost:{app.port}/", timeout=20) as page:
        assert "<title>FiftyOne</title>" in page.read().decode()
    with urllib.request.urlopen(f"http://localhost:{app.port}/plugins", timeout=20) as plugins:
        assert "@densepose/annotator" in plugins.read().decode()
    assert app.stop(signal.SIGINT) == 0

    shutil.copy(EXAMPLES / "astronaut.jpg", photos)
    app = start(photos)
    text = app.wait_until_open()
    assert "photos: 1 annotated, 2 had labels before" in text
    assert app.stop(signal.SIGTERM) == 0

    shutil.copy(EXAMPLES / "field.jpg", photos)
    app = start(photos, "--read-only")
    assert "annotated" not in app.wait_until_open()
    assert app.stop(signal.SIGTERM) == 0
    app = start(photos, "--read-only", "--name", "unknown")
    assert app.process.wait(180) == 1
    assert "no dataset 'unknown' to be shown read-only" in app.log.read_text()


def test_a_folder_without_photos_is_refused(tmp_path: Path):
    with pytest.raises(AppError, match="no photos in this folder"):
        open_app(tmp_path, port=free_port())


def test_a_missing_folder_is_refused(tmp_path: Path):
    with pytest.raises(PhotoError, match="no such folder"):
        open_app(tmp_path / "missing", port=free_port())


def test_a_taken_port_is_refused():
    with socket.create_server(("localhost", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(AppError, match=f"port {port} is in use.*--port"):
            check_port("localhost", port)
    check_port("localhost", port)


def test_plugin_is_linked_in_place_of_an_earlier_link(tmp_path: Path):
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "densepose-annotator").symlink_to(tmp_path / "an older checkout")
    for _ in range(2):
        register_plugin(plugins)
        assert (plugins / "densepose-annotator").resolve() == plugin_folder()


def test_a_folder_in_place_of_the_link_is_left_alone(tmp_path: Path):
    (tmp_path / "densepose-annotator").mkdir()
    with pytest.raises(AppError, match="move it away"):
        register_plugin(tmp_path)
    assert not (tmp_path / "densepose-annotator").is_symlink()


def test_folders_of_one_name_have_two_datasets():
    assert dataset_name(Path("/a/photos")) != dataset_name(Path("/b/photos"))
    assert dataset_name(Path("/a/photos")).startswith("photos ")


def test_a_photo_that_the_dataset_has_under_another_name_is_not_added(dataset, tmp_path: Path):
    photos = [tmp_path / name for name in ("a.jpg", "b.jpg", "c.jpg")]
    for name in ("b.jpg", "c.jpg"):
        shutil.copy(EXAMPLES / "hall.jpg", tmp_path / name)
    assert open_dataset(dataset.name, photos[1:2]).values("filepath") == [str(photos[1])]
    os.link(photos[1], photos[0])
    assert open_dataset(dataset.name, photos).values("filepath") == [str(photos[1]), str(photos[2])]
