"""The second look: each person's padded box at full input size, which small people need."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from annotator.decoding import Settings, decode_box
from annotator.images import Letterbox
from annotator.mirroring import look
from annotator.network import Network
from annotator.people import People, Person

Box = tuple[float, float, float, float]
"""x, y, w, h in image pixels."""
PADDING = 0.1
"""Of the box's longer side, on every side: as the network saw people in training."""
LEAST_OVERLAP = 0.3
"""IoU with the first look's mask below which the second look found somebody else."""


def refine(photo: np.ndarray, people: People, network: Network, settings: Settings) -> People:
    """Replace the labels of each person by those of the person pass.

    Args:
        photo: uint8 [H, W, 3].
        people: of the scene pass on it.

    Returns:
        The same people in the same order; one that the second look does not find again stays as it was.
    """
    boxes = [person.box for person in people.people]
    seen = label_boxes(photo, boxes, network, settings)
    refined = [
        coarse if fine is None or overlap(fine, coarse) < LEAST_OVERLAP else fine
        for coarse, fine in zip(people.people, seen, strict=True)
    ]
    return People(people.size, refined, people.file_name, people.id, people.extra)


def label_boxes(
    photo: np.ndarray, boxes: Sequence[Box], network: Network, settings: Settings
) -> list[Person | None]:
    """The person that each box was drawn around, of what the network sees in it at full input size.

    Args:
        photo: uint8 [H, W, 3].
        boxes: x, y, w, h in image pixels, each around one person and with an extent.

    Returns:
        For each box the person of :func:`~annotator.decoding.decode_box`.
    """
    size = photo.shape[1::-1]
    people = []
    for start in range(0, len(boxes), settings.batch_size):
        batch = boxes[start : start + settings.batch_size]
        views = [_view(box, network.side) for box in batch]
        maps = look(network, np.stack([view.apply(photo) for view in views]), settings.mirrored)
        for i, (box, view) in enumerate(zip(batch, views, strict=True)):
            people.append(decode_box(maps[i], view, size, network.info, settings, box))
    return people


def _view(box: Box, side: int) -> Letterbox:
    x, y, w, h = box
    pad = PADDING * max(w, h)
    return Letterbox((w + 2 * pad, h + 2 * pad), side, (x - pad, y - pad))


def overlap(a: Person, b: Person) -> float:
    """IoU of two masks in image coordinates."""
    x0, y0 = max(a.box[0], b.box[0]), max(a.box[1], b.box[1])
    x1 = min(a.box[0] + a.box[2], b.box[0] + b.box[2])
    y1 = min(a.box[1] + a.box[3], b.box[1] + b.box[3])
    if x1 <= x0 or y1 <= y0:
        return 0.0
    both = np.count_nonzero(_crop(a, x0, y0, x1, y1) & _crop(b, x0, y0, x1, y1))
    return both / max(np.count_nonzero(a.mask) + np.count_nonzero(b.mask) - both, 1)


def _crop(person: Person, x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    x, y = person.box[:2]
    return person.mask[y0 - y : y1 - y, x0 - x : x1 - x]
