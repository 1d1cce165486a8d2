"""From a record of the training data to a photo and its label maps.

Every pixel of every label map says what is known there and nothing more; what is not labelled carries
:data:`~model.losses.IGNORE` or :data:`~model.losses.SOME`. Maps are made at the network's output resolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from annotator.coco import read_person
from annotator.densepose import (
    CHART_MIRROR,
    CHART_TO_PART,
    HEAD_KEYPOINTS,
    KEYPOINT_MIRROR,
    PART_MIRROR,
    mirror_uv,
)
from annotator.images import PADDING, read_photo, warp
from annotator.people import Person
from model.augmentation import Augmentation, change_look, sample_matrix
from model.losses import IGNORE, KEYPOINT_PEAK, SOME
from model.sources import DataError, Record

KEYPOINT_SIGMA = 6.0
"""Of the heatmaps' Gaussians, in input pixels (thesis)."""
BOX_MARGIN = 0.1
"""Of a box, on each side: how far the neighbourhood of a labelled person counts in an incomplete image."""


@dataclass(frozen=True)
class View:
    """How a record is shown to the network."""

    size: int
    """Side of the sample in pixels."""
    output_stride: int
    input_size: int
    """Unit of the head vectors in pixels."""
    person_view: float = 0.5
    """Probability of a person's padded box in place of the whole image, where a person is there."""


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


