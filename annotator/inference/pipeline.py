"""Photos to people: reading, inference and decoding overlap, and memory stays flat however many photos there are.

Each photo is one task in a thread. At most :attr:`~annotator.inference.settings.Settings.workers` of them work at once; the
others wait for a model, which sees the views of all of them in common batches.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from annotator.geometry.letterbox import Letterbox
from annotator.inference.batching import BatchingQueue, QueuedModel
from annotator.inference.box_prompt import label_prompts
from annotator.inference.decoding import decode
from annotator.inference.finder import Finder, find_people, finder_views, open_finder
from annotator.inference.flip_augmentation import predict
from annotator.inference.merging import choose, score
from annotator.inference.network import InferenceError, ModelError, Network, run_blank
from annotator.inference.photo_views import Photo
from annotator.inference.pose_estimator import PoseEstimator, open_pose_estimator
from annotator.inference.refinement import refine
from annotator.inference.settings import Settings
from annotator.inference.upright import decode_upright
from annotator.inference.zoom_in import zoom_in
from annotator.labels.people import People, Person
from annotator.photos.reading import PhotoError

BATCHES_AHEAD = 3
"""Batches of photos on their way, beside two for each worker, which bounds the memory: while a model has one batch, the others
fill."""
MAX_HELD_PIXELS = 96_000_000
"""Of photos kept for close views, 288 MB; when it is reached, no more are read until some are labelled."""
MIN_FOUND = 0.05
"""Boxes of the finder with a lower score are noise."""
NO_MEMORY = "too large for this machine's memory"
MAX_MODEL_FAILURES = 16
"""A run ends when a model fails on a blank image, too, or on so many photos with no success before."""


@dataclass(frozen=True, slots=True)
class Annotated:
    """What became of one photo: its people, or the reason why there are none."""

    path: Path
    people: People | None
    failure: str | None = None
    by_model: bool = False
    """Whether the model failed on a photo that could be read."""
    encoded: Any = None
    """What the ``encode`` of :func:`annotate` made of it."""
    is_followed: bool = False
    """Whether the next one is there already: whoever saves several at once need not wait for it."""


@dataclass(slots=True)
class _Photo:
    """A photo on its way."""

    path: Path
    pixels: int | None = None
    """That it takes in memory; ``None`` while it is being read."""
    is_held: bool = True


def default_workers() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def annotate(
    paths: Iterable[str | Path],
    network: Network,
    settings: Settings,
    finder: Finder | None = None,
    encode: Callable[[Annotated], Any] | None = None,
    pose: PoseEstimator | None = None,
) -> Iterator[Annotated]:
    """People of each photo, in the order of ``paths``.

    Every photo is read once. One that cannot be read or labelled yields its reason and harms no other. At most a few
    batches are held at a time, and of large photos no more than :data:`MAX_HELD_PIXELS`. Closing the iterator early
    ends the work in hand; nothing more is read.

    The people's ``file_name`` is the path if that is relative, else empty: only the caller knows which folder an
    absolute path is to be relative to.

    Args:
        finder: default: the one that goes with the network, where the settings need one.
        encode: what is to be done with each result beside those of other photos, in its thread, so that only quick work is
            left to the caller; what it returns is in :attr:`Annotated.encoded`. Its errors are raised in the iteration.
        pose: default: the pose estimator that goes with the network, where the settings need one.

    Raises:
        ModelError: the finder or the pose estimator cannot be used; in the iteration: a model fails on a blank image, too, or
            on photo after photo from the start.
    """
    if finder is None or not settings.uses_finder:
        finder = open_finder(network, settings)
    if pose is None or not settings.pose_estimator:
        pose = open_pose_estimator(network, settings)
    for model in filter(None, (network, finder, pose)):
        model.backend.full_batch = settings.batch_size or model.backend.batch_size
    results = _annotate(iter(paths), network, finder, pose, settings, encode)
    return _check_models(results, network.path)


def _check_models(results: Iterator[Annotated], model: Path) -> Iterator[Annotated]:
    """The results, as long as it is not for a model that there are no people."""
    failures, has_worked = 0, False
    with closing(results):
        for result in results:
            failures += result.by_model
            if failures == MAX_MODEL_FAILURES and not has_worked:
                raise ModelError(f"{model}: it or its finder fails on every photo: {result.failure}")
            has_worked = has_worked or result.people is not None
            yield result


def _annotate(
    paths: Iterator[str | Path],
    network: Network,
    finder: Finder | None,
    pose: PoseEstimator | None,
    settings: Settings,
    encode: Callable[[Annotated], Any] | None,
) -> Iterator[Annotated]:
    batch_size = settings.batch_size
    settings = replace(settings, batch_size=batch_size or network.batch_size)
    workers = settings.workers or default_workers()
    ahead = BATCHES_AHEAD * settings.batch_size + 2 * workers
    queue = BatchingQueue(workers)
    others = [
        model and queue.queued(model, batch_size or model.backend.batch_size) for model in (finder, pose)
    ]
    labeller = _Labeller(queue, queue.queued(network, settings.batch_size), *others, settings, encode)
    photos: deque[tuple[_Photo, Future[Annotated]]] = deque()
    has_more = True
    with ThreadPoolExecutor(ahead, "photo") as pool:
        try:
            while has_more or photos:
                # By the batch: single ones that fill a gap would come to the models in batches of one, too.
                if len(photos) <= ahead - settings.batch_size:
                    while (
                        has_more
                        and len(photos) < ahead
                        and _has_room([photo for photo, _ in photos], workers)
                    ):
                        if (path := next(paths, None)) is None:
                            has_more = False
                        else:
                            queue.expect()
                            photo = _Photo(Path(path))
                            photos.append((photo, pool.submit(labeller.annotate, photo)))
                if photos:
                    result = photos[0][1].result()
                    photos.popleft()
                    yield replace(result, is_followed=bool(photos) and photos[0][1].done())
        finally:
            for _, future in photos:
                future.cancel()
            queue.close()


def _has_room(photos: Collection[_Photo], workers: int) -> bool:
    """Whether one more photo may be read, given those on their way; what is still being read counts as the largest."""
    largest = max((photo.pixels for photo in photos if photo.pixels), default=MAX_HELD_PIXELS // workers)
    held = sum(largest if photo.pixels is None else photo.pixels for photo in photos if photo.is_held)
    return not photos or held + largest <= MAX_HELD_PIXELS


@dataclass(frozen=True)
class _Labeller:
    """What is done to a photo."""

    queue: BatchingQueue
    network: QueuedModel
    finder: QueuedModel | None
    pose: QueuedModel | None
    settings: Settings
    encode: Callable[[Annotated], Any] | None

    def annotate(self, photo: _Photo) -> Annotated:
        """
        Raises:
            ModelError: a model fails on it, and on a blank image, too.
        """
        result = self._label(photo)
        if self.encode is None:
            return result
        with self.queue.core():  # no task any more: no batch is to wait for it
            return replace(result, encoded=self.encode(result))

    def _label(self, photo: _Photo) -> Annotated:
        with self.queue.working():
            try:
                people = self._people(photo)
            except PhotoError as error:
                return Annotated(photo.path, None, str(error))
            except MemoryError:
                return Annotated(photo.path, None, NO_MEMORY)
            except InferenceError as error:
                for model in filter(None, (self.network, self.finder, self.pose)):
                    run_blank(model)
                return Annotated(photo.path, None, str(error), by_model=True)
            finally:
                photo.is_held = False
            if not photo.path.is_absolute():
                people.file_name = photo.path.as_posix()
            return Annotated(photo.path, people)

    def _people(self, photo: _Photo) -> People:
        settings = self.settings
        if not (settings.uses_finder or settings.zoom_in or self.pose):
            square, letterbox = self._read_whole(photo)
            maps = predict(self.network, square[None], settings.flip_augment)[0]
            return decode(maps, letterbox, letterbox.size, self.network.info, settings)
        image = Photo(photo.path, self._first_views)
        photo.pixels = image.held
        return self._find(image)

    def _find(self, image: Photo) -> People:
        """The people that finder and votes propose."""
        settings = self.settings
        voted = self._voted(image) if settings.uses_votes else None
        if self.finder is None:
            self._refine(image, voted.people)
            return voted
        (proposals,) = find_people(
            self.finder, [image], MIN_FOUND, tiles=settings.tiles, batch_size=settings.batch_size
        )
        likely = [(image, p.box) for p in proposals if p.score >= settings.min_proposal]
        labelled = label_prompts(
            likely, self.network, settings, self.pose, flip_augment=settings.flip_augment
        )
        candidates = score(image.size, proposals, labelled, voted.people if voted else [])
        # Those in boxes the pose estimator has seen already.
        refined = set(map(id, labelled))
        while True:
            people = choose(image.size, candidates, proposals[len(labelled) :], settings)
            new = [person for person in people.people if id(person) not in refined]
            if not new:
                return people
            # A mask of two people may become that of one: then the other one is nobody's duplicate any more.
            self._refine(image, new)
            refined.update(map(id, new))

    def _refine(self, image: Photo, people: list[Person]) -> None:
        settings = self.settings
        refine(image, people, self.pose, flip_augment=settings.flip_augment, threshold=settings.threshold)

    def _first_views(self, size: tuple[int, int]) -> list[Letterbox]:
        """The views of a photo that do not depend on what is found in it."""
        views = [Letterbox(size, self.network.side)] if self.settings.uses_votes else []
        return views + (finder_views(size, self.settings.tiles, self.finder.side) if self.finder else [])

    def _read_whole(self, photo: _Photo) -> tuple[np.ndarray, Letterbox]:
        """The one view of a photo of which nothing else is needed."""
        image = Photo(photo.path, self._first_views)
        photo.pixels, photo.is_held = image.held, False
        letterbox = Letterbox(image.size, self.network.side)
        return image.show([letterbox])[0], letterbox

    def _voted(self, image: Photo) -> People:
        """The people that votes propose."""
        network, settings = self.network, self.settings
        letterbox = Letterbox(image.size, network.side)
        (square,) = image.show([letterbox])
        maps = predict(network, square[None], settings.flip_augment)[0]
        if settings.zoom_in:
            people = decode_upright(network, square, maps, letterbox, image.size, settings)
            return zoom_in(image, people, network, settings)
        return decode(maps, letterbox, image.size, network.info, settings)
