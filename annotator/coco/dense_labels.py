"""Dense labels beside a COCO-DensePose file: chart, U and V of every pixel.

One PNG per photo, ``<photo stem>.png`` in a folder, usually ``iuv/``, of the photo's size, with 16 bits and 3 channels, in the
order that OpenCV reads them: chart, or :data:`PART_ALONE` + part; U · :data:`IUV_SCALE`; V · :data:`IUV_SCALE`. 0 is for
background and, inside a person's mask, for what is not labelled.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from annotator.coco.parsing import CocoError
from annotator.labels.label_space import CHART_TO_PART, PARTS

IUV_SCALE = 65535
"""The value of a U or V of 1."""
PART_ALONE = len(CHART_TO_PART) - 1
"""This plus a part is the chart of a pixel whose part is labelled and whose chart is not."""


class DenseLabels:
    """The files in a folder of dense labels."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._photos: dict[Path, Path] = {}

    def of(self, photo: Path) -> Path | None:
        """The file of a photo, given its ``file_name``; ``None`` if there is none.

        Raises:
            ValueError: the file is that of another photo, too.
        """
        path = self.folder / f"{photo.stem}.png"
        if not path.is_file():
            return None
        if (other := self._photos.setdefault(path, photo)) != photo:
            raise ValueError(f"file_name: {path} is the dense label of {other}: give photos different names")
        return path


def read_dense(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) uint16 dense labels of an image.

    Args:
        path: of the file.
        shape: height and width of the image.

    Raises:
        CocoError: the file cannot be used; names it.
    """
    dense = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if dense is None or dense.dtype != np.uint16 or dense.shape != (*shape, 3):
        raise CocoError(f"{path}: must be a 16-bit PNG with 3 channels, {shape[1]} × {shape[0]} pixels")
    highest = dense[..., 0].max(initial=0)
    if highest >= PART_ALONE + len(PARTS):
        raise CocoError(f"{path}: channel 0: {highest} is not a chart 0..24, or 24 + a part 1..14")
    return dense


def charts_and_parts(channel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """uint8 charts, and uint8 parts where only these are labelled, from the first channel of dense labels."""
    is_part = channel > PART_ALONE
    charts = np.where(is_part, 0, channel).astype(np.uint8)
    return charts, np.where(is_part, channel - PART_ALONE, 0).astype(np.uint8)
