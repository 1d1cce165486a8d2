"""Optimistic locking for a sample's people: read from the database, and saved only if nobody else has saved since.

FiftyOne keeps one object per sample and process, whoever changes it, and encodes every mask anew when the list of
people changes. The samples here are copies, and only labels that changed are encoded.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.dataset.fields import Fields, require_fields
from annotator.dataset.label_checks import check_document, check_masks, decode_error

if TYPE_CHECKING:
    import fiftyone as fo

    Samples = fo.core.collections.SampleCollection

AT_ONCE = 16
"""Samples that are read with one call of the database; each may have up to 16 MB."""
TOO_LARGE = (10334, 17419, 17420)
"""MongoDB's error codes for a document that an update would make too large."""


class StoreError(ValueError):
    """Labels that the database cannot hold; the message says why and what to do."""


def check_home() -> None:
    """Call it before FiftyOne is imported, which keeps its database in the home folder.

    Raises:
        OSError: there is none: no ``HOME``, and a user whom the system does not know. FiftyOne would make a folder
            called ``~`` wherever it was started, with a database of its own in each.
    """
    if os.path.expanduser("~") == "~":
        raise OSError("there is no home folder for FiftyOne's database: set HOME to a folder that stays")


def connect() -> None:
    """Start FiftyOne's database, or connect to the one that its config names.

    Raises:
        OSError: it does not start within FiftyOne's minute, or does not answer.
    """
    import fiftyone as fo
    from fiftyone.core.config import FiftyOneConfigError
    from fiftyone.core.service import ServiceException

    try:
        fo.list_datasets()
    except (FiftyOneConfigError, ServiceException) as error:
        log = Path(fo.config.database_dir) / "log" / "mongo.log"
        raise OSError(
            f"FiftyOne's database does not start: {error}. On a busy machine, try again; its log may say why: {log}"
        ) from None


def saved_at(dataset: fo.Dataset, sample_id: str) -> datetime | None:
    """When a sample was last saved; ``None`` if there is no such sample."""
    document = find_document(dataset, sample_id, ["last_modified_at"])
    return document and document["last_modified_at"]


def object_ids(keys: Iterable[str]) -> list[Any]:
    """The ids as the database has them, without those that are none."""
    from bson import ObjectId

    return [ObjectId(key) for key in dict.fromkeys(keys) if ObjectId.is_valid(key)]


def find_document(dataset: fo.Dataset, sample_id: str, paths: Sequence[str]) -> dict[str, Any] | None:
    """A sample's values at these paths, and its ``_id``, as the database has them; ``None`` if there is no such
    sample."""
    from bson import ObjectId

    if not ObjectId.is_valid(sample_id):
        return None
    return dataset._sample_collection.find_one({"_id": ObjectId(sample_id)}, list(paths))


def find_without_masks(dataset: fo.Dataset, sample_id: str, fields: Fields) -> dict[str, Any] | None:
    """What the database has of a sample's people, but for masks: little, however large the photo; ``None`` if there is no
    such sample."""
    from bson import ObjectId

    # By what is left out: a list of what is read would also leave out elements that are no labels.
    known = {*fields.names, "filepath", "metadata", "last_modified_at"}
    hidden = [
        field.db_field for name, field in dataset.get_field_schema().items() if name not in known | {"id"}
    ]
    hidden += [f"{name}.detections.mask" for name in (fields.people, fields.parts)]
    return dataset._sample_collection.find_one({"_id": ObjectId(sample_id)}, dict.fromkeys(hidden, False))


def update_document(
    dataset: fo.Dataset, document: dict[str, Any], values: dict[str, Any]
) -> dict[str, Any] | None:
    """Set values of a sample in one step, unless somebody has saved it since it was read.

    Args:
        dataset: of the sample.
        document: the sample as it was read, with ``filepath`` and ``last_modified_at``.
        values: by their paths.

    Returns:
        The values with the new ``last_modified_at``; ``None`` if somebody has saved the sample: nothing was written.

    Raises:
        StoreError: the sample would be larger than the database allows; nothing was written.
    """
    from pymongo.errors import DocumentTooLarge, WriteError

    condition, values = _update(document, values)
    try:
        done = _lasting(dataset).update_one(condition, {"$set": values})
    # The limit of the driver or of the server, whichever is met first.
    except (DocumentTooLarge, WriteError) as error:
        if isinstance(error, WriteError) and error.code not in TOO_LARGE:
            raise
        raise StoreError(
            f"{document['filepath']}: its people would take more than the 16 MB that MongoDB keeps of one "
            "image: delete people, or split the photo into several"
        ) from None
    if not done.matched_count:
        return None
    _reload(dataset, [str(document["_id"])])
    return values


