"""Encode a :class:`~annotator.labels.people.Person` as an annotation of a COCO-DensePose file.

A person that was read from a file carries its annotation in :attr:`Person.extra`. Fields whose labels have not changed
since are written as they were read (a box with fractions, polygons, part masks, points); only the others are encoded
anew. A keypoint that was changed is no pseudo-label any more: its flag in ``keypoints_pseudo``
(:mod:`annotator.coco.extensions`) becomes 0.

Fields beyond COCO and COCO-DensePose, written where they differ from their default:

- ``dp_keypoint_scores``: 17 numbers 0..1, the confidence of each keypoint,
- ``dp_unsure_keypoints``: as ``keypoints``, those of a confidence below
  :data:`~annotator.labels.people.UNSURE_KEYPOINT`, zero for the others. For other tools they are unlabelled: v is 0 in
  ``keypoints``.
- ``dp_quality``: object of task name to 0..1, as :attr:`Person.quality`,
- ``dp_provenance``: object with ``model``, ``time``, ``state``, ``author``, ``comment`` and ``edited``, as
  :class:`~annotator.labels.people.Provenance`,
- of an image, ``dp_nobody``: object with ``author`` and ``time`` of the reviewer who has seen that nobody is there.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from annotator.coco.box_frame import POINT_SCALE, Frame, encode_part_masks, points_to_frame
from annotator.coco.parsing import POINT_FIELDS, CocoError, parse_person
from annotator.coco.rle import encode_mask
from annotator.coco.surface_points import PointSampling
from annotator.labels.label_space import CHART_TO_PART, KEYPOINTS
from annotator.labels.people import People, Person

KEYPOINT_FIELDS = ("keypoints", "num_keypoints", "dp_keypoint_scores", "dp_unsure_keypoints")
UNCHANGED = 1e-3
"""Difference up to which a number counts as the one that was read: arrays are float32."""


def image_record(people: People) -> dict[str, Any]:
    """The image's record, without ``id`` if it has none: :class:`.CocoWriter` gives it one."""
    width, height = people.size
    record = {"file_name": people.file_name, "width": width, "height": height, **people.extra}
    if people.nobody is not None:
        record["dp_nobody"] = people.nobody
    return record if people.id is None else {"id": people.id} | record


def annotation(
    person: Person, size: tuple[int, int], sampling: PointSampling | None = None
) -> dict[str, Any]:
    """The annotation of a person.

    It has no ``image_id``, and no ``id`` if the person has none: :class:`.CocoWriter` adds them, and corrects the
    ``category_id`` 1 where its categories say otherwise. Surface points are the person's corrections, its ``points``, and
    a sample of each part that has charts but no ``points``.

    Args:
        person: the person.
        size: width and height of its image in pixels.
        sampling: of the surface points.
    """
    was = _as_read(person, size)
    known = was or Person(person.box)
    record = ({} if person.id is None else {"id": person.id}) | {"category_id": 1} | person.extra
    parts = _parts(person)
    # These are relative to the box: one without area, as it was read, cannot hold labels that were added since.
    framed = any(labels is not None for labels in (parts, person.points, person.corrections))
    if _changed(was, person, "box") or (framed and not all(record["bbox"][2:])):
        record["bbox"] = [int(side) for side in person.box]
    if _changed(was, person, "box", "mask"):
        record |= _mask_fields(person, size)
    if _changed(was, person, "crowd"):
        record["iscrowd"] = int(person.crowd)
    if _changed(was, person, "keypoints", "visibility"):
        _replace(record, KEYPOINT_FIELDS, _keypoint_fields(person))
        flags = record.get("keypoints_pseudo")
        if was is not None and isinstance(flags, list) and len(flags) == len(KEYPOINTS):
            of_human = _keypoints_changed(was, person)
            record["keypoints_pseudo"] = [
                0 if theirs else flag for theirs, flag in zip(of_human, flags, strict=True)
            ]
    if _changed(was, person, "score"):
        record["score"] = _share(person.score)
    frame = tuple(record["bbox"])
    if _changed(was, person, "box") or not _same(was.parts, parts):
        masks = {} if parts is None else {"dp_masks": encode_part_masks(parts, person.box, frame)}
        _replace(record, ("dp_masks",), masks)
    surface = person.charts is not None or person.corrections is not None
    if surface or _changed(was, person, "box", "points"):
        _replace(record, POINT_FIELDS, _point_fields(person, frame, sampling or PointSampling()))
    if _changed(known, person, "quality"):
        quality = {task: _share(value) for task, value in person.quality.items()}
        _replace(record, ("dp_quality",), {"dp_quality": quality} if quality else {})
    if _changed(known, person, "provenance"):
        record["dp_provenance"] = asdict(person.provenance)
    return record


def _as_read(person: Person, size: tuple[int, int]) -> Person | None:
    """The person as it was read; ``None`` if it was not read from a file."""
    if "bbox" not in person.extra:
        return None
    try:
        return parse_person(person.extra, size)
    except CocoError:
        # The image had another size then: nothing of the annotation holds.
        return None


