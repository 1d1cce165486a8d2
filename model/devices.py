"""Where and in which precision networks compute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import keras

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
