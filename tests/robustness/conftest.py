"""One place for all operations that are disturbed, with a disk and a mongod of its own."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Mongod, free_port

DISK_SIZE = "64m"


class OwnMongod(Mongod):
    """A mongod that no other test uses."""

    process = None


@pytest.fixture(scope="session")
def disk(tmp_path_factory) -> Iterator[Path]:
    """A small disk of its own."""
    folder = tmp_path_factory.mktemp("disk")
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_SIZE}", "tmpfs", str(folder)]
    if os.geteuid() == 0:
        subprocess.run(command, capture_output=True, check=False)
    yield folder
    if os.path.ismount(folder):
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="session")
def place(database, disk) -> Iterator:
    """Children with a folder and a database."""
    import pymongo

    from tests.robustness.campaign import Place
    from tests.robustness.killing import Forks

    OwnMongod.folder, OwnMongod.port = Path(tempfile.mkdtemp(prefix="fiftyone-")), free_port()
    OwnMongod.start()
    address = f"mongodb://127.0.0.1:{OwnMongod.port}"
    try:
        with pymongo.MongoClient(address) as client, Forks({"FIFTYONE_DATABASE_URI": address}) as forks:
            yield Place(forks, client["fiftyone"], disk)
    finally:
        OwnMongod.stop()
