"""The review queue: which images to review, in which order, and how far the work has come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from annotator.dataset.fields import Fields, check_people
from annotator.dataset.store import people_values, possible_values
from annotator.labels.messages import short
from annotator.labels.people import DECIDED, STATES
from annotator.labels.quality import MISSING_PEOPLE, combined_score
from annotator.team.listing import KINDS, TeamWork
from annotator.team.settings import read_only_reason, read_settings
from annotator.team.stages import REVIEW, stage_number

if TYPE_CHECKING:
    import fiftyone as fo

    Samples = fo.core.collections.SampleCollection

MAX_ITEMS = 5000
"""Images listed at once."""
BINS = 20
"""Of the histogram of issue scores."""


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

    def matches(self, state: str, reasons: Collection[str]) -> bool:
        """Whether the queue is about a person of this state with these reasons."""
        return (not self.states or state in self.states) and (
            not self.reasons or not set(self.reasons).isdisjoint(reasons)
        )


def queue(samples: Samples, fields: Fields, wanted: Filter) -> dict[str, Any]:
    """The images with people who match a filter, worst first; in the order ``"issue_score"`` those without open people
    come last, and where a team works first of all those that are to be labelled, then those to be reviewed.

    An image is as bad as the expected number of its people who have something wrong or are missing: the sum of the
    issue scores of its people and of the scores of its possible people. People who are decided count only if the filter
    asks for their state, or for images to be reviewed. A possible person is one of state ``predicted`` with the reason
    :data:`~annotator.labels.quality.MISSING_PEOPLE`.

    Returns:
        ``items``: at most :data:`MAX_ITEMS` of ``id``, ``filepath``, ``issue_score``, ``people`` (number) and
        ``possible`` (number of possible people to be decided) and ``open`` (number of people to be decided, possible
        ones, too; 1 if there is nobody and no reviewer has said so); ``found``: number of images listed, were there no
        limit; ``images``: number of those with people fields; ``done``: number of those without open people; ``states``
        and ``reasons``: numbers of people, of all images; ``histogram``: numbers of open people by issue score, in
        :data:`BINS` bins of 0..1; ``team``: numbers of images of each of :data:`~annotator.team.listing.KINDS`, ``None`` where
        no team works; ``read_only``: why nothing may be changed, ``None`` if it may. Where a team works the items also have
        ``stage``, ``holder``, who works on it now, ``annotators`` and ``returned_to``.

    Raises:
        FieldError: as :func:`annotator.dataset.fields.check_people`.
    """
    check_people(samples, fields)
    states, reasons = Counter(dict.fromkeys(STATES, 0)), Counter()
    items, order, open_scores, images, done, only = [], [], [], 0, 0, set(wanted.samples)
    team = TeamWork(samples._dataset, fields, wanted.author) if read_settings(samples._dataset).team else None
    kinds = Counter(dict.fromkeys(KINDS, 0))
    is_review = team is not None and wanted.work == REVIEW
    counts_decided = is_review or bool(wanted.states)
    possible_scores = possible_values(samples, fields)
    said_empty = set(samples._dataset.exists(f"{fields.source}.nobody").values("id"))
    for key, filepath, values in people_values(samples, fields, ("review", "reasons", "issue_score")):
        people = [(state or "predicted", why or [], score or 0.0) for state, why, score in values]
        scores = [score for state, _, score in people if state not in DECIDED]
        possible = possible_scores.get(key, [])
        open_people = (len(scores) if people else int(key not in said_empty and not possible)) + len(possible)
        images += 1
        done += not open_people
        open_scores += scores
        for state, why, _ in people:
            states[state] += 1
            reasons.update(why)
        if possible:
            reasons[MISSING_PEOPLE] += len(possible)
        of = team.kinds(key) if team else []
        kinds.update(of)
        if (wanted.samples and key not in only) or (team and wanted.work and wanted.work not in of):
            continue
        matching = [(state, score) for state, why, score in people if wanted.matches(state, why)]
        missing = possible if wanted.matches("predicted", [MISSING_PEOPLE]) else []
        if matching or missing or not (people or wanted.states or wanted.reasons):
            counted = [score for state, score in matching if counts_decided or state not in DECIDED]
            counted += missing
            item = {"id": key, "filepath": filepath, "issue_score": round(combined_score(counted), 6)}
            item |= {"people": len(people), "possible": len(possible), "open": open_people}
            stage = 0
            if team:
                work = team.of(key)
                item |= asdict(work)
                stage = stage_number(work.stage)
            items.append(item)
            # Of images to be reviewed everybody may be decided.
            order.append((stage, not open_people and not is_review, -sum(counted)))
    if wanted.order == "issue_score":
        items = [items[i] for i in sorted(range(len(items)), key=order.__getitem__)]
    else:
        items.sort(key=lambda item: item["filepath"])
    histogram, _ = np.histogram(open_scores, BINS, (0, 1))
    return {
        "items": items[:MAX_ITEMS],
        "found": len(items),
        "images": images,
        "done": done,
        "states": dict(states),
        "reasons": dict(reasons.most_common()),
        "histogram": histogram.tolist(),
        "team": dict(kinds) if team else None,
        "read_only": read_only_reason(samples._dataset),
    }
