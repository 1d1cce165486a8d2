"""The person finder: boxes of the people in a photo, before anything is known of their labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from annotator.geometry.letterbox import Letterbox
from annotator.inference.network import ModelError, open_session, read_info

FINDER_FORMAT_VERSION = 1
FINDER_METADATA_KEY = "densepose_annotator_finder"
DEFAULT_FINDER = Path(__file__).parents[1] / "models" / "finder.onnx"
MAX_IOU = 0.6
"""Of two boxes above this, the one of lower score is dropped."""


@dataclass(frozen=True)
class FinderInfo:
    """What the file of a finder says of itself."""

    format_version: int
    model_id: str
    input_size: int
    """Side in pixels of the squares for which it was trained."""
    precision: str
    report_sha256: str
    license: str
    created: str


class Finder:
    """A person finder in ONNX Runtime; arguments and errors as of :class:`~annotator.inference.network.Network`."""

    def __init__(
        self, path: str | Path = DEFAULT_FINDER, providers: list[str] | None = None, threads: int = 0
    ):
        self.path = path = Path(path)
        self._session = open_session(path, providers, threads)
        self.info = read_info(path, self._session, FINDER_METADATA_KEY, FinderInfo, FINDER_FORMAT_VERSION)
        shape = self._session.get_inputs()[0].shape
        outputs = {output.name for output in self._session.get_outputs()}
        if len(shape) != 4 or not isinstance(shape[1], int) or shape[2:] != [shape[1], 3]:
            raise ModelError(f"{path}: its input has the shape {shape}, not [N, H, W, 3] with H = W")
        if missing := {"boxes", "scores"} - outputs:
            raise ModelError(f"{path}: has no output `{sorted(missing)[0]}`")
        self.side: int = shape[1]
        """Side of the square images it takes, in pixels."""

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """uint8 [N, side, side, 3] RGB to boxes [N, K, 4] left, top, right, bottom in pixels of the square, and their scores
        [N, K] 0..1, highest first; boxes overlap."""
        return tuple(self._session.run(["boxes", "scores"], {"images": images}))

    def find(self, photo: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
        """The people in a photo, uint8 [H, W, 3].

        Args:
            least: boxes of a lower score are left out.

        Returns:
            Boxes (n, 4) x, y, w, h in image pixels, and their scores (n,), highest first.
        """
        letterbox = Letterbox((photo.shape[1], photo.shape[0]), self.side)
        boxes, scores = (array[0] for array in self.run(letterbox.apply(photo)[None]))
        return boxes_in_image(boxes, scores, letterbox, least)


def boxes_in_image(
    boxes: np.ndarray, scores: np.ndarray, letterbox: Letterbox, least: float
) -> tuple[np.ndarray, np.ndarray]:
    """The boxes of one view (K, 4) left, top, right, bottom in its square, one for each person, as :meth:`Finder.find`
    returns them."""
    likely = scores >= least
    corners = letterbox.to_image(boxes[likely].reshape(-1, 2)).reshape(-1, 4)
    corners = np.clip(corners, 0, np.tile(letterbox.size, 2))
    boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    kept = suppress(boxes, scores[likely], MAX_IOU)
    return boxes[kept], scores[likely][kept]


def suppress(boxes: np.ndarray, scores: np.ndarray, max_iou: float) -> np.ndarray:
    """Non-maximum suppression: the indices of the boxes that are kept, highest score first.

    Args:
        boxes: (n, 4) x, y, w, h.
        scores: (n,).
        max_iou: of two boxes above this, the one of lower score is dropped.
    """
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), 0.0, max_iou)
    return np.asarray(kept, int).reshape(-1)
