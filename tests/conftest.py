"""Fixtures that every test may use."""

import atexit
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import hypothesis
import pytest

# Machines are shared and slow at times: no test may fail for its time.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

ROOT = Path(__file__).resolve().parent.parent
FIFTYONE = Path(tempfile.mkdtemp(prefix="fiftyone-"))

# FiftyOne reads these when it is imported; the App's server, a process of its own, inherits them.
os.environ |= {
    "FIFTYONE_DO_NOT_TRACK": "1",
    "FIFTYONE_CONFIG_PATH": str(FIFTYONE / "config.json"),
    "FIFTYONE_APP_CONFIG_PATH": str(FIFTYONE / "app_config.json"),
    "FIFTYONE_DATABASE_VALIDATION": "false",
    "FIFTYONE_DEFAULT_DATASET_DIR": str(FIFTYONE / "datasets"),
    "FIFTYONE_PLUGINS_DIR": str(FIFTYONE / "plugins"),
    "FIFTYONE_SHOW_PROGRESS_BARS": "false",
}
(FIFTYONE / "plugins").mkdir()
(FIFTYONE / "plugins" / "densepose-annotator").symlink_to(ROOT / "fiftyone_plugin")


def start_mongod() -> None:
    """Start FiftyOne's mongod for these tests alone, and end it with them.

    Left to itself FiftyOne attaches to any mongod that another FiftyOne on this machine has started,
    whatever its folder: the tests would then work in the database of an App that happens to be open.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = FIFTYONE / "database"
    folder.mkdir()
    mongod = Path(find_spec("fiftyone").origin).parent / "db" / "bin" / "mongod"
    options = {"dbpath": folder, "logpath": FIFTYONE / "mongod.log", "port": port, "bind_ip": "127.0.0.1"}
    command = [str(mongod), "--nounixsocket", *(f"--{name}={value}" for name, value in options.items())]
    # A process group of its own: Ctrl-C ends the tests first and mongod after them.
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)

    def stop() -> None:
        process.terminate()
        process.wait()
        shutil.rmtree(FIFTYONE, ignore_errors=True)

    # Registered before FiftyOne registers its own clean-up of the database, so done after that.
    atexit.register(stop)
    os.environ["FIFTYONE_DATABASE_URI"] = f"mongodb://127.0.0.1:{port}"


start_mongod()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real photos and the label space's reference data, beside the checkout."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs the reference data folder `shared` beside the checkout")
    return folder


@pytest.fixture
def dataset() -> Iterator:
    """An empty FiftyOne dataset in a real MongoDB of these tests alone."""
    import fiftyone as fo

    dataset = fo.Dataset()
    yield dataset
    dataset.delete()
