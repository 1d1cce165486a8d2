"""Photos to people: reading, inference and decoding overlap, and memory stays flat however many photos there are."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
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
MAX_HELD_PIXELS = 96_000_000
"""Of photos kept for the zoom-in, 288 MB; when it is reached, no more are read until some are decoded."""
NO_MEMORY = "too large for this machine's memory"


@dataclass(frozen=True, slots=True)
class Annotated:
    """What became of one photo: its people, or the reason why there are none."""

    path: Path
    people: People | None
    failure: str | None = None


@dataclass(slots=True)
class _Photo:
    """A photo on its way; all but its path are set when it is read."""

    path: Path
    image: np.ndarray | None = None
    """uint8 [H, W, 3], for the zoom-in only, until its people are decoded."""
    square: np.ndarray | None = None
    """uint8 [side, side, 3], what the network is given."""
    letterbox: Letterbox | None = None
    failure: str | None = None

    @property
    def area(self) -> int | None:
        """In pixels; ``None`` while it is being read."""
        if self.letterbox is None:
            return 0 if self.failure else None
        return self.letterbox.size[0] * self.letterbox.size[1]


def annotate(paths: Iterable[str | Path], network: Network, settings: Settings) -> Iterator[Annotated]:
    """People of each photo, in the order of ``paths``.

    Every photo is read once. One that cannot be read or labelled yields its reason and harms no other. At most a few
    batches are held at a time, and of large photos no more than :data:`MAX_HELD_PIXELS`. Closing the iterator early
    ends the work in hand; nothing more is read.

    The people's ``file_name`` is the path if that is relative, else empty: only the caller knows which folder an
    absolute path is to be relative to.
    """
    paths = iter(paths)
    photos: deque[_Photo] = deque()
    """All that are in one of the three steps."""
    reading: deque[Future[_Photo]] = deque()
    running: deque[tuple[list[_Photo], Future[Maps] | None]] = deque()
    decoding: deque[Future[Annotated]] = deque()
    ahead = BATCHES_AHEAD * max(settings.batch_size, WORKERS)
    # The runner is one thread: a call of the network uses all cores. The pool's threads call it, too, to zoom in.
    with ThreadPoolExecutor(WORKERS, "photo") as pool, ThreadPoolExecutor(1, "network") as runner:
        try:
            while True:
                while len(reading) < ahead and _has_room(photos):
                    if (path := next(paths, None)) is None:
                        break
                    photos.append(_Photo(Path(path)))
                    reading.append(pool.submit(_read, photos[-1], network.side, settings.zoom_in))
                if reading and len(running) < BATCHES_AHEAD:
                    batch = [
                        reading.popleft().result() for _ in range(min(settings.batch_size, len(reading)))
                    ]
                    squares = [photo.square for photo in batch if photo.square is not None]
                    maps = (
                        runner.submit(predict, network, np.stack(squares), settings.flip_augment)
                        if squares
                        else None
                    )
                    running.append((batch, maps))
                    continue
                if running:
                    decoding.extend(_decode_batch(*running.popleft(), pool, network, settings))
                while len(decoding) > ahead:
                    photos.popleft()
                    yield decoding.popleft().result()
                if decoding and not running:
                    photos.popleft()
                    yield decoding.popleft().result()
                elif not photos:
                    return
        finally:
            for future in (*reading, *decoding):
                future.cancel()


def _has_room(photos: Collection[_Photo]) -> bool:
    """Whether one more photo may be read, given those on their way; what is still being read counts as the largest."""
    areas = [photo.area for photo in photos]
    largest = max((area for area in areas if area is not None), default=MAX_HELD_PIXELS // WORKERS)
    held = sum(photo.area or 0 for photo in photos if photo.image is not None)
    return not photos or held + (areas.count(None) + 1) * largest <= MAX_HELD_PIXELS


def _read(photo: _Photo, side: int, keep: bool) -> _Photo:
    """Read the photo; ``keep`` its pixels for the zoom-in."""
    try:
        image = read_photo(photo.path)
        letterbox = Letterbox((image.shape[1], image.shape[0]), side)
        photo.square = letterbox.apply(image)
        photo.image = image if keep else None
        photo.letterbox = letterbox
    except PhotoError as error:
        photo.failure = str(error)
    except MemoryError:
        photo.failure = NO_MEMORY
    return photo


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
            people = zoom_in(photo.image, people, network, settings)
        else:
            people = decode(maps, photo.letterbox, size, network.info, settings)
        if not photo.path.is_absolute():
            people.file_name = photo.path.as_posix()
        return Annotated(photo.path, people)
    except MemoryError:
        return Annotated(photo.path, None, NO_MEMORY)
    finally:
        photo.image = None
