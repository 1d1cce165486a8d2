"""Average precision of people under any similarity, by pycocotools' own matching and accumulation."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from dataclasses import dataclass

import numpy as np
from pycocotools.cocoeval import COCOeval

MOST_PEOPLE = 100
"""Predictions per image that are looked at, best first, as in COCO."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """The predicted people of one image against its labelled ones."""

    scores: np.ndarray
    """(d,) of the predictions."""
    similarity: np.ndarray
    """(d, g) 0..1, of each prediction to each person with the labels in question: IoU, OKS, GPS or GPSm."""
    excused: np.ndarray
    """(d,) bool: predictions on something that is not labelled. They may match a person; if they match none,
    they are no mistake."""


def average_precision(images: list[Candidates]) -> tuple[float, float] | None:
    """AP over the similarities 0.50:0.05:0.95 and AP at 0.50, each 0..1; ``None`` where nobody is labelled."""
    if not sum(image.similarity.shape[1] for image in images):
        return None
    evaluation = _Evaluation(images)
    with redirect_stdout(io.StringIO()):
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"]
    return float(precision.mean()), float(precision[0].mean())


class _Evaluation(COCOeval):
    """COCOeval fed with similarities in place of files.

    What is not labelled in an image is one crowd region beside its people: COCOeval lets any number of
    predictions match such a region and leaves those out.
    """

    def __init__(self, images: list[Candidates]):
        super().__init__(iouType="segm")
        self.images = dict(enumerate(images))
        self.params.imgIds = list(self.images)
        self.params.catIds = [1]
        self.params.areaRng, self.params.areaRngLbl = [[0, 1e10]], ["all"]
        self.params.maxDets = [MOST_PEOPLE]

    def _prepare(self) -> None:
        # COCOeval takes the id 0 for "no match".
        for key, image in self.images.items():
            people = image.similarity.shape[1]
            self._gts[key, 1] = [
                {"id": i + 1, "ignore": int(i == people), "iscrowd": int(i == people), "area": 1}
                for i in range(people + 1)
            ]
            self._dts[key, 1] = [
                {"id": i + 1, "score": float(score), "area": 1} for i, score in enumerate(image.scores)
            ]

    def computeIoU(self, imgId: int, catId: int) -> np.ndarray:
        image = self.images[imgId]
        order = np.argsort(-image.scores, kind="mergesort")[:MOST_PEOPLE]
        return np.column_stack([image.similarity, image.excused.astype(float)])[order]
