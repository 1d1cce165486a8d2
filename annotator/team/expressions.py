"""What the database computes of a team's fields: by its own clock, and in one step."""

from __future__ import annotations

from typing import Any

from annotator.dataset.views import list_at

LEASE_MINUTES = 10
"""After which a photo that nobody works on is handed out again."""
Expression = dict[str, Any]


def new_lease(author: str) -> Expression:
    """A lease that begins now."""
    return {"by": {"$literal": author}, "until": {"$add": ["$$NOW", LEASE_MINUTES * 60_000]}}


def is_free(work: str) -> Expression:
    """Whether nobody has a lease.

    Args:
        work: name of the field, as for the others.
    """
    # What is missing is less than any time.
    return {"$lte": [f"${work}.lease.until", "$$NOW"]}


def is_held_by(work: str, author: str) -> Expression:
    """Whether somebody has a lease that has not ended."""
    is_author = {"$eq": [f"${work}.lease.by", {"$literal": author}]}
    return {"$and": [is_author, {"$gt": [f"${work}.lease.until", "$$NOW"]}]}


def holder(work: str) -> Expression:
    """Who has a lease, null if nobody has."""
    return {"$cond": [is_free(work), None, f"${work}.lease.by"]}


def appended(path: str, entry: Expression) -> Expression:
    """A list, which may be missing, with one more entry."""
    return {"$concatArrays": [list_at(path), [entry]]}


def with_name(path: str, name: str) -> Expression:
    """A set of names, which may be missing, with this one among them."""
    return {"$setUnion": [list_at(path), [{"$literal": name}]]}


def event(author: str, action: str, comment: str = "") -> Expression:
    """An entry of a history."""
    return {
        "time": "$$NOW",
        "author": {"$literal": author},
        "action": action,
        "comment": {"$literal": comment},
    }
