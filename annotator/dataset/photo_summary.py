"""What the queue, the counts and the table of scores need of a photo, computed by the database from its labels.

A summary is a small document::

    {"_id": …, "at": when the sample was last saved, "filepath": …, "bucket": by which summaries are counted,
     "folder": …, "sequence": by which the photos of a folder sort with numbers in their order,
     "image_id": …,
     "people": [{"key": …, "id": in COCO files, "state": …, "reasons": […], "scores": [as SCORE_NAMES, null for none]}],
     "possible": [scores], "nobody": whether a reviewer has said so, "open": people to be decided, "done": …,
     "doubt": sum of the open issue scores, "score": the same combined, "kinds": […], "counts": […], "bad": {…},
     "stage": number of the team's stage, "work": {"lease", "annotators", "returned_to", "changed"}}

``kinds`` are the pairs of state and reason that the photo has, by which the queue is filtered; ``counts`` what it adds to the counts,
once each; ``bad`` the worst of each score of the people to be decided, large ones first.
"""

from __future__ import annotations

from typing import Any

from annotator.dataset.fields import Fields
from annotator.dataset.views import list_at
from annotator.labels.people import DECIDED, STATES, TASKS
from annotator.labels.quality import ISSUES, MISSING_PEOPLE

SCORE_NAMES = (
    "issue_score",
    *(f"issue_{name}" for name in ISSUES),
    *(f"quality_{task}" for task in TASKS),
)
"""Attributes of a person's label: issues, 0 (none) .. 1, and confidences, 0 .. 1 (certain)."""
BINS = 20
"""Of the histogram of issue scores."""
STAGES = ("label", "review", "done")
"""Of a team's work, see :mod:`annotator.team.stages`."""
DIGITS = 20
"""Of numbers in file names, by which photos are sorted; longer ones are taken for text."""
VERSION = 1
"""Of the summaries: those of another one are made anew."""
Expression = dict[str, Any]


def is_labelled(fields: Fields) -> Expression:
    """The filter for samples with people fields."""
    return {fields.people: {"$ne": None}}


def summary_stages(fields: Fields) -> list[Expression]:
    """The stages of a pipeline that turn samples with people fields into summaries. Whatever another tool has stored there counts as if
    it was not set if it cannot be read."""
    stage, work = f"{fields.prefix}_stage", f"{fields.prefix}_work"
    person = {
        "key": {"$toString": {"$ifNull": ["$$p._id", ""]}},
        "id": _whole("$$p.annotation_id"),
        "state": {"$cond": [{"$in": ["$$p.review", list(STATES)]}, "$$p.review", "predicted"]},
        "reasons": {
            "$filter": {
                "input": {"$cond": [{"$isArray": "$$p.reasons"}, "$$p.reasons", []]},
                "as": "r",
                "cond": {"$eq": [{"$type": "$$r"}, "string"]},
            }
        },
        "scores": [_number(f"$$p.{name}", None) for name in SCORE_NAMES],
    }
    read = {
        "at": "$last_modified_at",
        "filepath": "$filepath",
        **place_in_folder(),
        "image_id": _whole(f"${fields.image_id}"),
        "people": {"$map": {"input": list_at(f"{fields.people}.detections"), "as": "p", "in": person}},
        "possible": {
            "$map": {
                "input": list_at(f"{fields.possible}.detections"),
                "as": "p",
                "in": _number("$$p.confidence", 0.0),
            }
        },
        "nobody": {"$gt": [f"${fields.source}.nobody", None]},
        "stage": {"$max": [{"$indexOfArray": [list(STAGES), f"${stage}"]}, 0]},
        "work": {
            "lease": f"${work}.lease",
            "annotators": list_at(f"{work}.annotators"),
            "returned_to": f"${work}.returned_to",
            "changed": f"${work}.changed",
        },
    }
    undecided = {
        "$filter": {"input": "$people", "as": "p", "cond": {"$not": [{"$in": ["$$p.state", list(DECIDED)]}]}}
    }
    open_scores = {
        "$map": {
            "input": "$undecided",
            "as": "p",
            "in": {"$ifNull": [{"$arrayElemAt": ["$$p.scores", 0]}, 0.0]},
        }
    }
    is_empty = {
        "$and": [{"$not": ["$nobody"]}, {"$eq": ["$people", []]}, {"$eq": ["$possible", []]}],
    }
    open_people = {
        "$add": [{"$size": "$undecided"}, {"$size": "$possible"}, {"$cond": [is_empty, 1, 0]}],
    }
    scores = {"$concatArrays": ["$open_scores", "$possible"]}
    return [
        {"$project": read},
        {"$set": {"undecided": undecided}},
        {"$set": {"open_scores": open_scores, "open": open_people}},
        {
            "$set": {
                "done": {"$eq": ["$open", 0]},
                "doubt": {"$sum": scores},
                "score": combined(scores),
                "kinds": _kinds(),
                "bucket": {"$substrBytes": [{"$toString": "$_id"}, 22, 2]},
                "bad": {name: _worst(number, name) for number, name in enumerate(SCORE_NAMES)},
            }
        },
        {"$set": {"counts": _counts()}},
        {"$unset": ["undecided", "open_scores"]},
    ]


