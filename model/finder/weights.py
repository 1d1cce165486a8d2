"""Weights of a finder as plain ``.npz`` files, as :mod:`model.weights` has them for a cascade."""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from keras import ops

from model.finder.network import Finder, FinderConfig
from model.weights import CONFIG_KEY, WeightsError, save_arrays


def save_finder(finder: Finder, path: str | Path, dtype: str = "float32") -> None:
    """Write variables and configuration; ``dtype`` of the kernels, biases stay float32."""
    arrays = {v.path: ops.convert_to_numpy(v) for v in finder.variables}
    arrays = {name: array.astype(dtype if array.ndim > 1 else "float32") for name, array in arrays.items()}
    described = json.dumps({"finder": finder.config.to_dict()})
    save_arrays(path, {**arrays, CONFIG_KEY: np.array(described)})


def load_finder(finder: Finder, path: str | Path) -> None:
    """Fill a finder from a file.

    Raises:
        WeightsError: the file is missing, broken, or of another network.
    """
    arrays, config = _read(path)
    if config != finder.config:
        raise WeightsError(f"{path}: made for another shape of the finder")
    try:
        for variable in finder.variables:
            variable.assign(arrays[variable.path].astype("float32"))
    except (KeyError, ValueError) as error:
        raise WeightsError(f"{path}: not all weights of a finder: {error}") from None


def open_finder(path: str | Path) -> Finder:
    """The finder of a weights file, built and filled.

    Raises:
        WeightsError: the file is missing or broken.
    """
    finder = Finder(finder_config_of(path))
    load_finder(finder, path)
    return finder


def is_finder(path: str | Path) -> bool:
    """Whether a file holds the weights of a finder, whole or not."""
    try:
        with np.load(path) as file:
            return "finder" in json.loads(str(file[CONFIG_KEY]))
    except (OSError, EOFError, KeyError, ValueError, TypeError, BadZipFile):
        return False


def finder_config_of(path: str | Path) -> FinderConfig:
    """The shape of the network of a weights file, which is not built.

    Raises:
        WeightsError: the file is missing or broken.
    """
    return _read(path)[1]


def _read(path: str | Path) -> tuple[dict[str, np.ndarray], FinderConfig]:
    try:
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        return arrays, FinderConfig.from_dict(json.loads(str(arrays.pop(CONFIG_KEY)))["finder"])
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such weights file") from None
    except (OSError, EOFError, KeyError, ValueError, TypeError, BadZipFile) as error:
        raise WeightsError(f"{path}: not a weights file of a finder: {error}") from None
