"""The zoom-in: each group of small people is predicted again, at full input size.

Groups, not single people: what looks like one small person in the whole photo may be two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annotator.geometry.boxes import Box, clip_box, pad_box, union_box
from annotator.geometry.letterbox import Letterbox
from annotator.inference.flip_augmentation import predict
from annotator.inference.network import Network
from annotator.inference.photo_views import Photo, show
from annotator.inference.settings import Settings
from annotator.inference.upright import decode_upright
from annotator.labels.people import People, Person

PADDING = 0.05
"""Of a person's longer side, on every side; people whose padded boxes touch are one group."""
MAX_WINDOW = 0.75
"""Share of the photo's longer side; a longer window would show hardly more than the whole photo did."""


@dataclass(frozen=True, slots=True)
class _Group:
    window: Box
    """In image pixels."""
    people: list[Person]


def zoom_in(photo: Photo | np.ndarray, people: People, network: Network, settings: Settings) -> People:
    """Predict each group of people that is small in the photo again, in a window of its own.

    Args:
        photo: a photo or its pixels, uint8 [H, W, 3] RGB.
        people: predicted on the whole of it.
        network: the model.
        settings: of inference.

    Returns:
        The people of the windows, highest score first. Groups that fill the photo stay as they were, and so do those
        in whose window nobody is found.
    """
    kept: list[Person] = []
    small = []
    for group in _groups(people):
        if max(group.window[2:]) > MAX_WINDOW * max(people.size):
            kept += group.people
        else:
            small.append(group)
    batch_size = settings.batch_size or network.batch_size
    views = [Letterbox(group.window[2:], network.side, group.window[:2]) for group in small]
    squares = show([photo] * len(small), views)
    for start in range(0, len(small), batch_size):
        batch = slice(start, start + batch_size)
        maps = predict(network, np.stack(squares[batch]), settings.flip_augment)
        for i, (group, square, view) in enumerate(
            zip(small[batch], squares[batch], views[batch], strict=True)
        ):
            seen = decode_upright(network, square, maps[i], view, people.size, settings)
            kept += seen.people or group.people
    kept.sort(key=lambda person: -person.score)
    return People(people.size, kept, people.file_name, people.id, people.extra)


def _groups(people: People) -> list[_Group]:
    """The people in groups, whose windows do not touch."""
    groups: list[_Group] = []
    for person in people.people:
        group = _Group(clip_box(pad_box(person.box, PADDING), people.size), [person])
        # A joint window is larger than its parts and may touch further ones.
        while near := [other for other in groups if _touch(other.window, group.window)]:
            groups = [other for other in groups if not _touch(other.window, group.window)]
            group = _Group(
                union_box(group.window, *(other.window for other in near)),
                sum((other.people for other in near), group.people),
            )
        groups.append(group)
    return groups


def _touch(a: Box, b: Box) -> bool:
    return all(a[i] < b[i] + b[i + 2] and b[i] < a[i] + a[i + 2] for i in (0, 1))
