"""Label maps of an image, or of a window of it, painted from the labels of its people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from annotator.geometry.boxes import Box, overlap_slices
from annotator.labels.people import Person


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
    def paint(cls, people: Iterable[Person], window: Box) -> LabelMaps:
        """Maps of people, the first on top; people without a mask are left out."""
        shape = window[3], window[2]
        maps = cls(*(np.zeros(shape, kind) for kind in (bool, np.uint8, np.uint8, np.float32, np.float32)))
        for person in people:
            if person.mask is not None:
                maps._add(person, window)
        return maps

    def _add(self, person: Person, window: Box) -> None:
        here, there = overlap_slices(window, person.box)
        free = person.mask[there] & ~self.person[here]
        self.person[here] |= free
        for name in ("parts", "charts", "u", "v"):
            values = getattr(person, name)
            if values is not None:
                getattr(self, name)[here][free] = values[there][free]
