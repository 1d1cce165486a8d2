"""The score of a person that the finder proposed: the probability that it is there and labelled well.

A logistic regression of what the two networks say, fitted by ``scripts/fit-scores`` to people of photos that the finder was
not fine-tuned on; right is a mask with an IoU of at least 0.5. docs/finding-people.md shows how far the scores can be believed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from annotator.geometry.boxes import box_iou
from annotator.labels.people import Person, PossiblePerson

BIAS, FINDER, MASK, BOX = -0.69, 2.34, 0.64, -0.60
"""Weights: of nothing, of the logits of the finder's score and of the mean probability of the mask's pixels, and of the IoU
of the mask's box with the finder's."""
VOTED_BIAS, VOTED_FINDER, VOTED_MASK, VOTED_BOX, VOTED_SIDE = -4.58, 0.61, 2.33, -0.38, 2.34
"""The same for people whom votes propose, and of the longer side of the box relative to the photo's: votes know large
people best, the finder small ones."""
BOX_BIAS, BOX_FINDER = 0.01, 1.65
"""The same for a box that was not looked at closely: of nothing, and of the logit of the finder's score."""
UNSEEN = PossiblePerson((0, 0, 0, 0), 0.05)
"""What the finder says of a person that only votes propose."""


def presence(person: Person, proposal: PossiblePerson) -> float:
    """The score, 0..1, of a person whom the finder proposes.

    Args:
        person: as decoded; its score is the mean probability of its pixels.
        proposal: the finder's.
    """
    weights = BIAS, FINDER, MASK, BOX
    return _logistic(weights, (1.0, *evidence(person, proposal)))


def voted_presence(person: Person, proposal: PossiblePerson, size: tuple[int, int]) -> float:
    """The score, 0..1, of a person whom votes propose.

    Args:
        person: as decoded; its score is the mean probability of its pixels.
        proposal: the finder's of the same person, or :data:`UNSEEN`.
        size: width, height of the photo in pixels.
    """
    weights = VOTED_BIAS, VOTED_FINDER, VOTED_MASK, VOTED_BOX, VOTED_SIDE
    return _logistic(weights, (1.0, *evidence(person, proposal), longer_side(person, size)))


def evidence(person: Person, proposal: PossiblePerson) -> tuple[float, float, float]:
    """What speaks for a person: the logits of the finder's score and of the mask's mean probability, and the IoU of their
    boxes."""
    return logit(proposal.score), logit(person.score), box_iou(person.box, proposal.box)


def longer_side(person: Person, size: tuple[int, int]) -> float:
    """Of a person's box, relative to the photo's side."""
    return max(length / side for length, side in zip(person.box[2:], size, strict=True))


def box_presence(proposal: PossiblePerson) -> float:
    """The probability, 0..1, that somebody is in a box of the finder that was not looked at closely."""
    return _logistic((BOX_BIAS, BOX_FINDER), (1.0, logit(proposal.score)))


def logit(probability: float) -> float:
    """The log of the odds, of a probability that is kept away from 0 and 1."""
    bounded = min(max(probability, 1e-4), 1 - 1e-4)
    return math.log(bounded / (1 - bounded))


def _logistic(weights: Sequence[float], values: Sequence[float]) -> float:
    return 1 / (1 + math.exp(-sum(weight * value for weight, value in zip(weights, values, strict=True))))
