"""What all backends have in common, and their errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


class ModelError(ValueError):
    """A model file that cannot be used; the message names it and says why."""


class DeviceError(ValueError):
    """A device that is asked for and not there; the message says what to do."""


class Backend(Protocol):
    """A model file on a device. It is opened by its constructor, with the file's path and the number of CPU threads."""

    name: str
    """One of :data:`~annotator.inference.backends.DEVICES`."""
    device: str
    """The device in words."""
    session: InferenceSession
    """For what the file says of itself."""
    batch_size: int
    """Images per call where nobody says how many: what the device and its memory are good for."""
    full_batch: int
    """Images per call where there are enough, to be set where somebody says how many: a backend that fills batches up fills
    none beyond it."""
    largest_batch: int | None
    """More images than these are to be given in several calls."""

    def run(self, outputs: Sequence[str], images: np.ndarray) -> list[np.ndarray]:
        """uint8 [N, side, side, 3] RGB to the outputs of these names, in their order. The errors are ONNX Runtime's."""

    def warm_up(self) -> None:
        """Do what the first calls else do: search the fastest algorithms for each size of batch."""

    def describe(self) -> dict[str, str]:
        """Device, batch size, version of ONNX Runtime and options of its provider, in words."""
