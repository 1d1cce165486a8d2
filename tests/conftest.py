"""Fixtures that every test may use."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FIFTYONE = Path(tempfile.mkdtemp(prefix="fiftyone-"))

# FiftyOne reads these when it is imported; the App's server, a process of its own, inherits them.
os.environ |= {
    "FIFTYONE_DO_NOT_TRACK": "1",
    "FIFTYONE_CONFIG_PATH": str(FIFTYONE / "config.json"),
    "FIFTYONE_APP_CONFIG_PATH": str(FIFTYONE / "app_config.json"),
    "FIFTYONE_DATABASE_DIR": str(FIFTYONE / "database"),
    "FIFTYONE_DATABASE_VALIDATION": "false",
    "FIFTYONE_DEFAULT_DATASET_DIR": str(FIFTYONE / "datasets"),
    "FIFTYONE_PLUGINS_DIR": str(FIFTYONE / "plugins"),
    "FIFTYONE_SHOW_PROGRESS_BARS": "false",
}
os.environ.pop("FIFTYONE_DATABASE_URI", None)
(FIFTYONE / "plugins").mkdir()
(FIFTYONE / "plugins" / "densepose-annotator").symlink_to(ROOT / "fiftyone_plugin")
# Registered before FiftyOne registers the end of its mongod, so done after that.
atexit.register(shutil.rmtree, FIFTYONE, ignore_errors=True)


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
