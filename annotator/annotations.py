"""One annotation of a COCO-DensePose file and the :class:`~annotator.people.Person` it stands for.

Reading checks every field. Writing an annotation that was read keeps the source's own form of each field (floating
box, polygons, 256 × 256 part masks, point positions) as long as it still says what the person holds; only what was
changed is encoded anew. Both rest on :attr:`Person.extra`, which carries the source annotation.

Fields beyond COCO and COCO-DensePose, written where they say more than their default:

- ``dp_keypoint_scores``: 17 numbers 0..1, the confidence of each keypoint,
- ``dp_quality``: object of task name to 0..1, as :attr:`Person.quality`,
- ``dp_provenance``: object with ``model``, ``time``, ``state``, ``author``, as :class:`~annotator.people.Provenance`.
"""

from __future__ import annotations

import math
import reprlib
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from annotator.densepose import CHART_TO_PART, KEYPOINTS, PARTS
from annotator.people import STATES, People, Person, Provenance
from annotator.points import PointSampling
from annotator.rle import Box, decode_mask, encode_labels, encode_mask, encode_polygons

MASK_SIDE = 256
"""Of ``dp_masks``, stretched over the box."""
POINT_SCALE = 255
"""``dp_x`` at the right edge of the box, ``dp_y`` at its lower edge."""
POINT_FIELDS = ("dp_I", "dp_U", "dp_V", "dp_x", "dp_y")
UNCHANGED = 1e-3
"""Pixels and other units up to which a number counts as the one that was read: arrays are float32."""
SLACK = 0.01
"""How far U and V of a file may lie outside 0..1; they are clipped."""
Frame = tuple[float, float, float, float]
"""x, y, w, h of a bbox as in the file, which ``dp_*`` refer to."""


class CocoError(ValueError):
    """A file that is not valid COCO-DensePose; the message names file, record and field."""


def read_person(record: dict[str, Any], size: tuple[int, int], file: object) -> Person:
    """The person of an annotation of an image of ``size`` (width, height); ``file`` names the source in errors.

    Raises:
        CocoError: a missing or malformed field.
    """
    try:
        return _person(record, size)
    except CocoError as error:
        raise CocoError(f"{file}: annotation {record.get('id')}: {error}") from None


def image_record(people: People, image_id: int | None = None) -> dict[str, Any]:
    """The image's record; without an id where none is known (:class:`~annotator.coco.CocoWriter` gives one)."""
    record = {
        "id": people.id if image_id is None else image_id,
        "file_name": people.file_name,
        "width": people.size[0],
        "height": people.size[1],
        **people.extra,
    }
    return {key: value for key, value in record.items() if key != "id" or value is not None}


def annotation(
    person: Person,
    size: tuple[int, int],
    annotation_id: int | None = None,
    image_id: int | None = None,
    sampling: PointSampling | None = None,
) -> dict[str, Any]:
    """The annotation of a person in an image of ``size`` (width, height).

    ``id`` (else the person's own) and ``image_id`` are left out where they are not known. A person with
    dense charts gets points by ``sampling``; one with ``points`` keeps those.
    """
    was = _as_read(person, size)
    record = {
        "id": person.id if annotation_id is None else annotation_id,
        "image_id": image_id,
        "category_id": 1,
    }
    record = {key: value for key, value in record.items() if value is not None} | person.extra
    if _changed(was, person, "box"):
        record["bbox"] = list(person.box)
    if _changed(was, person, "box", "mask"):
        record |= _mask_fields(person, size)
    if _changed(was, person, "crowd"):
        record["iscrowd"] = int(person.crowd)
    if _changed(was, person, "keypoints", "visibility"):
        _replace(record, ("keypoints", "num_keypoints", "dp_keypoint_scores"), _keypoint_fields(person))
    if _changed(was, person, "score"):
        record["score"] = round(float(person.score), 5)
    frame = tuple(record["bbox"])
    parts = _parts(person)
    if _changed(was, person, "box") or not _same(was.parts, parts):
        masks = {} if parts is None else {"dp_masks": encode_part_masks(parts, person.box, frame)}
        _replace(record, ("dp_masks",), masks)
    if _changed(was, person, "box", "points") or (person.points is None and person.charts is not None):
        _replace(record, POINT_FIELDS, _point_fields(person, frame, sampling or PointSampling()))
    if _changed(was or Person((0, 0, 1, 1)), person, "quality"):
        quality = {key: round(float(value), 4) for key, value in person.quality.items()}
        _replace(record, ("dp_quality",), {"dp_quality": quality} if quality else {})
    if _changed(was or Person((0, 0, 1, 1)), person, "provenance"):
        record["dp_provenance"] = asdict(person.provenance)
    return record