def place_in_folder() -> Expression:
    """``folder`` and ``sequence`` of a sample: frame 9 comes before frame 10."""
    digits = {"$gt": [{"$arrayElemAt": ["$$part.captures", 0]}, None]}
    length = {"$strLenBytes": "$$part.match"}
    padded = {"$substrBytes": [{"$concat": ["0" * DIGITS, "$$part.match"]}, length, DIGITS]}
    is_short = {"$and": [digits, {"$lte": [length, DIGITS]}]}
    part = {"$cond": [is_short, padded, "$$part.match"]}
    parts = {"$regexFindAll": {"input": "$filepath", "regex": r"([0-9]+)|[^0-9]+"}}
    folder = {"$regexFind": {"input": "$filepath", "regex": r"^(.*)/[^/]*$"}}
    return {
        "folder": {
            "$ifNull": [{"$arrayElemAt": [{"$getField": {"field": "captures", "input": folder}}, 0]}, ""]
        },
        "sequence": {
            "$reduce": {
                "input": {"$map": {"input": parts, "as": "part", "in": part}},
                "initialValue": "",
                "in": {"$concat": ["$$value", "$$this"]},
            }
        },
    }


def combined(scores: Any) -> Expression:
    """As :func:`annotator.labels.quality.combined_score`."""
    share = {"$min": [{"$max": ["$$this", 0]}, 1]}
    rest = {
        "$reduce": {
            "input": scores,
            "initialValue": 1.0,
            "in": {"$multiply": ["$$value", {"$subtract": [1, share]}]},
        }
    }
    return {"$subtract": [1.0, rest]}


def kind(state: str, reason: str = "") -> str:
    """One of ``kinds``."""
    return f"{state}|{reason}"


def _number(path: str, default: float | None) -> Expression:
    """A number, or the default for what is none; neither NaN nor infinite."""
    is_number = {"$and": [{"$isNumber": path}, {"$gte": [path, -1e9]}, {"$lte": [path, 1e9]}]}
    return {"$cond": [is_number, path, default]}


def _whole(path: str) -> Expression:
    """A whole number, null for none, and text for anything else."""
    is_small = {"$and": [{"$gt": [path, -(2**53)]}, {"$lt": [path, 2**53]}]}
    is_whole = {"$and": [is_small, {"$eq": [path, {"$trunc": path}]}]}
    # The database evaluates only the branch that it needs.
    whole = {"$cond": [{"$isNumber": path}, {"$cond": [is_whole, {"$toLong": path}, "other"]}, "other"]}
    return {"$cond": [{"$gt": [path, None]}, whole, None]}


def _kinds() -> Expression:
    own = {
        "$concatArrays": [
            [{"$concat": ["$$p.state", "|"]}],
            {"$map": {"input": "$$p.reasons", "as": "r", "in": {"$concat": ["$$p.state", "|", "$$r"]}}},
        ]
    }
    people = {
        "$reduce": {
            "input": {"$map": {"input": "$people", "as": "p", "in": own}},
            "initialValue": [],
            "in": {"$setUnion": ["$$value", "$$this"]},
        }
    }
    possible = [kind("predicted"), kind("predicted", MISSING_PEOPLE)]
    return {"$setUnion": [people, {"$cond": [{"$eq": ["$possible", []]}, [], possible]}]}


def _worst(number: int, name: str) -> Expression:
    """Of the people to be decided; null if nobody has the score."""
    values = {
        "$map": {"input": "$undecided", "as": "p", "in": {"$arrayElemAt": ["$$p.scores", number]}},
    }
    if name.startswith("issue_"):
        return {"$max": values}
    return {"$multiply": [-1, {"$min": values}]}


def _counts() -> Expression:
    def each(of: Any, name: Any) -> Expression:
        return {"$map": {"input": of, "as": "p", "in": name}}

    reasons = {
        "$reduce": {
            "input": "$people.reasons",
            "initialValue": [],
            "in": {"$concatArrays": ["$$value", "$$this"]},
        }
    }
    shown = {
        "$filter": {
            "input": "$open_scores",
            "as": "p",
            "cond": {"$and": [{"$gte": ["$$p", 0]}, {"$lte": ["$$p", 1]}]},
        }
    }
    bin_of = {"$min": [{"$floor": {"$multiply": ["$$p", BINS]}}, BINS - 1]}
    return {
        "$concatArrays": [
            ["images:", {"$concat": ["stage:", {"$toString": "$stage"}]}],
            {"$cond": ["$done", ["done:"], []]},
            each("$people.state", {"$concat": ["state:", "$$p"]}),
            each("$undecided", "open:"),
            each(reasons, {"$concat": ["reason:", "$$p"]}),
            each("$possible", f"reason:{MISSING_PEOPLE}"),
            each(shown, {"$concat": ["bin:", {"$toString": {"$toInt": bin_of}}]}),
        ]
    }
