"""Photos to people: reading, inference and decoding overlap, and memory stays flat however many photos there are."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from annotator.geometry.letterbox import Letterbox
from annotator.inference.box_prompt import label_prompts
from annotator.inference.decoding import decode
from annotator.inference.finder import Finder, open_finder
from annotator.inference.flip_augmentation import predict
from annotator.inference.merging import merge
from annotator.inference.network import InferenceError, ModelError, Network, run_blank
from annotator.inference.settings import Settings
from annotator.inference.upright import decode_upright
from annotator.inference.zoom_in import zoom_in
from annotator.labels.maps import Maps
from annotator.labels.people import People
from annotator.photos.reading import PhotoError, read_photo

WORKERS = 2
"""Threads that read and label photos; both spend their time outside the interpreter's lock."""
BATCHES_AHEAD = 2
"""Batches in each of the three steps, which bounds the memory."""
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


@dataclass(slots=True)
class _Photo:
    """A photo on its way; all but its path are set when it is read."""

    path: Path
    image: np.ndarray | None = None
    """uint8 [H, W, 3], for the close views only, until its people are labelled."""
    square: np.ndarray | None = None
    """uint8 [side, side, 3], the whole photo as the network is given it; only where votes propose."""
    letterbox: Letterbox | None = None
    failure: str | None = None
    by_model: bool = False

    @property
    def area(self) -> int | None:
        """In pixels; ``None`` while it is being read."""
        if self.letterbox is None:
            return 0 if self.failure else None
        return self.letterbox.size[0] * self.letterbox.size[1]


def annotate(
    paths: Iterable[str | Path], network: Network, settings: Settings, finder: Finder | None = None
) -> Iterator[Annotated]:
    """People of each photo, in the order of ``paths``.

    Every photo is read once. One that cannot be read or labelled yields its reason and harms no other. At most a few
    batches are held at a time, and of large photos no more than :data:`MAX_HELD_PIXELS`. Closing the iterator early
    ends the work in hand; nothing more is read.

    The people's ``file_name`` is the path if that is relative, else empty: only the caller knows which folder an
    absolute path is to be relative to.

    Args:
        finder: default: the one that goes with the network, where the settings need one.

    Raises:
        ModelError: the finder cannot be used; in the iteration: a model fails on a blank image, too, or on photo after photo
            from the start.
    """
    if finder is None or not settings.uses_finder:
        finder = open_finder(network, settings)
    labeller = _Labeller(network, finder, settings)
    settings = replace(settings, batch_size=settings.batch_size or network.batch_size)
    return _check_models(_annotate(iter(paths), labeller, settings), labeller)


def _check_models(results: Iterator[Annotated], labeller: _Labeller) -> Iterator[Annotated]:
    """The results, as long as it is not for a model that there are no people."""
    failures, has_worked = 0, False
    with closing(results):
        for result in results:
            if result.by_model:
                labeller.check_models()
                failures += 1
                if failures == MAX_MODEL_FAILURES and not has_worked:
                    raise ModelError(
                        f"{labeller.network.path}: it or its finder fails on every photo: {result.failure}"
                    )
            has_worked = has_worked or result.people is not None
            yield result


def _annotate(paths: Iterator[str | Path], labeller: _Labeller, settings: Settings) -> Iterator[Annotated]:
    photos: deque[_Photo] = deque()
    """All that are in one of the three steps."""
    reading: deque[Future[_Photo]] = deque()
    running: deque[tuple[list[_Photo], Future[Maps] | None]] = deque()
    labelling: deque[Future[list[Annotated]]] = deque()
    ahead = BATCHES_AHEAD * max(settings.batch_size, WORKERS)
    # The runner is one thread: a call of the network uses all cores. The pool's threads call it, too, for close views.
    with ThreadPoolExecutor(WORKERS, "photo") as pool, ThreadPoolExecutor(1, "network") as runner:
        try:
            while True:
                while len(reading) < ahead and _has_room(photos):
                    if (path := next(paths, None)) is None:
                        break
                    photos.append(_Photo(Path(path)))
                    reading.append(pool.submit(labeller.read, photos[-1]))
                if reading and len(running) < BATCHES_AHEAD:
                    batch = [
                        reading.popleft().result() for _ in range(min(settings.batch_size, len(reading)))
                    ]
                    running.append((batch, runner.submit(labeller.predict_whole, batch)))
                    continue
                if running:
                    batch, maps = running.popleft()
                    labelling.append(pool.submit(labeller.label, batch, maps.result()))
                if len(labelling) > BATCHES_AHEAD * WORKERS or (labelling and not running):
                    for annotated in labelling.popleft().result():
                        photos.popleft()
                        yield annotated
                elif not photos:
                    return
        finally:
            for future in (*reading, *labelling):
                future.cancel()


