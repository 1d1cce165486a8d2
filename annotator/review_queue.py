"""Which images to look at, in which order, and how far the work has come."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from annotator.fiftyone_fields import Fields
from annotator.fiftyone_labels import DECIDED
from annotator.fiftyone_person import attribute
from annotator.fiftyone_store import StoredSample
from annotator.people import STATES
from annotator.quality import overall

if TYPE_CHECKING:
    import fiftyone as fo

    Samples = fo.core.collections.SampleCollection

MOST_ITEMS = 5000
"""Images listed at once."""
BINS = 20
"""Of the histogram of doubts."""
Signature = dict[str, str | None]
"""``review``, ``author`` and ``time`` of a person's label."""
Signatures = dict[str, Signature]
"""By the id of the label."""
Order = Literal["doubt", "file"]


@dataclass(frozen=True)
class Filter:
    """Which people are looked for; an image with one of them is listed.

    Raises:
        ValueError: an unknown state or order.
    """

    states: tuple[str, ...] = ()
    """Of :data:`annotator.people.STATES`; none for all."""
    reasons: tuple[str, ...] = ()
    """Words of :data:`annotator.quality.DOUBTS`; none for all."""
    order: Order = "doubt"
    samples: tuple[str, ...] = ()
    """Ids of the only images that are listed; none for all."""

    def __post_init__(self) -> None:
        unknown = [state for state in self.states if state not in STATES]
        if unknown:
            raise ValueError(f"states: {unknown[0]!r} is none of {', '.join(STATES)}")
        if self.order not in ("doubt", "file"):
            raise ValueError(f"order: {self.order!r} is neither 'doubt' nor 'file'")

    def holds(self, state: str, reasons: Collection[str]) -> bool:
        """Whether a person is looked for."""
        return (not self.states or state in self.states) and (
            not self.reasons or not set(self.reasons).isdisjoint(reasons)
        )


def queue(samples: Samples, fields: Fields, wanted: Filter) -> dict[str, Any]:
    """The images with people that are looked for, those with nobody to be decided last.

    The order ``"doubt"`` is that of the expected number of people with something wrong, the sum of their doubts.

    Returns:
        ``items``: at most :data:`MOST_ITEMS` of ``id``, ``filepath``, ``doubt``, ``people`` (number) and
        ``open`` (those nobody has decided); ``found``: how many there are; ``images``: with people fields;
        ``done``: without open people; ``states`` and ``reasons``: numbers of people, of all images;
        ``histogram``: numbers of open people by doubt, 0..1 in :data:`BINS` bins.
    """
    states, reasons = Counter(dict.fromkeys(STATES, 0)), Counter()
    items, order, doubts, images, done, only = [], [], [], 0, 0, set(wanted.samples)
    for row in _rows(samples, fields):
        images += 1
        waiting = [doubt or 0.0 for state, _, doubt in row["people"] if state not in DECIDED]
        done += not waiting
        doubts += waiting
        for state, why, _ in row["people"]:
            states[state] += 1
            reasons.update(why)
        if wanted.samples and row["id"] not in only:
            continue
        matching = [doubt or 0.0 for state, why, doubt in row["people"] if wanted.holds(state, why)]
        if matching or not (row["people"] or wanted.states or wanted.reasons):
            item = {
                "id": row["id"],
                "filepath": row["filepath"],
                "doubt": round(overall(matching), 6),
            }
            items.append(item | {"people": len(row["people"]), "open": len(waiting)})
            order.append((bool(row["people"]) and not waiting, -sum(matching)))
    if wanted.order == "doubt":
        items = [items[i] for i in sorted(range(len(items)), key=order.__getitem__)]
    else:
        items.sort(key=lambda item: item["filepath"])
    histogram, _ = np.histogram(doubts, BINS, (0, 1))
    return {
        "items": items[:MOST_ITEMS],
        "found": len(items),
        "images": images,
        "done": done,
        "states": dict(states),
        "reasons": dict(reasons.most_common()),
        "histogram": histogram.tolist(),
    }


