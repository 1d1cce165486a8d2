"""Weights of a pose estimator as plain ``.npz`` files, as :mod:`model.weights` has them for a cascade."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from keras import ops

from model.pose.network import NETS, Net, PoseEstimator, PoseEstimatorConfig
from model.weights import CONFIG_KEY, WeightsError, save_arrays

KIND = "pose_estimator"
"""The key of the network's shape in the file's config."""


def save_pose_estimator(
    network: PoseEstimator, path: str | Path, dtype: str = "float32", *, untrained: Collection[Net] = ()
) -> None:
    """Write variables and configuration.

    Args:
        dtype: of the kernels; biases and batch norm stay float32.
        untrained: of :data:`~model.pose.network.NETS` those that are left out.
    """
    arrays = {v.path: ops.convert_to_numpy(v) for v in network.variables if _net(v.path) not in untrained}
    arrays = {name: array.astype(dtype if array.ndim > 1 else "float32") for name, array in arrays.items()}
    save_arrays(path, {**arrays, CONFIG_KEY: np.array(json.dumps({KIND: network.config.to_dict()}))})


def open_pose_estimator(path: str | Path, *, new_nets: bool = False) -> PoseEstimator:
    """The pose estimator of a weights file, built and filled.

    Args:
        new_nets: whether the file may lack the mask net, the surface net, or both, which then are new ones, ready to be trained.

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
    missing = set(NETS) - {_net(name) for name in arrays}
    if missing and not new_nets:
        raise WeightsError(
            f"{path}: has no {' net and no '.join(sorted(missing))} net: train with `densepose-annotator train-pose --start {path}`"
        )
    try:
        for variable in network.variables:
            if _net(variable.path) not in missing:
                variable.assign(arrays[variable.path].astype("float32"))
    except (KeyError, ValueError) as error:
        raise WeightsError(f"{path}: not all weights of a pose estimator: {error}") from None
    return network


def trained_nets(path: str | Path) -> set[Net]:
    """Those of :data:`~model.pose.network.NETS` that a weights file of a pose estimator has.

    Raises:
        WeightsError: the file is missing or broken.
    """
    try:
        with np.load(path) as file:
            return set(NETS) & set(map(_net, file.files))
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such weights file") from None
    except (OSError, EOFError, ValueError, BadZipFile) as error:
        raise WeightsError(f"{path}: not a weights file of a pose estimator: {error}") from None


def _net(variable: str) -> str:
    """Which of :data:`~model.pose.network.NETS` a variable of this name belongs to, or another name."""
    return variable.partition("_")[0]


def is_pose_estimator(path: str | Path) -> bool:
    """Whether a file holds the weights of a pose estimator, whole or not."""
    try:
        with np.load(path) as file:
            return KIND in json.loads(str(file[CONFIG_KEY]))
    except (OSError, EOFError, KeyError, ValueError, TypeError, BadZipFile):
        return False
