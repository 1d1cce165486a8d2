"""Export the people of a FiftyOne dataset to a file, or folder of files, of any format."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.coco.file_names import common_folder, file_names
from annotator.coco.parsing import CocoError
from annotator.dataset.fields import Fields, check_people, require_fields
from annotator.dataset.file_info import describe_file
from annotator.dataset.ids import assign_ids
from annotator.dataset.info import imported_sections, past_runs
from annotator.dataset.label_checks import LabelError
from annotator.dataset.photo_file import find_change
from annotator.dataset.photo_index import is_whole
from annotator.dataset.plain_sample import NotPlain, PlainSample
from annotator.dataset.review_state import ALL_LEFT_OUT, UNFINISHED, chosen_states
from annotator.dataset.sample_people import find_labels, read_people, review_of
from annotator.dataset.store import StoredSample, find_documents
from annotator.dataset.stored_photos import chosen_photos, stored_photos
from annotator.dataset.views import photos_of, with_all_fields, with_lists
from annotator.formats.names import COCO
from annotator.formats.registry import find_format
from annotator.formats.values import FormatError
from annotator.inference.pipeline import default_workers
from annotator.labels.messages import listed
from annotator.photos.reading import PhotoError
from annotator.runs.dataset_run import RELABEL, DatasetRun, Summary, as_function

if TYPE_CHECKING:
    import fiftyone as fo

    from annotator.coco.surface_points import PointSampling
    from annotator.coco.writer import CocoWriter
    from annotator.dataset.review_state import Choice
    from annotator.dataset.store import Samples
    from annotator.formats.writer import Writer
    from annotator.labels.people import People


class Export(DatasetRun):
    """A run that writes the people of a dataset or view to a file or folder.

    It appears, whole, at the end of the iteration. For COCO-DensePose, images and people without an id get one, which is saved
    in the dataset, so that every later file has the same. What another format cannot hold is counted as ``lost``. Photos whose labels cannot be read or written, or that have another size than
    when they were labelled, are left out and listed in the summary's failures. Those that are other files of the same size
    are written, and listed as ``changed``.

    A photo is written with everybody on it who is in the chosen states and not at all if somebody else is on it, see
    :meth:`annotator.dataset.review_state.PhotoReview.left_out`; which people a view shows is of no account for that. Photos
    on which a reviewer has seen that nobody is there are images without annotations.

    Args:
        samples: the samples; those without labels are left out. People that a view filters out are not written; the
            others are written whole, whatever fields the view hides.
        path: of the file to write; one that is there is replaced, but no folder that is not empty.
        format: of :data:`annotator.formats.registry.FORMATS`.
        prefix: of the names of the label fields.
        images_dir: folder that ``file_name`` of each image is relative to; default: as of
            :func:`annotator.coco.file_names.file_names`.
        state: of the people to write: approved ones, approved and edited ones (``"reviewed"``), or all that are not rejected.
        rejected: whether to write rejected people, too.
        sampling: of the surface points of densely labelled people, in COCO-DensePose.
        polygons: as of :class:`annotator.coco.writer.CocoWriter`, only for that.

    Raises:
        FieldError: there are no labels of that prefix.
        ValueError: no such ``state`` or ``format``.
        FormatError: in the iteration: the folder to write is there and not empty; nothing is written.
        CocoError: two samples have the same photo.
        FieldError: also in the iteration: the fields were deleted meanwhile; nothing is written.
        FileNotFoundError: in the iteration, before anything is written: files of maps are missing.
    """

    def __init__(
        self,
        samples: Samples,
        path: str | Path,
        *,
        format: str = COCO,
        prefix: str = "dp",
        images_dir: str | Path | None = None,
        state: Choice = "all",
        rejected: bool = False,
        sampling: PointSampling | None = None,
        polygons: bool = False,
    ) -> None:
        self.dataset, self.fields = samples._dataset, Fields(prefix)
        check_people(samples, self.fields)
        schema = self.dataset.get_field_schema()
        self._needed = [name for name in self.fields.names if name in schema]
        self.path, self.state, self.rejected = Path(path), state, rejected
        self._states = chosen_states(state, rejected)
        self.sampling, self.polygons = sampling, polygons
        self.format, self._is_coco = find_format(format), format == COCO
        if polygons and not self._is_coco:
            raise FormatError(f"polygons: only for COCO-DensePose, not for {self.format.label}")
        stored, samples = stored_photos(self.dataset, self.fields), photos_of(samples)
        keys = chosen_photos(samples, stored)
        photos = {key: (stored[key].path, stored[key].file_name) for key in keys if stored[key].is_labelled}
        self._root = Path(images_dir or common_folder(photos.values()))
        self._names = file_names(photos, self._root)
        self._paths = {key: path for key, (path, _) in photos.items()}
        self._hidden = _hidden_people(samples, self.fields)
        self.summary = Summary(skipped=len(keys) - len(photos))

    def __len__(self) -> int:
        """Samples to write."""
        return len(self._names)

    def __iter__(self) -> Iterator[int]:
        require_fields(self.dataset, self._needed)
        _check_maps(self.dataset, self._names, self.fields)
        sections, models = imported_sections(self.dataset, self.fields.prefix), set()
        if self._is_coco:
            writing = self.format.writer(
                self.path, sections=sections, sampling=self.sampling, polygons=self.polygons
            )
        else:
            writing = self.format.writer(self.path, self._root)
        with writing as writer:
            if self._is_coco:
                assign_ids(self.dataset, self.fields)
            with closing(self._photos(writer)) as photos:
                for done, photo in enumerate(photos, 1):
                    try:
                        self._write(photo, writer)
                    except (CocoError, FormatError) as error:
                        self.summary.failures[photo.path] = str(error)
                    else:
                        self.summary.samples += photo.models is not None
                        self.summary.people += len(photo.models or ())
                        models.update(photo.models or ())
                    yield done
            require_fields(self.dataset, self._needed)
            if not self._is_coco:
                self.summary.lost = dict(writer.lost)
                return
            export = {"state": self.state, "rejected": self.rejected, "polygons": self.polygons}
            runs = past_runs(self.dataset, self.fields.prefix)
            writer.sections |= describe_file(sections, models - {""}, runs, export)

    def _photos(self, writer: Writer | CocoWriter) -> Iterator[_Photo]:
        """What there is to write, in the order of the samples; a few photos are read at once."""

        def read(key: str, document: dict[str, Any] | None) -> _Photo:
            photo = self._read(key, document)
            people = photo.people
            if people is None:
                return photo
            if self._is_coco:
                photo.people = None  # of the photos that wait to be written no pixels are held
                try:
                    photo.records = writer.encode(people)
                except Exception as error:  # whatever labels may do to what packs them
                    photo.failure = f"its labels cannot be written ({error!r}): correct or delete them"
                    return photo
            photo.models = [person.provenance.model for person in people.people]
            return photo

        workers, reading = default_workers(), deque()
        with ThreadPoolExecutor(workers, "export") as pool:
            try:
                for key, document in find_documents(self.dataset, self._names, self.fields):
                    reading.append(pool.submit(read, key, document))
                    if len(reading) > 2 * workers:
                        yield reading.popleft().result()
                while reading:
                    yield reading.popleft().result()
            finally:
                for photo in reading:
                    photo.cancel()

    def _write(self, photo: _Photo, writer: Writer | CocoWriter) -> None:
        """Write a photo, or count why it is left out.

        Raises:
            CocoError, FormatError: the format cannot hold it.
        """
        summary = self.summary
        if photo.failure is not None:
            summary.failures[photo.path] = photo.failure
        summary.skipped += photo.is_gone
        summary.unfinished += photo.left_out == UNFINISHED
        summary.all_left_out += photo.left_out == ALL_LEFT_OUT
        summary.dropped += photo.dropped
        summary.changed += [photo.path] if photo.is_changed else []
        if photo.records is not None:
            writer.add_records(*photo.records)
        elif photo.people is not None:
            writer.add(photo.people)

    def _read(self, key: str, document: dict[str, Any] | None) -> _Photo:
        photo = _Photo(self._paths[key])
        if document is None or document[self.fields.people] is None:
            photo.is_gone = True  # the sample or its labels were deleted meanwhile
            return photo
        try:
            self._choose(photo, _sample(document, self.fields))
        except (LabelError, PhotoError, OSError) as error:
            photo.failure = str(error)
        if photo.people is not None:
            photo.people.file_name = self._names[key]
        return photo

    def _choose(self, photo: _Photo, sample: PlainSample | fo.Sample) -> None:
        """The people of a sample to write, or why it is left out."""
        # Not the view's sample: it may lack parts or fields, and people would seem to be edited.
        found, _ = find_labels(sample, self.fields)
        shown = [labels.person.id not in self._hidden for labels in found]
        why = review_of(sample, self.fields, found).left_out(self.state, self.rejected)
        if why is not None:
            photo.left_out, photo.dropped = why, sum(shown)
            return
        people = read_people(sample, self.fields, found)
        chosen = [
            person
            for person, is_shown in zip(people.people, shown, strict=True)
            if is_shown and person.provenance.state in self._states
        ]
        if found and not chosen:
            photo.left_out, photo.dropped = ALL_LEFT_OUT, sum(shown)  # by the view
            return
        photo.is_changed = self._is_changed(sample)
        photo.dropped = sum(shown) - len(chosen)
        people.people = chosen
        photo.people = people

    def _is_changed(self, sample: PlainSample | fo.Sample) -> bool:
        """Whether the photo is another file of the same size than the one that was labelled.

        Raises:
            PhotoError: the photo has not the size that its labels are for.
        """
        try:
            change = find_change(sample.filepath, sample[self.fields.source])
        except PhotoError:
            return False  # labels of photos that are elsewhere are written, too
        if change is not None and not change.fits:
            raise PhotoError(f"{change.reason}; {RELABEL}")
        return change is not None


@dataclass
class _Photo:
    """What a photo comes to."""

    path: str
    people: People | None = None
    """To write, but for COCO-DensePose."""
    records: tuple[dict[str, Any], list[dict[str, Any]]] | None = None
    """The same, as of :meth:`CocoWriter.encode`."""
    models: list[str] | None = None
    """Of each person; ``None`` if the photo is left out."""
    left_out: str | None = None
    """Why, if that was chosen."""
    dropped: int = 0
    """People who are not written."""
    is_gone: bool = False
    is_changed: bool = False
    failure: str | None = None


def _sample(document: dict[str, Any], fields: Fields) -> PlainSample | fo.Sample:
    """
    Raises:
        LabelError: labels of it cannot be read.
    """
    try:
        return PlainSample(document, fields)
    except NotPlain:
        return StoredSample.from_document(document, fields).sample


export_samples = as_function(Export)
"""``export_samples(dataset, "labels.json")``, say."""


def _hidden_people(samples: Samples, fields: Fields) -> set[str]:
    """Label ids of the people that a view does not show, those of other samples among them."""
    if is_whole(samples):
        return set()
    labels = f"{fields.people}.detections"
    shown, everybody = (
        set(with_lists(of, labels).values(f"{labels}.id", unwind=True))
        for of in (with_all_fields(samples), samples._dataset)
    )
    return everybody - shown


def _check_maps(dataset: fo.Dataset, keys: Collection[str], fields: Fields) -> None:
    """
    Raises:
        FileNotFoundError: files of the maps of samples with these ids are missing; names the photos.
    """
    paths = [f"{fields.charts}.mask_path", f"{fields.u}.map_path", f"{fields.v}.map_path"]
    missing = {}
    for document in dataset._sample_collection.find({fields.charts: {"$ne": None}}, ["filepath", *paths]):
        if str(document["_id"]) in keys:
            values = (document.get(name) for name in (fields.charts, fields.u, fields.v))
            files = [file for of in values if isinstance(of, dict) for file in of.values()]
            for file in files:
                if isinstance(file, str) and not os.path.exists(file):
                    missing[document["filepath"]] = file
    if missing:
        photos = listed([f"{photo} ({file})" for photo, file in missing.items()])
        raise FileNotFoundError(
            f"files of charts, U or V are missing, of {photos}: bring them back, or export a view without "
            "these photos"
        )
