"""The summaries of a dataset's photos (:mod:`annotator.dataset.photo_summary`) in a collection of their own, with indexes: nothing
that a reviewer waits for reads labels of photos that are not shown.

No write has to keep them up to date. Whoever reads them, first makes anew those of samples that were saved since, by whatever
tool: FiftyOne sets ``last_modified_at`` with every write, and a summary says for which one it was made. Counts are kept for
each of 256 buckets of photos, so that an edit leads to few being counted again.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from annotator.dataset.fields import Fields, check_people, require_fields
from annotator.dataset.photo_summary import VERSION, Expression, is_labelled, summary_stages
from annotator.dataset.views import photos_of, with_all_fields

if TYPE_CHECKING:
    import fiftyone as fo

    from annotator.dataset.store import Samples

COLLECTION = "densepose_photos"
"""Begins the names of the collections in FiftyOne's database; its own begin otherwise."""
MARGIN = timedelta(minutes=2)
"""How far the clocks of machines may differ, and how long a write in bulk may take, for its samples to be noticed at once."""
CHECK_EVERY = 600
"""Seconds after which all samples are compared with their summaries, whatever their time."""
CHUNK = 1000
"""Samples that are asked for at once."""
WORKERS = min(os.cpu_count() or 1, 4)
"""Chunks of samples that the database works on at once."""
ORDERS = {
    "issue_score": [("done", 1), ("doubt", -1), ("_id", 1)],
    "stage": [("stage", 1), ("done", 1), ("doubt", -1), ("_id", 1)],
    "filepath": [("filepath", 1), ("_id", 1)],
}
"""Indexes of summaries by which the queue is sorted, by their names."""

_MADE = {"$set": {"made": "$$NOW"}}
_LOCKS: dict[str, Lock] = {}
_CHECKED: dict[str, float] = {}
"""When this process has last compared all samples of a collection, in monotonic seconds."""
_COMPARED: dict[str, tuple[datetime, tuple[int, int]]] = {}
"""By collection, until when this process has compared samples, and the fingerprint of those within :data:`MARGIN` before that."""
_PROGRESS: dict[str, tuple[int, int]] = {}
"""Of the collections that this process is bringing up to date: samples that are up to date, and in all."""


