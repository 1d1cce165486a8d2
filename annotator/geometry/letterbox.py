"""The letterbox of the network: the square in which it sees an image or a region of it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

PADDING = 114
"""Grey of a letterbox's border."""


@dataclass(frozen=True)
class Letterbox:
    """The map between an image and the square that the network sees: scaled, centred, padded with grey."""

    size: tuple[int, int]
    """Width, height of the image in pixels."""
    side: int
    """Of the square in pixels."""
    origin: tuple[float, float] = (0.0, 0.0)
    """Top-left corner of the seen region in image pixels, for a crop; ``size`` is then the region's."""

    @property
    def scale(self) -> float:
        """Square pixels per image pixel."""
        return self.side / max(self.size)

    @property
    def offset(self) -> tuple[float, float]:
        """x, y of the region's top-left corner in the square, in square pixels."""
        return tuple((self.side - length * self.scale) / 2 for length in self.size)

    @property
    def matrix(self) -> np.ndarray:
        """(2, 3) affine map from image to square."""
        (x, y), (left, top), scale = self.origin, self.offset, self.scale
        return np.array([[scale, 0, left - scale * x], [0, scale, top - scale * y]])

    def to_square(self, points: np.ndarray) -> np.ndarray:
        """(n, 2) image pixels to square pixels."""
        return (np.asarray(points, np.float64) - self.origin) * self.scale + self.offset

    def to_image(self, points: np.ndarray) -> np.ndarray:
        """(n, 2) square pixels to image pixels."""
        return (np.asarray(points, np.float64) - self.offset) / self.scale + self.origin

    def apply(self, image: np.ndarray) -> np.ndarray:
        """uint8 [H, W, 3] to uint8 [side, side, 3]."""
        matrix, scale = self.matrix, self.scale
        image, corner = self._cut(image)
        matrix[:, 2] += scale * corner
        return warp_photo(image, matrix, (self.side, self.side))

    def _cut(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The part of the image that is seen, and its top-left corner."""
        low = np.clip(np.floor(self.origin).astype(int), 0, (image.shape[1] - 1, image.shape[0] - 1))
        high = np.clip(np.ceil(np.add(self.origin, self.size)).astype(int), low + 1, image.shape[1::-1])
        return image[low[1] : high[1], low[0] : high[0]], low


def warp_photo(photo: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Affine warp of a photo onto grey, as :func:`warp`; below half its size whole blocks are averaged first,
    because warping alone would skip pixels."""
    scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    if scale <= 0.5:
        small = [max(1, round(length * scale)) for length in photo.shape[1::-1]]
        matrix = matrix.copy()
        matrix[:, :2] *= np.array(photo.shape[1::-1]) / small
        photo = cv2.resize(photo, small, interpolation=cv2.INTER_AREA)
    return warp(photo, matrix, size, cv2.INTER_LINEAR, (PADDING,) * 3)


def warp(
    array: np.ndarray, matrix: np.ndarray, size: tuple[int, int], interpolation: int, border=0
) -> np.ndarray:
    """Affine warp in this package's frame; OpenCV's own puts whole numbers on pixel centres.

    Args:
        array: [h, w] or [h, w, c].
        matrix: (2, 3), from array pixels to result pixels.
        size: width, height of the result.
        interpolation: ``cv2.INTER_*``.
        border: value outside the array.
    """
    matrix = np.asarray(matrix, np.float64).copy()
    matrix[:, 2] += 0.5 * matrix[:, :2].sum(axis=1) - 0.5
    return cv2.warpAffine(
        array, matrix, size, flags=interpolation, borderMode=cv2.BORDER_CONSTANT, borderValue=border
    )
