"""The review queue: which images to review, in which order, and how far the work has come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

from annotator.dataset.fields import Fields
from annotator.dataset.photo_index import ORDERS, Summaries
from annotator.dataset.photo_summary import BINS, combined, kind
from annotator.dataset.store import object_ids
from annotator.labels.messages import short
from annotator.labels.people import DECIDED, STATES
from annotator.labels.quality import MISSING_PEOPLE
from annotator.team.expressions import holder
from annotator.team.listing import KINDS, count_kinds, work_filter
from annotator.team.settings import read_only_reason, read_settings
from annotator.team.stages import REVIEW, STAGES

if TYPE_CHECKING:
    import fiftyone as fo

    Samples = fo.core.collections.SampleCollection

PAGE = 200
"""Images listed at once, if no other number is asked for."""
MAX_ITEMS = 5000
"""Images that can be asked for at once."""
MAX_CHANGED = 500
"""Images that are listed as changed; if there are more, the queue is listed anew."""
OVERLAP = timedelta(seconds=10)
"""By which what is listed as changed begins earlier: nothing that was being written is missed."""


@dataclass(frozen=True)
class Filter:
    """Which people the queue is about; an image with one of them is listed.

    Raises:
        ValueError: an unknown state or order.
    """

    states: tuple[str, ...] = ()
    """Of :data:`annotator.labels.people.STATES`; none for all."""
    reasons: tuple[str, ...] = ()
    """Words of :data:`annotator.labels.quality.ISSUES`, or :data:`~annotator.labels.quality.MISSING_PEOPLE`; none for
    all."""
    order: Literal["issue_score", "file"] = "issue_score"
    samples: tuple[str, ...] = ()
    """Ids of the only images that are listed; none for all."""
    work: str = ""
    """Of :data:`annotator.team.listing.KINDS`, as ``author`` sees it; empty for all. Of no account where no team works."""
    author: str = ""

    def __post_init__(self) -> None:
        unknown = [state for state in self.states if state not in STATES]
        if unknown:
            raise ValueError(f"states: {short(unknown[0])} is none of {', '.join(STATES)}")
        if self.order not in ("issue_score", "file"):
            raise ValueError(f"order: {short(self.order)} is neither 'issue_score' nor 'file'")
        if self.work and self.work not in KINDS:
            raise ValueError(f"work: {short(self.work)} is none of {', '.join(KINDS)}")


def queue(
    samples: Samples,
    fields: Fields,
    wanted: Filter,
    limit: int = PAGE,
    after: Sequence[Any] | None = None,
    since: str | None = None,
) -> dict[str, Any]:
    """A page of the images with people who match a filter, worst first; in the order ``"issue_score"`` those without open people
    come last, and where a team works first of all those that are to be labelled, then those to be reviewed.

    An image is as bad as the expected number of its people who have something wrong or are missing: the sum of the
    issue scores of its people and of the scores of its possible people. People who are decided count only if the filter
    asks for their state, or for images to be reviewed. A possible person is one of state ``predicted`` with the reason
    :data:`~annotator.labels.quality.MISSING_PEOPLE`.

    Args:
        limit: images of the page, at most :data:`MAX_ITEMS`.
        after: ``next`` of the page before; ``None`` for the first page.
        since: ``time`` of an earlier answer: only images that have changed since are listed. Of no account for a view, and where
            more than :data:`MAX_CHANGED` have.

    Returns:
        ``items``: ``id``, ``filepath``, ``issue_score``, ``people`` (number) and ``possible`` (number of possible people to be
        decided) and ``open`` (number of people to be decided, possible ones, too; 1 if there is nobody and no reviewer has
        said so); ``next``: for the page after, ``None`` if this is the last; ``gone``: ids of the images that have changed
        and do not match the filter, ``None`` if the page is not of those that have changed; ``time``: for ``since``;
        ``found``: number of images that match; ``images``: number of those with people fields; ``done``: number of those without
        open people; ``states`` and ``reasons``: numbers of people, of all images; ``histogram``: numbers of open people by
        issue score, in :data:`~annotator.dataset.photo_summary.BINS` bins of 0..1; ``team``: numbers of images of each of
        :data:`~annotator.team.listing.KINDS`, ``None`` where no team works; ``read_only``: why nothing may be changed,
        ``None`` if it may. Where a team works the items also have ``stage``, ``holder``, who works on it now, ``annotators`` and
        ``returned_to``.

    Raises:
        FieldError: as :func:`annotator.dataset.fields.check_people`.
        ValueError: ``after`` or ``since`` is none of an earlier answer.
    """
    photos, settings = Summaries(samples, fields), read_settings(samples._dataset)
    page = _Page(wanted, settings.team, settings.review_own)
    limit = min(max(limit, 1), MAX_ITEMS)
    gone = None
    if since and not after and photos.are_indexed:
        changed = photos.index.changed_since(_time(since) - OVERLAP, MAX_CHANGED + 1)
        if len(changed) <= MAX_CHANGED:
            found = page.list(photos, MAX_CHANGED, among=changed)
            listed = {item["_id"] for item in found}
            gone = [str(key) for key in changed if key not in listed]
    if gone is None:
        found = page.list(photos, limit + 1, after)
    counts = photos.counts()
    of = {name: Counter[str]() for name in ("state", "reason", "bin", "stage")}
    for name, count in counts.items():
        about, _, value = name.partition(":")
        if about in of:
            of[about][value] = count
    is_more = gone is None and len(found) > limit
    return {
        "items": [page.item(row) for row in (found[:limit] if gone is None else found)],
        "next": page.key(found[limit - 1]) if is_more else None,
        "gone": gone,
        "time": photos.time and photos.time.isoformat(),
        "found": page.count(photos, counts),
        "images": counts["images:"],
        "done": counts["done:"],
        "states": {state: of["state"][state] for state in STATES},
        "reasons": dict(of["reason"].most_common()),
        "histogram": [of["bin"][str(number)] for number in range(BINS)],
        "team": count_kinds(photos, of["stage"], wanted.author, settings.review_own)
        if settings.team
        else None,
        "read_only": read_only_reason(samples._dataset),
    }


class _Page:
    """How the images of a filter are found, sorted and described."""

    def __init__(self, wanted: Filter, is_team: bool, review_own: bool):
        self._wanted, self._is_team = wanted, is_team
        self._is_review = is_team and wanted.work == REVIEW
        self._match: dict[str, Any] = {}
        if wanted.samples:
            self._match["_id"] = {"$in": object_ids(wanted.samples)}
        if wanted.states or wanted.reasons:
            pairs = product(wanted.states or STATES, wanted.reasons or ("",))
            self._match["kinds"] = {"$in": [kind(*pair) for pair in pairs]}
        if is_team and wanted.work:
            self._match["$and"] = [work_filter(wanted.work, wanted.author, review_own)]
        # Only some of an image's people count.
        self._is_partial = bool(self._is_review or wanted.states or wanted.reasons)
        order = ("stage" if is_team else "issue_score") if wanted.order == "issue_score" else "filepath"
        self._keys = ORDERS[order]
        if self._is_review:
            # Of images to be reviewed everybody may be decided.
            self._keys = [pair for pair in self._keys if pair[0] != "done"]
        # Whatever is asked for is found faster by its own index.
        self._hint = None if self._match or self._is_partial else order

    def list(
        self,
        photos: Summaries,
        limit: int,
        after: Sequence[Any] | None = None,
        among: Sequence[Any] | None = None,
    ) -> list[dict[str, Any]]:
        """At most so many images, in order, after a key (:meth:`key`), or among some."""
        match = {"$and": [self._match, *([{"_id": {"$in": list(among)}}] if among is not None else [])]}
        pipeline = [{"$match": match}, *self._scored(), {"$match": self._after(after) if after else {}}]
        pipeline += [{"$sort": dict(self._keys)}, {"$limit": limit}]
        columns = {"people": {"$size": "$people"}, "possible": {"$size": "$possible"}}
        columns |= dict.fromkeys(("filepath", "score", "open", "stage", "done", "doubt"), 1)
        if self._is_team:
            columns |= {"holder": holder("work"), "work": 1}
        hint = self._hint if among is None else None
        return list(photos.aggregate([*pipeline, {"$project": columns}], hint))

    def count(self, photos: Summaries, counts: Counter[str]) -> int:
        """The number of all images that match."""
        if not self._match:
            return counts["images:"]
        pipeline = [{"$match": self._match}, {"$count": "found"}]
        return next((row["found"] for row in photos.aggregate(pipeline)), 0)

    def key(self, row: dict[str, Any]) -> list[Any]:
        """The place of an image in the order."""
        return [str(row[name]) if name == "_id" else row[name] for name, _ in self._keys]

    def item(self, row: dict[str, Any]) -> dict[str, Any]:
        item = {"id": str(row["_id"]), "filepath": row["filepath"], "issue_score": round(row["score"], 6)}
        item |= {name: row[name] for name in ("people", "possible", "open")}
        if self._is_team:
            work = row["work"]
            item |= {"stage": STAGES[row["stage"]], "holder": row.get("holder")}
            item |= {"annotators": work["annotators"], "returned_to": work.get("returned_to")}
        return item

    def _scored(self) -> list[dict[str, Any]]:
        """Count the people who matter."""
        if not self._is_partial:
            return []
        wanted = self._wanted
        states = [
            state
            for state in wanted.states or STATES
            if wanted.states or self._is_review or state not in DECIDED
        ]
        conditions: list[dict[str, Any]] = [{"$in": ["$$p.state", states]}]
        if wanted.reasons:
            common = {"$setIntersection": ["$$p.reasons", list(wanted.reasons)]}
            conditions.append({"$ne": [common, []]})
        people = {"$filter": {"input": "$people", "as": "p", "cond": {"$and": conditions}}}
        scores: dict[str, Any] = {
            "$map": {
                "input": people,
                "as": "p",
                "in": {"$ifNull": [{"$arrayElemAt": ["$$p.scores", 0]}, 0.0]},
            }
        }
        is_possible = "predicted" in (wanted.states or STATES) and (
            not wanted.reasons or MISSING_PEOPLE in wanted.reasons
        )
        counted = {"$concatArrays": [scores, "$possible"]} if is_possible else scores
        return [
            {"$set": {"counted": counted}},
            {"$set": {"doubt": {"$sum": "$counted"}, "score": combined("$counted")}},
        ]

    def _after(self, after: Sequence[Any]) -> dict[str, Any]:
        """
        Raises:
            ValueError: it is no key of this order.
        """
        kinds = {"done": bool, "doubt": int | float, "stage": int, "filepath": str, "_id": str}
        names = [name for name, _ in self._keys]
        is_key = len(after) == len(names) and all(map(isinstance, after, map(kinds.__getitem__, names)))
        last = object_ids(after[-1:]) if is_key else []
        if not last:
            raise ValueError(
                f"after: {short(after)} is not “next” of a page in this order: list the queue anew"
            )
        values = [*after[:-1], *last]
        steps = []
        for number, ((name, direction), value) in enumerate(zip(self._keys, values, strict=True)):
            beyond = {name: {"$gt" if direction > 0 else "$lt": value}}
            steps.append({**dict(zip(names[:number], values[:number], strict=True)), **beyond})
        return {"$or": steps}


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"since: {short(text)} is not “time” of an earlier answer: list the queue anew"
        ) from None
