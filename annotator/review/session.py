"""Reviewing: a queue of what is most likely wrong, and edits that are saved at once.

Every edit says which version of a person it was made on. Where somebody else was faster the edit is not done
and the editor is told; nothing is lost on either side. The version is made of the labels themselves, so that a
change by the App's own tools or by a script counts, too.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.dataset.fields import FieldError, Fields, declare_fields, find_prefixes
from annotator.dataset.info import last_model, maps_folder
from annotator.dataset.person_labels import Labels
from annotator.dataset.sample_people import change_people, find_labels, read_people
from annotator.dataset.store import StoredSample, saved_at, update_document
from annotator.geometry.boxes import Box
from annotator.inference.box_prompt import label_boxes
from annotator.inference.network import DEFAULT_MODEL, Network
from annotator.inference.settings import Settings
from annotator.labels.people import Person
from annotator.photos.reading import read_photo
from annotator.review.edits import Changes, Scene, apply_edit
from annotator.review.panel_data import person_data
from annotator.review.undo import find, forget, history_folder, recall, recall_documents, remember

if TYPE_CHECKING:
    import fiftyone as fo

CACHED_IMAGES = 4
"""Images whose people are kept in memory between edits."""
NAMED_EDITS = 50
"""Of an image, whose names are kept to know them again; a browser asks again for those without an answer, a few."""
ATTEMPTS = 5
"""At saving, where another process saves the same image in the same moment."""


BUSY = "the image is being saved by somebody else again and again: try once more"


class ReviewError(ValueError):
    """A review that cannot go on as asked; the message says why."""


@dataclass(frozen=True)
class _Known:
    """The people of a sample as the database has them."""

    stored: StoredSample
    size: tuple[int, int]
    people: dict[str, Person]
    data: dict[str, dict[str, Any]]
    """What the panel gets of each."""


class Review:
    """The review of one dataset's people.

    Args:
        dataset: with people of that prefix.
        prefix: of the names of the label fields.
        author: who edits; written to each person that was changed.
        model: path of the ONNX file that labels added people; default: the one that last labelled the dataset.
        maps_dir: as of :class:`annotator.runs.dataset.Annotation`.

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
            raise FieldError(f"{dataset.name!r} has no people with the prefix {prefix!r}: annotate it first")
        self.dataset, self.fields, self.author = dataset, Fields(prefix), author
        self.model = Path(model) if model else last_model(dataset, prefix) or DEFAULT_MODEL
        # A clone of a view has the fields that the view shows.
        if not dataset.get_field_schema().keys() >= set(self.fields.names):
            declare_fields(dataset, self.fields)
        self.folder = maps_folder(dataset, prefix, maps_dir)

    def open(self, sample_id: str) -> dict[str, Any]:
        """The people of a sample, for the panel.

        Raises:
            ReviewError: no such sample, or one without people fields.
            FileNotFoundError, annotator.photos.reading.PhotoError: as :func:`annotator.dataset.sample_people.read_people`.
        """
        with _lock(sample_id):
            known = self._known(sample_id)
        return {
            "sample": sample_id,
            "filepath": known.stored.sample.filepath,
            "size": list(known.size),
            "people": list(known.data.values()),
        }

    def edit(
        self, sample_id: str, edit: Mapping[str, Any], versions: Mapping[str, str], name: str | None = None
    ) -> dict[str, Any]:
        """Do one edit and save it.

        Args:
            sample_id: of the image.
            edit: what to do: one of :mod:`annotator.review.edits`, or, of an image without people, ``{"kind": "nobody",
                "nobody": …}``, whether somebody has seen that nobody is there. That is not undone but said anew.
            versions: version, as the panel has it, of each person that the edit names.
            name: of the edit, 16 hexadecimal digits that no other has. An edit that is asked for again, because
                its answer was lost, is not done again.

        Returns:
            ``people`` that changed, ``removed`` keys, ``order``, the keys of everybody who is there, and ``undo``, a
            token for :meth:`restore`. Where a person has another version: ``conflict``, the keys, and ``people`` and
            ``removed`` as they are; nothing was done.

        Raises:
            annotator.review.edits.EditError, ReviewError: it cannot be done.
            annotator.dataset.store.StoreError: the people would take more than the database keeps of one image.
            OSError: files of the maps are missing, or cannot be written.
            annotator.photos.reading.PhotoError, annotator.inference.network.ModelError, ImportError: the photo, the model or ONNX
                Runtime, which label a person who is added, cannot be used.
            ValueError: not a name.
            pymongo.errors.PyMongoError: the database does not answer; the edit may have been saved. Ask again by its
                name. After all other errors nothing was.
        """

        if edit.get("kind") == "nobody":
            return self._say_nobody(sample_id, bool(edit.get("nobody")))

        def change(known: _Known) -> Changes:
            labeller = self._labeller(known.stored.sample.filepath)
            changes = apply_edit(Scene(known.size, known.people, labeller), edit)
            now = _now()
            return {
                key: None
                if person is None
                else replace(person, provenance=replace(person.provenance, author=self.author, time=now))
                for key, person in changes.items()
            }

        return self._change(sample_id, versions, change, name)

    def _say_nobody(self, sample_id: str, nobody: bool) -> dict[str, Any]:
        with _lock(sample_id):
            for _ in range(ATTEMPTS):
                known = self._known(sample_id)
                if known.people:
                    raise ReviewError("somebody is labelled on this image: delete whoever is not there")
                said = {"nobody": {"author": self.author, "time": _now()} if nobody else None}
                source = known.stored.document[self.fields.source] or {}
                if update_document(self.dataset, known.stored.document, {self.fields.source: source | said}):
                    return self._answer(known, []) | {"undo": None}
        raise ReviewError(BUSY)

    def restore(
        self, sample_id: str, token: str, versions: Mapping[str, str], name: str | None = None
    ) -> dict[str, Any]:
        """Undo an edit: put people back as they were before it; the result's ``undo`` does it again.

        Arguments, result and errors are those of :meth:`edit`.
        """
        history = self._history(sample_id)
        try:
            before, documents = recall(history, token), recall_documents(history, token)
        except KeyError as error:
            raise ReviewError(error.args[0]) from None
        gone = {key: Labels.from_documents(labels) for key, labels in documents.items()}

        def change(known: _Known) -> Changes:
            return {key: _with_id_of(person, known.people.get(key)) for key, person in before.items()}

        return self._change(sample_id, versions, change, name, gone)

    def _change(
        self,
        sample_id: str,
        versions: Mapping[str, str],
        change: Callable[[_Known], Changes],
        name: str | None = None,
        gone: Mapping[str, Labels] | None = None,
    ) -> dict[str, Any]:
        history = self._history(sample_id)
        with _lock(sample_id):
            for _ in range(ATTEMPTS):
                known = self._known(sample_id)
                if name and (done := self._done(sample_id, known, name)):
                    return done
                stale = [
                    key
                    for key, version in versions.items()
                    if key not in known.data or known.data[key]["version"] != version
                ]
                if stale:
                    return self._answer(known, stale) | {"conflict": stale}
                changes = change(known)
                if not changes:
                    return self._answer(known, []) | {"undo": None}
                before = {key: known.people.get(key) for key in changes}
                undo = remember(history, before, name, self._documents(known, changes))
                try:
                    now = self._save(known, changes, gone, name)
                except (ValueError, OSError):
                    # Not where the database does not answer: what was saved all the same can be undone.
                    forget(history, undo)
                    raise
                if now is not None:
                    others = [key for key in now.data if now.data[key] is not known.data.get(key)]
                    return self._answer(now, list(dict.fromkeys([*changes, *others]))) | {"undo": undo}
                forget(history, undo)
        raise ReviewError(BUSY)

    def _done(self, sample_id: str, known: _Known, name: str) -> dict[str, Any] | None:
        """The answer to an edit that was done before, ``None`` if it was not."""
        token = find(self._history(sample_id), name)
        if name not in self._edits(known):
            return None
        # What can be undone no more can have changed anybody.
        keys = known.data if token is None else recall(self._history(sample_id), token)
        return self._answer(known, list(keys)) | {"undo": token}

    def _edits(self, known: _Known) -> list[str]:
        """Names of the last edits, which are saved together with what they change."""
        return (known.stored.sample[self.fields.source] or {}).get("edits", [])

    def _documents(self, known: _Known, changes: Changes) -> dict[str, Any]:
        """The labels of those who change as the database has them."""
        stored = known.stored.labels(self.fields)
        found = find_labels(known.stored.sample, self.fields)[0]
        return {
            labels.person.id: labels.to_documents(stored) for labels in found if labels.person.id in changes
        }

    @staticmethod
    def _answer(known: _Known, keys: list[str]) -> dict[str, Any]:
        return {
            "people": [known.data[key] for key in keys if key in known.data],
            "removed": [key for key in keys if key not in known.data],
            "order": list(known.data),
        }

    def _known(self, sample_id: str) -> _Known:
        """The people as they are in the database now."""
        key = self._cache_key(sample_id)
        time = saved_at(self.dataset, sample_id)
        with _CACHE_LOCK:
            known = _CACHE.get(key)
        if known is None or known.stored.time != time:
            stored = StoredSample.load(self.dataset, sample_id, self.fields)
            if stored is None:
                raise ReviewError(f"{self.dataset.name!r} has no sample {sample_id!r}")
            people = read_people(stored.sample, self.fields)
            if people is None:
                raise ReviewError(f"{stored.sample.filepath}: has no people fields yet: annotate it first")
            ids = [detection.id for detection in stored.sample[self.fields.people].detections]
            by_id = dict(zip(ids, people.people, strict=True))
            # Most of it is packing and digests, which keep no other thread waiting.
            with ThreadPoolExecutor() as pool:
                data = dict(zip(by_id, pool.map(person_data, by_id, by_id.values()), strict=True))
            known = _Known(stored, people.size, by_id, data)
        _keep(key, known)
        return known

    def _save(
        self, known: _Known, changes: Changes, gone: Mapping[str, Labels] | None, name: str | None
    ) -> _Known | None:
        """Write people who were changed; ``None`` if somebody has saved the sample since: nothing is done."""
        cache_key = self._cache_key(known.stored.sample.id)
        # Its labels are changed in place: unless that is saved they are not those of the database.
        with _CACHE_LOCK:
            _CACHE.pop(cache_key, None)
        edits, sample = self._edits(known), known.stored.sample
        written = change_people(sample, known.people, changes, self.fields, self.folder, gone)
        if name:
            sample[self.fields.source] = sample[self.fields.source] | {"edits": [*edits, name][-NAMED_EDITS:]}
        stored = known.stored.save(self.dataset, self.fields, changes)
        if stored is None:
            return None
        data = known.data | {key: person_data(key, person) for key, person in written.items()}
        there = [detection.id for detection in sample[self.fields.people].detections]
        people = known.people | written
        now = _Known(stored, known.size, {k: people[k] for k in there}, {k: data[k] for k in there})
        _keep(cache_key, now)
        return now

    def _cache_key(self, sample_id: str) -> tuple:
        return self.dataset._doc.id, self.fields.prefix, sample_id

    def _history(self, sample_id: str) -> Path:
        return history_folder(self.folder) / sample_id

    def _labeller(self, filepath: str) -> Callable[[Box], Person | None]:
        def label(box: Box) -> Person | None:
            photo = read_photo(filepath)
            network = _network(self.model, self.model.stat().st_mtime_ns if self.model.is_file() else 0)
            return label_boxes(photo, [box], network, Settings())[0]

        return label


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _with_id_of(person: Person | None, now: Person | None) -> Person | None:
    """A person that an export has numbered since keeps its number."""
    known = person is None or now is None or person.id is not None
    return person if known else replace(person, id=now.id)


_CACHE: OrderedDict[tuple, _Known] = OrderedDict()
_CACHE_LOCK = threading.Lock()
_LOCKS: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


def _keep(key: tuple, known: _Known) -> None:
    with _CACHE_LOCK:
        _CACHE[key] = known
        _CACHE.move_to_end(key)
        while len(_CACHE) > CACHED_IMAGES:
            _CACHE.popitem(last=False)


def _lock(sample_id: str) -> threading.Lock:
    """The App's server answers requests side by side; one image is changed by one of them at a time."""
    with _CACHE_LOCK:
        return _LOCKS[sample_id]


@lru_cache(maxsize=2)
def _network(model: Path, changed: int) -> Network:
    return Network(model)
