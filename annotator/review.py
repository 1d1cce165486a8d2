"""Reviewing: a queue of what is most likely wrong, and edits that are saved at once.

Every edit says which version of a person it was made on. Where somebody else was faster the edit is not done
and the editor is told; nothing is lost on either side. The version is made of the labels themselves, so that a
change by the App's own tools or by a script counts, too.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.collections import maps_folder
from annotator.decoding import Settings
from annotator.edits import Changes, Scene, apply_edit
from annotator.fiftyone_fields import FieldError, Fields, declare_fields, find_prefixes
from annotator.fiftyone_labels import change_people, read_people
from annotator.history import recall, remember
from annotator.images import read_photo
from annotator.network import DEFAULT_MODEL, Network
from annotator.panel_data import person_data, version_of
from annotator.people import Person
from annotator.person_pass import label_boxes

if TYPE_CHECKING:
    import fiftyone as fo

CACHED_IMAGES = 4
"""Images whose people are kept in memory between edits."""
ATTEMPTS = 5
"""At saving, where another process saves the same image in the same moment."""


class ReviewError(ValueError):
    """A review that cannot go on as asked; the message says why."""


@dataclass(frozen=True)
class _Known:
    """The people of a sample as they were at a time."""

    time: datetime
    size: tuple[int, int]
    people: dict[str, Person]


class Review:
    """The review of one dataset's people.

    Args:
        dataset: with people of that prefix.
        prefix: of the names of the label fields.
        author: who edits; written to each person that was changed.
        model: path of the ONNX file that labels added people.
        maps_dir: as of :class:`annotator.collections.Annotation`.

    Raises:
        FieldError: there are no people of that prefix.
    """

    def __init__(
        self,
        dataset: fo.Dataset,
        prefix: str = "dp",
        author: str = "",
        model: str | Path = DEFAULT_MODEL,
        maps_dir: str | Path | None = None,
    ):
        if prefix not in find_prefixes(dataset):
            raise FieldError(f"{dataset.name!r} has no people with the prefix {prefix!r}: annotate it first")
        self.dataset, self.fields, self.author, self.model = dataset, Fields(prefix), author, Path(model)
        # Labels of an older release lack fields.
        if not dataset.has_sample_field(self.fields.doubt):
            declare_fields(dataset, self.fields)
        self.folder = maps_folder(dataset, prefix, maps_dir)

    def open(self, sample_id: str) -> dict[str, Any]:
        """The people of a sample, for the panel.

        Raises:
            ReviewError: no such sample.
        """
        sample = self._sample(sample_id)
        with _lock(sample_id):
            known = self._known(sample)
        return {
            "sample": sample_id,
            "filepath": sample.filepath,
            "size": list(known.size),
            "people": [person_data(key, person) for key, person in known.people.items()],
        }

    def edit(self, sample_id: str, edit: Mapping[str, Any], versions: Mapping[str, str]) -> dict[str, Any]:
        """Do one edit (:mod:`annotator.edits`) and save it.

        Args:
            sample_id: of the image.
            edit: what to do.
            versions: version, as the panel has it, of each person that the edit names.

        Returns:
            ``people`` that changed, ``removed`` keys, and ``undo``, a token for :meth:`restore`. Where a person
            has another version: ``conflict``, the keys, and ``people`` and ``removed`` as they are; nothing
            was done.

        Raises:
            EditError, ReviewError: it cannot be done; nothing was.
        """

        def change(known: _Known, sample: fo.Sample) -> Changes:
            changes = apply_edit(Scene(known.size, known.people, self._labeller(sample)), edit)
            now = datetime.now(timezone.utc).isoformat(timespec="seconds")
            return {
                key: None
                if person is None
                else replace(person, provenance=replace(person.provenance, author=self.author, time=now))
                for key, person in changes.items()
            }

        return self._change(sample_id, versions, change)

    def restore(self, sample_id: str, token: str, versions: Mapping[str, str]) -> dict[str, Any]:
        """Undo an edit: put people back as they were before it; the result's ``undo`` does it again.

        Arguments, result and errors are those of :meth:`edit`.
        """
        try:
            before = recall(self._history(sample_id), token)
        except KeyError as error:
            raise ReviewError(error.args[0]) from None
        return self._change(sample_id, versions, lambda known, sample: before)

    def _change(self, sample_id: str, versions: Mapping[str, str], change) -> dict[str, Any]:
        sample = self._sample(sample_id)
        with _lock(sample_id):
            for _ in range(ATTEMPTS):
                known = self._known(sample)
                stale = [
                    key
                    for key, version in versions.items()
                    if key not in known.people or version_of(known.people[key]) != version
                ]
                if stale:
                    return self._answer(known, stale) | {"conflict": stale}
                changes = change(known, sample)
                before = {key: known.people.get(key) for key in changes}
                if not changes:
                    return {"people": [], "removed": [], "undo": None}
                if not self._claim(sample, known):
                    continue
                undo = remember(self._history(sample_id), before)
                change_people(sample, known.people, changes, self.fields, self.folder)
                sample.save()
                return self._answer(self._known(sample), list(changes)) | {"undo": undo}
        raise ReviewError("the image is being saved by somebody else again and again: try once more")

    @staticmethod
    def _answer(known: _Known, keys: list[str]) -> dict[str, Any]:
        return {
            "people": [person_data(key, known.people[key]) for key in keys if key in known.people],
            "removed": [key for key in keys if key not in known.people],
        }

    def _sample(self, sample_id: str) -> fo.Sample:
        try:
            return self.dataset[sample_id]
        except KeyError:
            raise ReviewError(f"{self.dataset.name!r} has no sample {sample_id!r}") from None

    def _known(self, sample: fo.Sample) -> _Known:
        """The people as they are in the database now."""
        key = (self.dataset._doc.id, self.fields.prefix, sample.id)
        time = self._saved_at(sample)
        with _CACHE_LOCK:
            known = _CACHE.get(key)
        if known is None or known.time != time:
            sample.reload(hard=True)
            people = read_people(sample, self.fields)
            if people is None:
                raise ReviewError(f"{sample.filepath}: has no people fields yet: annotate it first")
            keys = [detection.id for detection in sample[self.fields.people].detections]
            known = _Known(time, people.size, dict(zip(keys, people.people, strict=True)))
        with _CACHE_LOCK:
            _CACHE[key] = known
            _CACHE.move_to_end(key)
            while len(_CACHE) > CACHED_IMAGES:
                _CACHE.popitem(last=False)
        return known

    def _saved_at(self, sample: fo.Sample) -> datetime:
        document = self.dataset._sample_collection.find_one({"_id": sample._id}, {"last_modified_at": True})
        if document is None:
            raise ReviewError(f"{sample.filepath}: was deleted meanwhile")
        return document["last_modified_at"]

    def _claim(self, sample: fo.Sample, known: _Known) -> bool:
        """Whether nobody has saved the sample since; if so, everybody else sees that somebody is about to."""
        done = self.dataset._sample_collection.update_one(
            {"_id": sample._id, "last_modified_at": known.time}, {"$currentDate": {"last_modified_at": True}}
        )
        return done.modified_count == 1

    def _history(self, sample_id: str) -> Path:
        return self.folder / "history" / sample_id

    def _labeller(self, sample: fo.Sample):
        def label(box):
            photo = read_photo(sample.filepath)
            network = _network(self.model, self.model.stat().st_mtime_ns if self.model.is_file() else 0)
            # A box drawn by hand is sure to hold somebody: the best guess is wanted, however unsure.
            return label_boxes(photo, [box], network, Settings(confidence=0.0))[0]

        return label


_CACHE: OrderedDict[tuple, _Known] = OrderedDict()
_CACHE_LOCK = threading.Lock()
_LOCKS: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


def _lock(sample_id: str) -> threading.Lock:
    """The App's server answers requests side by side; one image is changed by one of them at a time."""
    with _CACHE_LOCK:
        return _LOCKS[sample_id]


@lru_cache(maxsize=2)
def _network(model: Path, changed: int) -> Network:
    return Network(model)
