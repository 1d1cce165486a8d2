"""Weights of a pose estimator as plain ``.npz`` files, as :mod:`model.weights` has them for a cascade."""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from keras import ops

from model.pose.network import MASK, PoseEstimator, PoseEstimatorConfig
from model.weights import CONFIG_KEY, WeightsError, save_arrays

KIND = "pose_estimator"
"""The key of the network's shape in the file's config."""


def save_pose_estimator(network: PoseEstimator, path: str | Path, dtype: str = "float32") -> None:
    """Write variables and configuration; ``dtype`` of the kernels, biases and batch norm stay float32."""
    arrays = {v.path: ops.convert_to_numpy(v) for v in network.variables}
    arrays = {name: array.astype(dtype if array.ndim > 1 else "float32") for name, array in arrays.items()}
    save_arrays(path, {**arrays, CONFIG_KEY: np.array(json.dumps({KIND: network.config.to_dict()}))})


def open_pose_estimator(path: str | Path, *, new_mask: bool = False) -> PoseEstimator:
    """The pose estimator of a weights file, built and filled.

    Args:
        new_mask: whether the file may have no mask net, which then is a new one, ready to be trained.

    Raises:
        WeightsError: the file is missing or broken.
    """
    try:
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        config = PoseEstimatorConfig.from_dict(json.loads(str(arrays.pop(CONFIG_KEY)))[KIND])
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such weights file") from None
    except (OSError, EOFError, KeyError, ValueError, TypeError, BadZipFile) as error:
        raise WeightsError(f"{path}: not a weights file of a pose estimator: {error}") from None
    network = PoseEstimator(config)
    new_mask &= not any(name.startswith(MASK) for name in arrays)
    try:
        for variable in network.variables:
            if new_mask and variable.path.startswith(MASK):
                continue
            variable.assign(arrays[variable.path].astype("float32"))
    except (KeyError, ValueError) as error:
        raise WeightsError(f"{path}: not all weights of a pose estimator: {error}") from None
    return network


def is_pose_estimator(path: str | Path) -> bool:
    """Whether a file holds the weights of a pose estimator, whole or not."""
    try:
        with np.load(path) as file:
            return KIND in json.loads(str(file[CONFIG_KEY]))
    except (OSError, EOFError, KeyError, ValueError, TypeError, BadZipFile):
        return False
