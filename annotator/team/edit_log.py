"""The log of edits: who did what to whom on which photo, with which tool, and how long it took.

It is a collection of its own in FiftyOne's database. An entry is written once and changes no more, except that a name
can be forgotten (:mod:`annotator.team.names`). It belongs to a dataset by the dataset's id: a dataset that is renamed keeps
its log, a clone begins a new one, and that of a dataset that was deleted is removed when a process first uses the log.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from annotator.dataset.store import find_document
from annotator.labels.label_space import CHARTS, KEYPOINTS, PARTS
from annotator.labels.people import DECIDED, Person

if TYPE_CHECKING:
    import fiftyone as fo
    from pymongo.collection import Collection

COLLECTION = "densepose_edits"
"""In FiftyOne's database; its name begins like none of FiftyOne's own."""
MAX_SECONDS = 3600
"""Of active work that one edit can have taken. A browser that says more is not believed."""
_TOOL = re.compile(r"[a-z_]{1,20}")
KINDS = {
    "set_keypoint": "keypoint moved",
    "paint": "painted",
    "fill": "polygon filled",
    "fill_area": "area filled",
    "click": "mask clicked",
    "move": "moved",
    "paste": "copied from another photo",
    "split_by_line": "split by a line",
    "split_by_heads": "split by heads",
    "merge": "merged",
    "delete": "deleted",
    "add": "added",
    "add_empty": "added without labels",
    "accept_possible": "possible person added",
    "dismiss_possible": "possible person dismissed",
    "correct_surface": "surface corrected",
    "swap_sides": "left and right swapped",
    "swap_depth": "front and back swapped",
    "take_second": "taken from the second annotator",
    "approve": "approved",
    "reject": "rejected",
    "reopen": "decision taken back",
    "comment": "comment",
    "nobody": "nobody is there",
    "undo": "undone",
    "redo": "redone",
    "bulk_approval": "approved the rest",
    "bulk_take_back": "approval of the rest taken back",
    "view": "looked at",
}
"""The words for each kind of entry, by its name."""
NO_CORRECTIONS = frozenset(
    ("approve", "reopen", "comment", "nobody", "dismiss_possible", "bulk_approval", "bulk_take_back", "view")
)
"""Kinds of entries that do not say that a label was wrong."""
_DECISIONS = {"approved": "approve", "rejected": "reject"}

logger = logging.getLogger(__name__)
People = Mapping[str, Person | None]


@dataclass(frozen=True)
class Work:
    """How an edit was made, as the browser says."""

    tool: str = ""
    """Name of the tool of the panel; empty where there was none."""
    seconds: float = 0.0
    """Of active work since the edit before."""

    @classmethod
    def of(cls, tool: Any, seconds: Any) -> Work:
        """What can be believed of values from outside: an edit is not refused for them."""
        is_number = isinstance(seconds, int | float) and math.isfinite(seconds)
        known = isinstance(tool, str) and _TOOL.fullmatch(tool)
        return cls(tool if known else "", min(max(float(seconds), 0.0), MAX_SECONDS) if is_number else 0.0)


NO_WORK = Work()


@dataclass(frozen=True)
class Edited:
    """An edit that was saved, or the undoing of one."""

    sample: str
    """Id of the sample."""
    filepath: str
    author: str
    request_id: str
    work: Work = NO_WORK
    before: People = field(default_factory=dict)
    """The people who changed, by the ids of their labels, as they were; ``None`` for one who was not there."""
    after: People = field(default_factory=dict)
    """The same people, or more, as they are."""


class EditLog:
    """The log of one dataset's edits.

    Args:
        dataset: the dataset.
        prefix: of the names of the label fields.
    """

    def __init__(self, dataset: fo.Dataset, prefix: str):
        self.dataset, self.dataset_id, self.prefix = dataset, dataset._doc.id, prefix

    def record_edit(self, edit: Mapping[str, Any], edited: Edited) -> None:
        """Write an edit, a dict as of :mod:`annotator.review.edits.models`; once, however often it is recorded. The edits
        that were made together have an entry each, and share the seconds.

        Raises:
            pymongo.errors.ConnectionFailure: the database does not answer: record it again.
        """
        singles = edit["edits"] if edit["kind"] == "together" else [edit]
        done = {key: _done(before, edited.after.get(key)) for key, before in edited.before.items()}
        entries = []
        for single in singles:
            keys = single.get("people") or [key for key in [single.get("person")] if key]
            kind = _kind(single, edited.before.get(keys[0]) if keys else None)
            what = {"kind": kind, "targets": _targets(single), "corrects": int(kind not in NO_CORRECTIONS)}
            count = sum(done.pop(key, 0) for key in keys) + (kind == "dismiss_possible")
            entries.append(_of_person(keys, edited.before) | what | {"done": count})
        # People whom the edits do not name: added, split off, or who have lost pixels.
        entries[0]["done"] += sum(done.values())
        self._insert(edited, entries)

    def record_restore(self, undone: str, edited: Edited) -> None:
        """Write that an edit was undone, or done again, as :meth:`record_edit`.

        Args:
            undone: request id of what was undone.
            edited: the undoing.
        """
        before = list(self._of_request(undone))
        names = ("person", "people", "targets", "state", "issue", "issue_score", "issues")
        entries = [
            {name: entry[name] for name in names}
            | {
                "kind": "redo" if entry["kind"] == "undo" else "undo",
                "done": -entry["done"],
                "corrects": -entry["corrects"],
            }
            for entry in before
        ]
        unknown = {"kind": "undo", "targets": [], "done": 0, "corrects": 0}
        entries = entries or [_of_person(list(edited.before), edited.before) | unknown]
        self._insert(edited, [entry | {"undoes": undone} for entry in entries])

    def record(self, edited: Edited, kind: str, done: int = 0, person: str = "") -> None:
        """Write something else of :data:`KINDS`, as :meth:`record_edit`.

        Args:
            edited: what there is to say.
            kind: of :data:`KINDS`.
            done: number of people whose review it has ended; negative if it begins again.
            person: id of the label it is about, if it is about one.
        """
        what = {"kind": kind, "targets": [], "corrects": 0, "done": done}
        self._insert(edited, [_of_person([person] if person else [], edited.before) | what])

    def record_view(self, sample_id: str, author: str, request_id: str, work: Work) -> None:
        """Write that a photo was looked at, and nothing done, as :meth:`record_edit`; nothing if it is not there any more."""
        if (document := find_document(self.dataset, sample_id, ["filepath"])) is not None:
            self.record(Edited(sample_id, document["filepath"], author, request_id, work), "view")

    def has(self, request_id: str) -> bool:
        """Whether anything was recorded under a request id."""
        return any(True for _ in self._of_request(request_id))

    def _of_request(self, request_id: str) -> Iterable[dict[str, Any]]:
        return collection().find({"_id": {"$regex": f"^{re.escape(self._id(request_id))}"}}).sort("_id")

    def _id(self, request_id: str) -> str:
        return f"{self.dataset_id}-{request_id}-"

    def _insert(self, edited: Edited, entries: list[dict[str, Any]]) -> None:
        from pymongo import InsertOne
        from pymongo.errors import BulkWriteError, ConnectionFailure, PyMongoError

        common = {
            "dataset": self.dataset_id,
            "prefix": self.prefix,
            "time": datetime.now(timezone.utc).replace(tzinfo=None),
            "author": edited.author,
            "sample": edited.sample,
            "filepath": edited.filepath,
            "tool": edited.work.tool,
            "seconds": edited.work.seconds / len(entries),
        }
        documents = [
            {"_id": f"{self._id(edited.request_id)}{number:04}"} | common | entry
            for number, entry in enumerate(entries)
        ]
        try:
            collection().bulk_write([InsertOne(document) for document in documents], ordered=False)
        except ConnectionFailure:
            raise
        except PyMongoError as error:
            if isinstance(error, BulkWriteError) and _are_duplicates(error):
                return
            # The edit itself is saved, and must not fail for this.
            logger.exception("The log of edits cannot be written; what it lacks now: %s", documents)


def collection() -> Collection:
    """The log of all datasets; answers once what is written is in the journal on disk."""
    from fiftyone.core.odm import get_db_conn
    from pymongo import WriteConcern

    database = get_db_conn()
    _prepare(database.client.address, database.name)
    return database[COLLECTION].with_options(write_concern=WriteConcern(j=True))


def remove_orphans() -> int:
    """Remove the entries of datasets that were deleted, and return their number."""
    from fiftyone.core.odm import get_db_conn

    database = get_db_conn()
    # In this order: a dataset that is made in between is no orphan.
    logged = database[COLLECTION].distinct("dataset")
    known = set(database["datasets"].distinct("_id"))
    orphans = [key for key in logged if key not in known]
    return database[COLLECTION].delete_many({"dataset": {"$in": orphans}}).deleted_count if orphans else 0


@lru_cache
def _prepare(address: tuple[str, int], name: str) -> None:
    from fiftyone.core.odm import get_db_conn

    database = get_db_conn()
    database[COLLECTION].create_index([("dataset", 1), ("prefix", 1), ("time", 1)])
    remove_orphans()


def _are_duplicates(error: Any) -> bool:
    """Whether all that was not written had been written before."""
    return all(
        problem["code"] == 11000 for problem in error.details["writeErrors"]
    ) and not error.details.get("writeConcernErrors")


def _kind(edit: Mapping[str, Any], before: Person | None) -> str:
    if edit["kind"] != "decide":
        return edit["kind"]
    if before is not None and before.provenance.state == edit["state"] and edit.get("comment") is not None:
        return "comment"
    return _DECISIONS.get(edit["state"], "reopen")


def _done(before: Person | None, after: Person | None) -> int:
    """The number of people whose review an edit has ended: 1, or 0, or -1 if it begins again."""
    was = before is not None and before.provenance.state in DECIDED
    if after is None:
        return int(before is not None and not was)
    return int(after.provenance.state in DECIDED) - int(was)


def _of_person(keys: list[str], before: People) -> dict[str, Any]:
    """What an entry says of the first person, as it was."""
    person = before.get(keys[0]) if keys else None
    issues = {name: round(float(score), 4) for name, score in person.issues.items()} if person else {}
    worst = max(issues, key=issues.get, default="")
    score = issues.get(worst, 0.0)
    return {
        "person": keys[0] if keys else "",
        "people": list(keys),
        "state": person.provenance.state if person else "",
        "issue": worst if score > 0 else "",
        "issue_score": score,
        "issues": issues,
    }


def _targets(edit: Mapping[str, Any]) -> list[str]:
    """The keypoints, parts or charts that an edit is about, in words."""
    if edit["kind"] == "set_keypoint":
        return [KEYPOINTS[edit["keypoint"]]]
    if edit["kind"] == "correct_surface":
        return list(dict.fromkeys(CHARTS[int(correction[2])] for correction in edit["corrections"]))
    if edit.get("layer") == "mask":
        return ["mask"]
    return [PARTS[part] for part in edit.get("parts") or [edit.get("part")] if part]
