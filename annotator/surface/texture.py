"""Texture transfer: an image laid over the body's surface, painted on people through their charts, U and V.

A texture atlas is laid out as DensePose's, so that the textures made for it can be used: 6 rows and 4 columns of square
tiles, chart after chart down the columns (charts 1 to 6 in the first). In a tile U runs to the right and V upwards.
"""

from __future__ import annotations

import cv2
import numpy as np

from annotator.geometry.boxes import crop
from annotator.labels.label_space import CHART_COLOURS, CHARTS
from annotator.labels.people import People, Person

ROWS, COLUMNS = 6, 4
"""Tiles of an atlas."""
SQUARES = 8
"""Of :func:`checkerboard`, along U and along V."""


def paint_people(photo: np.ndarray, people: People, texture: np.ndarray, shading: bool = False) -> np.ndarray:
    """A photo with a texture on its people.

    Args:
        photo: uint8 (H, W, 3) RGB.
        people: of the photo. Those without charts, U and V stay as they are.
        texture: uint8 (h, w, 3) RGB or (h, w, 4) RGBA: an atlas, if it is 6 n high and 4 n wide; any other image is laid on
            each chart as a whole. What is transparent is not painted, and without alpha what is black, as in detectron2.
        shading: whether the texture is as light and dark as the photo, against the mean of each person.

    Returns:
        uint8 (H, W, 3), a copy.

    Raises:
        ValueError: the texture has no pixels, or other than 3 or 4 channels.
    """
    painted = photo.copy()
    tiles = split_atlas(texture)
    for person in reversed(people.people):  # the most certain come first, and end on top
        if person.charts is not None and person.u is not None and person.v is not None:
            _paint(crop(painted, person.box), person, tiles, shading)
    return painted


def split_atlas(texture: np.ndarray) -> np.ndarray:
    """The tile of each chart.

    Args:
        texture: as of :func:`paint_people`.

    Returns:
        float32 (24, n, m, 4), RGB 0..255 multiplied with alpha, and alpha 0..1; the first is that of chart 1.
    """
    if texture.ndim != 3 or texture.shape[2] not in (3, 4) or not texture.size:
        raise ValueError(f"a texture is an array (h, w, 3) or (h, w, 4), not {texture.shape}")
    colours = texture[..., :3].astype(np.float32)
    alpha = (
        texture[..., 3:] / np.float32(255) if texture.shape[2] == 4 else colours.any(axis=2, keepdims=True)
    )
    pixels = np.concatenate([colours * alpha, alpha], axis=2, dtype=np.float32)
    height, width = texture.shape[:2]
    side = height // ROWS
    if (height, width) != (ROWS * side, COLUMNS * side):
        return np.broadcast_to(pixels, (len(CHARTS) - 1, *pixels.shape))
    tiles = pixels.reshape(ROWS, side, COLUMNS, side, 4).transpose(2, 0, 1, 3, 4)
    return tiles.reshape(ROWS * COLUMNS, side, side, 4)


def sample_texture(tiles: np.ndarray, charts: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The texture at points of the surface, interpolated between the pixels of the chart's own tile.

    Args:
        tiles: of :func:`split_atlas`.
        charts: (n,) integers 1..24.
        u, v: (n,) 0..1; what lies outside counts as the nearest edge.

    Returns:
        float32 (n, 4), RGB 0..255 multiplied with alpha, and alpha 0..1.
    """
    height, width = tiles.shape[1:3]
    x = np.clip(np.asarray(u, np.float32), 0, 1) * (width - 1)
    y = (1 - np.clip(np.asarray(v, np.float32), 0, 1)) * (height - 1)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    chart = np.asarray(charts, int) - 1
    x, y = (x - left)[:, None], (y - top)[:, None]
    above = tiles[chart, top, left] * (1 - x) + tiles[chart, top, right] * x
    below = tiles[chart, bottom, left] * (1 - x) + tiles[chart, bottom, right] * x
    return above * (1 - y) + below * y


def checkerboard(side: int = 64) -> np.ndarray:
    """The texture that is used where none is given, also in the review panel: squares of an eighth in the chart's colour,
    paler along U and darker along V, so that both directions show.

    Args:
        side: of a tile in pixels.

    Returns:
        uint8 (6·side, 4·side, 4) RGBA.
    """
    steps = (np.arange(side) + 0.5) / side
    u, v = steps[None, :, None], steps[::-1, None, None]
    odd = (np.floor(u * SQUARES) + np.floor(v * SQUARES)) % 2 == 1
    dark = np.where(odd, 0.5, 1) * (1 - 0.35 * v)
    atlas = np.full((ROWS, side, COLUMNS, side, 4), 255, np.uint8)
    for chart, colour in enumerate(CHART_COLOURS[1:]):
        column, row = divmod(chart, ROWS)
        atlas[row, :, column, :, :3] = dark * (colour + 0.45 * u * (255.0 - colour))
    return atlas.reshape(ROWS * side, COLUMNS * side, 4)


def _paint(box: np.ndarray, person: Person, tiles: np.ndarray, shading: bool) -> None:
    """Paint a person in place on the pixels (h, w, 3) of its box."""
    known = person.charts > 0
    if not known.any():
        return
    sampled = sample_texture(tiles, person.charts[known], person.u[known], person.v[known])
    colours, alpha = sampled[:, :3], sampled[:, 3:]
    if shading:
        light = cv2.cvtColor(np.ascontiguousarray(box), cv2.COLOR_RGB2GRAY)[known].astype(np.float32)
        colours = np.minimum(colours * (light / max(light.mean(), 1))[:, None], 255 * alpha)
    box[known] = np.rint(box[known] * (1 - alpha) + colours).astype(np.uint8)
