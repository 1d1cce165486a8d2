"""What a sample shows of a photo: one region, resampled once, with its labels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from annotator.geometry.boxes import Box, FloatBox, clip_box, crop
from annotator.geometry.letterbox import warp, warp_photo
from model.augmentation import Augmentation, augment_pixels, coarse_side, sample_matrix

MIN_VIEWED_SIDE = 32
"""Longer side in pixels of a person's box that is worth a view of its own."""


@dataclass(frozen=True)
class Crop:
    """A region of a photo as a square."""

    size: int
    """Side of the square in pixels."""
    shown: Box
    """x, y, w, h of what is shown, in image pixels. What lies around the region is not, as at run time: outside there is padding,
    which is background."""
    matrix: np.ndarray
    """(2, 3), from image pixels to those of the square."""
    flip: bool
    """Whether left and right are swapped."""

    @classmethod
    def draw(
        cls,
        region: FloatBox,
        photo: np.ndarray,
        size: int,
        augmentation: Augmentation | None,
        rng: np.random.Generator,
    ) -> Crop:
        """A region, x, y, w, h in pixels of a photo [H, W, 3], with the geometry of an augmentation; None for the plain view."""
        matrix, flip = sample_matrix(region, size, augmentation, rng)
        return cls(size, clip_box(region, photo.shape[1::-1]), matrix, flip)

    def photo(
        self, photo: np.ndarray, augmentation: Augmentation | None, rng: np.random.Generator
    ) -> np.ndarray:
        """The photo, uint8 [size, size, 3], with the coarseness, colours and noise of an augmentation."""
        camera = coarse_side(self.size, augmentation, rng)
        to_camera = self._from_shown(self.matrix * (camera / self.size))
        image = warp_photo(crop(photo, self.shown), to_camera, (camera, camera))
        if augmentation is not None:
            image = augment_pixels(image, augmentation.photometric, rng)
        return cv2.resize(image, (self.size, self.size), interpolation=cv2.INTER_LINEAR)

    def labels(self, labels: np.ndarray, stride: int = 1) -> np.ndarray:
        """Labels (H, W, …) of the photo's pixels at size / stride, 0 outside of what is shown."""
        side = self.size // stride
        to_labels = self._from_shown(self.matrix / stride)
        return warp(crop(labels, self.shown), to_labels, (side, side), cv2.INTER_NEAREST)

    def _from_shown(self, matrix: np.ndarray) -> np.ndarray:
        """An affine map of the photo as one of what is shown of it."""
        moved = matrix.copy()
        moved[:, 2] += matrix[:, :2] @ self.shown[:2]
        return moved