def make_sample(
    record: Record,
    view: View,
    augmentation: Augmentation | None,
    rng: np.random.Generator,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """One training sample.

    Returns:
        The photo, uint8 [size, size, 3] RGB, and labels at h = w = size / output_stride: ``person``,
        ``parts``, ``charts`` uint8 [h, w], ``uv`` uint8 [h, w, 2], ``keypoints`` uint8 [h, w, 17],
        ``heads`` float32 [h, w, 3]; their values are described in :mod:`model.losses`.

    Raises:
        DataError: an unreadable photo or dense label, naming it.
        annotator.coco.CocoError: a malformed annotation, naming file, id and field.
    """
    photo = read_photo(record.path)
    canvas = paint(record, photo.shape[:2])
    region = _region(record, canvas, view, augmentation, rng)
    matrix, flip = sample_matrix(region, view.size, augmentation, rng)
    shrink = cv2.INTER_AREA if np.abs(np.linalg.det(matrix[:, :2])) < 0.5 else cv2.INTER_LINEAR
    image = warp(photo, matrix, (view.size, view.size), shrink, (PADDING,) * 3)
    if augmentation is not None:
        image = change_look(image, augmentation.look, rng)
    to_output = matrix / view.output_stride
    side = view.size // view.output_stride
    # Outside the photo there is padding, which is background.
    labels = warp(canvas.labels, to_output, (side, side), cv2.INTER_NEAREST, (0, 0, 0, 0))
    uv = warp(canvas.uv, to_output, (side, side), cv2.INTER_NEAREST, (0, 0))
    person, parts, charts, owner = (np.ascontiguousarray(labels[..., i]) for i in range(4))
    _paint_points(canvas.people, to_output, charts, uv)
    keypoints, heads = _paint_keypoints(canvas, to_output, person, owner, view)
    if flip:
        parts, charts, uv = _swap_sides(parts, charts, uv)
        keypoints = np.ascontiguousarray(keypoints[..., KEYPOINT_MIRROR])
    return image, {
        "person": person,
        "parts": parts,
        "charts": charts,
        "uv": uv,
        "keypoints": keypoints,
        "heads": heads,
    }


def _region(record, canvas, view, augmentation, rng) -> tuple[float, float, float, float]:
    height, width = canvas.labels.shape[:2]
    boxes = [p.box for p in canvas.people if not p.crowd and max(p.box[2:]) >= 32]
    if not boxes or augmentation is None or rng.random() >= view.person_view:
        return (0, 0, width, height)
    x, y, w, h = boxes[rng.integers(len(boxes))]
    pad = BOX_MARGIN * max(w, h)
    return (x - pad, y - pad, w + 2 * pad, h + 2 * pad)


def paint(record: Record, shape: tuple[int, int]) -> Canvas:
    """All labels of a record at image resolution, shape (H, W)."""
    height, width = shape
    outside = 0 if record.complete else IGNORE
    labels = np.full((height, width, 4), outside, np.uint8)
    labels[..., 3] = 0
    uv = np.zeros((height, width, 2), np.uint8)
    people, sources = [], []
    for annotation in record.annotations:
        people.append(read_person(annotation, (width, height), record.annotation_file))
        sources.append(annotation)
    usable = [
        p.mask is not None and not p.crowd and not a.get("flaw") for p, a in zip(people, sources, strict=True)
    ]
    regions = [_grow(p.box, BOX_MARGIN, width, height) for p in people]
    if not record.complete:
        for known, (x0, y0, x1, y1) in zip(usable, regions, strict=True):
            if known:
                labels[y0:y1, x0:x1, :3] = 0
    # What is unknown first, so that a known person in front of a crowd region counts.
    for person, known, (x0, y0, x1, y1) in zip(people, usable, regions, strict=True):
        if known:
            continue
        if person.mask is None:
            labels[y0:y1, x0:x1, :3] = IGNORE
        else:
            _within(labels, person.box)[person.mask, :3] = IGNORE
    for index, (person, annotation, known) in enumerate(zip(people, sources, usable, strict=True)):
        if known:
            _paint_person(_within(labels, person.box), _within(uv, person.box), person, index)
        if annotation.get("carried"):
            labels[_rle(annotation["carried"]), :3] = IGNORE
    if record.iuv is not None:
        _paint_dense(record, labels, uv)
    return Canvas(labels, uv, people, regions)


def _within(array: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    x, y, w, h = box
    return array[y : y + h, x : x + w]


def _grow(box, margin: float, width: int, height: int) -> tuple[int, int, int, int]:
    x, y, w, h = box
    pad_x, pad_y = int(np.ceil(margin * w)), int(np.ceil(margin * h))
    return max(x - pad_x, 0), max(y - pad_y, 0), min(x + w + pad_x, width), min(y + h + pad_y, height)


def _rle(segmentation: dict) -> np.ndarray:
    from pycocotools import mask

    return mask.decode(segmentation).astype(bool)


def _paint_person(labels: np.ndarray, uv: np.ndarray, person: Person, index: int) -> None:
    """Parts count where part labels and mask agree (thesis); elsewhere on the person they are unknown."""
    mask = person.mask
    labels[mask, 0] = 1
    labels[mask, 3] = index + 1
    labels[mask, 2] = SOME
    if person.parts is None:
        labels[mask, 1] = SOME
    else:
        labels[mask, 1] = np.where(person.parts[mask] > 0, person.parts[mask], IGNORE)
        labels[~mask & (person.parts > 0), 1] = IGNORE
    if person.charts is not None:
        known = mask & (person.charts > 0)
        labels[known, 2] = person.charts[known]
        uv[known] = np.rint(np.stack([person.u[known], person.v[known]], axis=-1).astype(np.float32) * 255)


def _paint_dense(record: Record, labels: np.ndarray, uv: np.ndarray) -> None:
    dense = cv2.imread(str(record.iuv), cv2.IMREAD_UNCHANGED)
    if dense is None or dense.dtype != np.uint16 or dense.shape != (*labels.shape[:2], 3):
        raise DataError(f"{record.iuv}: needs a 16-bit PNG with 3 channels of the image's size")
    known = (dense[..., 0] > 0) & (labels[..., 0] == 1)
    labels[known, 2] = dense[known, 0]
    labels[known, 1] = CHART_TO_PART[dense[known, 0]]
    uv[known] = (dense[known, 1:].astype(np.uint32) * 255 + 32767) // 65535


def _transform(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


def _paint_points(people: list[Person], matrix: np.ndarray, charts: np.ndarray, uv: np.ndarray) -> None:
    """Labelled surface points, each one output pixel (thesis)."""
    side = charts.shape[0]
    for person in people:
        if person.points is None or person.crowd:
            continue
        at = np.floor(_transform(person.points[:, :2], matrix)).astype(int)
        inside = ((at >= 0) & (at < side)).all(axis=1)
        x, y = at[inside].T
        # A dense label says more than a point.
        free = charts[y, x] >= SOME
        x, y, points = x[free], y[free], person.points[inside][free]
        charts[y, x] = points[:, 2]
        uv[y, x] = np.rint(points[:, 3:5] * 255)


def head_point(person: Person) -> np.ndarray | None:
    """Mean of the labelled nose, eyes and ears, else the middle of neck and head top; image pixels."""
    if person.keypoints is not None:
        seen = person.visibility[HEAD_KEYPOINTS] > 0
        if seen.any():
            return person.keypoints[HEAD_KEYPOINTS][seen, :2].mean(axis=0)
    ends = [p for p in person.extra.get("head_points", {}).values() if p[2] > 0]
    return np.mean(ends, axis=0)[:2] if len(ends) == 2 else None


def _paint_keypoints(
    canvas: Canvas, matrix: np.ndarray, person_map: np.ndarray, owner: np.ndarray, view: View
) -> tuple[np.ndarray, np.ndarray]:
    side = person_map.shape[0]
    keypoints = np.zeros((side, side, 17), np.uint8)
    keypoints[person_map == IGNORE] = IGNORE
    heads = np.zeros((side, side, 3), np.float32)
    rows, columns = np.mgrid[:side, :side].astype(np.float32) + 0.5
    sigma = KEYPOINT_SIGMA / view.output_stride
    for index, (person, region) in enumerate(zip(canvas.people, canvas.keypoint_region, strict=True)):
        seen = person.visibility > 0 if person.keypoints is not None else np.zeros(17, bool)
        if not seen.all():
            _ignore_missing(keypoints, ~seen, region, matrix)
        head = None if person.crowd else head_point(person)
        if head is not None:
            x, y = _transform(np.asarray(head)[None], matrix)[0]
            mine = owner == index + 1
            unit = view.output_stride / view.input_size
            heads[mine, 0] = (x - columns[mine]) * unit
            heads[mine, 1] = (y - rows[mine]) * unit
            heads[mine, 2] = 1
    for person in canvas.people:
        if person.keypoints is None:
            continue
        at = _transform(person.keypoints[:, :2], matrix)
        for i in np.flatnonzero(person.visibility > 0):
            _add_gaussian(keypoints[..., i], at[i], sigma)
    return keypoints, heads


def _ignore_missing(keypoints: np.ndarray, missing: np.ndarray, region, matrix: np.ndarray) -> None:
    """Leave out the channels of unlabelled keypoints inside a person's region."""
    x0, y0, x1, y1 = region
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float64)
    corners = np.rint(_transform(corners, matrix)).astype(np.int32)
    inside = np.zeros(keypoints.shape[:2], np.uint8)
    cv2.fillConvexPoly(inside, corners, 1)
    for i in np.flatnonzero(missing):
        keypoints[..., i][inside > 0] = IGNORE


def _add_gaussian(channel: np.ndarray, centre: np.ndarray, sigma: float) -> None:
    """Draw a peak into one heatmap, keeping the higher value; also over pixels that were left out."""
    reach = int(np.ceil(3 * sigma))
    x0, y0 = (np.floor(centre) - reach).astype(int)
    columns = np.arange(max(x0, 0), min(x0 + 2 * reach + 1, channel.shape[1]))
    rows = np.arange(max(y0, 0), min(y0 + 2 * reach + 1, channel.shape[0]))
    if not len(columns) or not len(rows):
        return
    across = np.exp(-((columns + 0.5 - centre[0]) ** 2) / (2 * sigma**2))
    down = np.exp(-((rows + 0.5 - centre[1]) ** 2) / (2 * sigma**2))
    peak = np.rint(KEYPOINT_PEAK * down[:, None] * across[None, :]).astype(np.uint8)
    window = channel[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    window[...] = np.where(window == IGNORE, peak, np.maximum(window, peak))


def _swap_sides(parts: np.ndarray, charts: np.ndarray, uv: np.ndarray):
    """Left for right in maps that are already flipped; IGNORE and SOME stay."""
    known = (charts > 0) & (charts < SOME)
    u, v = mirror_uv(
        charts[known], uv[known, 0].astype(np.float32) / 255, uv[known, 1].astype(np.float32) / 255
    )
    uv[known] = np.rint(np.stack([u, v], axis=-1) * 255)
    return _swap(parts, PART_MIRROR), _swap(charts, CHART_MIRROR), uv


def _swap(labels: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    table = np.arange(256, dtype=np.uint8)
    table[: len(mirror)] = mirror
    return table[labels]
