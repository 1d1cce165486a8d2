"""The review of a dataset's people: open an image, make an edit and save it, undo it.

Every edit says which version of a person it was made on. If somebody else was faster the edit is not made and the
editor is told, so that nothing is lost on either side. The version is a digest of the labels themselves, so that a
change by the App's own tools or by a script counts, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2

from annotator.dataset.fields import FieldError, Fields, declare_fields, find_prefixes, require_fields
from annotator.dataset.info import last_model, last_settings, maps_folder
from annotator.dataset.person_labels import Labels
from annotator.dataset.second_labels import read_agreement, second_fields
from annotator.dataset.store import find_document
from annotator.inference.network import DEFAULT_MODEL
from annotator.labels.messages import short
from annotator.labels.people import Person
from annotator.photos.reading import PhotoError, read_photo
from annotator.review import undo
from annotator.review.edits import Changes, Scene, apply_edit, decisions, parse_edit
from annotator.review.edits.models import Nobody
from annotator.review.loaded_image import IMAGES, LoadedImage, ReviewError
from annotator.review.photo_before import sample_before
from annotator.review.photo_network import PhotoNetwork, settings_of_run
from annotator.review.saving import PhotoSaving, now
from annotator.team.edit_log import NO_WORK, Work

if TYPE_CHECKING:
    import fiftyone as fo


class Review:
    """The review of one dataset's people.

    Args:
        dataset: with people of that prefix.
        prefix: of the names of the label fields.
        author: who edits; written to each person that was changed.
        model: path of the ONNX file that labels added people; default: the one that last labelled the dataset.
        maps_dir: as of :class:`annotator.runs.dataset_annotation.Annotation`.

    Raises:
        FieldError: there are no people of that prefix.
    """

    def __init__(
        self,
        dataset: fo.Dataset,
        prefix: str = "dp",
        author: str = "",
        model: str | Path | None = None,
        maps_dir: str | Path | None = None,
    ):
        if prefix not in find_prefixes(dataset):
            raise FieldError(
                f"{dataset.name!r} has no people with the prefix {short(prefix)}, or not any more: annotate it first"
            )
        self.dataset, self.fields = dataset, Fields(prefix)
        self.model = Path(model) if model else last_model(dataset, prefix) or DEFAULT_MODEL
        self.settings = settings_of_run(last_settings(dataset, prefix)[0])
        # A clone of a view has the fields that the view shows.
        if not dataset.get_field_schema().keys() >= set(self.fields.names):
            declare_fields(dataset, self.fields)
        self.folder = maps_folder(dataset, prefix, maps_dir)
        self.saving = PhotoSaving(dataset, self.fields, author, self.folder)

    def open(self, sample_id: str) -> dict[str, Any]:
        """The people of a sample, and its possible people whom nobody has decided about, for the panel.

        ``nobody`` is whether a reviewer has said that nobody is there, ``agreement`` is as of
        :func:`annotator.dataset.second_labels.read_agreement`.
        ``changed`` is ``None``, or why the photo is not the one that was labelled (``reason``) and whether its size is the
        same (``fits``): then nothing can be saved, see :meth:`keep_labels`.

        Raises:
            ReviewError: no such sample, or one without people fields.
            FileNotFoundError, annotator.photos.reading.PhotoError: as :func:`annotator.dataset.sample_people.read_people`.
        """
        with IMAGES.lock(sample_id):
            image = self.saving.load(sample_id)
        change = image.photo_change(self.fields)
        return {
            "sample": sample_id,
            "filepath": image.stored.sample.filepath,
            "size": list(image.size),
            "people": list(image.data.values()),
            "possible": image.possible_data(),
            "nobody": image.said_empty(self.fields),
            "changed": change and asdict(change),
            "agreement": read_agreement(self.dataset, self.fields, sample_id),
        }

    def second(self, sample_id: str) -> dict[str, Any]:
        """The people of a sample as the second annotator has labelled them, for the panel.

        Raises:
            ReviewError, FileNotFoundError, annotator.photos.reading.PhotoError: as :meth:`open`.
        """
        return {"people": list(self._second_image(sample_id).data.values())}

    def photo(self, sample_id: str) -> bytes:
        """A sample's photo as a JPEG, for a browser that cannot read its file, such as HEIC or TIFF.

        Raises:
            ReviewError, annotator.photos.reading.PhotoError: no such sample; its photo cannot be read.
        """
        document = find_document(self.dataset, sample_id, ["filepath"])
        if document is None:
            raise ReviewError(f"{self.dataset.name!r} has no sample {short(sample_id)}")
        try:
            pixels = read_photo(document["filepath"])
        except PhotoError as error:
            raise PhotoError(f"{document['filepath']}: {error}") from None
        _, jpeg = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
        return jpeg.tobytes()

    def keep_labels(self, sample_id: str) -> dict[str, Any]:
        """Take the labels of a photo that has changed, and has the size of before, for labels of the photo as it is now.

        Returns:
            The same as :meth:`open`.

        Raises:
            ReviewError: as :meth:`open`, or the photo has another size.
        """
        self.saving.keep_labels(sample_id)
        return self.open(sample_id)

    def edit(
        self,
        sample_id: str,
        edit: Mapping[str, Any],
        versions: Mapping[str, str],
        request_id: str | None = None,
        work: Work = NO_WORK,
    ) -> dict[str, Any]:
        """Make one edit, save it, and write it to the log of edits.

        Args:
            sample_id: of the image.
            edit: one of :mod:`annotator.review.edits.models`, as a dict. ``nobody`` has no undo: it is made again
                with the other value.
            versions: version, as the panel has it, of each person that the edit names; ``open`` of a possible one.
            request_id: 16 hexadecimal digits that no other request has. An edit that is requested again,
                because its answer was lost, is not made again.
            work: with which tool, and how long it took.

        Returns:
            ``people`` that changed, ``removed`` keys, ``order``, the keys of everybody who is there, ``possible``, the
            possible people who are to be decided, ``decided``, the states of those that changed, and ``undo``, a token for
            :meth:`restore`. If a person has another version: ``conflict``, the keys, and ``people``, ``removed`` and
            ``decided`` as they are; the edit was not made.

        Raises:
            annotator.review.edits.EditError, ReviewError: it cannot be made.
            annotator.dataset.store.StoreError: the people would take more than the database keeps of one image.
            OSError: files of the maps are missing, or cannot be written.
            annotator.photos.reading.PhotoError, annotator.inference.network.ModelError, ImportError: the photo, the model or ONNX
                Runtime, which label a person who is added, cannot be used.
            ValueError: not a request id.
            pymongo.errors.PyMongoError: the database does not answer; the edit may have been saved. Request it
                again by its id. After all other errors nothing was saved.
        """
        parsed = parse_edit(edit)
        if isinstance(parsed, Nobody):
            return self.saving.set_nobody(sample_id, parsed.nobody, request_id, work)

        def scene(image: LoadedImage) -> Scene:
            network = PhotoNetwork(image.stored.sample.filepath, self.model, self.settings)
            return Scene(
                image.size,
                image.people,
                network.label_box,
                network.label_masks,
                image.open_possible,
                lambda: self._second_image(sample_id).people,
                network.label_click,
                self._people_of,
            )

        def change(image: LoadedImage) -> Changes:
            changes = apply_edit(scene(image), parsed)
            time = now()
            return {
                key: None
                if person is None
                else replace(
                    person, provenance=replace(person.provenance, author=self.saving.author, time=time)
                )
                for key, person in changes.items()
            }

        def decide(image: LoadedImage, changes: Changes) -> dict[str, str]:
            return decisions(scene(image), parsed, changes)

        return self.saving.change(
            sample_id,
            versions,
            change,
            partial(self.saving.log.record_edit, edit),
            work,
            request_id,
            decide=decide,
        )

    def restore(
        self,
        sample_id: str,
        token: str,
        versions: Mapping[str, str],
        request_id: str | None = None,
        work: Work = NO_WORK,
    ) -> dict[str, Any]:
        """Undo an edit: put people back as they were before it. The result's ``undo`` is the token to redo it.

        Other arguments, result and errors are those of :meth:`edit`.
        """
        history = self.saving.history(sample_id)
        try:
            before, documents = undo.load_people(history, token), undo.load_documents(history, token)
            possible = undo.load_possible(history, token)
        except KeyError as error:
            raise ReviewError(error.args[0]) from None
        deleted = {key: Labels.from_documents(labels) for key, labels in documents.items()}

        def change(image: LoadedImage) -> Changes:
            return {key: undo.with_id_of(person, image.people.get(key)) for key, person in before.items()}

        record = partial(self.saving.log.record_restore, undo.request_of(token))
        return self.saving.change(
            sample_id, versions, change, record, work, request_id, deleted, lambda image, changes: possible
        )

    def photo_before(self, sample_id: str) -> dict[str, Any]:
        """The photo before a sample's, in the order of file names of its folder, with its people, to copy them.

        Returns:
            The same as :meth:`open`; ``sample`` is ``None`` where there is no photo before that has people.

        Raises:
            ReviewError: no such sample.
        """
        before = sample_before(self.dataset, self.fields, sample_id)
        return {"sample": None, "people": []} if before is None else self.open(before)

    def _people_of(self, sample_id: str) -> tuple[tuple[int, int], str, Mapping[str, Person]]:
        image = self.saving.load(sample_id)
        return image.size, Path(image.stored.sample.filepath).name, image.people

    def _second_image(self, sample_id: str) -> LoadedImage:
        fields = second_fields(self.fields)
        require_fields(self.dataset, fields.names)
        return IMAGES.load(self.dataset, fields, sample_id)
