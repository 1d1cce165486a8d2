"""The people of an image that is being reviewed, as the database has them, kept in memory between edits."""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from annotator.dataset.fields import Fields
from annotator.dataset.photo_file import PhotoChange, find_change
from annotator.dataset.possible_people import StoredPossible, open_people, read_possible
from annotator.dataset.sample_people import read_people
from annotator.dataset.store import StoredSample, saved_at
from annotator.labels.messages import short
from annotator.labels.people import Person, PossiblePerson
from annotator.photos.reading import PhotoError
from annotator.review.panel_data import person_data, possible_data

if TYPE_CHECKING:
    import fiftyone as fo


class ReviewError(ValueError):
    """A review that cannot go on as asked; the message says why."""


@dataclass(frozen=True)
class LoadedImage:
    """The people of a sample, by the ids of their labels."""

    stored: StoredSample
    size: tuple[int, int]
    """Width, height in pixels."""
    people: dict[str, Person]
    data: dict[str, dict[str, Any]]
    """What the panel gets of each person, see :func:`annotator.review.panel_data.person_data`."""
    possible: dict[str, StoredPossible]
    """All possible people by the ids of their labels, most probable first."""

    @property
    def open_possible(self) -> dict[str, PossiblePerson]:
        """The possible people whom nobody has decided about."""
        return open_people(self.possible)

    def possible_data(self) -> list[dict[str, Any]]:
        """What the panel gets of the open possible people."""
        return [possible_data(key, person) for key, person in self.open_possible.items()]

    def said_empty(self, fields: Fields) -> bool:
        """Whether a reviewer has said that nobody is on the photo."""
        return bool((self.stored.sample[fields.source] or {}).get("nobody"))

    def photo_change(self, fields: Fields) -> PhotoChange | None:
        """How the photo differs from the one that was labelled, or that it is gone; ``None`` if it is the same."""
        sample = self.stored.sample
        try:
            return find_change(sample.filepath, sample[fields.source])
        except PhotoError as error:
            return PhotoChange(f"the photo {error}", fits=False)

    def refuse_changed(self, fields: Fields) -> None:
        """
        Raises:
            ReviewError: the photo is not the one that was labelled: an edit would be stored in the wrong frame.
        """
        if change := self.photo_change(fields):
            raise ReviewError(change.reason)

    def version(self, key: str) -> str | None:
        """The version of a person, or the state of a possible one; ``None`` if there is neither."""
        if key in self.data:
            return self.data[key]["version"]
        return self.possible[key].state if key in self.possible else None

    @classmethod
    def load(cls, dataset: fo.Dataset, fields: Fields, sample_id: str) -> LoadedImage:
        """
        Raises:
            ReviewError: no such sample, or one without people fields.
            FileNotFoundError, annotator.photos.reading.PhotoError: as :func:`annotator.dataset.sample_people.read_people`.
        """
        stored = StoredSample.load(dataset, sample_id, fields)
        if stored is None:
            raise ReviewError(f"{dataset.name!r} has no sample {short(sample_id)}")
        people = read_people(stored.sample, fields)
        if people is None:
            raise ReviewError(f"{stored.sample.filepath}: has no people fields yet: annotate it first")
        by_key = dict(zip(_keys(stored.sample, fields), people.people, strict=True))
        # Most of it is packing and digests, which keep no other thread waiting.
        with ThreadPoolExecutor() as pool:
            data = dict(zip(by_key, pool.map(person_data, by_key, by_key.values()), strict=True))
        return cls(stored, people.size, by_key, data, read_possible(stored.sample, fields, people.size))

    def updated(self, stored: StoredSample, changed: dict[str, Person], fields: Fields) -> LoadedImage:
        """The image after some people were changed, added or removed, and saved as ``stored``."""
        people = self.people | changed
        data = self.data | {key: person_data(key, person) for key, person in changed.items()}
        keys = _keys(stored.sample, fields)
        return LoadedImage(
            stored,
            self.size,
            {key: people[key] for key in keys},
            {key: data[key] for key in keys},
            read_possible(stored.sample, fields, self.size),
        )


def _keys(sample: fo.Sample, fields: Fields) -> list[str]:
    return [detection.id for detection in sample[fields.people].detections]


class ImageCache:
    """The images that were used last. Safe to use from several threads.

    Args:
        capacity: how many images are kept.
    """

    def __init__(self, capacity: int):
        self.images: OrderedDict[tuple, LoadedImage] = OrderedDict()
        self._capacity = capacity
        self._guard = threading.Lock()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def lock(self, sample_id: str) -> threading.Lock:
        """The lock of a sample: the App's server answers several requests at a time, but changes an image in one."""
        with self._guard:
            return self._locks[sample_id]

    def load(self, dataset: fo.Dataset, fields: Fields, sample_id: str) -> LoadedImage:
        """The image as it is in the database now, read only if it has changed there.

        Raises:
            ReviewError, FileNotFoundError, annotator.photos.reading.PhotoError: as :meth:`LoadedImage.load`.
        """
        key = _cache_key(dataset, fields, sample_id)
        time = saved_at(dataset, sample_id)
        with self._guard:
            image = self.images.get(key)
        if image is None or image.stored.time != time:
            image = LoadedImage.load(dataset, fields, sample_id)
        self.put(dataset, fields, image)
        return image

    def put(self, dataset: fo.Dataset, fields: Fields, image: LoadedImage) -> None:
        """Keep an image as the one that was used last."""
        key = _cache_key(dataset, fields, image.stored.sample.id)
        with self._guard:
            self.images[key] = image
            self.images.move_to_end(key)
            while len(self.images) > self._capacity:
                self.images.popitem(last=False)

    def discard(self, dataset: fo.Dataset, fields: Fields, sample_id: str) -> None:
        """Keep an image no longer, if it is kept."""
        with self._guard:
            self.images.pop(_cache_key(dataset, fields, sample_id), None)


def _cache_key(dataset: fo.Dataset, fields: Fields, sample_id: str) -> tuple:
    return dataset._doc.id, fields.prefix, sample_id


IMAGES = ImageCache(capacity=6)
