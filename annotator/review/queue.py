"""Which images to look at, in which order, and how far the work has come."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from annotator.dataset.fields import Fields
from annotator.dataset.sample_people import DECIDED
from annotator.dataset.store import find_document, people_values, update_document
from annotator.labels.people import STATES
from annotator.labels.quality import overall
from annotator.review.undo import find, history_folder, recall_values, remember_values

if TYPE_CHECKING:
    import fiftyone as fo

    Samples = fo.core.collections.SampleCollection

MOST_ITEMS = 5000
"""Images listed at once."""
BINS = 20
"""Of the histogram of issues."""
SIGNATURE = ("review", "author", "time")
Signatures = dict[str, list[str | None]]
"""What the attributes of :data:`SIGNATURE` are, by the id of a person's label."""
Order = Literal["issue_score", "file"]


@dataclass(frozen=True)
class Filter:
    """Which people are looked for; an image with one of them is listed.

    Raises:
        ValueError: an unknown state or order.
    """

    states: tuple[str, ...] = ()
    """Of :data:`annotator.labels.people.STATES`; none for all."""
    reasons: tuple[str, ...] = ()
    """Words of :data:`annotator.labels.quality.ISSUES`; none for all."""
    order: Order = "issue_score"
    samples: tuple[str, ...] = ()
    """Ids of the only images that are listed; none for all."""

    def __post_init__(self) -> None:
        unknown = [state for state in self.states if state not in STATES]
        if unknown:
            raise ValueError(f"states: {unknown[0]!r} is none of {', '.join(STATES)}")
        if self.order not in ("issue_score", "file"):
            raise ValueError(f"order: {self.order!r} is neither 'issue_score' nor 'file'")

    def holds(self, state: str, reasons: Collection[str]) -> bool:
        """Whether a person is looked for."""
        return (not self.states or state in self.states) and (
            not self.reasons or not set(self.reasons).isdisjoint(reasons)
        )


def queue(samples: Samples, fields: Fields, wanted: Filter) -> dict[str, Any]:
    """The images with people that are looked for, those of which nothing is open last.

    The order ``"issue_score"`` is that of the expected number of people with something wrong, the sum of their issues.
    Those of people who are decided count only where such people are asked for by their state.

    Returns:
        ``items``: at most :data:`MOST_ITEMS` of ``id``, ``filepath``, ``issue_score``, ``people`` (number) and
        ``open`` (those nobody has decided; 1 where there is nobody and nobody has said so); ``found``: how many
        there are; ``images``: with people fields; ``done``: of which nothing is open; ``states`` and ``reasons``:
        numbers of people, of all images;
        ``histogram``: numbers of open people by issue score, 0..1 in :data:`BINS` bins.

    Raises:
        FieldError: as :func:`annotator.dataset.fields.check_fields`.
    """
    states, reasons = Counter(dict.fromkeys(STATES, 0)), Counter()
    items, order, scores, images, done, only = [], [], [], 0, 0, set(wanted.samples)
    empty = set(samples._dataset.exists(f"{fields.source}.nobody").values("id"))
    for key, filepath, found in people_values(samples, fields, ("review", "reasons", "issue_score")):
        people = [(state or "predicted", why or [], issue_score or 0.0) for state, why, issue_score in found]
        images += 1
        waiting = [issue_score for state, _, issue_score in people if state not in DECIDED]
        open_ = len(waiting) if people else int(key not in empty)
        done += not open_
        scores += waiting
        for state, why, _ in people:
            states[state] += 1
            reasons.update(why)
        if wanted.samples and key not in only:
            continue
        matching = [(state, issue_score) for state, why, issue_score in people if wanted.holds(state, why)]
        if matching or not (people or wanted.states or wanted.reasons):
            counted = [
                issue_score for state, issue_score in matching if wanted.states or state not in DECIDED
            ]
            item = {"id": key, "filepath": filepath, "issue_score": round(overall(counted), 6)}
            items.append(item | {"people": len(people), "open": open_})
            order.append((not open_, -sum(counted)))
    if wanted.order == "issue_score":
        items = [items[i] for i in sorted(range(len(items)), key=order.__getitem__)]
    else:
        items.sort(key=lambda item: item["filepath"])
    histogram, _ = np.histogram(scores, BINS, (0, 1))
    return {
        "items": items[:MOST_ITEMS],
        "found": len(items),
        "images": images,
        "done": done,
        "states": dict(states),
        "reasons": dict(reasons.most_common()),
        "histogram": histogram.tolist(),
    }


