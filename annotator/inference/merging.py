"""From proposals and their labels to the people of a photo: scores, no duplicates, and who may be missing."""

from __future__ import annotations

import numpy as np

from annotator.geometry.boxes import box_iou, intersection_area, overlap_slices
from annotator.inference.scoring import UNSEEN, box_presence, presence
from annotator.inference.settings import Settings
from annotator.labels.people import People, Person, PossiblePerson

MAX_MASK_IOU = 0.5
"""Of two people whose masks overlap more, the one of lower score is a duplicate."""
MAX_INSIDE = 0.8
"""Share of a person's mask, or of a possible person's box, inside a better person from which it is a duplicate."""
SAME_BOX = 0.5
"""IoU of a mask's box with the finder's from which the finder means the same person."""


def merge(
    size: tuple[int, int],
    proposals: list[PossiblePerson],
    labelled: list[Person | None],
    voted: list[Person],
    settings: Settings,
) -> People:
    """The people of a photo.

    Args:
        size: width, height of the photo in pixels.
        proposals: boxes of the finder, most probable first.
        labelled: the person of each of the first proposals that were looked at closely, ``None`` where nobody was found.
        voted: people whom the votes of the whole photo propose.
        settings: thresholds.

    Returns:
        People, highest score first, and those who may be missing.
    """
    candidates = []
    for person, proposal in zip(labelled, proposals, strict=False):
        if person is not None:
            person.score = presence(person, proposal)
            candidates.append((person, proposal))
    for person in voted:
        same = max(proposals, key=lambda p: box_iou(p.box, person.box), default=UNSEEN)
        if box_iou(same.box, person.box) < SAME_BOX:
            same = UNSEEN
        person.score = presence(person, same)
        candidates.append((person, same))
    candidates.sort(key=lambda pair: -pair[0].score)
    people: list[Person] = []
    possible = [
        PossiblePerson(p.box, score)
        for p in proposals[len(labelled) :]
        if (score := box_presence(p)) >= settings.possible
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


def _is_duplicate(person: Person, better: Person) -> bool:
    here, there = overlap_slices(person.box, better.box)
    both = np.count_nonzero(person.mask[here] & better.mask[there])
    area, other = np.count_nonzero(person.mask), np.count_nonzero(better.mask)
    return both > MAX_MASK_IOU * (area + other - both) or both > MAX_INSIDE * area


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