class PhotoIndex:
    """The summaries of a dataset's photos with people fields.

    Args:
        dataset: with people fields.
        fields: of the people.
    """

    def __init__(self, dataset: fo.Dataset, fields: Fields):
        from fiftyone.core.odm import get_db_conn

        self.dataset, self.fields = dataset, fields
        name = f"{COLLECTION}.{dataset._doc.id}.{fields.prefix}"
        database = get_db_conn()
        self.photos, self._buckets = database[name], database[f"{name}.counts"]
        self._samples, self._database = dataset._sample_collection, database
        self._lock = _LOCKS.setdefault(name, Lock())

    def refresh(self) -> datetime:
        """Make anew what is not up to date.

        Returns:
            The database's time at which it began.
        """
        with self._lock:
            now = self._database.command("hello")["localTime"]
            # Whose time has changed is found without reading samples, which may be large.
            self._samples.create_index([("last_modified_at", 1), ("_id", 1)])
            state = self._buckets.find_one("state")
            total = self._samples.estimated_document_count()
            if state is None or state["version"] != VERSION:
                self._begin(is_other_version=state is not None)
                state = None
            # Before they are compared: who is saved meanwhile is compared again.
            fingerprint = self._fingerprint(now)
            try:
                self._update(state)
            finally:
                _PROGRESS.pop(self.photos.name, None)
            _COMPARED[self.photos.name] = now, fingerprint
            values = {"version": VERSION, "at": now, "total": total}
            self._buckets.update_one({"_id": "state"}, {"$set": values}, upsert=True)
            return now

    def progress(self) -> tuple[int, int] | None:
        """How many samples are up to date, and how many there are in all, while this process is in :meth:`refresh`; ``None`` if it is
        not, or has only just begun."""
        return _PROGRESS.get(self.photos.name)

    def changed_since(self, time: datetime, limit: int) -> list[Any]:
        """Ids of the summaries, at most so many, that were made since a time of the database."""
        found = self.photos.find({"made": {"$gte": time}}, ["_id"]).limit(limit)
        return [row["_id"] for row in found]

    def index_score(self, name: str) -> None:
        """Have the database sort by the worst of a score quickly, from the first time on that somebody asks for it."""
        self.photos.create_index([(f"bad.{name}", -1), ("_id", 1)])

    def counts(self) -> Counter[str]:
        """What all summaries add to the counts, see :mod:`annotator.dataset.photo_summary`."""
        self._count()
        pipeline = [
            {"$unwind": "$counts"},
            {"$group": {"_id": "$counts.k", "count": {"$sum": "$counts.v"}}},
        ]
        return Counter({row["_id"]: row["count"] for row in self._buckets.aggregate(pipeline)})

    def _begin(self, is_other_version: bool) -> None:
        """Make room for summaries, of which there may be some of an interrupted beginning."""
        from pymongo import IndexModel, UpdateOne

        remove_orphans()
        if is_other_version:
            self.photos.drop()
            self._buckets.delete_one({"_id": "state"})
        # Another process may do the same at this time.
        marked = {"$set": {"dirty": uuid4().hex}}
        names = [f"{number:02x}" for number in range(256)]
        self._buckets.bulk_write([UpdateOne({"_id": name}, marked, upsert=True) for name in names])
        orders = [IndexModel(keys, name=name) for name, keys in ORDERS.items()]
        paths = ("bucket", "kinds", "made", "work.annotators", "work.lease.by", "work.returned_to")
        folder = IndexModel([("folder", 1), ("sequence", 1)])
        self.photos.create_indexes([*orders, folder, *map(IndexModel, paths)])

    def _update(self, state: dict[str, Any] | None) -> None:
        checked = _CHECKED.get(self.photos.name)
        is_due = checked is None or time.monotonic() - checked > CHECK_EVERY
        if state is None or is_due or self._samples.estimated_document_count() != state["total"]:
            _CHECKED[self.photos.name] = time.monotonic()
            self._remove_deleted()
            self._compare({})
        else:
            at = state["at"]
            is_same = _COMPARED.get(self.photos.name) == (at, self._fingerprint(at))
            self._compare({"last_modified_at": {"$gt": at} if is_same else {"$gte": at - MARGIN}})
        changed = f"{self.fields.prefix}_work.changed"
        if state and changed.partition(".")[0] in self.dataset.get_field_schema():
            # By the database's own clock.
            recent = {changed: {"$gte": state["at"] - timedelta(seconds=10)}}
            for rows in _chunks(self._samples.find(recent, ["_id"])):
                self._summarize([row["_id"] for row in rows])

    def _compare(self, chosen: Expression) -> None:
        """Make those summaries anew that are of another time than their samples."""
        order = [("last_modified_at", 1), ("_id", 1)]
        found = self._samples.find(chosen, ["last_modified_at"], hint=order)
        done, total = 0, 0
        with ThreadPoolExecutor(WORKERS) as pool:
            for rows in _chunks(found, WORKERS * CHUNK):
                if len(rows) == WORKERS * CHUNK:  # it may take a while
                    total = total or self._samples.count_documents(chosen, hint=order)
                    _PROGRESS[self.photos.name] = done, max(total, done)
                # One after another in the pool; their errors come out of it.
                for _ in pool.map(self._compare_chunk, _chunks(rows)):
                    pass
                done += len(rows)

    def _fingerprint(self, at: datetime) -> tuple[int, int]:
        """The number of the samples that were saved within :data:`MARGIN` before a time, and the sum of their times: after thousands
        were saved at once, it says sooner than a comparison that they are the same as before."""
        since = at - MARGIN
        pipeline = [
            {"$match": {"last_modified_at": {"$gte": since, "$lte": at}}},
            {
                "$group": {
                    "_id": None,
                    "n": {"$sum": 1},
                    "t": {"$sum": {"$subtract": ["$last_modified_at", since]}},
                }
            },
        ]
        found = self._samples.aggregate(pipeline, hint={"last_modified_at": 1, "_id": 1})
        return next(((row["n"], row["t"]) for row in found), (0, 0))

    def _compare_chunk(self, rows: list[dict[str, Any]]) -> None:
        times = {row["_id"]: row.get("last_modified_at") for row in rows}
        known = {row["_id"]: row["at"] for row in self.photos.find({"_id": {"$in": list(times)}}, ["at"])}
        stale = [key for key, at in known.items() if times[key] != at]
        if unknown := [key for key in times if key not in known]:
            labelled = {**is_labelled(self.fields), "_id": {"$in": unknown}}
            stale += [row["_id"] for row in self._samples.find(labelled, ["_id"])]
        if stale:
            self._summarize(stale)

    def _remove_deleted(self) -> None:
        for rows in _chunks(self.photos.find({}, ["_id"], hint="_id_")):
            keys = [row["_id"] for row in rows]
            there = {row["_id"] for row in self._samples.find({"_id": {"$in": keys}}, ["_id"], hint="_id_")}
            gone = [key for key in keys if key not in there]
            if gone:
                self._mark(sorted({str(key)[-2:] for key in gone}))
                self.photos.delete_many({"_id": {"$in": gone}})

    def _summarize(self, ids: list[Any]) -> None:
        """Write the summaries of samples, and remove those of samples without labels; one of a later time stays."""
        # Before the summaries: whoever counts from now on, counts again.
        self._mark(sorted({str(key)[-2:] for key in ids}))
        is_later = {"$gt": ["$at", "$$new.at"]}
        merge = {
            "into": self.photos.name,
            "whenMatched": [{"$replaceWith": {"$cond": [is_later, "$$ROOT", "$$new"]}}],
        }
        chosen = {**is_labelled(self.fields), "_id": {"$in": ids}}
        stages = [{"$match": chosen}, *summary_stages(self.fields), _MADE]
        self._samples.aggregate([*stages, {"$merge": merge}])
        gone = self._samples.find({self.fields.people: None, "_id": {"$in": ids}}, ["_id"])
        self.photos.delete_many({"_id": {"$in": [row["_id"] for row in gone]}})

    def _mark(self, buckets: Sequence[str]) -> None:
        """These are to be counted again."""
        self._buckets.update_many({"_id": {"$in": buckets}}, {"$set": {"dirty": uuid4().hex}})

    def _count(self) -> None:
        """Count the buckets that were marked. One that is marked again meanwhile stays marked."""
        from pymongo import UpdateOne

        marks = {row["_id"]: row["dirty"] for row in self._buckets.find({"dirty": {"$exists": True}})}
        if not marks:
            return
        pipeline = [
            {"$match": {"bucket": {"$in": list(marks)}} if len(marks) < 256 else {}},
            {"$project": {"bucket": 1, "counts": 1}},
            {"$unwind": "$counts"},
            {"$group": {"_id": {"bucket": "$bucket", "k": "$counts"}, "v": {"$sum": 1}}},
        ]
        counts: dict[str, list[dict[str, Any]]] = {bucket: [] for bucket in marks}
        for row in self.photos.aggregate(pipeline):
            counts[row["_id"]["bucket"]].append({"k": row["_id"]["k"], "v": row["v"]})
        self._buckets.bulk_write(
            [
                UpdateOne(
                    {"_id": bucket, "dirty": marks[bucket]},
                    {"$set": {"counts": found}, "$unset": {"dirty": 1}},
                )
                for bucket, found in counts.items()
            ]
        )


