"""Parse an annotation of a COCO-DensePose file: each field is checked, and becomes part of a
:class:`~annotator.labels.people.Person`."""

from __future__ import annotations

import math
import sys
from dataclasses import fields
from itertools import chain
from typing import Any

import numpy as np

from annotator.coco.box_frame import Frame, decode_part_masks, points_to_image
from annotator.coco.rle import decode_mask, encode_polygons
from annotator.geometry.boxes import Box, clip_box
from annotator.labels.label_space import KEYPOINTS, PARTS
from annotator.labels.messages import short
from annotator.labels.people import STATES, Person, Provenance

POINT_FIELDS = ("dp_I", "dp_U", "dp_V", "dp_x", "dp_y")
NEAR = 2
"""Pixels around a bbox in which the mask of a tiny person may lie, as outlines are rounded."""
BOX_SLACK = 1e-4
"""Pixels that a bbox may reach into further pixels without taking them in: its decimals were rounded."""
MIN_SIDE = 8
"""Pixels: coordinates up to 1 on a larger image are no pixels."""
MAX_ID = 2**63 - 1
"""The highest id: databases and parsers have 64 bits."""
UV_SLACK = 0.01
"""How far U and V of a file may lie outside 0..1; they are clipped."""


class CocoError(ValueError):
    """A file that is not valid COCO-DensePose; the message names file, record and field."""


def read_person(record: dict[str, Any], size: tuple[int, int], file: object) -> Person:
    """The person of an annotation.

    Args:
        record: the annotation.
        size: width and height of its image in pixels.
        file: for errors.

    Raises:
        CocoError: a missing or malformed field.
    """
    try:
        return parse_person(record, size)
    except CocoError as error:
        raise CocoError(f"{file}: annotation {short(record.get('id'))}: {error}") from None


def parse_person(record: dict[str, Any], size: tuple[int, int]) -> Person:
    """As :func:`read_person`, with errors that name only the field.

    A mask is cut off at the bbox; the annotation as it was read stays in ``extra``. A mask without a pixel is no mask.
    """
    frame, box = _box(record, size)
    _check_units(record, size)
    whole_number(record, "category_id", optional=True)
    mask = _mask(record, size, box)
    _number(record, "area", 0, math.inf)
    keypoints, visibility = _keypoints(record)
    parts = _part_masks(record, box, frame)
    if parts is not None and mask is not None:
        parts = np.where(mask, parts, np.uint8(0))
    return Person(
        box=box,
        mask=mask,
        parts=parts,
        keypoints=keypoints,
        visibility=visibility,
        points=_points(record, frame),
        score=_number(record, "score", 0, 1, default=1.0),
        quality=_quality(record),
        provenance=_provenance(record),
        crowd=_crowd(record),
        id=whole_number(record, "id", optional=True),
        extra={key: value for key, value in record.items() if key not in ("id", "image_id")},
    )


def _box(record: dict[str, Any], size: tuple[int, int]) -> tuple[Frame, Box]:
    if record.get("bbox") is None:
        raise CocoError("bbox: missing; every annotation needs [x, y, width, height]")
    x, y, w, h = (float(value) for value in _numbers(record, "bbox", 4))
    if w < 0 or h < 0:
        raise CocoError(f"bbox: width {w:g} and height {h:g} must not be negative")
    box = clip_box((x, y, w, h), size, BOX_SLACK)
    if not all(box[2:]):
        raise CocoError(
            f"bbox: {short(record['bbox'])} lies outside the image of {size[0]} × {size[1]} pixels"
        )
    return (x, y, w, h), box


def _check_units(record: dict[str, Any], size: tuple[int, int]) -> None:
    """Refuse shares of the image's width and height, as other formats have them, where pixels are meant."""
    polygons = record.get("segmentation") or []
    if min(size) < MIN_SIDE or not isinstance(polygons, list):
        return
    # One after the other: as a rule the first says that they are pixels.
    numbers = chain(record["bbox"], *(polygon for polygon in polygons if isinstance(polygon, list)))
    if all(is_number(number) and 0 <= number <= 1 for number in numbers):
        raise CocoError(
            f"bbox: {short(record['bbox'])} are shares of an image of {size[0]} × {size[1]} pixels: give all coordinates in pixels"
        )