def update_documents(
    dataset: fo.Dataset, updates: Sequence[tuple[dict[str, Any], dict[str, Any]]], mark: str
) -> list[dict[str, Any] | StoreError | None]:
    """As :func:`update_document` of several samples, each by itself, with one call of the database unless one of them fails.

    Args:
        updates: the documents of different samples, and their values.
        mark: a path whose value says what was written, should somebody else save a sample in the same millisecond.

    Returns:
        Of each sample what :func:`update_document` returns or raises.
    """
    from pymongo import UpdateOne
    from pymongo.errors import DocumentTooLarge, OperationFailure

    if not updates:
        return []
    sent = [_update(*update) for update in updates]
    operations = [UpdateOne(condition, {"$set": values}) for condition, values in sent]
    try:
        is_done = _lasting(dataset).bulk_write(operations, ordered=False).matched_count == len(sent)
    except (DocumentTooLarge, OperationFailure):
        is_done = False  # each that fails does so again below
    if is_done:
        _reload(dataset, [str(document["_id"]) for document, _ in updates])
        return [values for _, values in sent]
    # The database does not say which of them it has written.
    marks = [
        {"_id": condition["_id"]}
        | {name: values[name] for name in ("last_modified_at", mark) if name in values}
        for condition, values in sent
    ]
    done = {found["_id"] for found in dataset._sample_collection.find({"$or": marks}, ["_id"])}
    results: list[dict[str, Any] | StoreError | None] = []
    for (document, wanted), (_, values) in zip(updates, sent, strict=True):
        try:
            is_done = document["_id"] in done
            results.append(values if is_done else update_document(dataset, document, wanted))
        except StoreError as error:
            results.append(error)
    _reload(dataset, [str(key) for key in done])
    return results


