"""Where and in which precision networks compute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import keras

from model.sources import DataError

Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]
"""Keras's dtype policies for training: weights are float32 in all of them."""


@contextmanager
def dtype_policy(precision: Precision) -> Iterator[None]:
    """A context in which layers are built with this policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextmanager
def data_parallel(count: int) -> Iterator[None]:
    """A context in which so many devices share each batch; networks that are trained in it must be built in it.

    Args:
        count: of GPUs, or of CPU devices where there is none; 0 for all.

    Raises:
        DataError: there are not so many, or Keras's backend is not JAX.
    """
    if count == 1:
        yield
        return
    if keras.backend.backend() != "jax":
        raise DataError(f"--devices {count}: only JAX shares batches among devices: give --backend jax")
    there = keras.distribution.list_devices()
    if not 0 <= count <= len(there):
        raise DataError(f"--devices {count}: JAX sees {len(there)}: {', '.join(there)}")
    with keras.distribution.DataParallel(devices=there[: count or None]).scope():
        yield


def device_count() -> int:
    """Devices that share each batch."""
    distribution = keras.distribution.distribution()
    return distribution.device_mesh.devices.size if distribution else 1
