"""How many of the people of photos are found, by their size, and how far the scores can be believed."""

from __future__ import annotations

from typing import Any

import numpy as np

from annotator.evaluation.ground_truth import GroundTruth, has_mask, is_ignored
from annotator.evaluation.matching import ignored_predictions
from annotator.evaluation.report import metric, share
from annotator.geometry.crops import person_iou
from annotator.labels.people import Person

FOUND_IOU = 0.5
"""Of a prediction's mask and a person's from which the person is found."""
HEIGHTS = {"tall": (0.2, np.inf), "middle": (0.1, 0.2), "small": (0.0, 0.1)}
"""Sizes of people by the height of their box relative to the photo's, the upper end excluded."""
BINS = 10
"""Of the scores."""


class FindingAccumulator:
    """People found and predictions that are nobody."""

    def __init__(self) -> None:
        self.heights: list[float] = []
        """Of each labelled person, relative to the photo's."""
        self.found: list[bool] = []
        self.scores: list[float] = []
        """Of each prediction that counts."""
        self.right: list[bool] = []

    def add(self, ground_truth: GroundTruth, predictions: list[Person]) -> None:
        """Add an image; predictions on crowds and, where not everybody is labelled, elsewhere do not count."""
        targets = [person for person in ground_truth.people if not is_ignored(person) and has_mask(person)]
        labelled = [not is_ignored(person) and has_mask(person) for person in ground_truth.people]
        ignored = ignored_predictions(ground_truth, predictions, labelled)
        right = match_by_masks(targets, predictions)
        taken = {i for i in right if i is not None}
        self.found += [i in taken for i in range(len(targets))]
        self.heights += [target.box[3] / ground_truth.image.size[1] for target in targets]
        for prediction, target, is_left_out in zip(predictions, right, ignored, strict=True):
            if target is not None or not is_left_out:
                self.scores.append(prediction.score)
                self.right.append(target is not None)

    def report(self) -> dict[str, Any]:
        """Shares of people found, ``all`` and of each size of :data:`HEIGHTS`; ``wrong``, the share of predictions that are
        nobody, or not well enough labelled to be somebody; ``reliability``: by bins of the score, lowest first, the number of
        predictions, their mean score and the share that is right."""
        found, heights = np.array(self.found, bool), np.array(self.heights)
        scores, right = np.array(self.scores), np.array(self.right, bool)
        sizes = {name: (heights >= low) & (heights < high) for name, (low, high) in HEIGHTS.items()}
        bins = np.minimum((scores * BINS).astype(int), BINS - 1)
        return {
            "all": share(found.sum(), len(found), people=len(found)),
            **{
                name: share(found[mask].sum(), mask.sum(), people=int(mask.sum()))
                for name, mask in sizes.items()
            },
            "wrong": share((~right).sum(), len(right), predictions=len(right)),
            "reliability": [
                {
                    "score": metric(scores[bins == i].mean(), predictions=int((bins == i).sum())),
                    "right": metric(right[bins == i].mean(), predictions=int((bins == i).sum())),
                }
                for i in np.unique(bins)
            ],
        }


def match_by_masks(targets: list[Person], predictions: list[Person]) -> list[int | None]:
    """The index of each prediction's target, as COCO matches: highest score first, each with the target of highest IoU that
    is left, from :data:`FOUND_IOU`."""
    matched: list[int | None] = [None] * len(predictions)
    free = set(range(len(targets)))
    for i in sorted(range(len(predictions)), key=lambda i: -predictions[i].score):
        ious = {j: person_iou(predictions[i], targets[j]) for j in free}
        best = max(ious, key=ious.get, default=None)
        if best is not None and ious[best] >= FOUND_IOU:
            matched[i] = best
            free.remove(best)
    return matched
