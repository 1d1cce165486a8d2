"""The labels of several people painted into maps of one image, or of a window of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from annotator.people import Person

Window = tuple[int, int, int, int]
"""x, y, w, h in whole image pixels."""
BOX_MARGIN = 0.1
"""Of a box, on each side: how far the surroundings of a labelled person count in an incomplete image."""


@dataclass(slots=True)
class LabelMaps:
    """Labels per pixel, each (h, w) of a window of the image."""

    person: np.ndarray
    """bool."""
    parts: np.ndarray
    """uint8, 0..14."""
    charts: np.ndarray
    """uint8, 0..24."""
    u: np.ndarray
    """float32, 0..1, meaningful where ``charts`` > 0."""
    v: np.ndarray
    """float32, as ``u``."""

    @classmethod
    def paint(cls, people: Iterable[Person], window: Window) -> LabelMaps:
        """People over each other, the first on top; those without a mask are left out."""
        shape = window[3], window[2]
        maps = cls(*(np.zeros(shape, kind) for kind in (bool, np.uint8, np.uint8, np.float32, np.float32)))
        for person in people:
            if person.mask is not None:
                maps._add(person, window)
        return maps

    def _add(self, person: Person, window: Window) -> None:
        here, there = shared_slices(window, person.box)
        free = person.mask[there] & ~self.person[here]
        self.person[here] |= free
        for name in ("parts", "charts", "u", "v"):
            values = getattr(person, name)
            if values is not None:
                getattr(self, name)[here][free] = values[there][free]


def within(array: np.ndarray, window: Window) -> np.ndarray:
    """The pixels (H, W, …) of a window that lies inside the image, as a view."""
    x, y, w, h = window
    return array[y : y + h, x : x + w]


def surroundings(box: Window, width: int, height: int) -> Window:
    """A box grown by :data:`BOX_MARGIN`, as far as an image of that size has it."""
    x, y, w, h = box
    pad_x, pad_y = math.ceil(BOX_MARGIN * w), math.ceil(BOX_MARGIN * h)
    x0, y0 = max(x - pad_x, 0), max(y - pad_y, 0)
    return x0, y0, min(x + w + pad_x, width) - x0, min(y + h + pad_y, height) - y0


def shared_slices(a: Window, b: Window) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Rows and columns, in each of two windows' own arrays, of the pixels that both cover."""
    x0, y0 = max(a[0], b[0]), max(a[1], b[1])
    x1 = max(min(a[0] + a[2], b[0] + b[2]), x0)
    y1 = max(min(a[1] + a[3], b[1] + b[3]), y0)
    return tuple((slice(y0 - y, y1 - y), slice(x0 - x, x1 - x)) for x, y, _, _ in (a, b))


def union(a: Window, b: Window) -> Window:
    """The smallest window that holds both."""
    x, y = min(a[0], b[0]), min(a[1], b[1])
    return x, y, max(a[0] + a[2], b[0] + b[2]) - x, max(a[1] + a[3], b[1] + b[3]) - y
