"""The zoom-in: each group of people again, at full input size, which small people need.

Groups and not single people, because what a first look takes for one small person may be two.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from annotator.geometry.boxes import Box, around, clipped, padded
from annotator.geometry.letterbox import Letterbox
from annotator.inference.flip_augmentation import predict
from annotator.inference.network import Network
from annotator.inference.settings import Settings
from annotator.inference.upright import decode_upright
from annotator.labels.people import People, Person
from annotator.photos.reading import read_photo

PADDING = 0.05
"""Of a person's longer side, on every side; people whose padded boxes touch are one group."""
WORTH = 0.75
"""A window longer than this, as a share of the photo's longer side, shows hardly more than the photo did."""


@dataclass(frozen=True, slots=True)
class _Group:
    window: Box
    people: list[Person]


def zoom_in(path: Path, people: People, network: Network, settings: Settings) -> People:
    """Look again at each group of people that is small in the photo.

    Args:
        path: of the photo, which is read again only if somebody is small in it: photos in memory would be many.
        people: of the first look at it.

    Returns:
        The people of the second look, most certain first. Groups that fill the photo stay as they were, and those
        where the second look sees nobody.

    Raises:
        annotator.photos.reading.PhotoError: the photo cannot be read.
    """
    kept: list[Person] = []
    small = []
    for group in _groups(people):
        if max(group.window[2:]) > WORTH * max(people.size):
            kept += group.people
        else:
            small.append(group)
    photo = read_photo(path) if small else None
    for start in range(0, len(small), settings.batch_size):
        batch = small[start : start + settings.batch_size]
        views = [Letterbox(group.window[2:], network.side, group.window[:2]) for group in batch]
        squares = np.stack([view.apply(photo) for view in views])
        maps = predict(network, squares, settings.flip_augment)
        for i, (group, view) in enumerate(zip(batch, views, strict=True)):
            seen = decode_upright(network, squares[i], maps[i], view, people.size, settings)
            kept += seen.people or group.people
    kept.sort(key=lambda person: -person.score)
    return People(people.size, kept, people.file_name, people.id, people.extra)


def _groups(people: People) -> list[_Group]:
    """The people by windows, in image pixels, none of which touches another."""
    groups: list[_Group] = []
    for person in people.people:
        group = _Group(clipped(padded(person.box, PADDING), people.size), [person])
        # A joint window is larger than its parts and may touch further ones.
        while near := [other for other in groups if _touch(other.window, group.window)]:
            groups = [other for other in groups if not _touch(other.window, group.window)]
            group = _Group(
                around(group.window, *(other.window for other in near)),
                sum((other.people for other in near), group.people),
            )
        groups.append(group)
    return groups


def _touch(a: Box, b: Box) -> bool:
    return all(a[i] < b[i] + b[i + 2] and b[i] < a[i] + a[i + 2] for i in (0, 1))
