"""The GPU that CUDA would use, and how many images it is given at once."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

LARGEST_BATCH = 64
"""Larger ones would make nothing faster: a network of convolutions fills the largest GPUs with fewer images."""
BYTES_PER_PIXEL = 900
"""Memory of a network for each pixel of its input, at float32: on the CPU ``lite`` takes 430 and the finder 95, and cuDNN needs
room to work. If it is too little after all, smaller batches are tried."""
SHARE = 1 / 4
"""Of the memory, for the images of one network: there are the finder and the network, and weights, and other programs."""


@dataclass(frozen=True)
class Gpu:
    name: str
    memory: int
    """In bytes."""


def find_gpu() -> Gpu | None:
    """The first GPU that CUDA shows (``CUDA_VISIBLE_DEVICES`` says which); ``None`` without a GPU or its driver."""
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    device, name, memory = ctypes.c_int(), ctypes.create_string_buffer(100), ctypes.c_size_t()
    for result in (
        lambda: cuda.cuInit(0),
        lambda: cuda.cuDeviceGet(ctypes.byref(device), 0),
        lambda: cuda.cuDeviceGetName(name, len(name), device),
        lambda: cuda.cuDeviceTotalMem_v2(ctypes.byref(memory), device),
    ):
        if result():
            return None
    return Gpu(name.value.decode(errors="replace"), memory.value)


def batch_that_fits(memory: int, side: int, is_half: bool) -> int:
    """Images per call: a power of two up to :data:`LARGEST_BATCH`.

    Args:
        memory: of the GPU, in bytes.
        side: of the images, in pixels.
        is_half: whether the network computes in float16.
    """
    each = side * side * BYTES_PER_PIXEL / (2 if is_half else 1)
    count = min(max(int(memory * SHARE / each), 1), LARGEST_BATCH)
    return 1 << (count.bit_length() - 1)


def padded_size(count: int, full: int) -> int:
    """The size that a batch of ``count`` images is filled up to: a power of two, or ``full`` if that is less; 1 for nothing."""
    return next((size for size in batch_sizes(full) if size >= count), 1 << max(count - 1, 0).bit_length())


def batch_sizes(full: int) -> list[int]:
    """The sizes that batches of up to ``full`` images are filled up to: the powers of two below it, and itself."""
    return [*(1 << i for i in range((full - 1).bit_length())), full]
