"""Weights that come with the package, in the form of :mod:`model.weights`."""

from pathlib import Path

LITE = Path(__file__).resolve().parent / "lite.npz"
"""The default model: start a training from it with ``--start``."""
