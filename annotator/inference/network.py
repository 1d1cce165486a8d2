"""The seam to a trained network: one ONNX file that decodes and describes itself, run by ONNX Runtime."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

import numpy as np

from annotator.labels.maps import Maps

FORMAT_VERSION = 1
METADATA_KEY = "densepose_annotator"
FINDER_METADATA_KEY = f"{METADATA_KEY}_finder"
WHAT = {METADATA_KEY: "model", FINDER_METADATA_KEY: "person finder"}
"""What a file is that has this key in its metadata."""
DEFAULT_MODEL = Path(__file__).parents[1] / "models" / "lite.onnx"
T = TypeVar("T")
PROVIDERS = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")
"""Best first."""


class ModelError(ValueError):
    """A model file that cannot be used; the message names it and says why."""


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


class Network:
    """A model file in ONNX Runtime.

    Args:
        path: the ONNX file.
        providers: ONNX Runtime execution providers; default: the best that is installed.
        threads: CPU threads inside one operation; 0 for one per core.

    Raises:
        ImportError: neither onnxruntime package is installed.
        ModelError: no such file, not a model of ours, one of a newer format, or one that breaks the contract.
    """

    def __init__(
        self, path: str | Path = DEFAULT_MODEL, providers: list[str] | None = None, threads: int = 0
    ):
        path = Path(path)
        self._session = open_session(path, providers, threads)
        self.path = path
        self.info = read_info(path, self._session, METADATA_KEY, ModelInfo, FORMAT_VERSION)
        shape = self._session.get_inputs()[0].shape
        _check_contract(path, self.info, shape, {output.name for output in self._session.get_outputs()})
        self.side: int = shape[1]
        """Side of the square images it takes, in pixels."""

    @property
    def device(self) -> str:
        """Which hardware runs it, in words."""
        provider = self._session.get_providers()[0]
        names = {"TensorrtExecutionProvider": "GPU (TensorRT)", "CUDAExecutionProvider": "GPU (CUDA)"}
        return names.get(provider, "CPU")

    def run(self, images: np.ndarray) -> Maps:
        """uint8 [N, side, side, 3] RGB to maps."""
        names = [field.name for field in fields(Maps)]
        maps = Maps(*self._session.run(names, {"images": images}))
        # In the file they are in units of the side at which the network was trained.
        maps.head_vectors *= self.info.input_size / self.side
        return maps


def open_session(path: Path, providers: list[str] | None = None, threads: int = 0):
    """The ``InferenceSession`` of a model file; arguments and errors as of :class:`Network`."""
    onnxruntime = import_onnxruntime()
    if not path.is_file():
        raise ModelError(f"{path}: no such model file")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Waiting threads would keep the cores busy that reading and decoding run on.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    available = onnxruntime.get_available_providers()
    if "CUDAExecutionProvider" in available and hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()  # CUDA and cuDNN of the [gpu] extra lie where the loader does not look
    wanted = providers or [name for name in PROVIDERS if name in available]
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=wanted)
    except Exception as error:  # ONNX Runtime has a dozen exception types, none public
        raise ModelError(f"{path}: ONNX Runtime cannot load it: {str(error).splitlines()[0]}") from None


def import_onnxruntime():
    """The module of whichever onnxruntime package is installed."""
    try:
        import onnxruntime
    except ImportError:
        raise ImportError(
            "ONNX Runtime is not installed: pip install 'densepose-annotator[cpu]', "
            "or 'densepose-annotator[gpu]' on a machine with an NVIDIA GPU"
        ) from None
    return onnxruntime


def read_info(path: Path, session, key: str, kind: type[T], newest: int) -> T:
    """What a model file says of itself under a key of its metadata.

    Args:
        kind: dataclass of the fields, one of them ``format_version``.
        newest: version of the format that can be read.

    Raises:
        ModelError: there is nothing under the key, it cannot be read, or it is of a newer format.
    """
    metadata = session.get_modelmeta().custom_metadata_map
    if key not in metadata:
        other = next((name for name in metadata if name.startswith(METADATA_KEY)), None)
        raise ModelError(
            f"{path}: not a {WHAT[key]} of DensePose Annotator (no `{key}` in its metadata"
            f"{f', but `{other}`' if other else ''})"
        )
    try:
        described = json.loads(metadata[key])
        if described["format_version"] > newest:
            raise ModelError(
                f"{path}: model format {described['format_version']} is newer than {newest}: "
                "update densepose-annotator"
            )
        return kind(**described)
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ModelError(f"{path}: its metadata `{key}` cannot be read: {error}") from None


def _check_contract(path: Path, info: ModelInfo, shape: list[int | str | None], outputs: set[str]) -> None:
    """
    Args:
        shape: of the input; a dimension that is free has a name or ``None``.
    """
    side = shape[1] if len(shape) == 4 else None
    if not isinstance(side, int) or side % 32 or shape[2:] != [side, 3]:
        raise ModelError(
            f"{path}: its input has the shape {shape}, not [N, H, W, 3] with H = W, a fixed multiple of 32"
        )
    for field in fields(Maps):
        if field.name not in outputs:
            raise ModelError(f"{path}: has no output `{field.name}`")
    if info.keypoint_stride % info.output_stride:
        raise ModelError(
            f"{path}: its keypoint_stride, {info.keypoint_stride}, must be a multiple of its output_stride, "
            f"{info.output_stride}"
        )
