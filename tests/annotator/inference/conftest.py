"""The tiny finder and the tiny pose estimator."""

import pytest

from annotator.inference.finder import Finder
from annotator.inference.pose_estimator import PoseEstimator

from .tiny_finder import write_finder
from .tiny_pose import write_pose_estimator


@pytest.fixture(scope="session")
def tiny_finder(tmp_path_factory: pytest.TempPathFactory) -> Finder:
    """Finds what is red and what is green."""
    return Finder(write_finder(tmp_path_factory.mktemp("finder") / "finder.onnx"), threads=1)


@pytest.fixture(scope="session")
def pose(tmp_path_factory: pytest.TempPathFactory) -> PoseEstimator:
    return PoseEstimator(write_pose_estimator(tmp_path_factory.mktemp("pose") / "pose.onnx"), threads=1)
