"""Photometric augmentation: the same picture through another camera; geometry is in :mod:`model.augmentation`.

The operators are those of imgaug, which the thesis used, on OpenCV and NumPy alone: what is left of imgaug for NumPy 2
needs opencv-python beside FiftyOne's opencv-python-headless, and the two overwrite each other's files.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike

LOOKS = ("thesis", "strong")


def change_look(image: np.ndarray, look: str, rng: np.random.Generator) -> np.ndarray:
    """A randomly blurred and recoloured copy.

    Args:
        image: uint8 [h, w, 3] RGB.
        look: ``"thesis"``: blur and brightness; ``"strong"``: also contrast, colour, noise and JPEG.
        rng: every choice comes from it.

    Returns:
        uint8 [h, w, 3] RGB.

    Raises:
        ValueError: another look.
    """
    if look not in LOOKS:
        raise ValueError(f"augmentation.look is {look!r}: use 'thesis' or 'strong'")
    if rng.random() < 0.2:
        image = gaussian_blur(image, rng.uniform(0.1, 2.0))
    image = add(image, rng.uniform(-10, 10, 3))
    if look == "thesis":
        return image
    if rng.random() < 0.6:
        image = multiply(image, rng.uniform(0.6, 1.5))
    if rng.random() < 0.5:
        image = linear_contrast(image, rng.uniform(0.6, 1.5))
    if rng.random() < 0.4:
        image = multiply(image, rng.uniform(0.75, 1.25, 3))
    if rng.random() < 0.15:
        image = grayscale(image, rng.uniform(0.5, 1.0))
    if rng.random() < 0.3:
        image = gaussian_noise(image, rng.uniform(2, 12), rng)
    if rng.random() < 0.3:
        image = jpeg(image, int(rng.integers(23, 72)))
    return image


def gaussian_blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """The image blurred with ``sigma`` pixels, up to 3."""
    side = max(5, int(3.3 * sigma)) | 1  # 99 % of the weight
    return cv2.GaussianBlur(image, (side, side), sigma, borderType=cv2.BORDER_REFLECT_101)


def add(image: np.ndarray, value: ArrayLike) -> np.ndarray:
    """The image brighter by ``value``, one for all channels or three."""
    return _map_values(image, 1.0, value)


def multiply(image: np.ndarray, factor: ArrayLike) -> np.ndarray:
    """The image times ``factor``, one for all channels or three."""
    return _map_values(image, factor, 0.0)


def linear_contrast(image: np.ndarray, factor: float) -> np.ndarray:
    """The image with every value ``factor`` times as far from 127."""
    return _map_values(image, factor, 127 * (1 - factor))


def grayscale(image: np.ndarray, alpha: float) -> np.ndarray:
    """The image blended with its grey version; ``alpha`` 1 is all grey."""
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(grey, alpha, image, 1 - alpha, 0)


def gaussian_noise(image: np.ndarray, scale: float, rng: np.random.Generator) -> np.ndarray:
    """The image with noise of standard deviation ``scale``, the same in all channels of a pixel."""
    noise = rng.standard_normal((*image.shape[:2], 1), dtype=np.float32) * np.float32(scale)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """The image as a JPEG file of this quality, 0 to 100, shows it."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, file = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.cvtColor(cv2.imdecode(file, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def _map_values(image: np.ndarray, factor: ArrayLike, value: ArrayLike) -> np.ndarray:
    table = np.arange(256)[:, None] * np.broadcast_to(factor, 3) + np.asarray(value)
    return cv2.LUT(image, np.clip(np.rint(table), 0, 255).astype(np.uint8)[None])
