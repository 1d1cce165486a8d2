"""The CPU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from annotator.inference.backends.session import CPU_PROVIDER, Options, import_onnxruntime, open_session


class CpuBackend:
    """A :class:`~annotator.inference.backends.base.Backend` on the CPU."""

    name = "cpu"
    device = "CPU"
    provider = CPU_PROVIDER
    batch_size = full_batch = 1  # larger ones are no faster, and need more memory
    largest_batch: int | None = None

    def __init__(self, path: Path, threads: int = 0):
        self.options: Options = {}
        self.session = open_session(path, {self.provider: self.options}, threads)

    def run(self, outputs: Sequence[str], images: np.ndarray) -> list[np.ndarray]:
        return self.session.run(list(outputs), {"images": images})

    def warm_up(self) -> None:
        self._run_blank(1)

    def describe(self) -> dict[str, str]:
        options = ", ".join(f"{name} {value}" for name, value in self.options.items())
        return {
            "device": self.device,
            "batch_size": str(self.batch_size),
            "onnxruntime": f"{import_onnxruntime().__version__}, {self.provider}{options and ': '}{options}",
        }

    def _run_blank(self, count: int) -> None:
        images = self.session.get_inputs()[0]
        names = [output.name for output in self.session.get_outputs()]
        self.run(names, np.zeros((count, *images.shape[1:]), np.uint8))
