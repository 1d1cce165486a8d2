"""Import a COCO-DensePose file into a FiftyOne dataset."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.dataset.fields import FieldError, Fields, check_fields, declare_fields
from annotator.dataset.info import maps_folder, remember_sections
from annotator.labels.quality import find_issues
from annotator.photos.reading import PhotoError, photo_size
from annotator.runs.dataset_run import (
    DatasetRun,
    Overwrite,
    Summary,
    as_function,
    check_overwrite,
    labelled_samples,
    write_people,
)

if TYPE_CHECKING:
    import fiftyone as fo

    from annotator.labels.people import People


class Import(DatasetRun):
    """A run that reads a COCO-DensePose file into a dataset.

    Images that the dataset does not have yet are added. A photo that is missing, or has another size than the file
    says, is left out and listed among the failures. An image without annotations says that nobody is there, so that
    predictions on it are replaced by nobody; one that has only annotations of other categories than ``person`` leaves
    the people who are there as they are.

    Args:
        dataset: to read into, or the name of a new one. That is made, persistent, when the first photo is added to
            it, or at the end if there is none.
        path: of the file.
        images_dir: the folder that ``file_name`` of each image is relative to.
        prefix, overwrite, maps_dir: as of :class:`annotator.runs.dataset_annotation.Annotation`.

    Raises:
        FieldError: a prefix or dataset that cannot hold people, or a new name that is taken.
        FileNotFoundError: no such file or folder.
        annotator.coco.reader.CocoError: in the iteration: the file is not valid COCO-DensePose.
    """

    def __init__(
        self,
        dataset: fo.Dataset | str,
        path: str | Path,
        images_dir: str | Path,
        *,
        prefix: str = "dp",
        overwrite: Overwrite = "replace",
        maps_dir: str | Path | None = None,
    ) -> None:
        import fiftyone as fo

        check_overwrite(overwrite)
        self.path, self.images_dir = Path(path), Path(images_dir).absolute()
        if not self.path.is_file():
            raise FileNotFoundError(f"{self.path}: no such file")
        if not self.images_dir.is_dir():
            raise FileNotFoundError(f"{self.images_dir}: no such folder")
        self.fields, self.overwrite, self.maps_dir = Fields(prefix), overwrite, maps_dir
        if not isinstance(dataset, str):
            check_fields(dataset, self.fields)
        elif fo.dataset_exists(dataset):
            raise FieldError(f"there is a dataset {dataset!r} already: choose another name")
        self.dataset = None if isinstance(dataset, str) else dataset
        """A new one is ``None`` until it is made."""
        self._new_name = dataset if isinstance(dataset, str) else None
        self._declared = False
        self.summary = Summary()

    def __iter__(self) -> Iterator[int]:
        from annotator.coco.reader import read_coco, read_sections

        sections = read_sections(self.path)
        known, labelled = self._known()
        for done, people in enumerate(read_coco(self.path), 1):
            path = os.path.normpath(self.images_dir / people.file_name)
            place = _resolved(path)
            failure = _mismatch(path, people)
            if (failure is None and self.overwrite == "skip" and known.get(place) in labelled) or (
                failure is None
                and people.other_classes
                and not people.people
                and known.get(place) in labelled
            ):
                self.summary.skipped += 1
            elif failure is None:
                # The file does not say: they follow from how well the labels fit each other.
                for person in people.people:
                    person.issues = find_issues(person)
                dataset = self._open()
                if place not in known:
                    known[place] = _add_sample(dataset, path)
                folder = maps_folder(dataset, self.fields.prefix, self.maps_dir)
                failure = write_people(dataset, known[place], people, self.fields, folder, self.summary)
            if failure is not None:
                self.summary.failures[path] = failure
            for name, count in people.other_classes.items():
                self.summary.other_classes[name] = self.summary.other_classes.get(name, 0) + count
            yield done
        remember_sections(self._open(), self.fields.prefix, sections)

    def _known(self) -> tuple[dict[str, str], set[str]]:
        """Ids of the samples by their photos, and of those that have people."""
        if self.dataset is None:
            return {}, set()
        paths, keys = self.dataset.values(["filepath", "id"])
        known = {_resolved(path): key for path, key in zip(paths, keys, strict=True)}
        return known, labelled_samples(self.dataset, self.fields)

    def _open(self) -> fo.Dataset:
        """The dataset with its fields; what is missing is made."""
        import fiftyone as fo

        if self.dataset is None:
            self.dataset = fo.Dataset(self._new_name, persistent=True)
        if not self._declared:
            declare_fields(self.dataset, self.fields)
            self._declared = True
        return self.dataset


import_labels = as_function(Import)
"""``import_labels("a new dataset", "labels.json", "photos")``, say."""


def _add_sample(dataset: fo.Dataset, path: str) -> str:
    """Add a photo; the sample's id."""
    import fiftyone as fo

    return dataset.add_sample(fo.Sample(filepath=path))


def _mismatch(path: str, people: People) -> str | None:
    """Why labels cannot be those of this photo."""
    if not os.path.exists(path):
        return "no such photo"
    try:
        size = photo_size(path)
    except PhotoError as error:
        return str(error)
    if size != people.size:
        return "the photo has {} × {} pixels, the labels are for {} × {}".format(*size, *people.size)
    return None


def _resolved(path: str) -> str:
    """The path without links among its folders; a photo that is a link itself stays apart from its target."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)
