"""From a record of the training data to a photo and its label maps.

Every pixel of every label map says what is known there and nothing more; what is not labelled carries
:data:`~model.label_values.IGNORE` or :data:`~model.label_values.SOME`. Maps are made at the network's output resolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from annotator.evaluation.ground_truth import has_points, is_ignored
from annotator.geometry.boxes import Box, FloatBox, expand_box, pad_box
from annotator.labels.label_space import (
    CHART_MIRROR,
    HEAD_KEYPOINTS,
    HIP_KEYPOINTS,
    KEYPOINT_MIRROR,
    PART_MIRROR,
    mirror_uv,
)
from annotator.labels.people import Person
from model.augmentation import Augmentation
from model.canvas import Canvas, paint, photo_of
from model.copy_paste import CopyPasteSources, compose
from model.crops import MIN_VIEWED_SIDE, Crop
from model.label_values import IGNORE, KEYPOINT_PEAK, SOME
from model.sources import Record
from model.surroundings import surround

MAX_WINDOW = 4.0
"""Side of a window around a person, of the longer side of their box."""
KEYPOINT_SIGMA = 6.0
"""Of the heatmaps' Gaussians, in input pixels (thesis)."""


@dataclass(frozen=True)
class View:
    """How a record is shown to the network."""

    size: int
    """Side of the sample in pixels."""
    output_stride: int
    input_size: int
    """Unit of the head vectors in pixels."""
    head_vector_targets: tuple[str, ...] = ("head",)
    """What the head vectors point at, see :attr:`model.presets.CascadeConfig.head_vector_targets`."""
    person_view: float = 0.5
    """Probability of a person's padded box in place of the whole image, where a person is there."""
    window_view: float = 0.0
    """Probability of a square window around a person, up to :data:`MAX_WINDOW` times its size: what lies
    between the two other views."""


