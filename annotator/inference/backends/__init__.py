"""Where a network runs: the CPU, or an NVIDIA GPU by CUDA or TensorRT.

A module per backend, each a :class:`~annotator.inference.backends.base.Backend`; :func:`open_backend` chooses.
"""

from __future__ import annotations

import logging
from pathlib import Path

from annotator.inference.backends.base import Backend, DeviceError
from annotator.inference.backends.cpu import CpuBackend
from annotator.inference.backends.cuda import CudaBackend
from annotator.inference.backends.gpu import find_gpu
from annotator.inference.backends.session import import_onnxruntime
from annotator.inference.backends.tensorrt import TensorRtBackend

BACKENDS: dict[str, type[CpuBackend]] = {
    backend.name: backend for backend in (CpuBackend, CudaBackend, TensorRtBackend)
}
DEVICES = tuple(BACKENDS)


def open_backend(path: Path, device: str | None = None, threads: int = 0) -> Backend:
    """A model file, loaded where it is to run.

    Args:
        path: the ONNX file.
        device: one of :data:`DEVICES`. Default: ``cuda`` where ONNX Runtime has it and there is a GPU, else ``cpu``;
            TensorRT, which builds an engine for minutes at first, only if it is asked for.
        threads: of the CPU inside one operation; 0 for one per core.

    Raises:
        ImportError: neither onnxruntime package is installed.
        DeviceError: there is no such device here.
        ModelError: no such file, or ONNX Runtime cannot load it.
    """
    if device is None:
        if CudaBackend.provider in import_onnxruntime().get_available_providers() and find_gpu():
            try:
                return CudaBackend(path, threads)
            except DeviceError as error:
                logging.getLogger(__name__).warning("%s; the CPU is used", error)
        return CpuBackend(path, threads)
    if device not in BACKENDS:
        raise DeviceError(f"device must be {', '.join(DEVICES[:-1])} or {DEVICES[-1]}, not {device!r}")
    return BACKENDS[device](path, threads)
