"""Fixtures that every test may use, and how the tests are spread over processes."""

import atexit
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import hypothesis
import pytest

from .retraining_run import old_model, retrained, retraining_run, reviewed  # noqa: F401

# Machines are shared and slow at times: no test may fail for its time.
hypothesis.settings.register_profile("suite", deadline=None, max_examples=25)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=200)
hypothesis.settings.load_profile("suite")

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
SLOW = ("cluster", "e2e", "model", "scripts", "test_dependencies.py")
SLOW_PACKAGES = ("fiftyone", "jax", "keras", "playwright", "tensorflow", "tf2onnx")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--quick",
        action="store_true",
        help="only the tests that need no browser, database or training",
    )
    parser.addoption(
        "--campaign",
        action="store_true",
        help="thousands of kills and random edits in tests/robustness, where a few do otherwise; takes an hour",
    )


def pytest_configure(config: pytest.Config) -> None:
    is_controller = config.getoption("numprocesses", None) and not hasattr(config, "workerinput")
    if not is_controller:
        Mongod.prepare()
    if config.getoption("quick"):
        sys.meta_path.insert(0, NoSlowPackages())


class NoSlowPackages:
    """Keeps the quick tests quick: what they import is not among the packages that take long."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in SLOW_PACKAGES:
            raise AssertionError(
                f"a quick test imports {name}: move it to a folder of {SLOW}, or import it inside "
                "the test and use the fixture `database`"
            )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if config.getoption("quick") and collection_path.parent == TESTS and collection_path.name in SLOW:
        return True
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not quick, if asked; keep together what shares costly fixtures, the slowest first."""
    if config.getoption("quick"):
        slow = [item for item in items if "database" in item.fixturenames]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if "database" not in item.fixturenames]
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(group(item)))
    # Within the retrainings those with a browser last, so that it stays open for what follows.
    in_browser = {item: (TESTS / "e2e") in item.path.parents for item in items}
    items.sort(
        key=lambda item: (0, in_browser[item]) if group(item) == RETRAINING else (1, not in_browser[item])
    )


@pytest.fixture(scope="module")
def eager() -> Iterator[None]:
    """Trainings of a few steps, without the graphs that these would be compiled to: each takes half a minute, and memory for ever."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


RETRAINING = "retraining"


def group(item: pytest.Item) -> str:
    """Name of those tests that run in one process, one after another."""
    if "retraining_run" in item.fixturenames:
        return RETRAINING
    if "place" in item.fixturenames:
        return "robustness"
    return item.path.relative_to(ROOT).as_posix()


class Mongod:
    """A mongod of this process alone, which ends with it.

    Left to itself FiftyOne attaches to any mongod that another FiftyOne on this machine has started,
    whatever its folder: the tests would then work in the database of an App that happens to be open.
    """

    process: subprocess.Popen | None = None
    folder: Path
    port: int

    @classmethod
    def prepare(cls) -> None:
        """Tell FiftyOne, and the App's server, which inherits this, where everything is; nothing starts yet."""
        cls.folder = Path(tempfile.mkdtemp(prefix="fiftyone-"))
        cls.port = free_port()
        os.environ |= {
            "FIFTYONE_DO_NOT_TRACK": "1",
            "FIFTYONE_CONFIG_PATH": str(cls.folder / "config.json"),
            "FIFTYONE_APP_CONFIG_PATH": str(cls.folder / "app_config.json"),
            "FIFTYONE_DATABASE_URI": f"mongodb://127.0.0.1:{cls.port}",
            "FIFTYONE_DATABASE_VALIDATION": "false",
            "FIFTYONE_DEFAULT_DATASET_DIR": str(cls.folder / "datasets"),
            "FIFTYONE_PLUGINS_DIR": str(cls.folder / "plugins"),
            "FIFTYONE_SHOW_PROGRESS_BARS": "false",
        }
        (cls.folder / "plugins").mkdir()
        (cls.folder / "plugins" / "densepose-annotator").symlink_to(ROOT / "fiftyone_plugin")
        # Registered before FiftyOne registers its own clean-up of the database, so done after that.
        atexit.register(cls.stop)

    @classmethod
    def start(cls) -> None:
        database = cls.folder / "database"
        database.mkdir(exist_ok=True)
        mongod = Path(find_spec("fiftyone").origin).parent / "db" / "bin" / "mongod"
        options = {
            "dbpath": database,
            "logpath": cls.folder / "mongod.log",
            "port": cls.port,
            "bind_ip": "127.0.0.1",
            "wiredTigerCacheSizeGB": 0.5,
        }
        command = [str(mongod), "--nounixsocket", *(f"--{name}={value}" for name, value in options.items())]
        # A process group of its own: Ctrl-C ends the tests first and mongod after them.
        cls.process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=end_with_parent,  # noqa: PLW1509
        )

    @classmethod
    def stop(cls) -> None:
        if cls.process is not None:
            cls.process.kill()
            cls.process.wait()
        shutil.rmtree(cls.folder, ignore_errors=True)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def end_with_parent() -> None:
    """Ask Linux to kill this process as soon as the tests are gone, even if they are killed."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


@pytest.fixture(scope="session")
def database() -> None:
    """FiftyOne's real database, of these tests alone."""
    Mongod.start()


@pytest.fixture(scope="session")
def campaign(request: pytest.FixtureRequest) -> bool:
    """Whether to disturb operations as often as for the figures of docs/reliability.md, not only a few times."""
    return request.config.getoption("campaign")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real photos and the label space's reference data, beside the checkout."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs the reference data folder `shared` beside the checkout")
    return folder


@pytest.fixture
def dataset(database) -> Iterator:
    """An empty FiftyOne dataset."""
    import fiftyone as fo

    dataset = fo.Dataset()
    yield dataset
    dataset.delete()
