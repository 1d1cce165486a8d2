"""Weights that come with the package, in the form of :mod:`model.weights`. Imports neither Keras nor ONNX Runtime."""

from pathlib import Path

from annotator.inference.finder import DEFAULT_FINDER
from annotator.inference.network import DEFAULT_MODEL

LITE = Path(__file__).resolve().parent / "lite.npz"
"""The default model: start a training from it with ``--start``."""
FINDER = LITE.with_name("finder.npz")
"""The person finder."""


def weights_of(model: Path) -> Path:
    """Where the weights of an ONNX file are by convention: beside it, or here for the package's model and finder."""
    return {DEFAULT_MODEL: LITE, DEFAULT_FINDER: FINDER}.get(model, model.with_suffix(".npz"))