def _has_room(photos: Collection[_Photo]) -> bool:
    """Whether one more photo may be read, given those on their way; what is still being read counts as the largest."""
    areas = [photo.area for photo in photos]
    largest = max((area for area in areas if area is not None), default=MAX_HELD_PIXELS // WORKERS)
    held = sum(photo.area or 0 for photo in photos if photo.image is not None)
    return not photos or held + (areas.count(None) + 1) * largest <= MAX_HELD_PIXELS


@dataclass(frozen=True)
class _Labeller:
    """The steps of a batch of photos."""

    network: Network
    finder: Finder | None
    settings: Settings

    def check_models(self) -> None:
        """
        Raises:
            ModelError: one fails on a blank image.
        """
        for model in filter(None, (self.network, self.finder)):
            run_blank(model)

    def read(self, photo: _Photo) -> _Photo:
        """Read a photo; of its pixels keep what the next steps need."""
        settings = self.settings
        try:
            image = read_photo(photo.path)
            letterbox = Letterbox((image.shape[1], image.shape[0]), self.network.side)
            if settings.uses_votes:
                photo.square = letterbox.apply(image)
            photo.image = image if settings.uses_finder or settings.zoom_in else None
            photo.letterbox = letterbox
        except PhotoError as error:
            photo.failure = str(error)
        except MemoryError:
            photo.failure = NO_MEMORY
        return photo

    def predict_whole(self, photos: list[_Photo]) -> Maps | None:
        """The maps of the whole photos that were read, where votes propose; those on which that fails are not among them."""
        seen = [photo for photo in photos if photo.square is not None]
        if not seen:
            return None
        try:
            return predict(
                self.network, np.stack([photo.square for photo in seen]), self.settings.flip_augment
            )
        except (MemoryError, InferenceError) as error:
            if len(seen) == 1:
                _fail(seen[0], error)
                return None
        return _concatenate([maps for photo in seen if (maps := self.predict_whole([photo])) is not None])

    def label(self, photos: list[_Photo], maps: Maps | None) -> list[Annotated]:
        """The people of a batch of photos; one on which that fails takes no other with it."""
        readable = [photo for photo in photos if photo.failure is None]
        of_photo = {id(photo): maps[i] for i, photo in enumerate(readable)} if maps else {}
        try:
            people = self._people(readable, of_photo)
        except (MemoryError, InferenceError) as error:
            if len(readable) > 1:
                return [
                    annotated
                    for photo in photos
                    for annotated in self.label([photo], _batch_of(of_photo.get(id(photo))))
                ]
            _fail(readable[0], error)
            people = {}
        annotated = []
        for photo in photos:
            photo.image = None
            found = people.get(id(photo))
            if found is not None and not photo.path.is_absolute():
                found.file_name = photo.path.as_posix()
            annotated.append(Annotated(photo.path, found, photo.failure, photo.by_model))
        return annotated

    def _people(self, photos: list[_Photo], maps: dict[int, Maps]) -> dict[int, People]:
        voted = {id(photo): self._voted(photo, maps[id(photo)]) for photo in photos if maps}
        if self.finder is None or not photos:
            return voted
        settings = self.settings
        images = [photo.image for photo in photos]
        proposals = self.finder.find(images, MIN_FOUND, tiles=settings.tiles, batch_size=settings.batch_size)
        likely = [[p for p in some if p.score >= settings.min_proposal] for some in proposals]
        prompts = [(image, p.box) for image, some in zip(images, likely, strict=True) for p in some]
        labelled = iter(label_prompts(prompts, self.network, settings, flip_augment=settings.flip_augment))
        return {
            id(photo): merge(
                photo.letterbox.size,
                some,
                list(islice(labelled, len(close))),
                voted[id(photo)].people if voted else [],
                settings,
            )
            for photo, some, close in zip(photos, proposals, likely, strict=True)
        }

    def _voted(self, photo: _Photo, maps: Maps) -> People:
        """The people that votes propose."""
        size, network, settings = photo.letterbox.size, self.network, self.settings
        if settings.zoom_in:
            people = decode_upright(network, photo.square, maps, photo.letterbox, size, settings)
            return zoom_in(photo.image, people, network, settings)
        return decode(maps, photo.letterbox, size, network.info, settings)


def _fail(photo: _Photo, error: MemoryError | InferenceError) -> None:
    photo.by_model = isinstance(error, InferenceError)
    photo.failure = str(error) if photo.by_model else NO_MEMORY


def _concatenate(maps: list[Maps]) -> Maps | None:
    names = Maps.__slots__
    return Maps(*(np.concatenate([getattr(of, name) for of in maps]) for name in names)) if maps else None


def _batch_of(maps: Maps | None) -> Maps | None:
    """The maps of one photo as a batch."""
    return maps and Maps(*(getattr(maps, name)[None] for name in Maps.__slots__))