def _mask(record: dict[str, Any], size: tuple[int, int], box: Box) -> np.ndarray | None:
    value = record.get("segmentation")
    # Some tools write one polygon without corners for a person without a mask.
    if value in (None, [], [[]]):
        return None
    try:
        if isinstance(value, list):
            _check_polygons(value, size)
            value = encode_polygons(value, size)
        mask = decode_mask(value, size, box)
        if mask.any():
            return mask
        x, y, w, h = box
        near = clip_box((x - NEAR, y - NEAR, w + 2 * NEAR, h + 2 * NEAR), size)
        if decode_mask(value, size).any() and not decode_mask(value, size, near).any():
            raise ValueError(f"no pixel of it lies in the bbox {short(record['bbox'])}")
    except ValueError as error:
        raise CocoError(f"segmentation: {error}") from None
    # An outline may be too small to hold the middle of a pixel, or hold only that of one beside the box.
    return None


def _check_polygons(polygons: list, size: tuple[int, int]) -> None:
    reach = 2 * max(size)
    for index, polygon in enumerate(polygons):
        if not isinstance(polygon, list) or not all(map(is_number, polygon)):
            raise ValueError(f"polygon {index} is not a list of numbers: {short(polygon)}")
        if len(polygon) < 6 or len(polygon) % 2:
            raise ValueError(
                f"polygon {index} has {len(polygon)} numbers; x, y of at least 3 corners are needed"
            )
        # Rasterising takes memory in proportion to the length of the outline.
        if min(polygon) < -reach or max(polygon) > reach:
            raise ValueError(f"polygon {index} reaches far out of the image of {size[0]} × {size[1]} pixels")


def _keypoints(record: dict[str, Any]) -> tuple[np.ndarray | None, np.ndarray | None]:
    count = record.get("num_keypoints")
    if count is not None and not (type(count) is int and 0 <= count <= len(KEYPOINTS)):
        raise CocoError(f"num_keypoints: {short(count)} is not a whole number in 0..{len(KEYPOINTS)}")
    if record.get("keypoints") in (None, []):
        return None, None
    values = _triples(record, "keypoints")
    confidence = np.ones(len(KEYPOINTS))
    if record.get("dp_keypoint_scores") is not None:
        confidence = _numbers(record, "dp_keypoint_scores", len(KEYPOINTS), 0, 1)
    if record.get("dp_unsure_keypoints") is not None:
        # Whatever another tool has labelled since counts.
        unsure, labelled = _triples(record, "dp_unsure_keypoints"), values[:, 2] > 0
        confidence = np.where(labelled & (unsure[:, 2] > 0), 1, confidence)
        values = np.where(labelled[:, None], values, unsure)
    visibility = values[:, 2]
    seen = visibility > 0
    points = np.column_stack([values[:, :2], confidence])
    return np.where(seen[:, None], points, 0).astype(np.float32), visibility.astype(np.uint8)


def _triples(record: dict[str, Any], field: str) -> np.ndarray:
    """(17, 3) x, y, visibility."""
    values = _numbers(record, field, 3 * len(KEYPOINTS)).reshape(-1, 3)
    odd = np.flatnonzero(~np.isin(values[:, 2], (0, 1, 2)))
    if odd.size:
        index = int(odd[0])
        raise CocoError(f"{field}: visibility of {KEYPOINTS[index]} is {values[index, 2]:g}, not 0, 1 or 2")
    return values


def _part_masks(record: dict[str, Any], box: Box, frame: Frame) -> np.ndarray | None:
    masks = record.get("dp_masks")
    if masks is None or masks == []:
        return None
    if not isinstance(masks, list) or len(masks) != len(PARTS) - 1:
        raise CocoError(f"dp_masks: must be a list of {len(PARTS) - 1} masks, not {short(masks)}")
    _need_area(frame, "dp_masks")
    try:
        return decode_part_masks(masks, box, frame)
    except ValueError as error:
        raise CocoError(f"dp_masks: {error}") from None


def _points(record: dict[str, Any], frame: Frame) -> np.ndarray | None:
    given = [name for name in POINT_FIELDS if record.get(name) is not None]
    if not given:
        return None
    if len(given) < len(POINT_FIELDS):
        raise CocoError(
            f"{next(n for n in POINT_FIELDS if n not in given)}: missing, while {given[0]} is there"
        )
    chart = _numbers(record, "dp_I")
    bad = np.flatnonzero((chart < 1) | (chart > 24) | (chart % 1 != 0))
    if len(bad):
        raise CocoError(f"dp_I: number {bad[0]} is {chart[bad[0]]:g}, not a chart 1..24")
    u, v = (
        _numbers(record, name, len(chart), -UV_SLACK, 1 + UV_SLACK, like="dp_I") for name in ("dp_U", "dp_V")
    )
    x, y = (_numbers(record, name, len(chart), 0, 256, like="dp_I") for name in ("dp_x", "dp_y"))
    _need_area(frame, "dp_x")
    return np.column_stack(
        [*points_to_image(x, y, frame), chart, np.clip(u, 0, 1), np.clip(v, 0, 1)],
    ).astype(np.float32)


