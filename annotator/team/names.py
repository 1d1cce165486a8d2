"""Forgetting a name: what somebody has done stays, who it was does not."""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING, Any

from annotator.dataset.fields import Fields
from annotator.dataset.second_labels import NOBODY, find_second_fields, is_second
from annotator.dataset.store import write_values
from annotator.dataset.views import list_at
from annotator.team.edit_log import collection
from annotator.team.fields import TeamFields
from annotator.team.report import Period, find_authors

if TYPE_CHECKING:
    import fiftyone as fo


def forget_name(dataset: fo.Dataset, fields: Fields, name: str) -> tuple[str, int, int]:
    """Replace the name of an annotator in the log of edits, in the labels that they have edited, and in what a team has worked on
    there, by one that says nothing.

    What is not in the database keeps the name: exported files, and for 14 days what undo needs
    (:data:`annotator.review.undo.KEPT_DAYS`).

    Returns:
        The new name, and the numbers of entries of the log and of people that had the old one.

    Raises:
        ValueError: nobody of that name has done anything there (:func:`find_names`).
    """
    if name not in find_names(dataset, fields):
        raise ValueError(f"{name!r}: nobody of that name has done anything in {dataset.name!r}")
    alias = f"annotator-{token_hex(3)}"
    people = f"{fields.people}.detections"
    found = dataset._sample_collection.aggregate(
        [
            {"$match": {f"{people}.author": name}},
            {
                "$project": {
                    "keys": {
                        "$map": {
                            "input": {
                                "$filter": {
                                    "input": f"${people}",
                                    "cond": {"$eq": ["$$this.author", {"$literal": name}]},
                                }
                            },
                            "in": "$$this._id",
                        }
                    }
                }
            },
        ]
    )
    labels = {(str(row["_id"]), str(key)): alias for row in found for key in row["keys"]}
    write_values(dataset, labels, f"{people}.author")
    _replace(dataset, f"{fields.source}.nobody.author", name, alias)
    if agreement := _agreement_path(dataset, fields):
        _replace(dataset, agreement, name, alias)
    query = Period(authors=(name,)).query(dataset, fields)
    entries = collection().update_many(query, {"$set": {"author": alias}}).modified_count
    _forget_work(dataset, fields, name, alias)
    return alias, entries, len(labels)


def find_names(dataset: fo.Dataset, fields: Fields) -> list[str]:
    """All names that :func:`forget_name` can replace, in alphabetical order."""
    paths = [f"{fields.people}.detections.author", f"{fields.source}.nobody.author", *_work_paths(fields)]
    if agreement := _agreement_path(dataset, fields):
        paths.append(agreement)
    found = set(find_authors(dataset, fields))
    for path in paths:
        found.update(dataset._sample_collection.distinct(path))
    return sorted(name for name in found if isinstance(name, str) and name not in ("", NOBODY))


def _agreement_path(dataset: fo.Dataset, fields: Fields) -> str | None:
    """Where measured agreements name the annotator of the labels of this prefix."""
    second, place = (fields, 1) if is_second(fields.prefix) else (find_second_fields(dataset, fields), 0)
    return second and f"{second.source}.agreement.annotators.{place}"


def _work_paths(fields: Fields) -> list[str]:
    """Where a team's fields have names."""
    work = TeamFields(fields).work
    names = ("sent_by", "returned_to", "annotators", "skipped", "lease.by", "history.author")
    return [f"{work}.{name}" for name in names]


def _replace(dataset: fo.Dataset, path: str, name: str, alias: str) -> None:
    """As a change of the labels: whoever has the sample in memory would write the name back."""
    change = {"$set": {path: alias}, "$currentDate": {"last_modified_at": True}}
    dataset._sample_collection.update_many({path: name}, change)


def _forget_work(dataset: fo.Dataset, fields: Fields, name: str, alias: str) -> None:
    """Replace a name in the history of stages and wherever a team's fields have it."""
    work = TeamFields(fields).work

    def replaced(value: str) -> dict[str, Any]:
        return {"$cond": [{"$eq": [value, {"$literal": name}]}, alias, value]}

    def each(path: str, change: dict[str, Any]) -> dict[str, Any]:
        return {"$map": {"input": list_at(f"{work}.{path}"), "in": change}}

    said = {"$mergeObjects": ["$$this", {"author": replaced("$$this.author")}]}
    leased = {"$mergeObjects": [f"${work}.lease", {"by": replaced(f"${work}.lease.by")}]}
    values = {f"{work}.{path}": replaced(f"${work}.{path}") for path in ("sent_by", "returned_to")}
    values |= {f"{work}.{path}": each(path, replaced("$$this")) for path in ("annotators", "skipped")}
    values |= {f"{work}.history": each("history", said)}
    values |= {f"{work}.lease": {"$cond": [{"$gt": [f"${work}.lease.by", None]}, leased, None]}}
    values |= {f"{work}.changed": "$$NOW"}
    named = {"$or": [{path: name} for path in _work_paths(fields)]}
    dataset._sample_collection.update_many(named, [{"$set": values}])
