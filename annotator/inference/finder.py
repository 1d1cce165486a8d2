"""The person finder: boxes of the people in a photo, before anything is known of their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from annotator.geometry.letterbox import Letterbox
from annotator.inference.network import FINDER_METADATA_KEY, Network, OnnxFile, Output
from annotator.inference.photo_views import Photo, show
from annotator.inference.settings import Settings
from annotator.labels.people import PossiblePerson

FINDER_FORMAT_VERSION = 1
DEFAULT_FINDER = Path(__file__).parents[1] / "models" / "finder.onnx"
OVERLAP = 0.3
"""Share of its side by which a tile is larger than its part of the photo."""
MAX_IN_TILE = 0.4
"""Longer side of a box, relative to its tile's, up to which the tile counts."""
MAX_IOU = 0.6
"""Of two boxes above this, the one of lower score is dropped."""
OUTPUTS = {"boxes": Output("float32", ("K", 4), None), "scores": Output("float32", ("K",), 1)}
"""The contract's."""


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

    def __init__(self, path: str | Path = DEFAULT_FINDER, device: str | None = None, threads: int = 0):
        self._file = OnnxFile(path, device, threads)
        self.backend = self._file.backend
        self.path = self._file.path
        self.info = self._file.read_info(FINDER_METADATA_KEY, FinderInfo, FINDER_FORMAT_VERSION)
        self.side: int = self._file.read_side()
        """Side of the square images it takes, in pixels."""
        self._file.expect(OUTPUTS, self.info.precision)

    @property
    def device(self) -> str:
        """Which hardware runs it, in words."""
        return self.backend.device

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """uint8 [N, side, side, 3] RGB to boxes [N, K, 4] left, top, right, bottom in pixels of the square, and their scores
        [N, K] 0..1, highest first; boxes overlap. Errors as of :meth:`~annotator.inference.network.OnnxFile.run`."""
        return tuple(self._file.run(images))

    def find(
        self, photos: Sequence[np.ndarray], least: float, *, tiles: int = 1, batch_size: int | None = None
    ) -> list[list[PossiblePerson]]:
        """The people in each photo, most probable first.

        Args:
            photos: uint8 [H, W, 3].
            least: boxes of a lower score are left out.
            tiles: along each side of a photo, beside the whole of it; see
                :attr:`~annotator.inference.settings.Settings.tiles`.
            batch_size: views per call of the network; default: the backend's.
        """
        return find_people(self, photos, least, tiles=tiles, batch_size=batch_size)


def find_people(
    finder: Finder,
    photos: Sequence[Photo | np.ndarray],
    least: float,
    *,
    tiles: int = 1,
    batch_size: int | None = None,
) -> list[list[PossiblePerson]]:
    """As :meth:`Finder.find`, for whatever runs as a finder does."""
    views = [
        (i, view)
        for i, photo in enumerate(photos)
        for view in finder_views(photo.shape[1::-1], tiles, finder.side)
    ]
    squares = show([photos[i] for i, _ in views], [view for _, view in views])
    found: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in photos]
    batch_size = batch_size or finder.backend.batch_size
    for start in range(0, len(views), batch_size):
        batch = slice(start, start + batch_size)
        results = finder.run(np.stack(squares[batch]))
        for (i, view), *result in zip(views[batch], *results, strict=True):
            boxes, scores = boxes_in_image(*result, view, least)
            kept = _belongs(boxes, view, photos[i].shape)
            found[i].append((boxes[kept], scores[kept]))
    return [_join(of_photo) for of_photo in found]


def finder_beside(model: Path) -> Path:
    """The finder that goes with a model: ``finder.onnx`` beside its file, or else the package's."""
    beside = model.parent / DEFAULT_FINDER.name
    return beside if beside.is_file() else DEFAULT_FINDER


def open_finder(network: Network, settings: Settings) -> Finder | None:
    """The finder that goes with a network; ``None`` where the settings need none."""
    return Finder(finder_beside(network.path), network.backend.name) if settings.uses_finder else None


def finder_views(size: tuple[int, int], tiles: int, side: int) -> list[Letterbox]:
    """The whole of a photo of that width and height and, of several tiles, each."""
    width, height = size
    views = [Letterbox((width, height), side)]
    if tiles > 1:
        # Each tile reaches into its neighbours.
        w, h = (min(length, length / tiles * (1 + OVERLAP)) for length in (width, height))
        xs, ys = np.linspace(0, width - w, tiles), np.linspace(0, height - h, tiles)
        views += [Letterbox((w, h), side, (float(x), float(y))) for y in ys for x in xs]
    return views


def _belongs(boxes: np.ndarray, view: Letterbox, shape: tuple[int, ...]) -> np.ndarray:
    """(n,) bool: of a tile only the people who are small in it, and whom no border inside the photo cuts; other views show
    the rest whole."""
    low, high, size = np.array(view.origin, float), np.add(view.origin, view.size), np.array(shape[1::-1])
    slack = 2 / view.scale
    cut = (boxes[:, :2] < low + slack) & (low > 0)
    cut |= (boxes[:, :2] + boxes[:, 2:] > high - slack) & (high < size)
    is_whole = np.allclose(view.size, size)
    return is_whole | (~cut.any(axis=1) & (boxes[:, 2:].max(axis=1) < MAX_IN_TILE * max(view.size)))


def _join(views: list[tuple[np.ndarray, np.ndarray]]) -> list[PossiblePerson]:
    """The people of all views of a photo."""
    boxes, scores = (np.concatenate(arrays) for arrays in zip(*views, strict=True))
    kept = suppress(boxes, scores, MAX_IOU) if len(views) > 1 else range(len(boxes))
    return [PossiblePerson(tuple(map(float, boxes[i])), float(scores[i])) for i in kept]


def boxes_in_image(
    boxes: np.ndarray, scores: np.ndarray, letterbox: Letterbox, least: float
) -> tuple[np.ndarray, np.ndarray]:
    """The boxes of one view, one for each person, highest score first.

    Args:
        boxes: (K, 4) left, top, right, bottom in pixels of the view's square.
        scores: (K,) of them.
        letterbox: how the view was made of the image.
        least: boxes of a lower score are left out.

    Returns:
        (n, 4) x, y, w, h in image pixels, inside the view, and (n,) scores.
    """
    likely = scores >= least
    corners = letterbox.to_image(boxes[likely].reshape(-1, 2)).reshape(-1, 4)
    low, high = np.array(letterbox.origin), np.add(letterbox.origin, letterbox.size)
    corners = np.clip(corners, np.tile(low, 2), np.tile(high, 2))
    boxes, scores = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1), scores[likely]
    has_extent = (boxes[:, 2:] > 0).all(axis=1)
    boxes, scores = boxes[has_extent], scores[has_extent]
    kept = suppress(boxes, scores, MAX_IOU)
    return boxes[kept], scores[kept]


def suppress(boxes: np.ndarray, scores: np.ndarray, max_iou: float) -> np.ndarray:
    """Non-maximum suppression: the indices of the boxes that are kept, highest score first.

    Args:
        boxes: (n, 4) x, y, w, h.
        scores: (n,).
        max_iou: of two boxes above this, the one of lower score is dropped.
    """
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), 0.0, max_iou)
    return np.asarray(kept, int).reshape(-1)
