"""How the review goes, from the log of edits: per annotator, tool, issue and part, per day, and until when at this rate.

The database groups the entries; what comes here has a row per annotator, day, tool and so on, however long the log is.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from annotator.dataset.fields import MIN_ISSUE_SCORE, Fields
from annotator.dataset.second_labels import find_second_fields
from annotator.dataset.views import list_at
from annotator.labels.people import DECIDED, TASKS
from annotator.labels.quality import ISSUES
from annotator.team.edit_log import KINDS, collection

if TYPE_CHECKING:
    import fiftyone as fo

NO_ISSUE = "no issue"
"""Instead of an issue, of people for whom the model had none."""
BY_KEYS = "none, or keys"
"""Instead of a tool, of edits that were made with none."""


@dataclass(frozen=True)
class Period:
    """Which entries are meant; by default all."""

    since: datetime | None = None
    """UTC, without time zone, as the following."""
    until: datetime | None = None
    authors: tuple[str, ...] = ()
    """Names; none for everybody."""

    def query(self, dataset: fo.Dataset, fields: Fields) -> dict[str, Any]:
        """The same for MongoDB."""
        query: dict[str, Any] = {"dataset": dataset._doc.id, "prefix": fields.prefix}
        bounds = {"$gte": self.since, "$lt": self.until}
        if times := {name: time for name, time in bounds.items() if time is not None}:
            query["time"] = times
        return query | ({"author": {"$in": list(self.authors)}} if self.authors else {})


@dataclass(frozen=True)
class Row:
    """The numbers of an annotator, tool, issue and so on; 0 where they make no sense."""

    name: str
    edits: int = 0
    """Entries of the log that are not only time."""
    people: int = 0
    """Who were approved, rejected or deleted, and possible people who were dismissed."""
    photos: int = 0
    corrected: int = 0
    """People whose labels were changed, or who were rejected."""
    seconds: float = 0.0
    """Of active work."""
    agreement: dict[str, float] = field(default_factory=dict)
    """Of an annotator: the mean agreement with others on the same photos, 0..1, by task; empty where it was not measured."""

    @property
    def people_an_hour(self) -> float | None:
        return self.people * 3600 / self.seconds if self.seconds else None

    @property
    def share_corrected(self) -> float | None:
        """Of an issue: how often it was right."""
        return self.corrected / self.people if self.people else None


@dataclass(frozen=True)
class Day:
    """What an annotator has done on a day (UTC)."""

    day: date
    author: str
    edits: int
    people: int
    seconds: float


@dataclass(frozen=True)
class Report:
    """How the review goes."""

    total: Row
    authors: list[Row] = field(default_factory=list)
    kinds: list[Row] = field(default_factory=list)
    tools: list[Row] = field(default_factory=list)
    issues: list[Row] = field(default_factory=list)
    """By the worst issue that a person had when nobody had edited it yet."""
    targets: list[Row] = field(default_factory=list)
    """Keypoints, parts and charts by how many edits they needed."""
    photos: list[Row] = field(default_factory=list)
    """Photos on which something was corrected, and photos on which nothing was."""
    days: list[Day] = field(default_factory=list)


def make_report(dataset: fo.Dataset, fields: Fields, period: Period | None = None) -> Report:
    """The report of a dataset's log."""
    query = (period or Period()).query(dataset, fields)
    about_parts = query | {"targets.0": {"$exists": True}, "corrects": 1}
    pipelines = [
        (query, _CUBE),
        (query | {"person": {"$ne": ""}}, _ISSUES),
        (query, _PHOTOS),
        (about_parts, _TARGETS),
    ]
    # Each keeps the database busy on one core.
    with ThreadPoolExecutor() as pool:
        cube, people, (photos,), targets = pool.map(lambda job: _aggregate(*job), pipelines)
    of_author = {row["_id"]: row["photos"] for row in photos["authors"]}
    agreement = _agreement(dataset, fields)
    authors = [
        Row(author, photos=of_author.get(author, 0), agreement=agreement.get(author, {}), **_sums(rows))
        for author, rows in _grouped(cube, "author").items()
    ]
    kinds = [Row(KINDS.get(kind, kind), **_sums(rows)) for kind, rows in _grouped(cube, "kind").items()]
    tools = [Row(tool or BY_KEYS, **_sums(rows)) for tool, rows in _grouped(cube, "tool").items()]
    issues = [
        Row(
            ISSUES.get(row["_id"], row["_id"] or NO_ISSUE),
            people=row["people"],
            corrected=row["corrected"],
            seconds=row["seconds"],
        )
        for row in people
    ]
    needed = [
        Row(name, photos=row["photos"], seconds=row["seconds"])
        for row in photos["needed"]
        for name in ("corrected" if row["_id"] else "nothing to correct",)
    ]
    touched = sum(row.photos for row in needed)
    corrected = sum(row.corrected for row in issues)
    return Report(
        Row("all", photos=touched, corrected=corrected, **_sums(cube)),
        sorted(authors, key=lambda row: (-row.seconds, row.name)),
        sorted((row for row in kinds if row.edits), key=lambda row: (-row.edits, row.name)),
        sorted((row for row in tools if row.edits), key=lambda row: (-row.seconds, row.name)),
        sorted(issues, key=lambda row: (-row.people, row.name)),
        [Row(row["_id"], row["edits"]) for row in targets],
        sorted(needed, key=lambda row: row.name),
        _days(cube),
    )


