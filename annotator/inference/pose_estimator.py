"""The pose estimator: a network that sees one person in a view of their own and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np

from annotator.inference.network import POSE_METADATA_KEY, Network, OnnxFile, Output
from annotator.inference.settings import Settings
from annotator.labels.label_space import CHARTS, KEYPOINTS
from annotator.labels.maps import PersonMaps

POSE_FORMAT_VERSION = 1
DEFAULT_POSE_ESTIMATOR = Path(__file__).parents[1] / "models" / "pose.onnx"
_MAP = Output("float32", ("2·side", "2·side"), 1)
OUTPUTS = {
    "keypoints": Output("float32", ("side", "side", len(KEYPOINTS)), 1),
    "person": _MAP,
    "charts": Output("uint8", _MAP.shape, len(CHARTS) - 1),
    "chart_confidence": _MAP,
    "part_confidence": _MAP,
    "u": _MAP,
    "v": _MAP,
}
"""In the order of :class:`~annotator.labels.maps.PersonMaps`."""


@dataclass(frozen=True)
class PoseEstimatorInfo:
    """What the file of a pose estimator says of itself."""

    format_version: int
    model_id: str
    input_size: int
    """Side in pixels of the squares for which it was trained."""
    precision: str
    report_sha256: str
    license: str
    created: str


class PoseEstimator:
    """A pose estimator in ONNX Runtime; arguments and errors as of :class:`~annotator.inference.network.Network`."""

    def __init__(
        self, path: str | Path = DEFAULT_POSE_ESTIMATOR, device: str | None = None, threads: int = 0
    ):
        self._file = OnnxFile(path, device, threads)
        self.backend = self._file.backend
        self.path = self._file.path
        self.info = self._file.read_info(POSE_METADATA_KEY, PoseEstimatorInfo, POSE_FORMAT_VERSION)
        self.side: int = self._file.read_side()
        """Side of the square images it takes, in pixels."""
        self._file.expect(OUTPUTS, self.info.precision)

    @property
    def device(self) -> str:
        """Which hardware runs it, in words."""
        return self.backend.device

    def run(self, images: np.ndarray) -> PersonMaps:
        """uint8 [N, side, side, 3] RGB to maps; errors as of :meth:`~annotator.inference.network.OnnxFile.run`."""
        return PersonMaps(*self._file.run(images))


def pose_estimator_beside(model: Path) -> Path:
    """The pose estimator that goes with a model: ``pose.onnx`` beside its file, or else the package's."""
    beside = model.parent / DEFAULT_POSE_ESTIMATOR.name
    return beside if beside.is_file() else DEFAULT_POSE_ESTIMATOR


_opened: WeakKeyDictionary[Network, PoseEstimator] = WeakKeyDictionary()


def open_pose_estimator(network: Network, settings: Settings) -> PoseEstimator | None:
    """The pose estimator that goes with a network, opened once for each; ``None`` where the settings need none."""
    if not settings.pose_estimator:
        return None
    if network not in _opened:
        path = pose_estimator_beside(network.path)
        _opened[network] = PoseEstimator(path, network.backend.name, network.threads)
    return _opened[network]