def encode_part_masks(parts: np.ndarray, box: Box, frame: Frame) -> list[dict[str, Any] | list]:
    """``dp_masks`` in ``frame`` of the (h, w) uint8 parts at ``box``: 14 entries, ``[]`` for a part not seen."""
    columns = _pixels(frame[0], frame[2], box[0], box[2])
    rows = _pixels(frame[1], frame[3], box[1], box[3])
    return encode_labels(parts[np.ix_(rows, columns)], len(PARTS) - 1)


def decode_part_masks(masks: list, box: Box, frame: Frame) -> np.ndarray:
    """(h, w) uint8 parts at ``box`` of ``dp_masks`` in ``frame``; where two overlap the later part wins.

    Raises:
        ValueError: an entry that is neither ``[]`` nor an RLE of 256 × 256.
    """
    stretched = np.zeros((MASK_SIDE, MASK_SIDE), np.uint8)
    for part, mask in enumerate(masks, 1):
        if mask == []:
            continue
        try:
            stretched[decode_mask(mask, (MASK_SIDE, MASK_SIDE))] = part
        except ValueError as error:
            raise ValueError(f"entry {part - 1} ({PARTS[part]}): {error}") from None
    columns = _cells(frame[0], frame[2], box[0], box[2])
    rows = _cells(frame[1], frame[3], box[1], box[3])
    return stretched[np.ix_(rows, columns)]


