"""Weights that come with the package, in the form of :mod:`model.weights`. Imports neither Keras nor ONNX Runtime."""

from pathlib import Path

from annotator.inference.finder import DEFAULT_FINDER
from annotator.inference.network import DEFAULT_MODEL
from annotator.inference.pose_estimator import DEFAULT_POSE_ESTIMATOR

LITE = Path(__file__).resolve().parent / "lite.npz"
"""The default model: start a training from it with ``--start``."""
FINDER = LITE.with_name("finder.npz")
"""The person finder."""
POSE_ESTIMATOR = LITE.with_name("pose.npz")
"""The pose estimator."""


def weights_of(model: Path) -> Path:
    """Where the weights of an ONNX file are by convention: beside it, or here for those of the package."""
    of_package = {DEFAULT_MODEL: LITE, DEFAULT_FINDER: FINDER, DEFAULT_POSE_ESTIMATOR: POSE_ESTIMATOR}
    return of_package.get(model, model.with_suffix(".npz"))
