"""Saving edits of one photo: once each, in the right order, together with what undoes them.

A photo is read, changed and written as long as nobody else has written it in between. What undoes an edit is on disk
before the edit is saved, so that a process that is killed leaves an edit that can be undone or none at all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from annotator.dataset.fields import FieldError, Fields, require_fields
from annotator.dataset.person_labels import Labels
from annotator.dataset.photo_file import describe_photo, photo_or_known
from annotator.dataset.possible_people import DISMISSED, OPEN, decide_possible
from annotator.dataset.sample_people import change_people, find_labels, set_issue_score
from annotator.review import undo
from annotator.review.edits import Changes
from annotator.review.loaded_image import IMAGES, LoadedImage, ReviewError
from annotator.team.assignments import record_work
from annotator.team.edit_log import Edited, EditLog, Work

if TYPE_CHECKING:
    import fiftyone as fo

MAX_REQUEST_IDS = 50
"""Request ids that a photo keeps. A browser repeats only the few requests that were not answered."""
MAX_ATTEMPTS = 5
"""At saving a photo that another process keeps saving, too."""
BUSY = "the image is being saved by somebody else again and again: try once more"

logger = logging.getLogger(__name__)


class PhotoSaving:
    """Saves edits of the photos of one dataset.

    Args:
        dataset: with people of those fields.
        fields: of the people.
        author: who edits.
        folder: of the map files; what undoes edits lies beside them.
    """

    def __init__(self, dataset: fo.Dataset, fields: Fields, author: str, folder: Path):
        self.dataset, self.fields, self.author, self.folder = dataset, fields, author, folder
        self.log = EditLog(dataset, fields.prefix)

    def load(self, sample_id: str) -> LoadedImage:
        """A photo with its people, as they are now.

        Raises:
            ReviewError, FileNotFoundError, annotator.photos.reading.PhotoError: as :meth:`annotator.review.session.Review.open`.
        """
        require_fields(self.dataset, self.fields.names)
        return IMAGES.load(self.dataset, self.fields, sample_id)

    def history(self, sample_id: str) -> Path:
        """The folder of what undoes the edits of a photo."""
        return undo.history_folder(self.folder) / sample_id

    def keep_labels(self, sample_id: str) -> None:
        """See :meth:`annotator.review.session.Review.keep_labels`."""
        with IMAGES.lock(sample_id):
            for _ in range(MAX_ATTEMPTS):
                image = self.load(sample_id)
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

    def set_nobody(self, sample_id: str, nobody: bool, request_id: str | None, work: Work) -> dict[str, Any]:
        """Save whether nobody is on a photo. Arguments and answer are those of :meth:`annotator.review.session.Review.edit`."""
        with IMAGES.lock(sample_id):
            for _ in range(MAX_ATTEMPTS):
                image = self.load(sample_id)
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
            record = {"author": self.author, "time": now(), "dismissed": list(changed)}
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

    def change(
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
        history = self.history(sample_id)
        with IMAGES.lock(sample_id):
            for _ in range(MAX_ATTEMPTS):
                image = self.load(sample_id)
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
        history = self.history(image.stored.sample.id)
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


def _answer(image: LoadedImage, keys: list[str]) -> dict[str, Any]:
    return {
        "people": [image.data[key] for key in keys if key in image.data],
        "removed": [key for key in keys if key not in image.data and key not in image.possible],
        "order": list(image.data),
        "possible": image.possible_data(),
        "decided": {key: image.possible[key].state for key in keys if key in image.possible},
    }


def now() -> str:
    """The time, in UTC, as it is written into labels."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