def find_days(dataset: fo.Dataset, fields: Fields, period: Period | None = None) -> list[Day]:
    """What each annotator has done on each day, oldest first."""
    return _days(_aggregate((period or Period()).query(dataset, fields), _CUBE))


def count_open(dataset: fo.Dataset, fields: Fields) -> int:
    """The number of people who are still to be decided: predicted and edited ones, open possible people, and one for a photo
    without people of whom nobody has said that nobody is there."""
    people, possible = (list_at(f"{name}.detections") for name in (fields.people, fields.possible))
    states = {"$map": {"input": people, "in": {"$ifNull": ["$$this.review", "predicted"]}}}
    undecided = {"$filter": {"input": states, "cond": {"$not": [{"$in": ["$$this", list(DECIDED)]}]}}}
    said = {"$ifNull": [f"${fields.source}.nobody", False]}
    empty = {"$and": [{"$eq": [{"$size": people}, 0]}, {"$eq": [{"$size": possible}, 0]}, {"$not": [said]}]}
    pipeline = [
        {"$match": {fields.people: {"$ne": None}}},
        {
            "$group": {
                "_id": None,
                "open": {
                    "$sum": {"$add": [{"$size": undecided}, {"$size": possible}, {"$cond": [empty, 1, 0]}]}
                },
            }
        },
    ]
    return next((row["open"] for row in dataset._sample_collection.aggregate(pipeline)), 0)


def find_authors(dataset: fo.Dataset, fields: Fields) -> list[str]:
    """The names of those who have edited, in alphabetical order."""
    return sorted(collection().distinct("author", Period().query(dataset, fields)))


def _agreement(dataset: fo.Dataset, fields: Fields) -> dict[str, dict[str, float]]:
    """By annotator, the mean of each task over all people whom another one has labelled, too."""
    second = find_second_fields(dataset, fields)
    if second is None:
        return {}
    record = f"${second.source}.agreement"
    pipeline = [
        {"$project": {"who": f"{record}.annotators", "people": f"{record}.people"}},
        {"$unwind": "$who"},
        {"$unwind": "$people"},
        {"$group": {"_id": "$who", **{task: {"$avg": f"$people.{task}"} for task in TASKS}}},
    ]
    return {
        row["_id"]: {task: row[task] for task in TASKS if row[task] is not None}
        for row in dataset._sample_collection.aggregate(pipeline)
    }


def _aggregate(query: dict[str, Any], pipeline: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list(collection().aggregate([{"$match": query}, *pipeline], allowDiskUse=True))


def _days(cube: Iterable[dict[str, Any]]) -> list[Day]:
    return [
        Day(day.date(), author, **_sums(rows))
        for (day, author), rows in sorted(_grouped(cube, "day", "author").items())
    ]


def _grouped(rows: Iterable[dict[str, Any]], *names: str) -> dict[Any, list[dict[str, Any]]]:
    groups: dict[Any, list[dict[str, Any]]] = {}
    for row in rows:
        key = tuple(row["_id"][name] for name in names)
        groups.setdefault(key if len(names) > 1 else key[0], []).append(row)
    return groups


def _sums(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    rows = list(rows)
    return {
        "edits": sum(row["edits"] for row in rows if row["_id"]["kind"] != "view"),
        "people": sum(row["done"] for row in rows),
        "seconds": sum(row["seconds"] for row in rows),
    }


_SECONDS = {"$sum": "$seconds"}
_CUBE = [
    {
        "$group": {
            "_id": {
                "day": {"$dateTrunc": {"date": "$time", "unit": "day"}},
                "author": "$author",
                "kind": "$kind",
                "tool": "$tool",
            },
            "edits": {"$sum": 1},
            "done": {"$sum": "$done"},
            "seconds": _SECONDS,
        }
    }
]
# The issue that the model gave: once somebody has edited a person, its issues are those of the new labels.
_FIRST_ISSUE = {
    "$cond": [
        {"$eq": ["$state", "predicted"]},
        {"$cond": [{"$gte": ["$issue_score", MIN_ISSUE_SCORE]}, "$issue", ""]},
        None,
    ]
}
_ISSUES = [
    {
        "$group": {
            "_id": "$person",
            "issue": {"$max": _FIRST_ISSUE},
            "corrects": {"$sum": "$corrects"},
            "seconds": _SECONDS,
        }
    },
    {"$match": {"issue": {"$ne": None}}},
    {
        "$group": {
            "_id": "$issue",
            "people": {"$sum": 1},
            "corrected": {"$sum": {"$cond": [{"$gt": ["$corrects", 0]}, 1, 0]}},
            "seconds": _SECONDS,
        }
    },
]
_PHOTOS = [
    {
        "$group": {
            "_id": {"sample": "$sample", "author": "$author"},
            "corrects": {"$sum": "$corrects"},
            "seconds": _SECONDS,
        }
    },
    {
        "$facet": {
            "authors": [{"$group": {"_id": "$_id.author", "photos": {"$sum": 1}}}],
            "needed": [
                {
                    "$group": {
                        "_id": "$_id.sample",
                        "corrects": {"$sum": "$corrects"},
                        "seconds": _SECONDS,
                    }
                },
                {
                    "$group": {
                        "_id": {"$gt": ["$corrects", 0]},
                        "photos": {"$sum": 1},
                        "seconds": _SECONDS,
                    }
                },
            ],
        }
    },
]
_TARGETS = [
    {"$unwind": "$targets"},
    {"$group": {"_id": "$targets", "edits": {"$sum": 1}}},
    {"$sort": {"edits": -1, "_id": 1}},
]
