"""Many photos through the network: reading, inference and decoding overlap, memory stays flat."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from annotator.geometry.letterbox import Letterbox
from annotator.inference.decoding import decode
from annotator.inference.flip_augmentation import predict
from annotator.inference.network import Network
from annotator.inference.settings import Settings
from annotator.inference.upright import decode_upright
from annotator.inference.zoom_in import zoom_in
from annotator.labels.maps import Maps
from annotator.labels.people import People
from annotator.photos.reading import PhotoError, read_photo

WORKERS = 2
"""Threads that read photos and decode maps; both spend their time outside the interpreter's lock."""
BATCHES_AHEAD = 2
"""Batches in each of the three steps, which bounds the memory."""
NO_MEMORY = "too large for this machine's memory"


@dataclass(frozen=True, slots=True)
class Annotated:
    """What became of one photo: its people, or the reason why there are none."""

    path: Path
    people: People | None
    failure: str | None = None


@dataclass(slots=True)
class _Photo:
    path: Path
    letterbox: Letterbox | None = None
    square: np.ndarray | None = None
    failure: str | None = None


def annotate(paths: Iterable[str | Path], network: Network, settings: Settings) -> Iterator[Annotated]:
    """People of each photo, in the order of ``paths``.

    A photo that cannot be read or labelled yields its reason and harms no other. At most a few batches are
    held at a time. Closing the iterator early ends the work in hand and nothing more is read.

    The people's ``file_name`` is the path, if that is relative. Which folder an absolute one is to be relative to
    only the caller knows: there it stays empty.
    """
    paths = iter(Path(path) for path in paths)
    reading: deque[Future[_Photo]] = deque()
    running: deque[tuple[list[_Photo], Future[Maps] | None]] = deque()
    decoding: deque[Future[Annotated]] = deque()
    ahead = BATCHES_AHEAD * max(settings.batch_size, WORKERS)
    # The runner is one thread: a call of the network uses all cores. Closer looks come from the pool.
    with ThreadPoolExecutor(WORKERS, "photo") as pool, ThreadPoolExecutor(1, "network") as runner:
        try:
            while True:
                for path in islice(paths, ahead - len(reading)):
                    reading.append(pool.submit(_read, path, network.side))
                if reading and len(running) < BATCHES_AHEAD:
                    photos = [
                        reading.popleft().result() for _ in range(min(settings.batch_size, len(reading)))
                    ]
                    squares = [photo.square for photo in photos if photo.square is not None]
                    maps = (
                        runner.submit(predict, network, np.stack(squares), settings.flip_augment)
                        if squares
                        else None
                    )
                    running.append((photos, maps))
                    continue
                if running:
                    decoding.extend(_decode_batch(*running.popleft(), pool, network, settings))
                while decoding and (len(decoding) > ahead or not running):
                    yield decoding.popleft().result()
                if not (reading or running or decoding):
                    return
        finally:
            for future in (*reading, *decoding):
                future.cancel()


def _read(path: Path, side: int) -> _Photo:
    try:
        photo = read_photo(path)
        letterbox = Letterbox((photo.shape[1], photo.shape[0]), side)
        return _Photo(path, letterbox, letterbox.apply(photo))
    except PhotoError as error:
        return _Photo(path, failure=str(error))
    except MemoryError:
        return _Photo(path, failure=NO_MEMORY)


def _decode_batch(
    photos: list[_Photo],
    maps: Future[Maps] | None,
    pool: ThreadPoolExecutor,
    network: Network,
    settings: Settings,
) -> Iterator[Future[Annotated]]:
    batch = maps.result() if maps else None
    index = 0
    for photo in photos:
        if photo.failure:
            yield pool.submit(Annotated, photo.path, None, photo.failure)
        else:
            yield pool.submit(_decode, photo, batch[index], network, settings)
            index += 1


def _decode(photo: _Photo, maps: Maps, network: Network, settings: Settings) -> Annotated:
    try:
        size = photo.letterbox.size
        if settings.zoom_in:
            people = decode_upright(network, photo.square, maps, photo.letterbox, size, settings)
            people = zoom_in(photo.path, people, network, settings)
        else:
            people = decode(maps, photo.letterbox, size, network.info, settings)
        if not photo.path.is_absolute():
            people.file_name = photo.path.as_posix()
        return Annotated(photo.path, people)
    except PhotoError as error:
        return Annotated(photo.path, None, str(error))
    except MemoryError:
        return Annotated(photo.path, None, NO_MEMORY)
