"""Photos of a bucket as local files, some ahead of the network, so that it does not wait for each."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from annotator.cluster.storage import Local, Location, Photo
from annotator.photos.formats import NOT_READ
from annotator.photos.reading import PhotoError

THREADS = 8
AHEAD = 24
"""Photos on the disk, or on their way to it, beside those that were handed out."""
PAUSES = (1, 4, 15, 60)
"""Seconds to wait before a photo is tried again. One that cannot be read is tried twice, and each as often as this while the
storage is out of reach."""


class Fetcher:
    """The photos of a shard as files on this machine. A local folder's stay where they are.

    Args:
        folder: of the photos.
        witness: a file that is there for certain: if it cannot be read either, the storage is out of reach.
    """

    def __init__(self, folder: Location, witness: Location) -> None:
        self.folder, self.witness = folder, witness

    def fetch(self, photos: Iterable[Photo], folder: Path) -> Iterator[tuple[Photo, Path | PhotoError]]:
        """Each photo with its file, or with the reason why there is none, in order.

        Args:
            photos: of the folder.
            folder: where fetched files go; whoever is done with one may remove it.

        Raises:
            OSError: the disk is full, or the photos' storage is out of reach; in the iteration.
        """
        if isinstance(self.folder, Local):
            for photo in photos:
                yield photo, (self.folder / photo.name).path
            return
        coming: deque[tuple[Photo, Future[Path | PhotoError]]] = deque()
        with ThreadPoolExecutor(THREADS) as pool:
            try:
                for number, photo in enumerate(photos):
                    suffix = PurePosixPath(photo.name).suffix
                    target = folder / f"{number}{suffix if suffix.isascii() else ''}"
                    coming.append((photo, pool.submit(self._fetch, photo, target)))
                    if len(coming) > AHEAD:
                        first, future = coming.popleft()
                        yield first, future.result()
                for photo, future in coming:
                    yield photo, future.result()
            finally:
                for _, future in coming:
                    future.cancel()

    def _fetch(self, photo: Photo, target: Path) -> Path | PhotoError:
        if (reason := NOT_READ.get(target.suffix.lower())) is not None:
            return PhotoError(reason)  # a video need not be fetched for that
        location, is_again = self.folder / photo.name, False
        for pause in (*PAUSES, None):
            try:
                target.write_bytes(location.read())
                return target
            except FileNotFoundError:
                if photo.size < 0:
                    return PhotoError("a folder, not a file")
                return PhotoError("cannot be read: No such file or directory")
            except OSError as error:
                if not str(error).startswith(str(location)):  # the disk is full
                    raise
                if self._is_reachable():
                    if is_again:
                        return PhotoError(f"cannot be read: {str(error).removeprefix(f'{location}: ')}")
                    is_again = True
                elif pause is None:
                    raise
                time.sleep(pause or 0)
        raise AssertionError("unreachable")

    def _is_reachable(self) -> bool:
        """Whether the photos' storage is."""
        try:
            self.witness.read()
        except OSError:
            return False
        return True
