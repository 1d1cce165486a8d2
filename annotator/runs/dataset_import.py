"""Import a file of labels, of any format, into a FiftyOne dataset."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.coco.file_names import no_such_photo, shared_photos
from annotator.coco.reader import CocoError, read_file_names, read_sections
from annotator.dataset.fields import FieldError, Fields, check_fields, declare_fields, require_fields
from annotator.dataset.info import (
    check_sections,
    last_settings,
    maps_folder,
    remember_sections,
    remember_settings,
)
from annotator.dataset.label_checks import LabelError
from annotator.dataset.sample_people import find_labels, read_people
from annotator.dataset.second_labels import check_new_prefix
from annotator.dataset.store import StoredSample
from annotator.dataset.stored_photos import stored_photos
from annotator.formats.names import COCO
from annotator.formats.registry import find_format
from annotator.formats.values import FormatError
from annotator.labels.messages import short
from annotator.labels.quality import find_issues
from annotator.photos.identity import photo_identity
from annotator.photos.reading import PhotoError, photo_size
from annotator.runs.dataset_run import (
    DatasetRun,
    Overwrite,
    Summary,
    as_function,
    check_overwrite,
    summarizing,
)
from annotator.runs.people_writing import handfuls, write_people
from annotator.runs.returning_people import with_known_labels

if TYPE_CHECKING:
    import fiftyone as fo

    from annotator.labels.people import People


class Import(DatasetRun):
    """A run that reads a file or folder of labels into a dataset.

    Images that the dataset does not have yet are added. A photo that is missing, or has another size than the file
    says, or that two images of the file share, is left out and listed among the failures. An image without annotations
    says that nobody is there, so that predictions on it are replaced by nobody; one that has only annotations of other
    categories than ``person`` leaves the people who are there as they are.

    Predicted people of a photo are replaced by those of the file. Whoever of them is in the file keeps what the format cannot
    hold, see :func:`annotator.runs.returning_people.with_known_labels`; of how many labels are gone is counted as ``lost``.

    Args:
        dataset: to read into, or the name of a new one. That is made, persistent, when the first photo is added to
            it.
        path: of the file or folder.
        images_dir: the folder that ``file_name`` of each image is relative to, or that has the photos in it and below.
        format: of :data:`annotator.formats.registry.FORMATS`.
        prefix, overwrite, maps_dir: as of :class:`annotator.runs.dataset_annotation.Annotation`.

    Raises:
        FieldError: a prefix or dataset that cannot hold people, or a new name that is taken.
        FileNotFoundError: no such file or folder.
        ValueError: no such format; in the iteration: the file is not valid, or none of its photos could be imported into a
            new dataset, which is not made then.
    """

    def __init__(
        self,
        dataset: fo.Dataset | str,
        path: str | Path,
        images_dir: str | Path,
        *,
        format: str = COCO,
        prefix: str = "dp",
        overwrite: Overwrite = "replace",
        maps_dir: str | Path | None = None,
    ) -> None:
        import fiftyone as fo

        check_overwrite(overwrite)
        self.path, self.images_dir = Path(path), Path(images_dir).absolute()
        self.format, self._format_name = find_format(format), format
        if not self.format.is_readable(self.path):
            raise FileNotFoundError(f"{self.path}: no such file")
        if not self.images_dir.is_dir():
            raise FileNotFoundError(f"{self.images_dir}: no such folder")
        self.fields, self.overwrite, self.maps_dir = Fields(prefix), overwrite, maps_dir
        check_new_prefix(None if isinstance(dataset, str) else dataset, self.fields)
        if not isinstance(dataset, str):
            check_fields(dataset, self.fields)
        elif fo.dataset_exists(dataset):
            raise FieldError(f"there is a dataset {dataset!r} already: choose another name")
        self.dataset = None if isinstance(dataset, str) else dataset
        """A new one is ``None`` until it is made."""
        self._new_name = dataset if isinstance(dataset, str) else None
        self._declared = False
        self.summary = Summary()
        self.total: int | None = None
        """Images in a COCO file, once it is read."""

    @summarizing
    def __iter__(self) -> Iterator[int]:
        sections, repeated = {}, {}
        if self._format_name == COCO:
            sections = read_sections(self.path)
            check_sections(self.path, sections, self.dataset, self.fields.prefix)
            names = list(read_file_names(self.path))
            self.total = len(names)
            repeated = shared_photos(names, self.images_dir)
        unread: dict[str, str] = {}
        for handful in handfuls(self._photos(repeated, unread), lambda photo: photo.people):
            self._write([photo for photo in handful if photo.people is not None])
            for photo in handful:
                if photo.failure is not None:
                    self.summary.failures[photo.path] = photo.failure
            for photo in handful:
                yield photo.number
        for name, reason in unread.items():
            photo = os.path.normpath(self.images_dir / name)
            self.summary.failures[photo if os.path.exists(photo) else name] = reason
        if self.dataset is None:
            kind = CocoError if self._format_name == COCO else FormatError
            raise kind(f"{self.path}: no new dataset: {self._nothing()}")
        if self._format_name == COCO:
            remember_sections(self._open(), self.fields.prefix, sections)

    def _photos(self, repeated: dict[int, str], unread: dict[str, str]) -> Iterator[_Photo]:
        """The photos of the file, with people where they are to be written.

        Args:
            repeated: why photos that have several names in the file are left out, by their ids.
            unread: gets the reason for each image that cannot be read.
        """
        known, labelled = self._samples()
        first: dict[Hashable, str] = {}
        for number, people in enumerate(self.format.read(self.path, self.images_dir, unread), 1):
            path = os.path.normpath(self.images_dir / people.file_name)
            for name, count in people.other_classes.items():
                self.summary.other_classes[name] = self.summary.other_classes.get(name, 0) + count
            failure = repeated.get(people.id) or _mismatch(path, people)
            identity = photo_identity(path)
            if failure is None and identity in first:
                failure = f"the file has its photo twice, also as {first[identity]}: the first was imported"
            if failure is not None:
                yield _Photo(number, path, failure=failure)
                continue
            first[identity] = people.file_name
            # Of several samples of one photo the one with this path.
            sample_id = known.get(path) or known.get(identity)
            only_others = people.other_classes and not people.people
            if sample_id in labelled and (self.overwrite == "skip" or only_others):
                self.summary.skipped += 1
                yield _Photo(number, path)
                continue
            if sample_id in labelled:
                self._keep_labels(sample_id, people)
            yield _Photo(number, path, sample_id, people)

    def _samples(self) -> tuple[dict[Hashable, str], set[str]]:
        """Ids of the samples by the paths and by the identities of their photos; ids of those that have people."""
        if self.dataset is None:
            return {}, set()
        stored = stored_photos(self.dataset, self.fields)
        photos = {photo.path: key for key, photo in stored.items()}
        known = {photo_identity(path): key for path, key in photos.items()} | photos
        return known, {key for key, photo in stored.items() if photo.is_labelled}

    def _write(self, photos: list[_Photo]) -> None:
        """Write people to samples, to new ones where there are none, or say why that failed."""
        if not photos:
            return
        dataset = self._open()
        _add_samples(dataset, [photo for photo in photos if photo.sample_id is None])
        for photo in photos:
            # The file does not say: they follow from how well the labels fit each other.
            for person in photo.people.people:
                person.issues = find_issues(person)
        people = {photo.sample_id: photo.people for photo in photos}
        folder = maps_folder(dataset, self.fields.prefix, self.maps_dir)
        failures = write_people(dataset, people, self.fields, folder, self.summary)
        for photo in photos:
            photo.failure = failures.get(photo.sample_id)

    def _keep_labels(self, sample_id: str, people: People) -> None:
        """Take over what the format cannot hold from the people of a sample who are replaced."""
        require_fields(self.dataset, self.fields.names)
        stored = StoredSample.load(self.dataset, sample_id, self.fields)
        if self._format_name != COCO:
            people.file_name = ""  # the sample's stays, which other names of the dataset go with
        try:
            known = stored and read_people(stored.sample, self.fields)
        except (FileNotFoundError, LabelError, PhotoError):
            return  # writing will say so
        if known is None or known.size != people.size:
            return
        labels, _ = find_labels(stored.sample, self.fields)
        replaced = [person for person, label in zip(known.people, labels, strict=True) if not label.is_kept]
        people.people, lost = with_known_labels(people.people, replaced, self._format_name, people.size)
        for words, count in lost.items():
            self.summary.lost[words] = self.summary.lost.get(words, 0) + count

    def _nothing(self) -> str:
        """Why no photo was added."""
        if not self.summary.failures:
            return "there are no images"
        path, reason = next(iter(self.summary.failures.items()))
        name = short(os.path.relpath(path, self.images_dir))
        return f"none of its {len(self.summary.failures)} photos could be imported, not {name}: {reason}"

    def _open(self) -> fo.Dataset:
        """The dataset with its fields; what is missing is made."""
        import fiftyone as fo

        if self.dataset is None:
            self.dataset = fo.Dataset(self._new_name, persistent=True)
        if not self._declared:
            declare_fields(self.dataset, self.fields)
            if self.maps_dir is not None:
                settings, _ = last_settings(self.dataset, self.fields.prefix)
                remember_settings(self.dataset, self.fields.prefix, settings, self.maps_dir)
            self._declared = True
        return self.dataset


import_labels = as_function(Import)
"""``import_labels("a new dataset", "labels.json", "photos")``, say."""


@dataclass
class _Photo:
    """An image of the file."""

    number: int
    """Among those of the file, from 1."""
    path: str
    sample_id: str | None = None
    people: People | None = None
    """To write, if any."""
    failure: str | None = None


def _add_samples(dataset: fo.Dataset, photos: list[_Photo]) -> None:
    """Add photos to a dataset; they get the ids of their samples."""
    import fiftyone as fo

    if photos:
        ids = dataset.add_samples([fo.Sample(filepath=photo.path) for photo in photos], progress=False)
        for photo, sample_id in zip(photos, ids, strict=True):
            photo.sample_id = sample_id


def _mismatch(path: str, people: People) -> str | None:
    """Why labels cannot be those of this photo."""
    if not os.path.exists(path):
        return no_such_photo(people.file_name)
    try:
        size = photo_size(path)
    except PhotoError as error:
        return str(error)
    if size != people.size:
        return "the photo has {} × {} pixels, the labels are for {} × {}".format(*size, *people.size)
    return None