def spot_check(samples: Samples, fields: Fields, doubt: float, share: float, seed: int) -> dict[str, Any]:
    """Images to look at before all people up to a doubt are approved.

    Args:
        doubt: 0..1, people with at most so much are meant.
        share: 0..1, of those images that are drawn at random.
        seed: of the draw.

    Returns:
        ``images`` and ``people``: how many are meant; ``check``: ids of the images drawn.
    """
    meant = {
        row["id"]: sum(_is_meant(state, value, doubt) for state, _, value in row["people"])
        for row in _rows(samples, fields)
    }
    ids = sorted(key for key, count in meant.items() if count)
    drawn = np.random.default_rng(seed).permutation(len(ids))[: math.ceil(share * len(ids))]
    return {"images": len(ids), "people": sum(meant.values()), "check": [ids[i] for i in drawn]}


def approve_below(
    samples: Samples, fields: Fields, doubt: float, author: str, time: str
) -> Iterator[tuple[str, Signatures]]:
    """Approve the untouched predictions with at most so much doubt, image by image.

    Args:
        author: who approves.
        time: ISO 8601 (UTC), of all of them: by it :func:`take_back` knows them.

    Yields:
        An image's id, and what the signatures of those whom it approved there were before.
    """

    def signature(person: fo.Detection) -> Signature | None:
        state = attribute(person, "review", "predicted")
        if not _is_meant(state, attribute(person, "doubt"), doubt):
            return None
        return {"review": "approved", "author": author, "time": time}

    for row in list(_rows(samples, fields)):
        if any(_is_meant(state, value, doubt) for state, _, value in row["people"]):
            yield row["id"], _sign(samples._dataset, row["id"], fields, signature)


def take_back(
    dataset: fo.Dataset, fields: Fields, author: str, time: str, before: Mapping[str, Signatures]
) -> Iterator[int]:
    """Undo :func:`approve_below`, except for people whom somebody has changed since.

    Args:
        author: who approved.
        time: when.
        before: what :func:`approve_below` yielded, by the id of the image.

    Yields:
        How many people of an image are as they were before.
    """
    approved = {"review": "approved", "author": author, "time": time}
    for sample_id, signatures in before.items():

        def signature(person: fo.Detection, signatures=signatures) -> Signature | None:
            return signatures.get(person.id) if _signature(person) == approved else None

        yield len(_sign(dataset, sample_id, fields, signature))


def _sign(
    dataset: fo.Dataset,
    sample_id: str,
    fields: Fields,
    signature: Callable[[fo.Detection], Signature | None],
) -> Signatures:
    """Change the signatures of some people of one sample, however often somebody else saves it meanwhile.

    Args:
        signature: what a person's is to be; None for one who stays.

    Returns:
        Of those who were changed, what it was.
    """
    while (stored := StoredSample.load(dataset, sample_id, fields)) is not None:
        people = stored.sample[fields.people].detections
        wanted = {person.id: new for person in people if (new := signature(person)) is not None}
        if not wanted:
            return {}
        before = {person.id: _signature(person) for person in people if person.id in wanted}
        for person in people:
            for name, value in wanted.get(person.id, {}).items():
                person[name] = value
        left = [attribute(p, "doubt", 0.0) for p in people if attribute(p, "review") not in DECIDED]
        stored.sample[fields.doubt] = overall(left)
        if stored.save(dataset, fields, set(wanted)) is not None:
            return before
    return {}


def _signature(person: fo.Detection) -> Signature:
    return {name: attribute(person, name) for name in ("review", "author", "time")}


def _is_meant(state: str, value: float | None, doubt: float) -> bool:
    """Whether a person is approved with the rest; one whose doubt nobody knows is not."""
    return state == "predicted" and value is not None and value <= doubt


def _rows(samples: Samples, fields: Fields) -> Iterator[dict[str, Any]]:
    person = f"{fields.people}.detections"
    paths = ["id", "filepath", f"{person}.review", f"{person}.reasons", f"{person}.doubt"]
    columns = samples.exists(fields.people).values(paths)
    for key, filepath, *lists in zip(*columns, strict=True):
        people = [
            (state or "predicted", why or [], value)
            for state, why, value in zip(*(values or [] for values in lists), strict=True)
        ]
        yield {"id": key, "filepath": filepath, "people": people}
