"""Weights that the tests start from."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def start(tmp_path_factory) -> Path:
    """Weights file of a tiny pose estimator; only read it."""
    import keras

    from model.pose.network import PoseEstimator
    from model.pose.weights import save_pose_estimator
    from tests.model.pose.tiny import TINY

    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("pose") / "start.npz"
    save_pose_estimator(PoseEstimator(TINY), path)
    return path
