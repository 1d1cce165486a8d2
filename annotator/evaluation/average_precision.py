"""Average precision of people under any similarity, with the matching and accumulation of pycocotools."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from dataclasses import dataclass

import numpy as np
from pycocotools.cocoeval import COCOeval

MAX_PREDICTIONS = 100
"""Per image, highest score first, as in COCO (``maxDets``)."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """The d predicted people of an image and the g people with the labels in question."""

    scores: np.ndarray
    """(d,) of the predictions."""
    similarity: np.ndarray
    """(d, g) 0..1, of each prediction to each person: IoU, OKS, GPS or GPSm."""
    ignored: np.ndarray
    """(d,) bool: predictions on unlabelled pixels. They may match a person; if they match none, they are no mistake."""


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
    """COCOeval on similarities in place of files.

    What is not labelled in an image is one crowd region beside its people: COCOeval lets any number of predictions
    match it, and leaves those out.
    """

    def __init__(self, images: list[Candidates]):
        super().__init__(iouType="segm")
        self.images = dict(enumerate(images))
        self.params.imgIds = list(self.images)
        self.params.catIds = [1]
        self.params.areaRng, self.params.areaRngLbl = [[0, 1e10]], ["all"]
        self.params.maxDets = [MAX_PREDICTIONS]

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
        order = np.argsort(-image.scores, kind="mergesort")[:MAX_PREDICTIONS]
        return np.column_stack([image.similarity, image.ignored.astype(float)])[order]
