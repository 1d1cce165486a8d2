"""What the benchmarks of ``scripts/benchmark`` share: photos, ways to label them, and the time that each step takes."""

import json
import shutil
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from annotator.coco.encoding import annotation
from annotator.geometry.letterbox import Letterbox
from annotator.inference.decoding import decode
from annotator.inference.grouping import group_people
from annotator.inference.network import Network
from annotator.inference.photo_views import Photo
from annotator.inference.settings import QUALITIES, Settings
from annotator.labels.people import People

WAYS = {
    **{quality: Settings.of_quality(quality) for quality in QUALITIES},
    "votes": Settings(proposals="votes", pose_estimator=False),
    "votes, one look": Settings(proposals="votes", zoom_in=False, pose_estimator=False),
}
"""Of labelling photos, by the names of their speeds."""


def say(name: str, value: str) -> None:
    print(f"| {name} | {value} |", flush=True)


def copy_photos(photos: list[Path], count: int, folder: Path) -> Path:
    """A folder of ``count`` copies of the photos, over and over."""
    folder.mkdir()
    for i, photo in enumerate(islice(cycle(photos), count)):
        shutil.copyfile(photo, folder / f"{i:06d}{photo.suffix}")
    return folder


def timed(action, *arguments) -> tuple[Any, float]:
    """What an action returns, and the seconds it took."""
    start = time.perf_counter()
    result = action(*arguments)
    return result, time.perf_counter() - start


def read_square(path: Path, side: int) -> tuple[Letterbox, np.ndarray]:
    photo = Photo(path, lambda size: [Letterbox(size, side)])
    letterbox = Letterbox(photo.size, side)
    return letterbox, photo.show([letterbox])[0]


def measure_steps(
    network: Network,
    photos: list[Path],
    settings: Settings,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Milliseconds per image of each step alone, one after the other; the network may be a free one."""

    def timed(action, *arguments) -> tuple[Any, float]:
        start = clock()
        result = action(*arguments)
        return result, clock() - start

    spent = dict.fromkeys(("read", "network", "grouping", "decode", "write"), 0.0)
    stride = network.info.output_stride
    for path in photos:
        (letterbox, square), took = timed(read_square, path, network.side)
        spent["read"] += took
        maps, took = timed(lambda square: network.run(square[None])[0], square)
        spent["network"] += took
        mask = maps.person >= settings.threshold
        _, grouping = timed(group_people, mask, maps.head_vectors, settings, stride)
        spent["grouping"] += grouping
        people, took = timed(decode, maps, letterbox, letterbox.size, network.info, settings)
        spent["decode"] += max(took - grouping, 0.0)
        _, took = timed(_write, people)
        spent["write"] += took
    return {name: 1000 * value / len(photos) for name, value in spent.items()}


def _write(people: People) -> str:
    return json.dumps([annotation(person, people.size) for person in people.people])