def points_to_image(x: np.ndarray, y: np.ndarray, frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    """``dp_x``, ``dp_y`` in ``frame`` as image pixels."""
    return frame[0] + x / POINT_SCALE * frame[2], frame[1] + y / POINT_SCALE * frame[3]


def points_to_frame(x: np.ndarray, y: np.ndarray, frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    """Image pixels as ``dp_x``, ``dp_y`` in ``frame``."""
    return (x - frame[0]) / frame[2] * POINT_SCALE, (y - frame[1]) / frame[3] * POINT_SCALE


def _pixels(origin: float, length: float, start: int, count: int) -> np.ndarray:
    """Index into ``count`` pixels from ``start`` of each of 256 cells stretched over origin..origin + length."""
    centres = origin + (np.arange(MASK_SIDE) + 0.5) / MASK_SIDE * length
    return np.clip(np.floor(centres).astype(int) - start, 0, count - 1)


def _cells(origin: float, length: float, start: int, count: int) -> np.ndarray:
    """The cell, 0..255, of each of ``count`` pixels from ``start``: the inverse of :func:`_pixels`."""
    centres = start + np.arange(count) + 0.5
    return np.clip(np.floor((centres - origin) / length * MASK_SIDE).astype(int), 0, MASK_SIDE - 1)


# Reading


def _person(record: dict[str, Any], size: tuple[int, int]) -> Person:
    frame, box = _box(record, size)
    _whole(record, "category_id", optional=True)
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
        id=_whole(record, "id", optional=True),
        extra={key: value for key, value in record.items() if key not in ("id", "image_id")},
    )


def _box(record: dict[str, Any], size: tuple[int, int]) -> tuple[Frame, Box]:
    if record.get("bbox") is None:
        raise CocoError("bbox: missing; every annotation needs [x, y, width, height]")
    x, y, w, h = (float(value) for value in _numbers(record, "bbox", 4))
    if w < 0 or h < 0:
        raise CocoError(f"bbox: width {w:g} and height {h:g} must not be negative")
    (x0, x1), (y0, y1) = _cover(x, w, size[0]), _cover(y, h, size[1])
    if x1 <= x0 or y1 <= y0:
        raise CocoError(f"bbox: {record['bbox']} lies outside the image of {size[0]} × {size[1]} pixels")
    return (x, y, w, h), (x0, y0, x1 - x0, y1 - y0)


def _cover(origin: float, length: float, end: int) -> tuple[int, int]:
    """The pixels of 0..end that a side of the box touches, at least one; tiny overlaps are rounding errors."""
    first = math.floor(origin + 1e-4)
    last = max(math.ceil(origin + length - 1e-4), first + 1)
    return max(first, 0), min(last, end)


def _mask(record: dict[str, Any], size: tuple[int, int], box: Box) -> np.ndarray | None:
    value = record.get("segmentation")
    if value is None or value == []:
        return None
    try:
        if isinstance(value, list):
            _check_polygons(value, size)
            value = encode_polygons(value, size)
        return decode_mask(value, size, box)
    except ValueError as error:
        raise CocoError(f"segmentation: {error}") from None


def _check_polygons(polygons: list, size: tuple[int, int]) -> None:
    reach = 2 * max(size)
    for index, polygon in enumerate(polygons):
        if not isinstance(polygon, list) or not all(map(_is_number, polygon)):
            raise ValueError(f"polygon {index} is not a list of numbers: {reprlib.repr(polygon)}")
        if len(polygon) < 6 or len(polygon) % 2:
            raise ValueError(
                f"polygon {index} has {len(polygon)} numbers; x, y of at least 3 corners are needed"
            )
        # Rasterising takes memory in proportion to the outline.
        if min(polygon) < -reach or max(polygon) > reach:
            raise ValueError(f"polygon {index} reaches far out of the image of {size[0]} × {size[1]} pixels")


def _keypoints(record: dict[str, Any]) -> tuple[np.ndarray | None, np.ndarray | None]:
    count = record.get("num_keypoints")
    if count is not None and not (type(count) is int and 0 <= count <= len(KEYPOINTS)):
        raise CocoError(f"num_keypoints: {reprlib.repr(count)} is not a whole number in 0..{len(KEYPOINTS)}")
    if record.get("keypoints") in (None, []):
        return None, None
    values = _numbers(record, "keypoints", 3 * len(KEYPOINTS)).reshape(-1, 3)
    visibility = values[:, 2]
    if not np.isin(visibility, (0, 1, 2)).all():
        index = int(np.flatnonzero(~np.isin(visibility, (0, 1, 2)))[0])
        raise CocoError(
            f"keypoints: visibility of {KEYPOINTS[index]} is {visibility[index]:g}, not 0, 1 or 2"
        )
    seen = visibility > 0
    confidence = np.ones(len(KEYPOINTS))
    if record.get("dp_keypoint_scores") is not None:
        confidence = _numbers(record, "dp_keypoint_scores", len(KEYPOINTS), 0, 1)
    points = np.column_stack([values[:, :2], confidence])
    return np.where(seen[:, None], points, 0).astype(np.float32), visibility.astype(np.uint8)


def _part_masks(record: dict[str, Any], box: Box, frame: Frame) -> np.ndarray | None:
    masks = record.get("dp_masks")
    if masks is None or masks == []:
        return None
    if not isinstance(masks, list) or len(masks) != len(PARTS) - 1:
        raise CocoError(f"dp_masks: must be a list of {len(PARTS) - 1} masks, not {reprlib.repr(masks)}")
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
    u, v = (_numbers(record, name, len(chart), -SLACK, 1 + SLACK, like="dp_I") for name in ("dp_U", "dp_V"))
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
        raise CocoError(f"iscrowd: {reprlib.repr(value)} is not 0 or 1")
    return bool(value)


def _quality(record: dict[str, Any]) -> dict[str, float]:
    value = record.get("dp_quality")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise CocoError(f"dp_quality: must be an object, not {reprlib.repr(value)}")
    for task, number in value.items():
        if not (_is_number(number) and 0 <= number <= 1):
            raise CocoError(f"dp_quality: {task} is {reprlib.repr(number)}, not a number in 0..1")
    return {task: float(number) for task, number in value.items()}


def _provenance(record: dict[str, Any]) -> Provenance:
    value = record.get("dp_provenance")
    if value is None:
        return Provenance()
    known = {field.name for field in fields(Provenance)}
    if (
        not isinstance(value, dict)
        or not value.keys() <= known
        or not all(isinstance(v, str) for v in value.values())
    ):
        raise CocoError(f"dp_provenance: must be an object of texts named {', '.join(sorted(known))}")
    provenance = Provenance(**value)
    if provenance.state not in STATES:
        raise CocoError(f"dp_provenance: state {provenance.state!r} is not one of {', '.join(STATES)}")
    return provenance


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _number(
    record: dict[str, Any], field: str, low: float, high: float, default: float | None = None
) -> float | None:
    value = record.get(field)
    if value is None:
        return default
    if not _is_number(value):
        raise CocoError(f"{field}: {reprlib.repr(value)} is not a number")
    if not low <= value <= high:
        raise CocoError(f"{field}: {value:g} is not in {low:g}..{high:g}")
    return float(value)


def _numbers(
    record: dict[str, Any],
    field: str,
    count: int | None = None,
    low: float = -1e9,
    high: float = 1e9,
    like: str = "",
) -> np.ndarray:
    """(n,) float64 of a list of finite numbers in low..high."""
    values = record[field]
    if not isinstance(values, list):
        raise CocoError(f"{field}: must be a list of numbers, not {reprlib.repr(values)}")
    if count is not None and len(values) != count:
        raise CocoError(f"{field}: has {len(values)} numbers, not {count}" + (f" as {like}" if like else ""))
    for index, value in enumerate(values):
        if not _is_number(value):
            raise CocoError(f"{field}: number {index} is {reprlib.repr(value)}, not a finite number")
        if not low <= value <= high:
            raise CocoError(f"{field}: number {index} is {value:g}, not in {low:g}..{high:g}")
    return np.array(values, np.float64)


def _whole(record: dict[str, Any], field: str, optional: bool = False) -> int | None:
    value = record.get(field)
    if value is None and optional:
        return None
    if type(value) is not int:
        raise CocoError(f"{field}: " + ("missing" if value is None else f"{value!r} is not a whole number"))
    return value


# Writing


def _as_read(person: Person, size: tuple[int, int]) -> Person | None:
    """The person its source annotation stands for, ``None`` for one that was not read from a file."""
    if "bbox" not in person.extra:
        return None
    try:
        return _person(person.extra, size)
    except CocoError:
        # The image has another size than when it was read: nothing of the source holds.
        return None


def _changed(was: Person | None, now: Person, *names: str) -> bool:
    return was is None or not all(_same(getattr(was, name), getattr(now, name)) for name in names)


def _same(a: object, b: object) -> bool:
    if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
        return (
            a is b
            if a is None or b is None or isinstance(a, np.ndarray) or isinstance(b, np.ndarray)
            else a == b
        )
    if a.shape != b.shape:
        return False
    return np.allclose(a, b, rtol=0, atol=UNCHANGED) if a.dtype.kind == "f" else np.array_equal(a, b)


def _replace(record: dict[str, Any], names: tuple[str, ...], values: dict[str, Any]) -> None:
    for name in names:
        record.pop(name, None)
    record.update(values)


def _mask_fields(person: Person, size: tuple[int, int]) -> dict[str, Any]:
    if person.mask is None:
        return {"area": person.box[2] * person.box[3], "segmentation": []}
    return {"area": int(person.mask.sum()), "segmentation": encode_mask(person.mask, person.box, size)}


def _keypoint_fields(person: Person) -> dict[str, Any]:
    if person.keypoints is None:
        return {}
    confidence = person.keypoints[:, 2].astype(float)
    visibility = person.visibility
    if visibility is None:
        visibility = np.where(confidence > 0, 2, 0)
    flat: list[float] = []
    for (x, y), v in zip(person.keypoints[:, :2].tolist(), visibility.tolist(), strict=True):
        flat += [round(x, 2), round(y, 2), v] if v else [0, 0, 0]
    values = {"keypoints": flat, "num_keypoints": int((visibility > 0).sum())}
    confidence = np.where(visibility > 0, confidence, 0)
    if not np.array_equal(confidence, visibility > 0):
        values["dp_keypoint_scores"] = [round(c, 4) for c in confidence.tolist()]
    return values


def _parts(person: Person) -> np.ndarray | None:
    if person.parts is None and person.charts is not None:
        return CHART_TO_PART[person.charts]
    return person.parts


def _point_fields(person: Person, frame: Frame, sampling: PointSampling) -> dict[str, Any]:
    if person.points is not None:
        x, y, chart, u, v = person.points.astype(np.float64).T
    elif person.charts is not None:
        rows, columns = sampling.pick(person.charts)
        x, y = columns + person.box[0] + 0.5, rows + person.box[1] + 0.5
        chart, u, v = (
            values[rows, columns].astype(np.float64) for values in (person.charts, person.u, person.v)
        )
    else:
        return {}
    dp_x, dp_y = points_to_frame(x, y, frame)
    return {
        "dp_I": chart.tolist(),
        "dp_U": np.round(np.clip(u, 0, 1), 5).tolist(),
        "dp_V": np.round(np.clip(v, 0, 1), 5).tolist(),
        "dp_x": np.round(np.clip(dp_x, 0, POINT_SCALE), 3).tolist(),
        "dp_y": np.round(np.clip(dp_y, 0, POINT_SCALE), 3).tolist(),
    }
