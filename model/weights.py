"""Weights as plain ``.npz`` files: one array per variable, by layer and name.

Readable without Keras, half the size as float16, and loadable into a cascade with more or fewer stage nets.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection
from pathlib import Path
from zipfile import BadZipFile

import keras
import numpy as np

from annotator.photos.atomic_files import whole_file
from model.cascade import Cascade
from model.presets import POSE, CascadeConfig, net_of

CONFIG_KEY = "config"


class WeightsError(ValueError):
    """A weights file that cannot be used; the message names it."""


def save_arrays(path: str | Path, arrays: dict[str, np.ndarray]) -> None:
    """Write an ``.npz``; missing folders are made."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def save_weights(
    cascade: Cascade, path: str | Path, dtype: str = "float32", layers: Collection[str] | None = None
) -> None:
    """Write variables and the configuration of a cascade.

    Args:
        dtype: of the kernels; biases and statistics of batch norm stay float32, for which float16 is too coarse.
        layers: names of those that are written; all if not given.
    """
    arrays = {
        v.path: keras.ops.convert_to_numpy(v)
        for v in cascade.variables
        if layers is None or v.path.split("/")[0] in layers
    }
    arrays = {name: array.astype(dtype if array.ndim > 1 else "float32") for name, array in arrays.items()}
    config = json.dumps({"config": cascade.config.to_dict(), "stage_nets": cascade.stage_nets})
    save_arrays(path, {**arrays, CONFIG_KEY: np.array(config)})


def mix_weights(first: str | Path, second: str | Path, share: float, path: str | Path) -> None:
    """Write the mean of two networks of one kind, the second of which was trained on from the first.

    Such a mean is often better than both: Wortsman et al., "Robust fine-tuning of zero-shot models" (2022).

    Args:
        share: of the first, 0..1.

    Raises:
        WeightsError: the files hold different networks.
    """
    with np.load(first) as one, np.load(second) as other:
        if set(one.files) != set(other.files) or str(one[CONFIG_KEY]) != str(other[CONFIG_KEY]):
            raise WeightsError(f"{first} and {second} hold different networks: their mean is none")
        arrays = {
            name: share * one[name].astype(np.float32) + (1 - share) * other[name].astype(np.float32)
            for name in one.files
            if name != CONFIG_KEY
        }
        save_arrays(path, {**arrays, CONFIG_KEY: one[CONFIG_KEY]})


def load_weights(cascade: Cascade, path: str | Path) -> list[str]:
    """Fill a cascade from a file, as far as the file goes.

    The head vectors of a file made for other targets are left out. Weights for inputs that only the stage nets of the
    cascade read start at zero, and so do the outputs of a context or pose net that the file does not have.

    Returns:
        Names of the stage nets that the file does not have; they keep what they hold.

    Raises:
        WeightsError: the file is of another preset or broken.
    """
    arrays, config, _ = _read(path)
    if not _fits(config, cascade.config):
        raise _of_another_shape(path, config, cascade.config)
    if config.head_vector_targets != cascade.config.head_vector_targets:
        arrays = {name: array for name, array in arrays.items() if not name.startswith("head_vectors/")}
    missing = []
    for variable in cascade.variables:
        if variable.path in arrays:
            variable.assign(_widened(arrays[variable.path].astype("float32"), variable.shape))
        else:
            missing.append(net_of(variable.path.split("/")[0]))
    return [name for name in cascade.stage_nets if name in missing]


def load_backbone(cascade: Cascade, path: str | Path) -> None:
    """Fill the backbone and the pose net of a cascade from a file, whatever the other nets of both are.

    Raises:
        WeightsError: the file is of another backbone or pose net, or broken.
    """
    arrays, config, _ = _read(path)
    own = cascade.config
    names = ["backbone", "backbone_width", *(["pose"] if config.pose and own.pose else [])]
    if any(getattr(config, name) != getattr(own, name) for name in names):
        raise _of_another_shape(path, config, own, names)
    backbone = {*cascade.backbone_layers}
    for variable in cascade.variables:
        layer = variable.path.split("/")[0]
        if variable.path in arrays and (layer in backbone or net_of(layer) == POSE):
            variable.assign(arrays[variable.path].astype("float32"))


def _of_another_shape(
    path: str | Path, given: CascadeConfig, wanted: CascadeConfig, names: Collection[str] = ()
) -> WeightsError:
    """An error that names the fields in which two networks differ, of these or of all."""
    names = names or [field.name for field in dataclasses.fields(wanted)]
    other = [f"model.{name}" for name in names if getattr(given, name) != getattr(wanted, name)]
    return WeightsError(
        f"{path}: made for preset {given.preset!r} or another shape of it: {', '.join(other)} is another than here"
    )


def _fits(given: CascadeConfig, wanted: CascadeConfig) -> bool:
    """Whether weights of one shape can fill the other, which may have other targets of its head vectors, stage nets that
    read more, and a context or pose net where the first has none."""
    stages = {}
    for name, stage in wanted.stages.items():
        reads = given.stages[name].reads if name in given.stages else ()
        stages[name] = (
            dataclasses.replace(stage, reads=reads) if reads == stage.reads[: len(reads)] else stage
        )
    nets = {"context": given.context and wanted.context, "pose": given.pose and wanted.pose}
    return given == dataclasses.replace(
        wanted, head_vector_targets=given.head_vector_targets, stages=stages, **nets
    )


def _widened(kernel: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """An array with zeros for the input channels (the last axis but one of a kernel) that it lacks."""
    if kernel.shape == shape:
        return kernel
    return np.pad(kernel, [(0, new - old) for old, new in zip(kernel.shape, shape, strict=True)])


def cascade_config_of(path: str | Path) -> CascadeConfig:
    """The shape of the network of a weights file, which is not built.

    Raises:
        WeightsError: the file is missing or broken.
    """
    return _read(path)[1]


def open_cascade(path: str | Path) -> Cascade:
    """The network of a weights file, built and filled."""
    _, config, stage_nets = _read(path)
    cascade = Cascade(config, stage_nets)
    load_weights(cascade, path)
    return cascade


def _read(path: str | Path) -> tuple[dict[str, np.ndarray], CascadeConfig, tuple[str, ...]]:
    try:
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        described = json.loads(str(arrays.pop(CONFIG_KEY)))
        return arrays, CascadeConfig.from_dict(described["config"]), tuple(described["stage_nets"])
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such weights file") from None
    except (OSError, EOFError, KeyError, ValueError, TypeError, BadZipFile) as error:
        raise WeightsError(f"{path}: not a weights file of a cascade: {error}") from None