def _update(document: dict[str, Any], values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The condition and the values of :func:`update_document`."""
    # The database keeps milliseconds.
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    later = document["last_modified_at"] + timedelta(milliseconds=1)
    condition = {name: document[name] for name in ("_id", "last_modified_at")}
    return condition, values | {"last_modified_at": max(now, later)}


def _lasting(dataset: fo.Dataset) -> Any:
    """The samples; what is written there is answered once it is in the journal on disk: else a database that is killed forgets
    the last tenth of a second."""
    from pymongo import WriteConcern

    return dataset._sample_collection.with_options(write_concern=WriteConcern(j=True))


def write_values(
    dataset: fo.Dataset,
    values: Mapping[str, Any] | Mapping[tuple[str, str], Any],
    path: str,
) -> None:
    """Set one value of samples or labels by their ids, whatever else is stored there: FiftyOne's own way reads all of a
    sample, and fails if it cannot.

    Args:
        values: by the ids of samples, or by those of a sample and one of its labels.
        path: of the value in a sample, or in a label with its list before: ``dp_people.detections.annotation_id``.

    Raises:
        FieldError: as :func:`annotator.dataset.fields.require_fields`.
    """
    from bson import ObjectId
    from pymongo import UpdateOne

    require_fields(dataset, [path.partition(".")[0]])
    now, field, name = datetime.now(timezone.utc), *path.rpartition(".")[::2]
    changes: dict[str, dict[str, Any]] = {}
    filters: dict[str, list[dict[str, Any]]] = {}
    for key, value in values.items():
        sample, label = key if isinstance(key, tuple) else (key, None)
        change = changes.setdefault(sample, {"last_modified_at": now})
        if label is None:
            change[path] = value
        else:
            of = filters.setdefault(sample, [])
            change[f"{field}.$[label{len(of)}].{name}"] = value
            of.append({f"label{len(of)}._id": ObjectId(label)})
    updates = [
        UpdateOne({"_id": ObjectId(sample)}, {"$set": change}, array_filters=filters.get(sample))
        for sample, change in changes.items()
    ]
    if updates:
        dataset._sample_collection.bulk_write(updates, ordered=False)
        _reload(dataset, list(changes))


def _reload(dataset: fo.Dataset, ids: Sequence[str]) -> None:
    """Bring samples up to date that this process has in memory, as FiftyOne does after its own updates in bulk; those that
    it cannot read stay as they are there."""
    import fiftyone as fo

    for key in ids:
        with suppress(Exception):
            fo.Sample._reload_doc(dataset._sample_collection_name, key)


def find_documents(
    dataset: fo.Dataset, sample_ids: Iterable[str], fields: Fields
) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """What :class:`StoredSample` reads of samples, :data:`AT_ONCE` with each call of the database, in the order of their ids;
    ``None`` of those that are not there.

    Raises:
        FieldError: the dataset or one of its fields was deleted meanwhile.
    """
    from bson import ObjectId

    names = [name for name in fields.names if dataset.has_sample_field(name)]
    paths, remaining = _paths(fields), iter(sample_ids)
    while ids := list(islice(remaining, AT_ONCE)):
        require_fields(dataset, names)
        cursor = dataset._sample_collection.find({"_id": {"$in": list(map(ObjectId, ids))}}, paths)
        found = {str(document["_id"]): document for document in cursor}
        for key in ids:
            document = found.pop(key, None)
            yield key, document and dict.fromkeys(fields.names) | document


def _paths(fields: Fields) -> list[str]:
    return [*fields.names, "filepath", "metadata", "last_modified_at"]


@dataclass(frozen=True)
class StoredSample:
    """A copy of a sample as it was in the database."""

    document: dict[str, Any]
    """As the database has it: masks are compressed bytes."""
    sample: fo.Sample
    """The same as a FiftyOne sample that belongs to no dataset: changing it changes nothing else."""

    @property
    def time(self) -> datetime:
        """When it was last saved."""
        return self.document["last_modified_at"]

    @classmethod
    def load(cls, dataset: fo.Dataset, sample_id: str, fields: Fields) -> StoredSample | None:
        """Read a sample; ``None`` if there is no such sample.

        Raises:
            annotator.dataset.label_checks.LabelError: labels of it cannot be read.
        """
        document = find_document(dataset, sample_id, _paths(fields))
        return None if document is None else cls.from_document(document, fields)

    @classmethod
    def from_document(cls, document: dict[str, Any], fields: Fields) -> StoredSample:
        """
        Raises:
            annotator.dataset.label_checks.LabelError: labels of it cannot be read.
        """
        import fiftyone as fo

        document = dict.fromkeys(fields.names) | document
        check_document(document, fields)
        try:
            # FiftyOne decodes in place.
            sample = fo.Sample.from_dict(deepcopy(document))
        except Exception as error:  # of FiftyOne, its ODM, or what unpacks masks
            raise decode_error(document, fields, error) from None
        check_masks(sample, fields)
        return cls(document, sample)

    def labels(self, fields: Fields) -> dict[str, dict[str, Any]]:
        """By label id, what the database has of the label, without its mask."""
        lists = [self.document[name] or {} for name in (fields.people, fields.parts, fields.keypoints)]
        labels = [label for of in lists for label in of.get("detections") or of.get("keypoints") or []]
        return {
            str(label["_id"]): {name: value for name, value in label.items() if name != "mask"}
            for label in labels
        }

    def save(self, dataset: fo.Dataset, fields: Fields, changed: Collection[str]) -> StoredSample | None:
        """Write the people fields of :attr:`sample` in one step.

        Args:
            dataset: that the sample was loaded from.
            fields: that were loaded.
            changed: ids of the labels that were changed; new ones need not be among them.

        Returns:
            The sample as it is now; ``None`` if somebody has saved it since it was loaded: nothing was written.

        Raises:
            StoreError: as :func:`update_document`.
        """
        written = update_document(dataset, self.document, self.changes(fields, changed))
        return None if written is None else StoredSample(self.document | written, self.sample)

    def changes(self, fields: Fields, changed: Collection[str]) -> dict[str, Any]:
        """The values of the people fields that :meth:`save` writes, by their names."""
        values = {name: self._encoded(name, changed) for name in fields.names}
        return {name: value for name, value in values.items() if value != self.document[name]}

    def _encoded(self, name: str, changed: Collection[str]) -> Any:
        import fiftyone as fo

        value, was = self.sample[name], self.document[name]
        if not isinstance(value, fo.Label):
            return value
        if not isinstance(value, fo.Detections | fo.Keypoints):
            return was if was is not None and str(was["_id"]) == value.id else value.to_dict()
        key = value._LABEL_LIST_FIELD
        known = {str(label["_id"]): label for label in (was or {}).get(key) or []}
        labels = [
            known[label.id] if label.id in known and label.id not in changed else label.to_dict()
            for label in value[key]
        ]
        return {"_cls": type(value).__name__, key: labels}
