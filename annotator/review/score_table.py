"""The table of scores: people to be decided, worst first, and a histogram of each score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotator.dataset.fields import Fields
from annotator.dataset.photo_index import Summaries
from annotator.dataset.photo_summary import BINS, SCORE_NAMES
from annotator.labels.messages import short
from annotator.labels.people import DECIDED, TASKS
from annotator.labels.quality import ISSUES

if TYPE_CHECKING:
    import fiftyone as fo

    Samples = fo.core.collections.SampleCollection

PAGE = 200
"""People listed at once."""
MAX_SKIP = 10_000
"""People before a page: whoever wants more filters the queue."""
COUNTED = 5000
"""Images from which histograms are counted, of any number."""
SCORES = {
    "issue_score": "all issues",
    **{f"issue_{name}": words for name, words in ISSUES.items()},
    **{f"quality_{task}": f"{task.removesuffix('s')} confidence" for task in TASKS},
}
"""Words of :data:`annotator.dataset.photo_summary.SCORE_NAMES`."""


def score_table(
    samples: Samples, fields: Fields, order: str = "issue_score", skip: int = 0
) -> dict[str, Any]:
    """A page of the scores of the people who are not approved or rejected yet.

    Args:
        order: of :data:`SCORES`. Large issues and small confidences come first, people without the score last.
        skip: people on the pages before, at most :data:`MAX_SKIP`.

    Returns:
        ``columns``: per score ``name``, ``words``, ``is_issue`` and ``histogram``, numbers of people in
        :data:`annotator.dataset.photo_summary.BINS` bins of 0..1, of more than :data:`COUNTED` images estimated from about as
        many, empty for a later page; ``people``: number of all rows; ``is_more``: whether there is a page after this; ``rows``: at
        most :data:`PAGE` of ``sample``, ``filepath``, ``key``, ``number`` (of the person on its image, from 1) and
        ``scores``, a number or None per column.

    Raises:
        ValueError: an unknown score.
        FieldError: as :func:`annotator.dataset.fields.check_people`.
    """
    if order not in SCORES:
        raise ValueError(f"order: {short(order)} is none of {', '.join(SCORES)}")
    photos, skip = Summaries(samples, fields), min(max(skip, 0), MAX_SKIP)
    counts = photos.counts()
    people = counts["open:"]
    histograms = [[] for _ in SCORES] if skip else _histograms(photos, counts["images:"])
    columns = [
        {"name": name, "words": words, "is_issue": _is_issue(name), "histogram": histogram}
        for (name, words), histogram in zip(SCORES.items(), histograms, strict=True)
    ]
    rows = _rows(photos, order, skip)
    is_more = skip + PAGE < min(people, MAX_SKIP + PAGE)
    return {"columns": columns, "people": people, "is_more": is_more, "rows": rows}


def _is_issue(name: str) -> bool:
    return name.startswith("issue_")


def _open_people() -> list[dict[str, Any]]:
    """The stages that turn summaries into people to be decided."""
    return [
        {"$unwind": {"path": "$people", "includeArrayIndex": "number"}},
        {"$match": {"people.state": {"$nin": list(DECIDED)}}},
    ]


def _rows(photos: Summaries, order: str, skip: int) -> list[dict[str, Any]]:
    wanted = {"$arrayElemAt": ["$people.scores", SCORE_NAMES.index(order)]}
    bad = wanted if _is_issue(order) else {"$multiply": [-1, wanted]}
    if photos.are_indexed:
        photos.index.index_score(order)
    pipeline = [
        # Each of the worst people is on one of the worst images.
        {"$match": {"people.state": {"$in": ["predicted", "edited"]}}},
        {"$sort": {f"bad.{order}": -1, "_id": 1}},
        {"$limit": skip + PAGE},
        *_open_people(),
        {"$set": {"worst": bad}},
        {"$sort": {"worst": -1, "_id": 1, "number": 1}},
        {"$skip": skip},
        {"$limit": PAGE},
        {"$project": {"filepath": 1, "number": 1, "people": 1}},
    ]
    return [
        {
            "sample": str(row["_id"]),
            "filepath": row["filepath"],
            "key": row["people"]["key"],
            "number": int(row["number"]) + 1,
            "scores": [None if score is None else round(score, 4) for score in row["people"]["scores"]],
        }
        for row in photos.aggregate(pipeline)
    ]


def _histograms(photos: Summaries, images: int) -> list[list[int]]:
    """A histogram of each score, in the order of :data:`SCORES`."""
    chosen: dict[str, Any] = {}
    if photos.are_indexed and images > COUNTED:
        # Buckets are random choices, of 256th parts.
        buckets = max(256 * COUNTED // images, 1)
        chosen = {"bucket": {"$lt": f"{buckets:02x}"}}
    bins = {"$min": [{"$floor": {"$multiply": ["$people.scores", BINS]}}, BINS - 1]}
    pipeline = [
        {"$match": chosen},
        *_open_people(),
        {"$unwind": {"path": "$people.scores", "includeArrayIndex": "column"}},
        {"$match": {"people.scores": {"$gte": 0, "$lte": 1}}},
        {"$group": {"_id": {"column": "$column", "bin": bins}, "people": {"$sum": 1}}},
    ]
    histograms = [[0] * BINS for _ in SCORES]
    scale = 256 / buckets if chosen else 1
    for row in photos.aggregate(pipeline):
        place = row["_id"]
        histograms[int(place["column"])][int(place["bin"])] = round(scale * row["people"])
    return histograms
