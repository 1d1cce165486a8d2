"""How well a finder's boxes meet the people of labelled photos."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from keras import ops

from annotator.evaluation.average_precision import Candidates, average_precision
from annotator.geometry.letterbox import Letterbox
from annotator.inference.finder import boxes_in_image
from model.canvas import photo_of
from model.finder.network import Finder, boxes_of, places
from model.sources import Record, is_ignored

MIN_SCORE = 0.05
"""Boxes of a lower score are noise."""
IN_CROWD = 0.5
"""Share of a box in an ignored region from which it is no mistake."""


def average_precision_of_boxes(finder: Finder, records: list[Record]) -> float:
    """Average precision of the boxes at IoU 0.5, 0..1, as COCO counts it."""
    found = average_precision([_match(*each) for each in predict_boxes(finder, records)])
    return found[1] if found else 0.0


def predict_boxes(finder: Finder, records: list[Record]) -> Iterator[tuple[Record, np.ndarray, np.ndarray]]:
    """Each record with its boxes, (n, 4) x, y, w, h in image pixels, and their scores (n,)."""
    side = finder.config.input_size
    centres, strides = (np.float32(values) for values in places(side, side))
    for record in records:
        photo = photo_of(record)
        letterbox = Letterbox((photo.shape[1], photo.shape[0]), side)
        found = finder(letterbox.apply(photo)[None].astype("float32"), training=False)
        boxes = boxes_of(found, ops.array(centres), ops.array(strides), finder.config.bins)[0]
        scores = ops.sigmoid(found[0, :, 0])
        yield record, *boxes_in_image(*map(ops.convert_to_numpy, (boxes, scores)), letterbox, MIN_SCORE)


def _match(record: Record, boxes: np.ndarray, scores: np.ndarray) -> Candidates:
    crowds, people = [], []
    for annotation in record.annotations:
        (crowds if is_ignored(annotation) else people).append(annotation["bbox"])
    overlap, _ = _overlap(boxes, np.reshape(np.array(people, float), (-1, 4)))
    _, inside = _overlap(boxes, np.reshape(np.array(crowds, float), (-1, 4)))
    ignored = (inside > IN_CROWD).any(axis=1) | (not record.complete)
    return Candidates(scores, overlap, ignored)


def _overlap(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, m) IoU of boxes x, y, w, h, and the share of each of ``a`` in each of ``b``."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum((a[:, :2] + a[:, 2:])[:, None], (b[:, :2] + b[:, 2:])[None])
    shared = np.clip(high - low, 0, None).prod(axis=-1)
    areas = a[:, 2:].prod(axis=1)[:, None], b[:, 2:].prod(axis=1)[None]
    return shared / np.maximum(areas[0] + areas[1] - shared, 1e-9), shared / np.maximum(areas[0], 1e-9)