def make_sample(
    record: Record,
    view: View,
    augmentation: Augmentation | None,
    rng: np.random.Generator,
    copy_paste_sources: CopyPasteSources | None = None,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """One training sample.

    Args:
        record: the photo and its labels.
        view: how it is shown.
        augmentation: None for the plain whole image.
        rng: every choice comes from it.
        copy_paste_sources: people and textures that may be pasted in; None for no pasting.

    Returns:
        The photo, uint8 [size, size, 3] RGB, and labels at h = w = size / output_stride: ``person``,
        ``parts``, ``charts`` uint8 [h, w], ``uv`` uint8 [h, w, 2], ``keypoints`` uint8 [h, w, 17],
        ``head_vectors`` float32 [h, w, 3·targets]; their values are described in :mod:`model.losses`.

    Raises:
        DataError: a photo that cannot be read or has another size than the file says, naming it.
        annotator.coco.reader.CocoError: an unreadable dense label, naming it; a malformed annotation, naming file, id and
            field.
    """
    photo = photo_of(record)
    canvas = paint(record, photo.shape[:2])
    if augmentation is not None and record.cut_at_box:
        photo, canvas = surround(
            photo, canvas, copy_paste_sources.backgrounds if copy_paste_sources else (), rng
        )
    if augmentation is not None and copy_paste_sources is not None:
        photo = compose(photo, canvas, copy_paste_sources, augmentation.copy_paste, rng)
    region = _region(canvas, view, augmentation, rng)
    crop = Crop.draw(region, photo, view.size, augmentation, rng)
    image = crop.photo(photo, augmentation, rng)
    labels, uv = (crop.labels(array, view.output_stride) for array in (canvas.labels, canvas.uv))
    to_output = crop.matrix / view.output_stride
    person, parts, charts, owner = (np.ascontiguousarray(labels[..., i]) for i in range(4))
    paint_points(canvas.people, to_output, charts, uv, owner)
    keypoints, head_vectors = _paint_keypoints(canvas, crop.shown, to_output, person, owner, view)
    if crop.flip:
        parts, charts, uv = swap_sides(parts, charts, uv)
        keypoints = np.ascontiguousarray(keypoints[..., KEYPOINT_MIRROR])
    return image, {
        "person": person,
        "parts": parts,
        "charts": charts,
        "uv": uv,
        "keypoints": keypoints,
        "head_vectors": head_vectors,
    }


def _region(
    canvas: Canvas, view: View, augmentation: Augmentation | None, rng: np.random.Generator
) -> FloatBox:
    """x, y, w, h in image pixels of what is shown."""
    height, width = canvas.labels.shape[:2]
    whole = (0, 0, width, height)
    boxes = [p.box for p in canvas.people if not is_ignored(p) and max(p.box[2:]) >= MIN_VIEWED_SIDE]
    if not boxes or augmentation is None:
        return whole
    choice = rng.random()
    box = x, y, w, h = boxes[rng.integers(len(boxes))]
    if choice < view.person_view:
        return pad_box(box)
    if choice < view.person_view + view.window_view:
        side = max(w, h) * np.exp(rng.uniform(np.log(1.3), np.log(MAX_WINDOW)))
        side = min(side, max(width, height))
        # Anywhere as long as the person stays in view, but no further out of the photo than needed.
        low = np.array([x + w - side, y + h - side])
        high = np.array([x, y], float)
        inside = np.maximum(np.array([width, height]) - side, 0)
        low, high = np.clip(low, 0, inside), np.clip(high, 0, inside)
        corner = rng.uniform(np.minimum(low, high), np.maximum(low, high))
        return (*corner, side, side)
    return whole


def _transform(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


def paint_points(
    people: list[Person], matrix: np.ndarray, charts: np.ndarray, uv: np.ndarray, owner: np.ndarray
) -> None:
    """Paint labelled surface points, each one output pixel (thesis), where nobody else is in front.

    Args:
        people: of a canvas.
        matrix: (2, 3), from image to output pixels.
        charts, uv, owner: of the canvas, at the output pixels; the first two are painted on.
    """
    side = charts.shape[0]
    for index, person in enumerate(people):
        if not has_points(person):
            continue
        at = np.floor(_transform(person.points[:, :2], matrix)).astype(int)
        inside = ((at >= 0) & (at < side)).all(axis=1)
        x, y = at[inside].T
        # A dense label says more than a point.
        free = (charts[y, x] >= SOME) & np.isin(owner[y, x], (0, index + 1))
        x, y, points = x[free], y[free], person.points[inside][free]
        charts[y, x] = points[:, 2]
        uv[y, x] = np.rint(points[:, 3:5] * 255)


def head_point(person: Person) -> np.ndarray | None:
    """Mean of the labelled nose, eyes and ears, else the middle of neck and head top; image pixels."""
    if person.keypoints is not None:
        seen = person.labelled()[HEAD_KEYPOINTS] > 0
        if seen.any():
            return person.keypoints[HEAD_KEYPOINTS][seen, :2].mean(axis=0)
    ends = [p for p in (person.extra.get("head_points") or {}).values() if p[2] > 0]
    return np.mean(ends, axis=0)[:2] if len(ends) == 2 else None


def pelvis_point(person: Person) -> np.ndarray | None:
    """Middle of both hips, image pixels; None where one is not labelled."""
    if person.keypoints is None or not person.labelled()[HIP_KEYPOINTS].all():
        return None
    return person.keypoints[HIP_KEYPOINTS, :2].mean(axis=0)


TARGET_POINTS = {"head": head_point, "pelvis": pelvis_point}


def _paint_keypoints(
    canvas: Canvas, shown: Box, matrix: np.ndarray, person_map: np.ndarray, owner: np.ndarray, view: View
) -> tuple[np.ndarray, np.ndarray]:
    height, width = canvas.labels.shape[:2]
    side = person_map.shape[0]
    keypoints = np.zeros((side, side, 17), np.uint8)
    keypoints[person_map == IGNORE] = IGNORE
    head_vectors = np.zeros((side, side, 3 * len(view.head_vector_targets)), np.float32)
    rows, columns = np.mgrid[:side, :side].astype(np.float32) + 0.5
    sigma = KEYPOINT_SIGMA / view.output_stride
    for index, person in enumerate(canvas.people):
        if (seen := _seen(person)).any() and not (owner == index + 1).any():
            # Nobody knows which pixels are this person's, but of a labelled joint where it is, so where it is not.
            _fill(keypoints, seen, expand_box(person.box, width, height), matrix, 0)
    for index, person in enumerate(canvas.people):
        seen = _seen(person)
        if not seen.all():
            _fill(keypoints, ~seen, expand_box(person.box, width, height), matrix, IGNORE)
        mine = owner == index + 1
        unit = view.output_stride / view.input_size
        for i, target in enumerate(view.head_vector_targets):
            point = None if person.crowd else TARGET_POINTS[target](person)
            if point is not None:
                x, y = _transform(np.asarray(point)[None], matrix)[0]
                vectors = np.column_stack([x - columns[mine], y - rows[mine]]) * unit
                head_vectors[mine, 3 * i : 3 * i + 2] = vectors
                head_vectors[mine, 3 * i + 2] = 1
    for person in canvas.people:
        if (seen := _seen(person)).any():
            places = person.keypoints[:, :2]
            seen &= ((places >= shown[:2]) & (places < np.add(shown[:2], shown[2:]))).all(axis=1)
            at = _transform(places, matrix)
            for i in np.flatnonzero(seen):
                _add_gaussian(keypoints[..., i], at[i], sigma)
    return keypoints, head_vectors


def _seen(person: Person) -> np.ndarray:
    """(17,) bool: keypoints that count."""
    counts = person.keypoints is not None and not person.extra.get("flaw")
    return person.labelled() > 0 if counts else np.zeros(17, bool)


def _fill(keypoints: np.ndarray, channels: np.ndarray, window: Box, matrix: np.ndarray, value: int) -> None:
    """Fill some channels (17,) bool of the heatmaps inside a window of the photo."""
    x, y, w, h = window
    corners = np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], np.float64)
    corners = np.rint(_transform(corners, matrix)).astype(np.int32)
    inside = np.zeros(keypoints.shape[:2], np.uint8)
    cv2.fillConvexPoly(inside, corners, 1)
    for i in np.flatnonzero(channels):
        keypoints[..., i][inside > 0] = value


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


def swap_sides(parts: np.ndarray, charts: np.ndarray, uv: np.ndarray):
    """Parts, charts, U and V with left for right, of maps that are already flipped; IGNORE and SOME stay."""
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
