"""The seam to a trained network: one ONNX file that decodes and describes itself, run by ONNX Runtime."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from annotator.inference.backends import open_backend
from annotator.inference.backends.base import ModelError
from annotator.inference.backends.session import first_line
from annotator.labels.label_space import CHART_TO_PART, KEYPOINTS, PARTS
from annotator.labels.maps import Maps
from annotator.labels.messages import listed, short

FORMAT_VERSION = 1
METADATA_KEY = "densepose_annotator"
FINDER_METADATA_KEY = f"{METADATA_KEY}_finder"
POSE_METADATA_KEY = f"{METADATA_KEY}_pose_estimator"
WHAT = {METADATA_KEY: "model", FINDER_METADATA_KEY: "person finder", POSE_METADATA_KEY: "pose estimator"}
"""What a file is that has this key in its metadata."""
DEFAULT_MODEL = Path(__file__).parents[1] / "models" / "lite.onnx"
LABEL_SPACE = "coco-densepose"
T = TypeVar("T")
ROUNDING = 0.01
"""By which an output may leave its range; it is clipped."""


class InferenceError(ValueError):
    """A model failed on an image, or what it gave breaks the contract; the message is one line."""


@dataclass(frozen=True)
class ModelInfo:
    """What a model file says of itself."""

    format_version: int
    model_id: str
    preset: str
    input_size: int
    """Side in pixels at which the network was trained: the unit of the ``head_vectors`` in the file, which may take images
    of another side."""
    output_stride: int
    keypoint_stride: int
    precision: str
    label_space: str
    parts: int
    charts: int
    keypoints: int
    report_sha256: str
    license: str
    created: str


@dataclass(frozen=True)
class Output:
    """What the contract says of an output of a model file."""

    kind: str
    """Name of its numpy type."""
    shape: tuple[int | str, ...]
    """Without N. A name stands for any size, the same in all outputs; if it begins with ``2·``, for an even one."""
    highest: float | None
    """Its values are 0 to this; ``None`` for any that are finite."""

    def __str__(self) -> str:
        return f"{self.kind} [{', '.join(map(str, ('N', *self.shape)))}]"


class OnnxFile:
    """A file of a network that takes images, in ONNX Runtime; arguments and errors as of :class:`Network`."""

    def __init__(self, path: str | Path, device: str | None = None, threads: int = 0):
        self.path = Path(path)
        self.backend = open_backend(self.path, device, threads)
        self._outputs: Mapping[str, Output] = {}
        self._largest_batch = self.backend.largest_batch
        """More images than these are given in several calls, since the backend says so or a larger call failed."""

    @property
    def metadata(self) -> dict[str, str]:
        """What the file says of itself, whoever wrote it."""
        return self.backend.session.get_modelmeta().custom_metadata_map

    def read_info(self, key: str, kind: type[T], newest: int) -> T:
        """What the file says of itself under a key of its metadata.

        Args:
            kind: dataclass of the fields, numbers and texts; one of them is ``format_version``.
            newest: version of the format that can be read.

        Raises:
            ModelError: there is nothing under the key, it cannot be read, or it is of a newer format.
        """
        if key not in self.metadata:
            other = next((name for name in self.metadata if name.startswith(METADATA_KEY)), None)
            raise ModelError(
                f"{self.path}: not a {WHAT[key]} of DensePose Annotator (no `{key}` in its metadata"
                f"{f', but `{other}`' if other else ''})"
            )
        where = f"{self.path}: its metadata `{key}`"
        try:
            described = json.loads(self.metadata[key])
        except (ValueError, RecursionError) as error:
            raise ModelError(f"{where} cannot be read: {error}") from None
        if not isinstance(described, dict):
            raise ModelError(f"{where} must be an object, not {short(described)}")
        version = described.get("format_version")
        if type(version) is int and version > newest:  # its other fields may be others
            raise ModelError(
                f"{self.path}: model format {short(version)} is newer than {newest}: update densepose-annotator"
            )
        types = {field.name: field.type for field in fields(kind)}
        for name, value in described.items():
            if name not in types:
                raise ModelError(f"{where}: {short(name)}: no such field")
            if type(value).__name__ != types[name]:
                words = {"int": "a whole number", "str": "text"}[types[name]]
                raise ModelError(f"{where}: {name}: {short(value)} is not {words}")
        if missing := [name for name in types if name not in described]:
            raise ModelError(f"{where} lacks {listed(missing)}")
        return kind(**described)

    def read_side(self, multiple_of: int = 1) -> int:
        """Side of the square images it takes, in pixels.

        Raises:
            ModelError: it takes something else.
        """
        inputs = self.backend.session.get_inputs()
        if [(i.name, i.type) for i in inputs] != [("images", "tensor(uint8)")]:
            found = ", ".join(f"`{i.name}` of type {i.type}" for i in inputs)
            raise ModelError(f"{self.path}: its inputs are {found}, not `images` of type tensor(uint8) alone")
        shape = inputs[0].shape
        side = shape[1] if len(shape) == 4 else None
        is_free = len(shape) > 0 and not isinstance(shape[0], int)
        if not is_free or not isinstance(side, int) or side % multiple_of or shape[2:] != [side, 3]:
            raise ModelError(
                f"{self.path}: its input has the shape {shape}, not [N, H, W, 3] with a free N and H = W, a fixed "
                f"{'number' if multiple_of == 1 else f'multiple of {multiple_of}'}"
            )
        return side

    def expect(self, outputs: Mapping[str, Output], precision: str) -> None:
        """Say which outputs :meth:`run` is to give, in this order. In a file of the precision ``float16`` they may be that in
        the place of float32; :meth:`run` gives float32.

        What the file does not say of their shapes, one run of a blank image does.

        Raises:
            ModelError: one is missing, or of another type or shape.
        """
        found = {output.name: output for output in self.backend.session.get_outputs()}
        sizes: dict[str, int] = {}
        is_known = True
        for name, output in outputs.items():
            if name not in found:
                raise ModelError(f"{self.path}: has no output `{name}`")
            kind = found[name].type.removeprefix("tensor(").removesuffix(")")
            kind = {"float": "float32", "double": "float64"}.get(kind, kind)
            if kind == precision == "float16":
                kind = "float32"
            shape = found[name].shape
            fits = kind == output.kind and (not shape or _fits(shape[1:], output.shape, sizes))
            if not fits:
                shown = ", ".join(str(size) for size in ["N", *shape[1:]])
                raise ModelError(f"{self.path}: its output `{name}` is {kind} [{shown}], not {output}")
            is_known &= bool(shape) and all(isinstance(size, int) for size in shape[1:])
        self._outputs = outputs
        if not is_known:
            side = self.read_side()
            try:
                self.run(np.zeros((1, side, side, 3), np.uint8))
            except InferenceError as error:
                raise ModelError(f"{self.path}: {error}") from None

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """uint8 [N, side, side, 3] RGB to the outputs.

        Where ONNX Runtime fails on a batch, for want of memory say, it is given smaller ones, down to single images.

        Raises:
            InferenceError: it fails on a single image, or an output breaks the contract.
        """
        size = max(min(self._largest_batch or len(images), len(images)), 1)
        while True:
            try:
                batches = [
                    self.backend.run(list(self._outputs), images[start : start + size])
                    for start in range(0, max(len(images), 1), size)
                ]
                break
            except Exception as error:  # ONNX Runtime has a dozen exception types, none public
                if size == 1:
                    raise InferenceError(f"ONNX Runtime failed: {first_line(error)}") from None
                size = (size + 1) // 2
        if size < len(images):
            self._largest_batch = size
        arrays = (
            batches[0] if len(batches) == 1 else [np.concatenate(of) for of in zip(*batches, strict=True)]
        )
        arrays = [array.astype(np.float32) if array.dtype == np.float16 else array for array in arrays]
        sizes: dict[str, int] = {}
        for (name, output), array in zip(self._outputs.items(), arrays, strict=True):
            _check_output(name, output, array, len(images), sizes)
        return arrays


def _fits(found: list[int | str | None], wanted: tuple[int | str, ...], sizes: dict[str, int]) -> bool:
    """Whether a shape is that of an output, as far as its sizes are known; those that have names go into ``sizes``."""
    if len(found) != len(wanted):
        return False
    for size, name in zip(found, wanted, strict=True):
        if not isinstance(size, int):
            continue
        expected = sizes.setdefault(name, size) if isinstance(name, str) else name
        if size != expected or (str(name).startswith("2·") and (size < 2 or size % 2)):
            return False
    return True


def _check_output(name: str, output: Output, array: np.ndarray, count: int, sizes: dict[str, int]) -> None:
    """Check an output, and clip it to its range."""
    if (
        array.dtype != output.kind
        or len(array) != count
        or not _fits(list(array.shape[1:]), output.shape, sizes)
    ):
        raise InferenceError(f"output `{name}` is {array.dtype} {list(array.shape)}, not {output}")
    if not array.size:
        return
    low, high = array.min(), array.max()  # of a NaN both are NaN
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InferenceError(f"output `{name}` has values that are NaN or infinite")
    if output.highest is not None and not -ROUNDING <= low <= high <= output.highest + ROUNDING:
        raise InferenceError(
            f"output `{name}` has values from {low:.3g} to {high:.3g}, not 0 to {output.highest}"
        )
    if output.highest is not None and (low < 0 or high > output.highest):
        np.clip(array, 0, output.highest, out=array)


class Network:
    """A model file in ONNX Runtime.

    Args:
        path: the ONNX file.
        device: one of :data:`~annotator.inference.backends.DEVICES`; default: CUDA where it works, else the CPU.
        threads: CPU threads inside one operation; 0 for one per core.

    Raises:
        ImportError: neither onnxruntime package is installed.
        DeviceError: there is no such device here.
        ModelError: no such file, not a model of ours, one of a newer format, or one that breaks the contract.
    """

    def __init__(self, path: str | Path = DEFAULT_MODEL, device: str | None = None, threads: int = 0):
        self._file = OnnxFile(path, device, threads)
        self.backend = self._file.backend
        self.path = self._file.path
        self.threads = threads
        self.info = self._file.read_info(METADATA_KEY, ModelInfo, FORMAT_VERSION)
        self.side: int = self._file.read_side(multiple_of=32)
        """Side of the square images it takes, in pixels."""
        _check_info(self.path, self.info, self.side)
        self._file.expect(_outputs(self.info, self.side), self.info.precision)

    @property
    def device(self) -> str:
        """Which hardware runs it, in words."""
        return self.backend.device

    @property
    def batch_size(self) -> int:
        """Images per call where nobody says how many."""
        return self.backend.batch_size

    def run(self, images: np.ndarray) -> Maps:
        """uint8 [N, side, side, 3] RGB to maps; errors as of :meth:`OnnxFile.run`."""
        maps = Maps(*self._file.run(images))
        # In the file they are in units of the side at which the network was trained.
        maps.head_vectors *= self.info.input_size / self.side
        return maps


def _outputs(info: ModelInfo, side: int) -> dict[str, Output]:
    """The contract's, in the order of :class:`~annotator.labels.maps.Maps`."""
    map_shape = (side // info.output_stride,) * 2
    heatmap_shape = (side // info.keypoint_stride,) * 2
    probability = Output("float32", map_shape, 1)
    return {
        "person": probability,
        "parts": Output("uint8", map_shape, len(PARTS) - 1),
        "part_confidence": probability,
        "charts": Output("uint8", map_shape, len(CHART_TO_PART) - 1),
        "chart_confidence": probability,
        "u": probability,
        "v": probability,
        "head_vectors": Output("float32", (*map_shape, "2·points"), None),
        "keypoints": Output("float32", (*heatmap_shape, len(KEYPOINTS)), 1),
    }


def _check_info(path: Path, info: ModelInfo, side: int) -> None:
    if info.label_space != LABEL_SPACE:
        raise ModelError(f"{path}: its label space is {info.label_space!r}, not {LABEL_SPACE!r}")
    for name, count in (("parts", PARTS[1:]), ("charts", CHART_TO_PART[1:]), ("keypoints", KEYPOINTS)):
        if getattr(info, name) != len(count):
            raise ModelError(f"{path}: its metadata say {getattr(info, name)} {name}, not {len(count)}")
    for name in ("input_size", "output_stride", "keypoint_stride"):
        value = getattr(info, name)
        if value < 1:
            raise ModelError(f"{path}: its {name} must be 1 or more pixels, not {value}")
    if info.keypoint_stride % info.output_stride or side % info.keypoint_stride:
        raise ModelError(
            f"{path}: its keypoint_stride, {info.keypoint_stride}, must be a multiple of its output_stride, "
            f"{info.output_stride}, and divide its side, {side}"
        )


def run_blank(model: Any) -> None:
    """Run a network, a finder or a pose estimator on a blank image.

    Raises:
        ModelError: it fails.
    """
    try:
        model.run(np.zeros((1, model.side, model.side, 3), np.uint8))
    except InferenceError as error:
        raise ModelError(f"{model.path}: fails even on a blank image: {error}") from None
