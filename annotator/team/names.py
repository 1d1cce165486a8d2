"""Forgetting a name: what somebody has done stays, who it was does not."""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING

from annotator.dataset.fields import Fields
from annotator.dataset.store import write_values
from annotator.team.edit_log import collection
from annotator.team.report import Period

if TYPE_CHECKING:
    import fiftyone as fo


def forget_name(dataset: fo.Dataset, fields: Fields, name: str) -> tuple[str, int, int]:
    """Replace the name of an annotator in the log of edits, and in the labels that they have edited, by one that says
    nothing.

    What is not in the database keeps the name: exported files, and for 14 days what undo needs
    (:data:`annotator.review.undo.KEPT_DAYS`).

    Returns:
        The new name, and the numbers of entries of the log and of people that had the old one.

    Raises:
        ValueError: nobody of that name has edited anything there.
    """
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
                                "$filter": {"input": f"${people}", "cond": {"$eq": ["$$this.author", name]}}
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
    said = f"{fields.source}.nobody.author"
    dataset._sample_collection.update_many({said: name}, {"$set": {said: alias}})
    query = Period(authors=(name,)).query(dataset, fields)
    entries = collection().update_many(query, {"$set": {"author": alias}}).modified_count
    if not entries and not labels:
        raise ValueError(f"{name!r}: nobody of that name has edited anything in {dataset.name!r}")
    return alias, entries, len(labels)
