"""The second look: each person's padded box at full input size, which small people need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from annotator.decoding import Settings, decode
from annotator.images import Letterbox
from annotator.metrics import box_iou
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
    refined = []
    seen = _look(photo, [person.box for person in people.people], network, settings)
    for coarse, found in zip(people.people, seen, strict=True):
        best = max(found, key=lambda person: overlap(person, coarse), default=None)
        refined.append(best if best is not None and overlap(best, coarse) >= LEAST_OVERLAP else coarse)
    return People(people.size, refined, people.file_name, people.id, people.extra)


def label_boxes(
    photo: np.ndarray, boxes: Sequence[Box], network: Network, settings: Settings
) -> list[Person | None]:
    """The person that each box was drawn around.

    Args:
        photo: uint8 [H, W, 3].
        boxes: x, y, w, h in image pixels, each around one person and with an extent.

    Returns:
        For each box the person that covers most of its middle (half its width and height), of several the one
        whose own box fits best; ``None`` where nobody is in the box.
    """
    chosen = []
    for box, found in zip(boxes, _look(photo, boxes, network, settings), strict=True):
        x, y, w, h = box
        middle = (x + w / 4, y + h / 4, w / 2, h / 2)
        fits = [(_pixels_within(person, middle), box_iou(person.box, box)) for person in found]
        best = max(range(len(found)), key=fits.__getitem__, default=None)
        chosen.append(found[best] if best is not None and max(fits[best]) > 0 else None)
    return chosen


def _pixels_within(person: Person, box: Box) -> int:
    """How many pixels of the person have their centre in the box."""
    (x, y), (height, width) = person.box[:2], person.mask.shape
    left, right = (int(np.clip(np.rint(edge - x), 0, width)) for edge in (box[0], box[0] + box[2]))
    top, bottom = (int(np.clip(np.rint(edge - y), 0, height)) for edge in (box[1], box[1] + box[3]))
    return int(np.count_nonzero(person.mask[top:bottom, left:right]))


def _look(
    photo: np.ndarray, boxes: Sequence[Box], network: Network, settings: Settings
) -> Iterator[list[Person]]:
    """All people that the network sees in each box, padded and at full input size."""
    size = photo.shape[1::-1]
    for start in range(0, len(boxes), settings.batch_size):
        views = [_view(box, network.side) for box in boxes[start : start + settings.batch_size]]
        maps = look(network, np.stack([view.apply(photo) for view in views]), settings.mirrored)
        for i, view in enumerate(views):
            yield decode(maps[i], view, size, network.info, settings).people


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