class Summaries:
    """The summaries of the photos of a dataset or view, up to date; of a view that filters labels, with the people that it
    shows. Those of a whole dataset are read, those of a view are made.

    Raises:
        FieldError: as :func:`annotator.dataset.fields.check_people`, also if the field was deleted by another process.
    """

    def __init__(self, samples: Samples, fields: Fields):
        check_people(samples, fields)
        require_fields(samples._dataset, [fields.people])
        self._view = None if is_whole(samples) else with_all_fields(photos_of(samples))
        self._fields, self.index = fields, PhotoIndex(samples._dataset, fields)
        self.time = self.index.refresh() if self._view is None else None
        """Of the database, when they were brought up to date; ``None`` for a view."""

    @property
    def are_indexed(self) -> bool:
        return self._view is None

    def aggregate(self, pipeline: list[Expression], hint: str | None = None) -> Iterator[dict[str, Any]]:
        """The results of a pipeline over the summaries."""
        if self._view is None:
            options = {"hint": hint} if hint else {}
            return self.index.photos.aggregate(pipeline, allowDiskUse=True, **options)
        stages = [{"$match": is_labelled(self._fields)}, *summary_stages(self._fields)]
        if _may_repeat(self._view):
            stages += [{"$group": {"_id": "$_id", "photo": {"$first": "$$ROOT"}}}, {"$replaceWith": "$photo"}]
        whole = self._view._pipeline(pipeline=[*stages, *pipeline])
        return self._view._dataset._sample_collection.aggregate(whole, allowDiskUse=True)

    def counts(self) -> Counter[str]:
        """See :meth:`PhotoIndex.counts`."""
        if self._view is None:
            return self.index.counts()
        pipeline = [{"$unwind": "$counts"}, {"$group": {"_id": "$counts", "count": {"$sum": 1}}}]
        return Counter({row["_id"]: row["count"] for row in self.aggregate(pipeline)})


def is_whole(samples: Samples) -> bool:
    """Whether a collection has all photos and all labels of its dataset."""
    from fiftyone import ExcludeFields, SelectFields

    return all(isinstance(stage, ExcludeFields | SelectFields) for stage in samples.view()._stages)


def remove_orphans() -> None:
    """Remove the summaries of datasets that were deleted."""
    from fiftyone.core.odm import get_db_conn

    database = get_db_conn()
    # In this order: a dataset that is made in between is no orphan.
    names = database.list_collection_names(filter={"name": {"$regex": rf"^{COLLECTION}\."}})
    known = {str(key) for key in database["datasets"].distinct("_id")}
    for name in names:
        if name.split(".")[1] not in known:
            database.drop_collection(name)


def _may_repeat(view: fo.DatasetView) -> bool:
    """Whether a view may have a photo twice."""
    import fiftyone as fo

    return any(isinstance(stage, fo.Concat | fo.Mongo) for stage in view._stages)


def _chunks(rows: Iterable[Any], size: int = 0) -> Iterator[list[Any]]:
    iterator = iter(rows)
    while chunk := list(islice(iterator, size or CHUNK)):
        yield chunk
