"""The tiny finder."""

import pytest

from annotator.inference.finder import Finder

from .tiny_finder import write_finder


@pytest.fixture(scope="session")
def tiny_finder(tmp_path_factory: pytest.TempPathFactory) -> Finder:
    """Finds what is red and what is green."""
    return Finder(write_finder(tmp_path_factory.mktemp("finder") / "finder.onnx"), threads=1)
