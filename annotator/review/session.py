"""The review of a dataset's people: open an image, make an edit and save it, undo it.

Every edit says which version of a person it was made on. If somebody else was faster the edit is not made and the
editor is told, so that nothing is lost on either side. The version is a digest of the labels themselves, so that a
change by the App's own tools or by a script counts, too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import cv2

from annotator.dataset.fields import FieldError, Fields, declare_fields, find_prefixes, require_fields
from annotator.dataset.info import last_model, last_settings, maps_folder
from annotator.dataset.person_labels import Labels
from annotator.dataset.photo_file import describe_photo, photo_or_known
from annotator.dataset.possible_people import DISMISSED, OPEN, decide_possible
from annotator.dataset.sample_people import change_people, find_labels, set_issue_score
from annotator.dataset.second_labels import read_agreement, second_fields
from annotator.dataset.store import find_document
from annotator.inference.network import DEFAULT_MODEL
from annotator.labels.messages import short
from annotator.labels.people import Person
from annotator.photos.reading import PhotoError, read_photo
from annotator.review import undo
from annotator.review.edits import Changes, Scene, apply_edit, decisions, parse_edit
from annotator.review.edits.models import Nobody
from annotator.review.loaded_image import ImageCache, LoadedImage, ReviewError
from annotator.review.photo_before import sample_before
from annotator.review.photo_network import PhotoNetwork, settings_of_run
from annotator.team.assignments import record_work
from annotator.team.edit_log import NO_WORK, Edited, EditLog, Work

if TYPE_CHECKING:
    import fiftyone as fo

MAX_REQUEST_IDS = 50
"""Request ids that an image keeps. A browser repeats only the few requests that were not answered."""
MAX_ATTEMPTS = 5
"""At saving an image that another process keeps saving, too."""
BUSY = "the image is being saved by somebody else again and again: try once more"

IMAGES = ImageCache(capacity=6)
logger = logging.getLogger(__name__)


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
        self.dataset, self.fields, self.author = dataset, Fields(prefix), author
        self.model = Path(model) if model else last_model(dataset, prefix) or DEFAULT_MODEL
        self.settings = settings_of_run(last_settings(dataset, prefix)[0])
        # A clone of a view has the fields that the view shows.
        if not dataset.get_field_schema().keys() >= set(self.fields.names):
            declare_fields(dataset, self.fields)
        self.folder = maps_folder(dataset, prefix, maps_dir)
        self.log = EditLog(dataset, prefix)

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
            image = self._load(sample_id)
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
        with IMAGES.lock(sample_id):
            for _ in range(MAX_ATTEMPTS):
                image = self._load(sample_id)
                change, sample = image.photo_change(self.fields), image.stored.sample
                if change is None:
                    break
                if not change.fits:
                    raise ReviewError(change.reason)
                IMAGES.discard(self.dataset, self.fields, sample.id)
                photo = {"photo": describe_photo(sample.filepath)}
                sample[self.fields.source] = sample[self.fields.source] | photo
                sample[self.fields.failure] = None
                if image.stored.save(self.dataset, self.fields, []) is not None:
                    break
            else:
                raise ReviewError(BUSY)
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
            return self._set_nobody(sample_id, parsed.nobody, request_id, work)

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
            time = _now()
            return {
                key: None
                if person is None
                else replace(person, provenance=replace(person.provenance, author=self.author, time=time))
                for key, person in changes.items()
            }

        def decide(image: LoadedImage, changes: Changes) -> dict[str, str]:
            return decisions(scene(image), parsed, changes)

        return self._change(
            sample_id, versions, change, partial(self.log.record_edit, edit), work, request_id, decide=decide
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
        history = self._history(sample_id)
        try:
            before, documents = undo.load_people(history, token), undo.load_documents(history, token)
            possible = undo.load_possible(history, token)
        except KeyError as error:
            raise ReviewError(error.args[0]) from None
        deleted = {key: Labels.from_documents(labels) for key, labels in documents.items()}

        def change(image: LoadedImage) -> Changes:
            return {key: undo.with_id_of(person, image.people.get(key)) for key, person in before.items()}

        record = partial(self.log.record_restore, undo.request_of(token))
        return self._change(
            sample_id, versions, change, record, work, request_id, deleted, lambda image, changes: possible
        )

    def _set_nobody(self, sample_id: str, nobody: bool, request_id: str | None, work: Work) -> dict[str, Any]:
        with IMAGES.lock(sample_id):
            for _ in range(MAX_ATTEMPTS):
                image = self._load(sample_id)
                image.refuse_changed(self.fields)
                if image.people:
                    raise ReviewError("somebody is labelled on this image: delete whoever is not there")
                was_said = bool((image.stored.sample[self.fields.source] or {}).get("nobody"))
                saved = self._save_nobody(image, nobody)
                if saved is not None:
                    changed = [key for key in saved.possible if saved.possible[key] != image.possible[key]]
                    done = (int(nobody) - int(was_said)) * max(len(changed), 1)
                    edited = self._edited(saved, work, request_id or token_hex(8))
                    self._record(partial(self.log.record, kind="nobody", done=done), edited)
                    return _answer(saved, changed) | {"undo": None}
        raise ReviewError(BUSY)

    def _save_nobody(self, image: LoadedImage, nobody: bool) -> LoadedImage | None:
        """Write whether nobody is there. Whoever says so dismisses the possible people, and whoever takes it back has them
        back. ``None``, and nothing is written, if somebody has saved the sample since."""
        sample = image.stored.sample
        IMAGES.discard(self.dataset, self.fields, sample.id)
        if nobody:
            changed = dict.fromkeys(image.open_possible, DISMISSED)
            record = {"author": self.author, "time": _now(), "dismissed": list(changed)}
        else:
            before = (sample[self.fields.source] or {}).get("nobody") or {}
            changed, record = dict.fromkeys(before.get("dismissed", []), OPEN), None
        decide_possible(sample, self.fields, changed)
        sample[self.fields.source] = (sample[self.fields.source] or {}) | {
            "nobody": record,
            "size": list(image.size),
            "photo": photo_or_known(sample.filepath, (sample[self.fields.source] or {}).get("photo")),
        }
        set_issue_score(sample, self.fields)
        stored = image.stored.save(self.dataset, self.fields, [])
        return None if stored is None else self._keep(image.updated(stored, {}, self.fields))

    def _keep(self, image: LoadedImage) -> LoadedImage:
        """Keep an image that was saved in memory."""
        IMAGES.put(self.dataset, self.fields, image)
        return image

    def _record(self, record: Callable[[Edited], None], edited: Edited) -> None:
        """Write an edit that was saved to the log and to the team's fields. Only a database that does not answer makes it fail."""
        record(edited)
        try:
            record_work(self.dataset, self.fields, edited.sample, edited.author)
        except FieldError:
            logger.exception("%s: the team's fields cannot be written", edited.filepath)

    def _change(
        self,
        sample_id: str,
        versions: Mapping[str, str],
        change: Callable[[LoadedImage], Changes],
        record: Callable[[Edited], None],
        work: Work,
        request_id: str | None = None,
        deleted: Mapping[str, Labels] | None = None,
        decide: Callable[[LoadedImage, Changes], Mapping[str, str]] = lambda image, changes: {},
    ) -> dict[str, Any]:
        """Make and save what ``change`` says of people and ``decide`` of possible people; ``deleted`` are the labels of
        people who may have to come back. ``record`` writes the log."""
        history = self._history(sample_id)
        with IMAGES.lock(sample_id):
            for _ in range(MAX_ATTEMPTS):
                image = self._load(sample_id)
                if request_id and (done := self._answer_again(image, request_id)):
                    # The process may have been killed before it could.
                    before = undo.load_people(history, done["undo"]) if done["undo"] else {}
                    self._record(record, self._edited(image, work, request_id, before))
                    return done
                image.refuse_changed(self.fields)
                conflict = [key for key, version in versions.items() if image.version(key) != version]
                if conflict:
                    return _answer(image, conflict) | {"conflict": conflict}
                changes = change(image)
                states = {
                    key: state for key, state in decide(image, changes).items() if key in image.possible
                }
                if not changes and not states:
                    return _answer(image, []) | {"undo": None}
                before = {key: image.people.get(key) for key in changes}
                possible = {key: image.possible[key].state for key in states}
                token = undo.save_people(
                    history, before, request_id, self._documents(image, changes), possible
                )
                try:
                    saved = self._save(image, changes, states, deleted, request_id)
                except (ValueError, OSError):
                    # Not if the database does not answer: what it may have saved can still be undone.
                    undo.remove(history, token)
                    raise
                if saved is not None:
                    self._record(record, self._edited(saved, work, undo.request_of(token), before))
                    others = [key for key in saved.data if saved.data[key] is not image.data.get(key)]
                    return _answer(saved, list(dict.fromkeys([*changes, *others, *states]))) | {"undo": token}
                undo.remove(history, token)
        raise ReviewError(BUSY)

    def _edited(
        self, image: LoadedImage, work: Work, request_id: str, before: Changes | None = None
    ) -> Edited:
        """What the log of edits is to say of an image that was saved; ``before`` are the people who changed, as they were."""
        filepath, key = image.stored.sample.filepath, image.stored.sample.id
        return Edited(key, filepath, self.author, request_id, work, before or {}, image.people)

    def _answer_again(self, image: LoadedImage, request_id: str) -> dict[str, Any] | None:
        """The answer to a request that was answered before, ``None`` if it was not."""
        history = self._history(image.stored.sample.id)
        token = undo.find_token(history, request_id)
        if request_id not in self._request_ids(image):
            return None
        # If it cannot be undone any more, it is not known whom it changed.
        if token is None:
            return _answer(image, list(image.data)) | {"undo": None}
        keys = [*undo.load_people(history, token), *undo.load_possible(history, token)]
        return _answer(image, keys) | {"undo": token}

    def _request_ids(self, image: LoadedImage) -> list[str]:
        """Those of the last edits, which are saved together with what they change."""
        return (image.stored.sample[self.fields.source] or {}).get("edits") or []

    def _documents(self, image: LoadedImage, changes: Changes) -> dict[str, Any]:
        """The labels of the people who change, as the database has them."""
        stored = image.stored.labels(self.fields)
        found = find_labels(image.stored.sample, self.fields)[0]
        return {
            labels.person.id: labels.to_documents(stored) for labels in found if labels.person.id in changes
        }

    def _load(self, sample_id: str) -> LoadedImage:
        require_fields(self.dataset, self.fields.names)
        return IMAGES.load(self.dataset, self.fields, sample_id)

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
        image = self._load(sample_id)
        return image.size, Path(image.stored.sample.filepath).name, image.people

    def _second_image(self, sample_id: str) -> LoadedImage:
        fields = second_fields(self.fields)
        require_fields(self.dataset, fields.names)
        return IMAGES.load(self.dataset, fields, sample_id)

    def _save(
        self,
        image: LoadedImage,
        changes: Changes,
        states: Mapping[str, str],
        deleted: Mapping[str, Labels] | None,
        request_id: str | None,
    ) -> LoadedImage | None:
        """Write people who were changed, and states of possible people; ``None``, and nothing is written, if somebody has
        saved the sample since."""
        request_ids, sample = self._request_ids(image), image.stored.sample
        # Its labels are changed in place: unless that is saved they are not those of the database.
        IMAGES.discard(self.dataset, self.fields, sample.id)
        decide_possible(sample, self.fields, states)
        changed = change_people(sample, image.people, changes, self.fields, self.folder, deleted)
        if request_id:
            edits = {"edits": [*request_ids, request_id][-MAX_REQUEST_IDS:]}
            sample[self.fields.source] = sample[self.fields.source] | edits
        stored = image.stored.save(self.dataset, self.fields, changes)
        if stored is None:
            return None
        return self._keep(image.updated(stored, changed, self.fields))

    def _history(self, sample_id: str) -> Path:
        return undo.history_folder(self.folder) / sample_id


def _answer(image: LoadedImage, keys: list[str]) -> dict[str, Any]:
    return {
        "people": [image.data[key] for key in keys if key in image.data],
        "removed": [key for key in keys if key not in image.data and key not in image.possible],
        "order": list(image.data),
        "possible": image.possible_data(),
        "decided": {key: image.possible[key].state for key in keys if key in image.possible},
    }


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
