"""From the annotations of an image to label maps at the image's own resolution.

Every pixel says what is known there and nothing more; what is not labelled carries
:data:`~model.label_values.IGNORE` or :data:`~model.label_values.SOME`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from annotator.coco.dense_labels import charts_and_parts, read_dense
from annotator.coco.extensions import has_dense
from annotator.coco.parsing import read_person
from annotator.coco.rle import decode_mask
from annotator.evaluation.ground_truth import foreground, has_mask
from annotator.geometry.boxes import Box, crop, expand_box
from annotator.labels.label_space import CHART_TO_PART
from annotator.labels.people import Person
from annotator.photos.reading import PhotoError, read_photo
from model.label_values import IGNORE, SOME
from model.sources import DataError, Record

MAX_OWNERS = 255
"""People of an image whose pixels are told apart; further ones have no head vectors."""
PERSON, PART, CHART, OWNER = range(4)
"""Channels of :attr:`Canvas.labels`."""
_KNOWN_PARTS = np.arange(256, dtype=np.uint8)
"""A part is itself, and what is on no part unknown."""
_KNOWN_PARTS[0] = IGNORE


@dataclass(slots=True)
class Canvas:
    """Labels of one image at image resolution, before the view."""

    labels: np.ndarray
    """(H, W, 4) uint8: person 0/1/IGNORE, part, chart (with SOME, IGNORE), owner: 1 + index into people."""
    uv: np.ndarray
    """(H, W, 2) uint8 of 0..255."""
    people: list[Person]


def photo_of(record: Record) -> np.ndarray:
    """The photo of a record, uint8 [H, W, 3] RGB.

    Raises:
        DataError: it cannot be read, or has another size than its labels; names it and the file that lists it.
    """
    where = f"{record.annotation_file}: image {record.image['id']}"
    try:
        photo = read_photo(record.path)
    except PhotoError as error:
        raise DataError(f"{where}: {record.path}: {error}") from None
    (height, width), said = photo.shape[:2], (record.image["width"], record.image["height"])
    if said != (width, height):
        raise DataError(
            f"{where}: width, height: {said[0]} × {said[1]}, but {record.path} has {width} × {height}"
        )
    return photo


def paint(record: Record, shape: tuple[int, int]) -> Canvas:
    """All labels of a record at image resolution, shape (H, W).

    Raises:
        annotator.coco.reader.CocoError: unreadable dense labels, naming the file; a malformed annotation, naming file, id and
            field.
    """
    height, width = shape
    outside = 0 if record.complete else IGNORE
    labels = np.full((height, width, 4), outside, np.uint8)
    labels[..., OWNER] = 0
    uv = np.zeros((height, width, 2), np.uint8)
    people = [
        read_person(
            _without_points(a) if record.iuv and has_dense(a) else a, (width, height), record.annotation_file
        )
        for a in record.annotations
    ]
    known = [has_mask(person) for person in people]
    if not record.complete:
        for person, counts in zip(people, known, strict=True):
            if counts:
                crop(labels, expand_box(person.box, width, height))[..., :OWNER] = 0
    # What is unknown first, so that a known person in front of a crowd region counts.
    for person, counts in zip(people, known, strict=True):
        if not counts and person.mask is None:
            crop(labels, expand_box(person.box, width, height))[..., :OWNER] = IGNORE
        elif not counts:
            crop(labels, person.box)[person.mask, :OWNER] = IGNORE
    for index, (person, counts) in enumerate(zip(people, known, strict=True)):
        if counts:
            _paint_person(crop(labels, person.box), person, index)
        carried = person.extra.get("carried")
        if carried:
            labels[decode_mask(carried, (width, height)), :OWNER] = IGNORE
    if record.iuv is not None:
        _paint_dense(record, labels, uv)
    return Canvas(labels, uv, people)


def _without_points(annotation: dict) -> dict:
    """Dense labels say more than DensePose's masks and points, which take long to read."""
    return {name: value for name, value in annotation.items() if not name.startswith("dp_")}


def _paint_person(labels: np.ndarray, person: Person, index: int) -> None:
    """Parts count where part labels and mask agree (thesis); elsewhere on the person they are unknown."""
    mask = person.mask.view(np.uint8)
    own = np.empty((*mask.shape, 4), np.uint8)
    own[:] = 1, SOME, SOME, index + 1 if index < MAX_OWNERS else 0
    if person.parts is not None:
        own[..., PART] = cv2.LUT(person.parts, _KNOWN_PARTS)
    # In place, several times as fast as NumPy's masks.
    cv2.copyTo(own, mask, labels)
    if person.extra.get("dp_masks"):
        labels[~person.mask & foreground(person).mask, PART] = IGNORE


def _paint_dense(record: Record, labels: np.ndarray, uv: np.ndarray) -> None:
    dense = read_dense(record.iuv, labels.shape[:2])
    x, y, w, h = cv2.boundingRect((labels[..., PERSON] == 1).view(np.uint8))
    here = slice(y, y + h), slice(x, x + w)
    dense, labels = dense[here], labels[here]
    charts, alone = charts_and_parts(dense[..., 0])
    on_person = labels[..., PERSON] == 1
    known = (charts > 0) & on_person
    np.copyto(labels[..., CHART], charts, where=known)
    np.copyto(labels[..., PART], CHART_TO_PART[charts], where=known)
    np.copyto(labels[..., PART], alone, where=(alone > 0) & on_person)
    # Rounds value / 257 without leaving 16 bits.
    values = dense[..., 1:]
    uv[here] = (values - (values >> 8) + 128 >> 8) * known[..., None]


def moved_person(person: Person, matrix: np.ndarray, box: Box, shown: Box) -> Person:
    """A person's points under an affine map.

    Args:
        person: of a canvas, which has its pixels: its own masks and maps are left out.
        matrix: (2, 3), to the new place in image pixels.
        box: of the person there.
        shown: what is shown there of the photo that the person comes from; keypoints outside become missing.
    """

    def apply(points: np.ndarray) -> np.ndarray:
        return points @ matrix[:, :2].T + matrix[:, 2]

    extra = {name: value for name, value in person.extra.items() if name == "flaw"}
    changes = {"box": box, "mask": None, "parts": None, "charts": None, "u": None, "v": None, "extra": extra}
    if person.keypoints is not None:
        keypoints, visibility = person.keypoints.copy(), person.visibility.copy()
        keypoints[:, :2] = apply(keypoints[:, :2])
        start = np.array(shown[:2])
        outside = ((keypoints[:, :2] < start) | (keypoints[:, :2] >= start + shown[2:])).any(axis=1)
        visibility[outside] = 0
        changes |= {"keypoints": keypoints, "visibility": visibility}
    if person.points is not None:
        points = person.points.copy()
        points[:, :2] = apply(points[:, :2])
        changes["points"] = points
    ends = person.extra.get("head_points")
    if ends:
        extra["head_points"] = {name: (*apply(np.array(p[:2], float)), p[2]) for name, p in ends.items()}
    return replace(person, **changes)
