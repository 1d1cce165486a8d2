"""Predictions and what was decided about them, read of a whole collection in one pass, without masks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from annotator.dataset.fields import Fields, check_people, require_fields
from annotator.dataset.label_checks import readable
from annotator.dataset.views import photos_of, with_all_fields

if TYPE_CHECKING:
    import fiftyone as fo

    Samples = fo.core.collections.SampleCollection

_OPEN = ("issue_score", "model")
_DECIDED = ("review", "edited", "time", "model")


def people_by_decision(samples: Samples, fields: Fields) -> Iterator[tuple[str, list[tuple], list[tuple]]]:
    """The people of each sample, those whom nobody has reviewed and the others.

    Args:
        samples: a dataset or view; of a view that filters labels, only the people that it shows.

    Yields:
        A sample's id; of each prediction that nobody has reviewed its issue score and model; and of everybody else the id of
        the label, ``review``, ``edited``, ``time`` and model. ``None`` for what is not set or cannot be read.

    Raises:
        FieldError: as :func:`annotator.dataset.fields.check_people`, also if the field was deleted by another process.
    """
    check_people(samples, fields)
    require_fields(samples._dataset, [fields.people])
    people = f"${fields.people}.detections"
    row = {
        "open": _values(_filter(people, _is_open("$$each")), _OPEN),
        "decided": _values(_filter(people, {"$not": [_is_open("$$each")]}), ("_id", *_DECIDED)),
    }
    pipeline = with_all_fields(photos_of(samples))._pipeline(pipeline=[{"$project": row}])
    seen = set()
    for document in samples._dataset._sample_collection.aggregate(pipeline):
        # A view may have a sample twice.
        if document["_id"] not in seen:
            seen.add(document["_id"])
            undecided = [_readable(_OPEN, values) for values in document["open"] or []]
            decided = [(str(key), *_readable(_DECIDED, values)) for key, *values in document["decided"] or []]
            yield str(document["_id"]), undecided, decided


def predicted_scores(dataset: fo.Dataset, fields: Fields) -> dict[str, tuple[dict[str, float], list[float]]]:
    """The issue scores that people had when they were predicted, of those who were reviewed or deleted since, by the ids
    of the samples.

    Returns:
        For each sample with such people the scores by the ids of their labels, and those of the people who were deleted.
        People who were added by hand, imported as reviewed, or written by an older version have none.
    """
    records, people = f"${fields.source}.people", f"${fields.people}.detections"
    is_record = {"$eq": [{"$type": records}, "object"]}
    undecided = {
        "$map": {
            "input": _filter(people, _is_open("$$each")),
            "as": "each",
            "in": {"$toString": "$$each._id"},
        }
    }
    others = {"$not": [{"$in": ["$$each.k", {"$ifNull": [undecided, []]}]}]}
    by_key = {"$objectToArray": {"$cond": [is_record, records, {}]}}
    row = {
        "scores": _values(_filter(by_key, others), ("k", "v.issue_score")),
        "there": f"{people}._id",
    }
    found = {}
    for document in dataset._sample_collection.aggregate([{"$project": row}]):
        there = {str(key) for key in document.get("there") or []}
        known = {key: score for key, score in document["scores"] if _is_number(score)}
        deleted = [score for key, score in known.items() if key not in there]
        if known:
            found[str(document["_id"])] = {key: known[key] for key in known if key in there}, deleted
    return found


def _is_open(person: str) -> dict[str, Any]:
    return {"$eq": [{"$ifNull": [f"{person}.review", "predicted"]}, "predicted"]}


def _filter(people: Any, condition: dict[str, Any]) -> dict[str, Any]:
    return {"$filter": {"input": people, "as": "each", "cond": condition}}


def _values(people: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """A list of the values of each of the people."""
    values = [{"$ifNull": [f"$$each.{name}", None]} for name in names]
    return {"$map": {"input": people, "as": "each", "in": values}}


def _readable(names: tuple[str, ...], values: list[Any]) -> tuple:
    return tuple(readable(name, value) for name, value in zip(names, values, strict=True))


def _is_number(score: Any) -> bool:
    return score is not None and readable("issue_score", score) is not None
