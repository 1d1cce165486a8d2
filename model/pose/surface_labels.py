"""What labels say of the body's surface at the pixels of one person: a chart, a part, or nothing.

Where people labelled neither charts nor parts, keypoints still say something: what lies between shoulder and elbow is the upper
arm, and a torso whose left shoulder is on the right is seen from the front.
"""

from __future__ import annotations

import cv2
import numpy as np

from annotator.evaluation.sides import seen_from
from annotator.labels.label_space import (
    CHART_TO_PART,
    CHARTS,
    HEAD_KEYPOINTS,
    HIP_KEYPOINTS,
    KEYPOINT_PARTS,
    PARTS,
    SHOULDER_KEYPOINTS,
    SKELETON,
)
from annotator.labels.people import Person
from model.canvas import CHART, OWNER, PART, Canvas
from model.label_values import SOME

PART_LABEL = len(CHARTS) - 1
"""A label of 1 to this is that chart; above it, that and a part: one of the part's charts."""
CHARTS_OF = np.concatenate(
    [np.eye(len(CHARTS), dtype=bool), np.arange(1, len(PARTS))[:, None] == CHART_TO_PART]
)[:, 1:]
"""(39, 24): the charts that a label allows; 0 allows none and counts nowhere."""
LIMBS = [
    (a, b, part)
    for a, b in SKELETON
    for part in set(KEYPOINT_PARTS[a]) & set(KEYPOINT_PARTS[b]) - {PARTS.index("torso"), PARTS.index("head")}
]
"""Keypoints at both ends of a limb, and its part."""
WIDTH, APART = 0.02, 0.07
"""Of the line along a limb that is its part for certain, and of that which another limb may lie on, relative to the longer side of
the person's box."""
MIDDLE = 0.15
"""Share of a limb at either end that is left out: near a joint the next part begins."""
TORSO = 0.75
"""Size of the middle of a torso that is the torso's for certain, relative to that between shoulders and hips."""
SEEN = 2
"""Visibility of a keypoint that is not hidden."""


def paint_from_keypoints(canvas: Canvas, index: int) -> None:
    """Paint parts and charts that a person's keypoints say, where the canvas knows of neither.

    Pixels along a limb between two keypoints that are seen, but not where two limbs are near each other; around seen keypoints of
    the head; and the middle of a torso seen from the front or from behind, without U and V.
    """
    person = canvas.people[index]
    labels = canvas.labels
    unknown = (labels[..., OWNER] == index + 1) & (labels[..., PART] >= SOME) & (labels[..., CHART] >= SOME)
    if person.keypoints is None or not unknown.any():
        return
    shape, side = unknown.shape, max(person.box[2:])
    thin, wide = (max(1, round(share * side)) for share in (WIDTH, APART))
    points, visibility = person.keypoints[:, :2].astype(float), person.visibility
    limbs = [(points[a], points[b], part, min(visibility[[a, b]])) for a, b, part in LIMBS]
    limbs = [limb for limb in limbs if limb[3] > 0]
    near = np.zeros(shape, np.uint8)
    for start, end, _, _ in limbs:
        near += _line(shape, start, end, wide)
    parts = np.zeros(shape, np.uint8)
    for start, end, part, seen in limbs:
        if seen == SEEN:
            inner = MIDDLE * (end - start)
            parts[_line(shape, start + inner, end - inner, thin) & (near == 1) > 0] = part
    for point in points[HEAD_KEYPOINTS][visibility[HEAD_KEYPOINTS] == SEEN]:
        cv2.circle(parts, _whole(point), thin, PARTS.index("head"), -1)
    _put(labels[..., PART], parts, unknown)
    _put(labels[..., CHART], _torso(person, shape) * (near == 0), unknown)


def surface_labels(charts: np.ndarray, parts: np.ndarray, own: np.ndarray) -> np.ndarray:
    """uint8 of the same shape: labels as :data:`CHARTS_OF` counts them.

    Args:
        charts, parts: of a canvas.
        own: bool, the person's pixels.
    """
    labels = np.where(parts < SOME, parts + PART_LABEL, 0)
    return np.where(own, np.where(charts < SOME, charts, labels * (parts > 0)), 0).astype(np.uint8)


def _torso(person: Person, shape: tuple[int, int]) -> np.ndarray:
    """The front or the back in the middle of a person's torso."""
    torso = np.zeros(shape, np.uint8)
    side = seen_from(person, None)
    if side in ("front", "behind"):
        corners = np.concatenate(
            [person.keypoints[SHOULDER_KEYPOINTS, :2], person.keypoints[HIP_KEYPOINTS, :2][::-1]]
        )
        middle = corners.mean(axis=0)
        inner = np.rint(middle + TORSO * (corners - middle)).astype(np.int32)
        chart = CHARTS.index("torso front" if side == "front" else "torso back")
        cv2.fillConvexPoly(torso, cv2.convexHull(inner), chart)
    return torso


def _line(shape: tuple[int, int], start: np.ndarray, end: np.ndarray, width: int) -> np.ndarray:
    """uint8 of that shape, 1 along a line."""
    line = np.zeros(shape, np.uint8)
    cv2.line(line, _whole(start), _whole(end), 1, width)
    return line


def _whole(point: np.ndarray) -> tuple[int, int]:
    x, y = np.floor(point).astype(int).tolist()
    return x, y


def _put(labels: np.ndarray, values: np.ndarray, where: np.ndarray) -> None:
    np.copyto(labels, values, where=where & (values > 0))
