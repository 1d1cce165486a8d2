"""From proposals and their labels to the people of a photo: scores, no duplicates, and who may be missing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from annotator.geometry.boxes import box_iou, intersection_area
from annotator.geometry.crops import person_iou, shared_area
from annotator.inference.scoring import UNSEEN, box_presence, presence, voted_presence
from annotator.inference.settings import Settings
from annotator.labels.label_space import PARTS
from annotator.labels.people import People, Person, PossiblePerson

MAX_MASK_IOU = 0.5
"""Of two people whose masks overlap more, the one of lower score is a duplicate."""
MAX_INSIDE = 0.8
"""Share of a person's mask, or of a possible person's box, inside a better person from which it is a duplicate."""
MIN_PART_INSIDE, MIN_PART, MIN_COVERED = 0.6, 0.15, 0.6
"""One of whom votes make several people is several: each has this share of its mask in the one's, and is this share of the
one's area, and together they are this share of it."""
HEAD, MIN_HEAD = PARTS.index("head"), 0.02
"""The part, and its share of a person's area from which the person has one."""
SAME_BOX = 0.5
"""IoU of a mask's box with the finder's from which the finder means the same person."""


class Candidate(NamedTuple):
    """Somebody who may be one of the people of a photo."""

    person: Person
    """With the probability that somebody is there as score."""
    proposal: PossiblePerson
    """The finder's of the same person, or :data:`~annotator.inference.scoring.UNSEEN`."""


def score(
    size: tuple[int, int],
    proposals: list[PossiblePerson],
    labelled: list[Person | None],
    voted: list[Person],
) -> list[Candidate]:
    """Everybody who was found, with new scores, highest first.

    Args:
        size: width, height of the photo in pixels.
        proposals: boxes of the finder, most probable first.
        labelled: the person of each of the first proposals that were looked at closely, ``None`` where nobody was found.
        voted: people whom the votes of the whole photo propose.

    Returns:
        Of a box and of votes there may be the same person. Whom votes take for several people is left out.
    """
    candidates = []
    for person in voted:
        same = proposal_of(person, proposals)
        candidates.append((Candidate(person, same), voted_presence(person, same, size)))
    for person, proposal in zip(labelled, proposals, strict=False):
        if person is None:
            continue
        probability = presence(person, proposal)
        if inside := _split(person, voted):
            # They are as likely there as the one box around them.
            candidates = [
                (Candidate(one.person, proposal), max(before, probability))
                if any(one.person is v for v in inside)
                else (one, before)
                for one, before in candidates
            ]
        else:
            candidates.append((Candidate(person, proposal), probability))
    for one, probability in candidates:
        one.person.score = probability
    return sorted((one for one, _ in candidates), key=lambda one: -one.person.score)


def choose(
    size: tuple[int, int],
    candidates: list[Candidate],
    unlabelled: list[PossiblePerson],
    settings: Settings,
) -> People:
    """The people of a photo: of those who are the same person the one of the highest score.

    Args:
        size: width, height of the photo in pixels.
        candidates: highest score first.
        unlabelled: boxes of the finder that were not looked at closely.
        settings: thresholds.

    Returns:
        People, highest score first, and those who may be missing.
    """
    people: list[Person] = []
    possible = [
        PossiblePerson(p.box, probability)
        for p in unlabelled
        if (probability := box_presence(p)) >= settings.possible
    ]
    for person, proposal in candidates:
        if any(_is_duplicate(person, better) for better in people):
            continue
        if person.score >= settings.least_score:
            people.append(person)
        elif person.score >= settings.possible:
            box = person.box if proposal is UNSEEN else proposal.box
            possible.append(PossiblePerson(tuple(map(float, box)), person.score))
    return People(size, people, possible=_apart(possible, people))


def proposal_of(person: Person, proposals: list[PossiblePerson]) -> PossiblePerson:
    """The finder's box of a person whom votes propose, :data:`~annotator.inference.scoring.UNSEEN` where it has none."""
    same = max(proposals, key=lambda p: box_iou(p.box, person.box), default=UNSEEN)
    return same if box_iou(same.box, person.box) >= SAME_BOX else UNSEEN


def _split(person: Person, voted: list[Person]) -> list[Person]:
    """The people whom votes tell apart inside of one whom the finder took for a single person; none if it is one."""
    area = np.count_nonzero(person.mask)
    shared = [(other, np.count_nonzero(other.mask), shared_area(person, other)) for other in voted]
    inside = [
        (other, both)
        for other, own, both in shared
        if both > MIN_PART_INSIDE * own and both > MIN_PART * area and _has_head(other)
    ]
    covered = sum(both for _, both in inside)
    return [other for other, _ in inside] if len(inside) > 1 and covered > MIN_COVERED * area else []


def _has_head(person: Person) -> bool:
    """Whether the person is more than a piece of somebody."""
    return np.count_nonzero(person.parts == HEAD) > MIN_HEAD * np.count_nonzero(person.mask)


def _is_duplicate(person: Person, better: Person) -> bool:
    inside = shared_area(person, better) > MAX_INSIDE * np.count_nonzero(person.mask)
    return inside or person_iou(person, better) > MAX_MASK_IOU


def _apart(possible: list[PossiblePerson], people: list[Person]) -> list[PossiblePerson]:
    """The possible people, most probable first, without those who are a person, or a more probable one, already."""
    kept: list[PossiblePerson] = []
    for one in sorted(possible, key=lambda p: -p.score):
        area = one.box[2] * one.box[3]
        others = [other.box for other in (*people, *kept)]
        if not any(
            box_iou(one.box, box) > MAX_MASK_IOU or intersection_area(one.box, box) > MAX_INSIDE * area
            for box in others
        ):
            kept.append(one)
    return kept
