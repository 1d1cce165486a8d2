"""The score of a person that the finder proposed: the probability that it is there and labelled well.

A logistic regression of what the two networks say, fitted by ``scripts/fit-scores`` to people of photos that neither was
trained on; right is a mask with an IoU of at least 0.5. docs/finding-people.md shows how far the scores can be believed.
"""

from __future__ import annotations

import math

from annotator.geometry.boxes import box_iou
from annotator.labels.people import Person, PossiblePerson

BIAS, FINDER, MASK, BOX = -3.60, 2.58, 0.45, 3.15
"""Weights: of nothing, of the logits of the finder's score and of the mean probability of the mask's pixels, and of the IoU
of the mask's box with the finder's."""
VOTED_BIAS, VOTED_FINDER, VOTED_MASK, VOTED_BOX = -3.60, 2.58, 0.45, 3.15
"""The same for people whom votes propose."""
BOX_BIAS, BOX_FINDER = 0.17, 1.70
"""The same for a box that was not looked at closely: of nothing, and of the logit of the finder's score."""
UNSEEN = PossiblePerson((0, 0, 0, 0), 0.05)
"""What the finder says of a person that only votes propose."""


def presence(person: Person, proposal: PossiblePerson, *, voted: bool = False) -> float:
    """The score of a person, 0..1.

    Args:
        person: as decoded; its score is the mean probability of its pixels.
        proposal: the finder's.
        voted: whether votes propose the person, and the finder only agrees or does not (:data:`UNSEEN`).
    """
    weights = (VOTED_BIAS, VOTED_FINDER, VOTED_MASK, VOTED_BOX) if voted else (BIAS, FINDER, MASK, BOX)
    evidence = 1.0, logit(proposal.score), logit(person.score), box_iou(person.box, proposal.box)
    return _logistic(sum(weight * value for weight, value in zip(weights, evidence, strict=True)))


def box_presence(proposal: PossiblePerson) -> float:
    """The probability, 0..1, that somebody is in a box of the finder that was not looked at closely."""
    return _logistic(BOX_BIAS + BOX_FINDER * logit(proposal.score))


def logit(probability: float) -> float:
    """The log of the odds, of a probability that is kept away from 0 and 1."""
    bounded = min(max(probability, 1e-4), 1 - 1e-4)
    return math.log(bounded / (1 - bounded))


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))
