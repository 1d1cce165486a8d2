"""How far two annotators of the same photo agree: they are equals, so every measure is the same both ways round."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from annotator.evaluation.matching import match_people, surface_distances
from annotator.evaluation.similarity import gps, keypoint_similarities, mask_iou
from annotator.geometry.boxes import union_box
from annotator.geometry.label_maps import LabelMaps
from annotator.labels.label_space import PARTS
from annotator.labels.people import TASKS, People, Person
from annotator.surface.geodesic import Surface

MAX_POINTS = 400
"""Pixels of a person at which the surface is compared: every n-th one in reading order."""


@dataclass(frozen=True, slots=True)
class PersonAgreement:
    """Two annotators' labels of one person, by their positions among the people, and how far they agree.

    Each task is 0..1, ``None`` where neither has labelled it, and 0 where only one has.
    """

    first: int
    second: int
    mask: float | None
    """IoU."""
    parts: float | None
    """Mean IoU of the parts that either has."""
    charts: float | None
    """Geodesic point similarity of chart, U and V; the mean of both ways round, as κ depends on the chart."""
    keypoints: float | None
    """OKS over the keypoints that either has; the area is the mean of both masks, or boxes."""

    def lowest(self) -> float:
        """The lowest of the tasks; 1 where nothing is labelled."""
        return min((v for v in (getattr(self, task) for task in TASKS) if v is not None), default=1.0)


@dataclass(slots=True)
class PhotoAgreement:
    """The agreement of two annotators on one photo."""

    pairs: list[PersonAgreement] = field(default_factory=list)
    only_first: list[int] = field(default_factory=list)
    """Positions of people whom the second does not have."""
    only_second: list[int] = field(default_factory=list)

    def lowest(self) -> float:
        """The lowest of all people and tasks; 0 where somebody is there for one of the two only."""
        if self.only_first or self.only_second:
            return 0.0
        return min((pair.lowest() for pair in self.pairs), default=1.0)


def compare_people(first: People, second: People, surface: Surface | None) -> PhotoAgreement:
    """Compare two annotators' labels of a photo.

    People are paired by :func:`annotator.evaluation.matching.match_people`. Rejected people and crowds are left out.

    Args:
        first, second: of the same photo.
        surface: for GPS; without it charts are not compared.
    """
    ours, theirs = _single(first), _single(second)
    found = match_people([first.people[i] for i in ours], [second.people[i] for i in theirs])
    positions = {id(second.people[i]): i for i in theirs}
    result = PhotoAgreement()
    for i, match in zip(ours, found, strict=True):
        if match is None:
            result.only_first.append(i)
        else:
            j = positions.pop(id(match))
            result.pairs.append(_compare(i, j, first.people[i], match, surface))
    result.only_second = list(positions.values())
    return result


def _single(people: People) -> list[int]:
    """Positions of the people who count."""
    return [i for i, p in enumerate(people.people) if not p.crowd and p.provenance.state != "rejected"]


def _compare(i: int, j: int, a: Person, b: Person, surface: Surface | None) -> PersonAgreement:
    window = union_box(a.box, b.box)
    ours, theirs = LabelMaps.paint([a], window), LabelMaps.paint([b], window)
    return PersonAgreement(
        first=i,
        second=j,
        mask=mask_iou(ours.person, theirs.person),
        parts=_part_iou(ours.parts, theirs.parts),
        charts=_surface_similarity(ours, theirs, surface),
        keypoints=_oks(a, b),
    )


def _part_iou(a: np.ndarray, b: np.ndarray) -> float | None:
    ious = [mask_iou(a == part, b == part) for part in range(1, len(PARTS))]
    known = [iou for iou in ious if iou is not None]
    return float(np.mean(known)) if known else None


def _surface_similarity(a: LabelMaps, b: LabelMaps, surface: Surface | None) -> float | None:
    pixels = np.flatnonzero((a.charts > 0) | (b.charts > 0))
    if surface is None or not len(pixels):
        return None
    pixels = pixels[:: -(-len(pixels) // MAX_POINTS)]
    ours, theirs = (
        np.stack([values.ravel()[pixels] for values in (maps.charts, maps.u, maps.v)], axis=1)
        for maps in (a, b)
    )
    distances = surface_distances(theirs, ours, surface)
    return (_gps(distances, ours) + _gps(distances, theirs)) / 2


def _gps(distances: np.ndarray, labels: np.ndarray) -> float:
    """Pixels without a chart have an infinite distance, and are nothing alike whatever κ is."""
    return gps(distances, np.maximum(labels[:, 0].astype(np.int64), 1))


def _oks(a: Person, b: Person) -> float | None:
    ours, theirs = a.seen() > 0, b.seen() > 0
    either = ours | theirs
    if not either.any():
        return None
    if not (ours & theirs).any():
        return 0.0
    area = (_area(a) + _area(b)) / 2
    similarities = keypoint_similarities(a.keypoints[:, :2], ours & theirs, b.keypoints[:, :2], either, area)
    return float(similarities.mean())


def _area(person: Person) -> int:
    pixels = 0 if person.mask is None else np.count_nonzero(person.mask)
    return pixels or person.box[2] * person.box[3]
