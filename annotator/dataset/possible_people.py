"""Possible people to and from the fields of a FiftyOne sample; what a reviewer has decided about them is kept.

The field ``<prefix>_possible`` holds those nobody has decided about. The others are in ``<prefix>_source``, by the ids of
their labels::

    {"possible": {label id: {"box": [x, y, w, h] in shares of the image, "score": …, "state": "accepted" or "dismissed"}}}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from annotator.dataset.fields import POSSIBLE_PERSON, Fields
from annotator.geometry.boxes import box_iou
from annotator.labels.people import PossiblePerson

if TYPE_CHECKING:
    import fiftyone as fo

OPEN, ACCEPTED, DISMISSED = "open", "accepted", "dismissed"
"""The states of a possible person: to be decided, labelled by now, nobody."""
SAME_BOX = 0.5
"""A possible person and somebody else are the same if the IoU of their boxes is more than this."""


@dataclass(frozen=True)
class StoredPossible:
    """A possible person and what was decided."""

    person: PossiblePerson
    state: str = OPEN


def read_possible(sample: fo.Sample, fields: Fields, size: tuple[int, int]) -> dict[str, StoredPossible]:
    """All possible people of a sample by the ids of their labels: first the open ones, most probable first.

    Args:
        size: width, height of the image in pixels.
    """
    found = {
        label.id: StoredPossible(PossiblePerson(_scaled(label.bounding_box, size), label.confidence or 0.0))
        for label in sorted(_labels(sample, fields), key=lambda label: -(label.confidence or 0.0))
    }
    for key, record in _decided(sample, fields).items():
        person = PossiblePerson(_scaled(record["box"], size), record["score"])
        found[key] = StoredPossible(person, record["state"])
    return found


def open_people(possible: Mapping[str, StoredPossible]) -> dict[str, PossiblePerson]:
    """Those of whom nobody has decided."""
    return {key: stored.person for key, stored in possible.items() if stored.state == OPEN}


def replace_possible(
    sample: fo.Sample,
    possible: Iterable[PossiblePerson],
    fields: Fields,
    size: tuple[int, int],
    reviewed: Iterable[Sequence[float]],
) -> None:
    """Replace the possible people of a sample whom nobody has decided about; the sample is not saved.

    Those in the box (:data:`SAME_BOX`) of one who was decided before are dropped.

    Args:
        possible: the new ones.
        size: width, height of the image in pixels.
        reviewed: boxes of people whom a human has labelled or deleted, in pixels: there is nobody else.
    """
    decided = [_scaled(record["box"], size) for record in _decided(sample, fields).values()]
    known = [*reviewed, *decided]
    _set_labels(
        sample,
        fields,
        [
            _label(_scaled(person.box, size, to_pixels=False), person.score)
            for person in sorted(possible, key=lambda person: -person.score)
            if not any(is_same_box(person.box, box) for box in known)
        ],
    )


def decide_possible(sample: fo.Sample, fields: Fields, states: Mapping[str, str]) -> None:
    """Set the states of possible people by the ids of their labels; the sample is not saved.

    Ids that are not there any more, because the photo was labelled anew, are left out.
    """
    if not states:
        return
    decided = dict(_decided(sample, fields))
    labels = {label.id: label for label in _labels(sample, fields)}
    for key, state in states.items():
        if key in decided:
            record = decided.pop(key)
        elif key in labels:
            label = labels.pop(key)
            record = {"box": list(label.bounding_box), "score": label.confidence or 0.0}
        else:
            continue
        if state == OPEN:
            labels[key] = _label(record["box"], record["score"], key)
        else:
            decided[key] = record | {"state": state}
    _set_labels(sample, fields, sorted(labels.values(), key=lambda label: -(label.confidence or 0.0)))
    sample[fields.source] = (sample[fields.source] or {}) | {"possible": decided}


def possible_scores(sample: fo.Sample, fields: Fields) -> list[float]:
    """The scores of the possible people whom nobody has decided about."""
    return [label.confidence or 0.0 for label in _labels(sample, fields)]


def is_same_box(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether two boxes are of the same person (:data:`SAME_BOX`)."""
    return box_iou(a, b) > SAME_BOX


def _label(box: Sequence[float], score: float, key: str | None = None) -> fo.Detection:
    import fiftyone as fo

    label = fo.Detection(label=POSSIBLE_PERSON, bounding_box=list(box), confidence=float(score))
    if key is not None:
        label.id = key
    return label


def _set_labels(sample: fo.Sample, fields: Fields, labels: list[fo.Detection]) -> None:
    """``None`` where there is nobody: the queue asks for the samples that have some."""
    import fiftyone as fo

    sample[fields.possible] = fo.Detections(detections=labels) if labels else None


def _labels(sample: fo.Sample, fields: Fields) -> list[fo.Detection]:
    labels = sample[fields.possible] if sample.has_field(fields.possible) else None
    return [] if labels is None else list(labels.detections)


def _decided(sample: fo.Sample, fields: Fields) -> dict[str, Any]:
    return (sample[fields.source] or {}).get("possible") or {}


def _scaled(
    box: Sequence[float], size: tuple[int, int], to_pixels: bool = True
) -> tuple[float, float, float, float]:
    """A box in shares of the image in pixels, or the other way round."""
    x, y, w, h = box
    width, height = size
    return (
        (x * width, y * height, w * width, h * height)
        if to_pixels
        else (x / width, y / height, w / width, h / height)
    )
