"""From the annotations of an image to label maps at the image's own resolution.

Every pixel says what is known there and nothing more; what is not labelled carries
:data:`~model.losses.IGNORE` or :data:`~model.losses.SOME`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from annotator.coco import read_person
from annotator.densepose import CHART_TO_PART
from annotator.people import Person
from model.losses import IGNORE, SOME
from model.sources import DataError, Record

BOX_MARGIN = 0.1
"""Of a box, on each side: how far the neighbourhood of a labelled person counts in an incomplete image."""

PERSON, PART, CHART, OWNER = range(4)
"""Channels of :attr:`Canvas.labels`."""


@dataclass(slots=True)
class Canvas:
    """Labels of one image at image resolution, before the view."""

    labels: np.ndarray
    """(H, W, 4) uint8: person 0/1/IGNORE, part, chart (with SOME, IGNORE), owner: 1 + index into people."""
    uv: np.ndarray
    """(H, W, 2) uint8 of 0..255."""
    people: list[Person]
    keypoint_region: list[tuple[int, int, int, int]]
    """Box (x0, y0, x1, y1) of each person, in which missing keypoints count nowhere."""


def paint(record: Record, shape: tuple[int, int]) -> Canvas:
    """All labels of a record at image resolution, shape (H, W).

    Raises:
        DataError: unreadable dense labels, naming the file.
        annotator.coco.CocoError: a malformed annotation, naming file, id and field.
    """
    height, width = shape
    outside = 0 if record.complete else IGNORE
    labels = np.full((height, width, 4), outside, np.uint8)
    labels[..., OWNER] = 0
    uv = np.zeros((height, width, 2), np.uint8)
    people = [
        read_person(_without_points(a) if record.iuv else a, (width, height), record.annotation_file)
        for a in record.annotations
    ]
    usable = [
        p.mask is not None and not p.crowd and not a.get("flaw")
        for p, a in zip(people, record.annotations, strict=True)
    ]
    regions = [grown(p.box, width, height) for p in people]
    if not record.complete:
        for known, (x0, y0, x1, y1) in zip(usable, regions, strict=True):
            if known:
                labels[y0:y1, x0:x1, :OWNER] = 0
    # What is unknown first, so that a known person in front of a crowd region counts.
    for person, known, (x0, y0, x1, y1) in zip(people, usable, regions, strict=True):
        if known:
            continue
        if person.mask is None:
            labels[y0:y1, x0:x1, :OWNER] = IGNORE
        else:
            _within(labels, person.box)[person.mask, :OWNER] = IGNORE
    for index, (person, annotation, known) in enumerate(zip(people, record.annotations, usable, strict=True)):
        if known:
            _paint_person(_within(labels, person.box), _within(uv, person.box), person, index)
        if annotation.get("carried"):
            labels[_rle(annotation["carried"]), :OWNER] = IGNORE
    if record.iuv is not None:
        _paint_dense(record, labels, uv)
    return Canvas(labels, uv, people, regions)


def _without_points(annotation: dict) -> dict:
    """Dense labels say more than DensePose's masks and points, which take long to read."""
    return {name: value for name, value in annotation.items() if not name.startswith("dp_")}


def grown(box: tuple[int, int, int, int], width: int, height: int) -> tuple[int, int, int, int]:
    """Corners x0, y0, x1, y1 of a box grown by :data:`BOX_MARGIN`, inside an image of that size."""
    x, y, w, h = box
    pad_x, pad_y = int(np.ceil(BOX_MARGIN * w)), int(np.ceil(BOX_MARGIN * h))
    return max(x - pad_x, 0), max(y - pad_y, 0), min(x + w + pad_x, width), min(y + h + pad_y, height)


def _within(array: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    x, y, w, h = box
    return array[y : y + h, x : x + w]


def _rle(segmentation: dict) -> np.ndarray:
    from pycocotools import mask

    return mask.decode(segmentation).astype(bool)


def _paint_person(labels: np.ndarray, uv: np.ndarray, person: Person, index: int) -> None:
    """Parts count where part labels and mask agree (thesis); elsewhere on the person they are unknown."""
    mask = person.mask
    labels[mask, PERSON] = 1
    labels[mask, OWNER] = index + 1
    labels[mask, CHART] = SOME
    if person.parts is None:
        labels[mask, PART] = SOME
    else:
        labels[mask, PART] = np.where(person.parts[mask] > 0, person.parts[mask], IGNORE)
        labels[~mask & (person.parts > 0), PART] = IGNORE
    if person.charts is not None:
        known = mask & (person.charts > 0)
        labels[known, CHART] = person.charts[known]
        uv[known] = np.rint(np.stack([person.u[known], person.v[known]], axis=-1).astype(np.float32) * 255)


def _paint_dense(record: Record, labels: np.ndarray, uv: np.ndarray) -> None:
    dense = cv2.imread(str(record.iuv), cv2.IMREAD_UNCHANGED)
    if dense is None or dense.dtype != np.uint16 or dense.shape != (*labels.shape[:2], 3):
        raise DataError(f"{record.iuv}: needs a 16-bit PNG with 3 channels of the image's size")
    x, y, w, h = cv2.boundingRect((labels[..., PERSON] == 1).view(np.uint8))
    here = slice(y, y + h), slice(x, x + w)
    dense, labels = dense[here], labels[here]
    known = (dense[..., 0] > 0) & (labels[..., PERSON] == 1)
    charts = dense[..., 0].astype(np.uint8)
    np.copyto(labels[..., CHART], charts, where=known)
    np.copyto(labels[..., PART], CHART_TO_PART.astype(np.uint8)[charts], where=known)
    # Rounds value / 257 without leaving 16 bits.
    values = dense[..., 1:]
    uv[here] = (values - (values >> 8) + 128 >> 8) * known[..., None]
