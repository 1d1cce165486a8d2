"""One place for all operations that are disturbed."""

from collections.abc import Iterator

import pytest

from tests.conftest import Mongod


@pytest.fixture(scope="module")
def place(database, tmp_path_factory) -> Iterator:
    """Children with a folder and a database of their own, in the tests' mongod."""
    from tests.robustness.campaign import Place, own_database

    with own_database(Mongod.port) as (forks, own):
        yield Place(forks, own, tmp_path_factory.mktemp("place"))
