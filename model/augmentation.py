"""Augmentation: one affine map for geometry, imgaug for the colours and noise of the pixels.

Geometry is drawn here as a single matrix from image to sample, so that photo and labels are resampled once
and a horizontal flip swaps left and right in every label (:mod:`model.samples` does the swap).
"""

from __future__ import annotations

import threading
from dataclasses import field
from functools import cache
from typing import Literal

import numpy as np
from pydantic import NonNegativeFloat
from pydantic.dataclasses import dataclass

from annotator.geometry.boxes import FloatBox
from model.copy_paste import CopyPaste
from model.fields import CHECKED, Range, Share

Photometric = Literal["thesis", "strong"]
"""``"thesis"``: blur and brightness; ``"strong"``: also contrast, colour, noise and JPEG."""

MAX_COARSENESS = 5.0
"""Sample pixels per pixel of the photo, at most."""


@dataclass(frozen=True, config=CHECKED)
class Augmentation:
    """Strengths; the defaults of geometry, blur and brightness are the thesis's."""

    geometry: Share = 0.75
    """Probability of scale, shift, rotation and shear."""
    scale: Range = (0.8, 1.4)
    shift: NonNegativeFloat = 0.2
    """Of the sample's side, each way."""
    rotation: NonNegativeFloat = 35.0
    """Degrees each way."""
    upturned: Share = 0.0
    """Probability of a rotation by any angle instead: people lie, dive and stand on their hands."""
    shear: NonNegativeFloat = 4.0
    """Degrees each way."""
    flip: Share = 0.5
    """Probability of a horizontal flip; the thesis has none."""
    coarse: Share = 0.0
    """Probability of fewer pixels, enlarged to the sample's size, as small people in a photo are."""
    photometric: Photometric = "strong"
    copy_paste: CopyPaste = field(default_factory=CopyPaste)
    """People and occluders from other photos."""


def sample_matrix(
    region: FloatBox,
    size: int,
    augmentation: Augmentation | None,
    rng: np.random.Generator,
) -> tuple[np.ndarray, bool]:
    """The affine map from image pixels to sample pixels, and whether it flips.

    Args:
        region: x, y, w, h in image pixels that fills the sample (letterboxed to a square).
        size: side of the sample in pixels.
        augmentation: None for the plain view.

    Returns:
        (2, 3) float64 acting on (x, y, 1), and True for a horizontal flip.
    """
    x, y, width, height = region
    scale = size / max(width, height)
    centre = np.array([x + width / 2, y + height / 2])
    turn, shift, flip = np.eye(2), np.zeros(2), False
    if augmentation is not None:
        if rng.random() < augmentation.geometry:
            most = 180.0 if rng.random() < augmentation.upturned else augmentation.rotation
            angle = np.deg2rad(rng.uniform(-most, most))
            slant = np.tan(np.deg2rad(rng.uniform(-augmentation.shear, augmentation.shear)))
            cos, sin = np.cos(angle), np.sin(angle)
            turn = np.array([[cos, -sin], [sin, cos]]) @ np.array([[1, slant], [0, 1]])
            turn *= rng.uniform(*augmentation.scale)
            shift = rng.uniform(-augmentation.shift, augmentation.shift, 2) * size
        flip = bool(rng.random() < augmentation.flip)
    linear = scale * turn
    if flip:
        linear = np.diag([-1.0, 1.0]) @ linear
    offset = size / 2 - linear @ centre + shift
    return np.concatenate([linear, offset[:, None]], axis=1), flip


def coarse_side(size: int, augmentation: Augmentation | None, rng: np.random.Generator) -> int:
    """Side in pixels of the square that is enlarged to a sample of side ``size``: that itself, if nothing is."""
    if augmentation is None or rng.random() >= augmentation.coarse:
        return size
    return round(size / np.exp(rng.uniform(0, np.log(MAX_COARSENESS))))


def augment_pixels(image: np.ndarray, strength: Photometric, rng: np.random.Generator) -> np.ndarray:
    """A photo with other blur, brightness, colours and noise. image: uint8 [h, w, 3] RGB."""
    from imgaug.random import RNG

    augmenter, parts = _augmenter(strength, threading.get_ident())
    # One for all: to seed each part with one of its own, as imgaug does, takes longer than most of what they do. A new
    # one: imgaug keeps numbers that it drew from the one before.
    random_state = RNG(rng)
    for part in parts:
        part.random_state = random_state
    return augmenter(image=image)


@cache
def _augmenter(strength: Photometric, thread: int):
    """An augmenter and all its parts, each with a random state; one per thread."""
    augmenter = _make_augmenter(strength)
    return augmenter, (augmenter, *augmenter.get_all_children(flat=True))


def _make_augmenter(strength: Photometric):
    import imgaug.augmenters as iaa

    thesis = [
        iaa.Sometimes(0.2, iaa.GaussianBlur((0.1, 2.0))),
        iaa.Add((-10, 10), per_channel=True),
    ]
    if strength == "thesis":
        return iaa.Sequential(thesis)
    if strength != "strong":
        raise ValueError(f"augmentation.photometric is {strength!r}: use 'thesis' or 'strong'")
    return iaa.Sequential(
        [
            *thesis,
            iaa.Sometimes(0.6, iaa.Multiply((0.6, 1.5))),
            iaa.Sometimes(0.5, iaa.LinearContrast((0.6, 1.5))),
            iaa.Sometimes(0.4, iaa.Multiply((0.75, 1.25), per_channel=True)),
            iaa.Sometimes(0.15, iaa.Grayscale((0.5, 1.0))),
            iaa.Sometimes(0.3, iaa.AdditiveGaussianNoise(scale=(2, 12))),
            iaa.Sometimes(0.3, iaa.JpegCompression((30, 80))),
        ]
    )
