"""An NVIDIA GPU by TensorRT."""

from __future__ import annotations

import hashlib
import os
import tempfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from annotator.inference.backends.cuda import CudaBackend
from annotator.inference.backends.session import Options


class TensorRtBackend(CudaBackend):
    """A :class:`~annotator.inference.backends.base.Backend` on a GPU, with engines that TensorRT builds for it.

    Building one takes minutes; it is kept in :func:`engine_folder` for the next time. What TensorRT does not know
    CUDA does.
    """

    name = "tensorrt"
    words = "TensorRT"
    provider = "TensorrtExecutionProvider"

    def _providers(self, path: Path) -> dict[str, Options]:
        if find_spec("tensorrt"):
            import_module("tensorrt")  # its libraries lie where the loader does not look
        folder = engine_folder(path)
        folder.mkdir(parents=True, exist_ok=True)
        shape = f"{self.side}x{self.side}x3"
        # It takes True and False, not 1 and 0.
        options = {
            "trt_engine_cache_enable": "True",
            "trt_engine_cache_path": str(folder),
            "trt_timing_cache_enable": "True",
            "trt_timing_cache_path": str(folder.parent),
            "trt_fp16_enable": str(self.is_half),
            # One engine for all sizes of batch, fastest at the usual one.
            "trt_profile_min_shapes": f"images:1x{shape}",
            "trt_profile_opt_shapes": f"images:{self.batch_size}x{shape}",
            "trt_profile_max_shapes": f"images:{self.largest_batch}x{shape}",
        }
        return {self.provider: options} | super()._providers(path)


def engine_folder(path: Path) -> Path:
    """Where the engines of a model file are kept, in the user's folder of caches; it is another if the file changes.

    Raises:
        OSError: the file cannot be read.
    """
    caches = os.environ.get("XDG_CACHE_HOME")
    try:
        folder = Path(caches) if caches else Path.home() / ".cache"
    except RuntimeError:  # the system knows no home, as in some containers
        folder = Path(tempfile.gettempdir())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return folder / "densepose-annotator" / "tensorrt" / digest
