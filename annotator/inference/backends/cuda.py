"""An NVIDIA GPU by CUDA and cuDNN."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from annotator.inference.backends.base import DeviceError
from annotator.inference.backends.cpu import CpuBackend
from annotator.inference.backends.gpu import (
    LARGEST_BATCH,
    batch_sizes,
    batch_that_fits,
    find_gpu,
    padded_size,
)
from annotator.inference.backends.session import (
    CPU_PROVIDER,
    Options,
    import_onnxruntime,
    open_session,
    read_side_and_precision,
)


class CudaBackend(CpuBackend):
    """A :class:`~annotator.inference.backends.base.Backend` on a GPU.

    Batches are filled up with blank images to powers of two, or to a full batch: for every new size of batch cuDNN searches
    its fastest algorithms anew.

    Raises:
        DeviceError: ONNX Runtime has no CUDA, there is no GPU, or its libraries do not load.
    """

    name = "cuda"
    words = "CUDA"
    provider = "CUDAExecutionProvider"
    largest_batch = LARGEST_BATCH

    def __init__(self, path: Path, threads: int = 0):
        onnxruntime = import_onnxruntime()
        available = onnxruntime.get_available_providers()
        if self.provider not in available:
            raise DeviceError(
                f"device {self.name} is not there: this ONNX Runtime has only {', '.join(available)}; "
                "install densepose-annotator[gpu] in place of densepose-annotator[cpu], or leave out the device"
            )
        gpu = find_gpu()
        if gpu is None:
            raise DeviceError(
                f"device {self.name} is not there: no NVIDIA GPU answers; see whether nvidia-smi shows one"
            )
        if hasattr(onnxruntime, "preload_dlls"):
            onnxruntime.preload_dlls()  # CUDA and cuDNN of the [gpu] extra lie where the loader does not look
        self.side, self.is_half = read_side_and_precision(path)
        self.device = f"GPU ({gpu.name}, {self.words})"
        self.batch_size = self.full_batch = batch_that_fits(gpu.memory, self.side, self.is_half)
        providers = self._providers(path)
        self.options = providers[self.provider]
        self.session = open_session(path, providers | {CPU_PROVIDER: {}}, threads)

    def _providers(self, path: Path) -> dict[str, Options]:
        return {
            CudaBackend.provider: {
                "cudnn_conv_algo_search": "EXHAUSTIVE",
                "cudnn_conv_use_max_workspace": "1",
                # Doubling what is taken, as it else does, runs out of memory too early.
                "arena_extend_strategy": "kSameAsRequested",
                # Tensor cores take float16 with the channels last.
                "prefer_nhwc": "1" if self.is_half else "0",
            }
        }

    def run(self, outputs: Sequence[str], images: np.ndarray) -> list[np.ndarray]:
        count, padded = len(images), padded_size(len(images), self.full_batch)
        if padded > count:
            images = np.concatenate([images, np.zeros((padded - count, *images.shape[1:]), np.uint8)])
        return [array[:count] for array in super().run(outputs, images)]

    def warm_up(self) -> None:
        for size in batch_sizes(self.full_batch):
            self._run_blank(size)