def spot_check(
    samples: Samples, fields: Fields, issue_score: float, share: float, seed: int
) -> dict[str, Any]:
    """Images to look at before all people up to an issue score are approved.

    Args:
        issue_score: 0..1, people with at most so much are meant.
        share: 0..1, of those images that are drawn at random.
        seed: of the draw.

    Returns:
        ``images`` and ``people``: how many are meant; ``check``: ids of the images drawn.

    Raises:
        FieldError: as :func:`annotator.dataset.fields.check_fields`.
    """
    meant = _meant(samples, fields, issue_score)
    ids = sorted(meant)
    drawn = np.random.default_rng(seed).permutation(len(ids))[: math.ceil(share * len(ids))]
    people = sum(len(signatures) for signatures in meant.values())
    return {"images": len(ids), "people": people, "check": [ids[i] for i in drawn]}


def approve_below(
    samples: Samples, fields: Fields, issue_score: float, author: str, maps: Path, name: str
) -> Iterator[int]:
    """Approve the untouched predictions with at most so much issue score, image by image.

    What they were before is on disk before the first of them is approved.

    Args:
        author: who approves.
        maps: the folder of the dataset's maps, beside which that is kept.
        name: of the approval, 16 hexadecimal digits that no other has: :func:`take_back` knows it by that. Under
            a name that was used before that approval goes on, whoever is meant by now.

    Yields:
        How many people of an image it has approved.

    Raises:
        FieldError: as :func:`annotator.dataset.fields.check_fields`.
        ValueError: not a name.
    """
    folder = _approvals(maps)
    if find(folder, name) is None:
        approved = ["approved", author, datetime.now(timezone.utc).isoformat()]
        before = _meant(samples, fields, issue_score)
        remember_values(folder, {"approved": approved, "before": before}, name)
    approved, before = _approval(folder, name)
    for sample_id, was in before.items():
        yield _sign(samples._dataset, sample_id, fields, was, dict.fromkeys(was, approved))


def take_back(dataset: fo.Dataset, fields: Fields, maps: Path, name: str) -> Iterator[int]:
    """Undo :func:`approve_below`, except for people whom somebody has changed since.

    Args:
        maps: the folder of the dataset's maps.
        name: of the approval.

    Yields:
        How many people of an image are as they were before; nothing if there was no approval of that name, because
        the server never heard of it, or if it is older than :data:`~annotator.review.undo.KEPT_DAYS` days.

    Raises:
        ValueError: not a name.
    """
    if find(_approvals(maps), name) is None:
        return
    approved, before = _approval(_approvals(maps), name)
    for sample_id, was in before.items():
        yield _sign(dataset, sample_id, fields, dict.fromkeys(was, approved), was)


def _approvals(maps: Path) -> Path:
    return history_folder(maps) / "approvals"


def _approval(folder: Path, name: str) -> tuple[list[str], dict[str, Signatures]]:
    """The signature of those who were approved, and what theirs were before, by the id of the image."""
    values = recall_values(folder, find(folder, name))
    return values["approved"], values["before"]


def _sign(dataset: fo.Dataset, sample_id: str, fields: Fields, was: Signatures, becomes: Signatures) -> int:
    """Change the signatures of some people of one sample, however often somebody else saves it meanwhile.

    Thousands of samples are signed at a time: no more of them is read than it takes, no masks above all.

    Args:
        was: those of the people to be changed; who has another one stays.
        becomes: what they are to be.

    Returns:
        How many have these now.
    """
    field = f"{fields.people}.detections"
    paths = [f"{field}.{name}" for name in ("_id", "issue_score", *SIGNATURE)]
    while document := find_document(dataset, sample_id, ["filepath", "last_modified_at", *paths]):
        people = (document.get(fields.people) or {}).get("detections", [])
        values = {}
        for place, person in enumerate(people):
            key = str(person["_id"])
            if key in was and _signature(person) == was[key]:
                signed = dict(zip(SIGNATURE, becomes[key], strict=True))
                person.update(signed)
                values |= {f"{field}.{place}.{name}": value for name, value in signed.items()}
        left = [person.get("issue_score") or 0.0 for person in people if person.get("review") not in DECIDED]
        if not values or update_document(dataset, document, values | {fields.issue_score: overall(left)}):
            return sum(_signature(person) == becomes.get(str(person["_id"])) for person in people)
    return 0


def _signature(person: dict[str, Any]) -> list[str | None]:
    return [person.get(name) for name in SIGNATURE]


def _meant(samples: Samples, fields: Fields, issue_score: float) -> dict[str, Signatures]:
    """By the id of each image the people whom :func:`approve_below` approves, those whose issue score is known."""
    names = ("id", "issue_score", *SIGNATURE)
    meant = {}
    for sample_id, _, people in people_values(samples, fields, names):
        signatures = {
            key: signature
            for key, value, *signature in people
            if signature[0] in (None, "predicted") and value is not None and value <= issue_score
        }
        if signatures:
            meant[sample_id] = signatures
    return meant