def _need_area(frame: Frame, field: str) -> None:
    if frame[2] <= 0 or frame[3] <= 0:
        raise CocoError(f"bbox: has no area, while {field} refers to it")


def _crowd(record: dict[str, Any]) -> bool:
    value = record.get("iscrowd", 0)
    if value not in (0, 1, None):
        raise CocoError(f"iscrowd: {short(value)} is not 0 or 1")
    return bool(value)


def _quality(record: dict[str, Any]) -> dict[str, float]:
    value = record.get("dp_quality")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise CocoError(f"dp_quality: must be an object, not {short(value)}")
    for task, number in value.items():
        # No database takes it in a name.
        if "\0" in task:
            raise CocoError(f"dp_quality: {short(task)} is no name of a task")
        if not (is_number(number) and 0 <= number <= 1):
            raise CocoError(f"dp_quality: {short(task)} is {short(number)}, not a number in 0..1")
    return {task: float(number) for task, number in value.items()}


def _provenance(record: dict[str, Any]) -> Provenance:
    value = record.get("dp_provenance")
    if value is None:
        return Provenance()
    known = {field.name: type(field.default) for field in fields(Provenance)}
    if not isinstance(value, dict) or any(not isinstance(v, known.get(k, ())) for k, v in value.items()):
        kinds = ", ".join(
            f"{name} ({'text' if kind is str else 'true or false'})" for name, kind in known.items()
        )
        raise CocoError(f"dp_provenance: must be an object with {kinds}")
    provenance = Provenance(**value)
    if provenance.state not in STATES:
        raise CocoError(f"dp_provenance: state {short(provenance.state)} is not one of {', '.join(STATES)}")
    return provenance


def is_number(value: object) -> bool:
    """Whether a value is a finite number; true and false are none."""
    # Not math.isfinite, which fails for whole numbers that no float can hold.
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


def _number(
    record: dict[str, Any], field: str, low: float, high: float, default: float | None = None
) -> float | None:
    value = record.get(field)
    if value is None:
        return default
    if not is_number(value):
        raise CocoError(f"{field}: {short(value)} is not a number")
    if not low <= value <= high:
        raise CocoError(f"{field}: {value:g} is not in {low:g}..{high:g}")
    return float(value)


def _numbers(
    record: dict[str, Any],
    field: str,
    count: int | None = None,
    low: float = -1e9,
    high: float = 1e9,
    *,
    like: str = "",
) -> np.ndarray:
    """(n,) float64 of a list of finite numbers in low..high."""
    values = record[field]
    if not isinstance(values, list):
        raise CocoError(f"{field}: must be a list of numbers, not {short(values)}")
    if count is not None and len(values) != count:
        raise CocoError(f"{field}: has {len(values)} numbers, not {count}" + (f" as {like}" if like else ""))
    if not set(map(type, values)) <= {int, float}:
        index, value = next((i, v) for i, v in enumerate(values) if type(v) not in (int, float))
        raise CocoError(f"{field}: number {index} is {short(value)}, not a number")
    try:
        array = np.array(values, np.float64)
    except OverflowError:
        raise CocoError(f"{field}: holds a number that is not in {low:g}..{high:g}") from None
    bad = np.flatnonzero(~((array >= low) & (array <= high)))
    if len(bad):
        raise CocoError(f"{field}: number {bad[0]} is {values[bad[0]]:g}, not in {low:g}..{high:g}")
    return array


def whole_number(record: dict[str, Any], field: str, optional: bool = False) -> int | None:
    """A field of a record; ``None`` if it is missing and ``optional``.

    Raises:
        CocoError: missing, or not a whole number.
    """
    value = record.get(field)
    if value is None and optional:
        return None
    if type(value) is not int:
        raise CocoError(
            f"{field}: " + ("missing" if value is None else f"{short(value)} is not a whole number")
        )
    return value
