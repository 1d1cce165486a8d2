"""Sessions of ONNX Runtime."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.inference.backends.base import DeviceError, ModelError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

CPU_PROVIDER = "CPUExecutionProvider"
Options = dict[str, Any]
"""Of an execution provider."""


def open_session(
    path: Path, providers: dict[str, Options], threads: int = 0, *, optimize: bool = True
) -> InferenceSession:
    """The session of a model file.

    Args:
        path: the ONNX file.
        providers: the execution providers with their options, best first. The first one must work; the others take the
            operations that it does not know.
        threads: CPU threads inside one operation; 0 for one per core.
        optimize: the graph; not needed to read what the file says of itself.

    Raises:
        ImportError: neither onnxruntime package is installed.
        ModelError: no such file, or it cannot be loaded.
        DeviceError: the first provider does not start.
    """
    onnxruntime = import_onnxruntime()
    if not path.is_file():
        raise ModelError(f"{path}: no such model file")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Waiting threads would keep the cores busy that reading and decoding run on.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # its errors are raised, too
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    first = next(iter(providers))
    try:
        session = onnxruntime.InferenceSession(
            str(path),
            options,
            providers=list(providers.items()),
            enable_fallback=0,  # to the CPU, with words on standard output
        )
    except Exception as error:  # ONNX Runtime has a dozen exception types, none public
        if first != CPU_PROVIDER:  # the file has been read on the CPU before
            raise DeviceError(f"{first} does not start: {first_line(error)}") from None
        raise ModelError(f"{path}: ONNX Runtime cannot load it: {first_line(error)}") from None
    if session.get_providers()[0] != first:
        raise DeviceError(
            f"{first} does not start: its libraries or the driver are missing, or of another version: "
            "docs/gpu.md says what to install"
        )
    return session


def read_side_and_precision(path: Path) -> tuple[int, bool]:
    """Side of the images that a file takes, in pixels, and whether it computes in float16; what a file that is none of ours
    does not say, is 256 and no. Errors as of :func:`open_session`."""
    session = open_session(path, {CPU_PROVIDER: {}}, optimize=False)
    shape = session.get_inputs()[0].shape
    side = shape[1] if len(shape) == 4 and isinstance(shape[1], int) else 256
    for text in session.get_modelmeta().custom_metadata_map.values():
        try:
            described = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(described, dict) and described.get("precision") == "float16":
            return side, True
    return side, False


def first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__


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