def _changed(was: Person | None, now: Person, *names: str) -> bool:
    return was is None or not all(_same(getattr(was, name), getattr(now, name)) for name in names)


def _same(a: object, b: object) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        if a.shape != b.shape:
            return False
        return np.allclose(a, b, rtol=0, atol=UNCHANGED) if a.dtype.kind == "f" else np.array_equal(a, b)
    return a is b if a is None or b is None else a == b


def _replace(record: dict[str, Any], names: tuple[str, ...], values: dict[str, Any]) -> None:
    for name in names:
        record.pop(name, None)
    record.update(values)


def _share(value: float) -> float:
    """A confidence as the reader accepts it: 0..1."""
    return round(min(max(float(value), 0.0), 1.0), 4)


def _mask_fields(person: Person, size: tuple[int, int]) -> dict[str, Any]:
    if person.mask is None:
        return {"area": person.box[2] * person.box[3], "segmentation": []}
    return {"area": int(person.mask.sum()), "segmentation": encode_mask(person.mask, person.box, size)}


def _keypoint_fields(person: Person) -> dict[str, Any]:
    if person.keypoints is None:
        return {}
    confidence, seen, labelled = person.keypoints[:, 2].astype(float), person.seen(), person.labelled()
    unsure = np.where(labelled > 0, 0, seen)
    values = {"keypoints": _triples(person, labelled), "num_keypoints": int((labelled > 0).sum())}
    confidence = np.where(seen > 0, confidence, 0)
    if not np.array_equal(confidence, seen > 0):
        values["dp_keypoint_scores"] = [_share(c) for c in confidence]
    if unsure.any():
        values["dp_unsure_keypoints"] = _triples(person, unsure)
    return values


def _triples(person: Person, visibility: np.ndarray) -> list[float]:
    """x, y and visibility of each keypoint; zeros where that is 0."""
    flat: list[float] = []
    for (x, y), v in zip(person.keypoints[:, :2].tolist(), visibility.tolist(), strict=True):
        flat += [round(x, 2), round(y, 2), v] if v else [0, 0, 0]
    return flat


def _keypoints_changed(was: Person, now: Person) -> np.ndarray:
    """(17,) bool: keypoints that were moved, added or removed, or whose visibility changed."""
    blank = np.zeros((len(KEYPOINTS), 3), np.float32)
    before, after = (blank if person.keypoints is None else person.keypoints for person in (was, now))
    return (np.abs(after - before) > UNCHANGED).any(axis=1) | (was.seen() != now.seen())


def _parts(person: Person) -> np.ndarray | None:
    if person.parts is None and person.charts is not None:
        return CHART_TO_PART[person.charts]
    return person.parts


def _point_fields(person: Person, frame: Frame, sampling: PointSampling) -> dict[str, Any]:
    rows = [] if person.points is None else [person.points.astype(np.float64)]
    if person.charts is not None:
        rows.append(_sampled(person, sampling))
    if person.corrections is not None:
        # A human's correction replaces all other points of the same pixel.
        corrected = np.floor(person.corrections[:, :2])
        rows = [
            others[~(np.floor(others[:, None, :2]) == corrected).all(axis=-1).any(axis=1)] for others in rows
        ]
        rows.insert(0, person.corrections.astype(np.float64))
    if not rows:
        return {}
    x, y, chart, u, v = np.concatenate(rows).T
    dp_x, dp_y = points_to_frame(x, y, frame)
    # The format has no points outside the box; rounding does not count.
    inside = (np.abs([dp_x, dp_y] - np.float64(POINT_SCALE / 2)) <= POINT_SCALE / 2 + UNCHANGED).all(axis=0)
    dp_x, dp_y, chart, u, v = (values[inside] for values in (dp_x, dp_y, chart, u, v))
    return {
        "dp_I": chart.tolist(),
        "dp_U": np.round(np.clip(u, 0, 1), 5).tolist(),
        "dp_V": np.round(np.clip(v, 0, 1), 5).tolist(),
        "dp_x": np.round(np.clip(dp_x, 0, POINT_SCALE), 3).tolist(),
        "dp_y": np.round(np.clip(dp_y, 0, POINT_SCALE), 3).tolist(),
    }


def _sampled(person: Person, sampling: PointSampling) -> np.ndarray:
    """(n, 5) x, y, chart, U, V of pixels with a chart, on parts without ``points``."""
    charts = person.charts
    if person.points is not None:
        known = CHART_TO_PART[person.points[:, 2].astype(int)]
        charts = np.where(np.isin(CHART_TO_PART[charts], known), charts.dtype.type(0), charts)
    rows, columns = sampling.pick(charts)
    dense = [layer[rows, columns] for layer in (person.charts, person.u, person.v)]
    x, y = columns + person.box[0] + 0.5, rows + person.box[1] + 0.5
    return np.stack([x, y, *dense], axis=1, dtype=np.float64)
