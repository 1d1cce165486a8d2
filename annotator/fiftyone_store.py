"""A sample's people fields, read from the database and written back only if nobody else has written since.

FiftyOne's own samples are shared by all of a process, whoever changes them, and encode every mask anew when
their list of people changes. These are copies, and of their labels only those that changed are encoded.
"""

from __future__ import annotations

from collections.abc import Collection
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from annotator.fiftyone_fields import Fields

if TYPE_CHECKING:
    import fiftyone as fo


TOO_LARGE = (10334, 17419, 17420)
"""MongoDB's error codes for a document that an update would make too large."""


def saved_at(dataset: fo.Dataset, sample_id: str) -> datetime | None:
    """When a sample was last saved; ``None`` if there is no such sample."""
    document = _find(dataset, sample_id, ["last_modified_at"])
    return document and document["last_modified_at"]


class StoreError(ValueError):
    """Labels that the database cannot keep."""


@dataclass(frozen=True)
class StoredSample:
    """A sample as it was in the database."""

    document: dict[str, Any]
    """What the database has: masks are compressed bytes."""
    sample: fo.Sample
    """The same, of no dataset: changing it changes nothing else."""

    @property
    def time(self) -> datetime:
        """When it was last saved."""
        return self.document["last_modified_at"]

    @classmethod
    def load(cls, dataset: fo.Dataset, sample_id: str, fields: Fields) -> StoredSample | None:
        """Read a sample; ``None`` if there is no such sample."""
        import fiftyone as fo

        document = _find(dataset, sample_id, [*fields.names, "filepath", "metadata", "last_modified_at"])
        if document is None:
            return None
        document = dict.fromkeys(fields.names) | document
        # FiftyOne decodes in place.
        return cls(document, fo.Sample.from_dict(deepcopy(document)))

    def save(self, dataset: fo.Dataset, fields: Fields, changed: Collection[str]) -> StoredSample | None:
        """Write the people fields of :attr:`sample`, all at once.

        Args:
            dataset: that it was read from.
            fields: that were read.
            changed: ids of labels that differ from :attr:`document`, besides those that it does not have.

        Returns:
            The sample as it is now; ``None`` if somebody has saved it since it was read: nothing was written.

        Raises:
            StoreError: the labels take more than the database keeps of one image; nothing was written.
        """
        import fiftyone as fo
        from pymongo.errors import DocumentTooLarge, WriteError

        # The database keeps milliseconds.
        now = datetime.now(timezone.utc).replace(tzinfo=None)
        now = max(
            now.replace(microsecond=now.microsecond // 1000 * 1000), self.time + timedelta(milliseconds=1)
        )
        values = {name: self._encoded(name, changed) for name in fields.names}
        values = {name: value for name, value in values.items() if value != self.document[name]}
        values["last_modified_at"] = now
        document = self.document | values
        condition = {"_id": document["_id"], "last_modified_at": self.time}
        try:
            done = dataset._sample_collection.update_one(condition, {"$set": values})
        # The driver's or the server's limit, whichever is met.
        except (DocumentTooLarge, WriteError) as error:
            if isinstance(error, WriteError) and error.code not in TOO_LARGE:
                raise
            raise StoreError(
                f"{self.sample.filepath}: its people would take more than the 16 MB that MongoDB keeps of one "
                "image: delete people, or split the photo into several"
            ) from None
        if not done.matched_count:
            return None
        # As FiftyOne itself does after it has written past the samples that somebody holds.
        fo.Sample._reload_docs(dataset._sample_collection_name, sample_ids=[document["_id"]])
        return StoredSample(document, self.sample)

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


def _find(dataset: fo.Dataset, sample_id: str, names: list[str]) -> dict[str, Any] | None:
    from bson import ObjectId

    if not ObjectId.is_valid(sample_id):
        return None
    return dataset._sample_collection.find_one({"_id": ObjectId(sample_id)}, names)
