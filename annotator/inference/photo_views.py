"""Views of a photo: what the models see of it, from pixels that are decoded no larger than they need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from annotator.geometry.boxes import FloatBox, pad_box
from annotator.geometry.letterbox import Letterbox
from annotator.photos.reading import PhotoFile

MAX_SCALE = 0.5
"""Of a view, relative to the pixels it is made of, where these are reduced: then it still is made of means of blocks, as of the
whole photo's pixels."""


class Photo:
    """A photo in memory, at the scale that its first views need; for views that need more it is decoded once more.

    Args:
        path: the file.
        first_views: of a width and height, the views that it is decoded for at once.

    Raises:
        annotator.photos.reading.PhotoError: it cannot be read.
    """

    def __init__(
        self, path: str | Path, first_views: Callable[[tuple[int, int]], Sequence[Letterbox]]
    ) -> None:
        self._file = PhotoFile(path)
        self._reduction = 1
        if self._file.reductions:
            self.size = self._file.size
            self._reduction = self._reduction_for(first_views(self.size))
        self._pixels = self._file.decode(self._reduction)
        if self._reduction == 1:
            self.size: tuple[int, int] = self._pixels.shape[1::-1]
            """Width, height of the photo."""
            self._file = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the photo as an array."""
        return *self.size[::-1], 3

    @property
    def held(self) -> int:
        """Pixels in memory."""
        return self._pixels.shape[0] * self._pixels.shape[1]

    def show(self, views: Sequence[Letterbox]) -> list[np.ndarray]:
        """uint8 [side, side, 3] of each view."""
        reduction = self._reduction_for(views) if self._file else 1
        if reduction >= self._reduction:
            return [_apply(view, self._pixels, self._reduction) for view in views]
        pixels = self._file.decode(reduction)  # not kept: it would stay while the models are waited for
        return [_apply(view, pixels, reduction) for view in views]

    def _reduction_for(self, views: Sequence[Letterbox]) -> int:
        """The largest that is enough for all."""
        largest = MAX_SCALE / max((view.scale for view in views), default=1.0)
        return next((reduction for reduction in self._file.reductions if reduction <= largest), 1)


def show(photos: Sequence[Photo | np.ndarray], views: Sequence[Letterbox]) -> list[np.ndarray]:
    """uint8 [side, side, 3] of each view, each of the photo, or its uint8 [H, W, 3], at the same place of the list."""
    squares = []
    for _, group in groupby(zip(photos, views, strict=True), lambda pair: id(pair[0])):
        (photo, *_), of_photo = zip(*group, strict=True)
        is_array = isinstance(photo, np.ndarray)
        squares += [view.apply(photo) for view in of_photo] if is_array else photo.show(of_photo)
    return squares


def box_view(box: FloatBox, side: int) -> Letterbox:
    """How a model is shown a box of one person: with a margin, at full input size."""
    x, y, w, h = pad_box(box)
    return Letterbox((w, h), side, (x, y))


def _apply(view: Letterbox, pixels: np.ndarray, reduction: int) -> np.ndarray:
    if reduction > 1:
        size, origin = (tuple(length / reduction for length in pair) for pair in (view.size, view.origin))
        view = Letterbox(size, view.side, origin)
    return view.apply(pixels)
