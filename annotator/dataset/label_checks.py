"""Checks of a sample's labels as the database has them. Other tools write there, too, also what FiftyOne itself would
refuse: a label that cannot be read is named, and is a failure of its photo alone."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.dataset.fields import Fields
from annotator.dataset.possible_people import ACCEPTED, DISMISSED
from annotator.labels.label_space import CHARTS, KEYPOINTS
from annotator.labels.messages import short
from annotator.labels.people import HAND_MADE, STATES, TASKS
from annotator.labels.quality import ISSUES

if TYPE_CHECKING:
    import fiftyone as fo

MAX_INDEX = 2**16 - 1
"""Of a person: the maps of the surface have 16 bits for it."""
MAX_SHARE = 10**6
"""Of the photo's width or height, which a keypoint is away from its corner: a larger one is none."""
Values = Mapping[str, tuple[Callable[[Any], bool], str]]
"""By the name of a value: whether it can be read, and what it should be."""


class LabelError(ValueError):
    """Labels of a photo that cannot be read; the message names the field and the label, and says what is wrong."""


def check_document(document: Mapping[str, Any], fields: Fields) -> None:
    """Check all that is stored of a sample's people, but for what is in masks and files.

    Args:
        document: the sample as the database has it; masks may be left out.

    Raises:
        LabelError: the first label that cannot be read.
    """
    for name, values, key in (
        (fields.people, _PERSON, "detections"),
        (fields.parts, _DETECTION, "detections"),
        (fields.possible, _DETECTION, "detections"),
        (fields.keypoints, _KEYPOINTS, "keypoints"),
    ):
        for label in _labels(document, name, key):
            _check(label, values, f"{name}, label {label['_id']}")
    for name, path in ((fields.charts, "mask_path"), (fields.u, "map_path"), (fields.v, "map_path")):
        value = document.get(name)
        if value is not None and not (isinstance(value, dict) and isinstance(value.get(path), str)):
            raise LabelError(f"{name}: has no {path}, the file of the map: delete the value")
    if document.get(fields.charts) is not None:
        _check_indices(_labels(document, fields.people, "detections"), fields)
    source = document.get(fields.source)
    if not source and document.get(fields.charts) is not None:
        raise LabelError(
            f"{fields.source}: is missing, and says whose the charts in {fields.charts} are: bring it back, or delete "
            "the charts"
        )
    if source is not None:
        _check_source(source, fields.source)
    _check(document, {fields.image_id: (_or_none(is_whole), "a whole number")}, "the sample")


def check_masks(sample: fo.Sample, fields: Fields) -> None:
    """Check that the masks of a sample are images of one channel.

    Raises:
        LabelError: the first one that is not, or whose file cannot be read.
    """
    for name in (fields.people, fields.parts):
        for label in sample[name].detections if sample[name] is not None else []:
            try:
                mask = label.get_mask()
            except Exception as error:  # whatever FiftyOne's reader lets through
                raise LabelError(
                    f"{name}, label {label.id}: mask_path {label.mask_path}: missing or not an image ({error}): bring "
                    "the file back, or delete the label"
                ) from None
            if mask is not None and (mask.ndim != 2 or not mask.size or mask.dtype.kind not in "buif"):
                raise LabelError(
                    f"{name}, label {label.id}: mask has the shape {mask.shape} and type {mask.dtype}, not one number "
                    "per pixel: correct or delete the label"
                )


def decode_error(document: Mapping[str, Any], fields: Fields, error: Exception) -> LabelError:
    """What to raise for a sample that FiftyOne cannot decode: the error of the first label that it cannot."""
    import fiftyone as fo

    for name, kind, key in (
        (fields.people, fo.Detection, "detections"),
        (fields.parts, fo.Detection, "detections"),
        (fields.possible, fo.Detection, "detections"),
        (fields.keypoints, fo.Keypoint, "keypoints"),
    ):
        for label in _labels(document, name, key):
            try:
                kind.from_dict(dict(label))
            except Exception as of_label:
                return LabelError(
                    f"{name}, label {label['_id']}: cannot be read ({_first_line(of_label)}): correct or delete it"
                )
    return LabelError(f"the sample cannot be read: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def readable(name: str, value: Any) -> Any:
    """An attribute of a person; ``None`` for one that cannot be read."""
    return value if name not in _PERSON or _PERSON[name][0](value) else None


def _labels(document: Mapping[str, Any], name: str, key: str) -> list[dict[str, Any]]:
    """
    Raises:
        LabelError: the field holds something else than a list of labels with ids.
    """
    value = document.get(name)
    if value is None:
        return []
    is_right = isinstance(value, dict) and value.get("_cls") == key.capitalize()
    labels = (value.get(key) or []) if is_right else None
    if not isinstance(labels, list):
        raise LabelError(f"{name}: holds no {key.capitalize()}: delete the value")
    kind, ids = key.capitalize().removesuffix("s"), set()
    for number, label in enumerate(labels, 1):
        if not isinstance(label, dict) or label.get("_cls") != kind or not label.get("_id"):
            raise LabelError(f"{name}: label {number} of {len(labels)} is no {kind} with an id: delete it")
        if label["_id"] in ids:
            raise LabelError(f"{name}, label {label['_id']}: is there twice: delete one of the two")
        ids.add(label["_id"])
    return labels


def _check_indices(people: list[dict[str, Any]], fields: Fields) -> None:
    """
    Raises:
        LabelError: two people have the index by which the maps say whose charts they hold.
    """
    owners: dict[float, Any] = {}
    for label in people:
        if not (index := label.get("index")):
            continue
        if index in owners:
            raise LabelError(
                f"{fields.people}, label {label['_id']}: index {index} is that of label {owners[index]}, too, so that nobody "
                f"knows whose the charts in {fields.charts} are: remove the index of the copy"
            )
        owners[index] = label["_id"]


def _check_source(source: Any, name: str) -> None:
    """Check what is remembered of a sample, see :mod:`annotator.dataset.sample_people`."""
    if not isinstance(source, dict):
        raise LabelError(f"{name}: is no dict of this plugin: delete the value")
    _check(source, _SOURCE, name)
    if source.get("photo") is not None:
        _check(source["photo"], _PHOTO, f"{name}.photo")
    for key, record in (source.get("people") or {}).items():
        _check(record, _RECORD, f"{name}.people.{key}")
    for key, record in (source.get("possible") or {}).items():
        _check(record, _POSSIBLE, f"{name}.possible.{key}")


def _check(values: Mapping[str, Any], kinds: Values, where: str) -> None:
    for name, (is_right, wanted) in kinds.items():
        value = values.get(name)
        if (value is not None or name in _NEEDED) and not is_right(value):
            raise LabelError(f"{where}: {name} is {short(value)}, not {wanted}: correct or delete it")
    if "points" in values and kinds is _KEYPOINTS:
        _check_lengths(values, where)


def _check_lengths(keypoints: Mapping[str, Any], where: str) -> None:
    count = len(keypoints["points"])
    for name in ("confidence", "visibility"):
        value = keypoints.get(name)
        if value is not None and len(value) != count:
            raise LabelError(
                f"{where}: {name} has {len(value)} values for {count} points: correct or delete the label"
            )


def _is_number(value: Any) -> bool:
    # Most are floats, of which there are hundreds on each photo.
    is_number = type(value) is float or (isinstance(value, int | float) and not isinstance(value, bool))
    return is_number and math.isfinite(value)


def is_whole(value: Any) -> bool:
    """Whether it is a whole number, also one like 5.0, as the database's own shell writes them."""
    return _is_number(value) and value == int(value)


def _is_box(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(map(_is_number, value))


def _is_point(value: Any) -> bool:
    """Whether it is x, y; NaN is FiftyOne's sign for a keypoint that is missing."""
    if not (isinstance(value, list) and len(value) == 2):
        return False
    x, y = value
    return all(type(side) is float or isinstance(side, int | float) for side in value) and not (
        abs(x) > MAX_SHARE or abs(y) > MAX_SHARE
    )


def _is_place(value: Any) -> bool:
    """Whether it is the number of a keypoint and its x, y."""
    if not (isinstance(value, list) and len(value) == 3 and all(map(_is_number, value))):
        return False
    return is_whole(value[0]) and 0 <= value[0] < len(KEYPOINTS) and _is_point(value[1:])


def _is_json(value: Any) -> bool:
    try:
        return isinstance(json.loads(value), dict)
    except (TypeError, ValueError, RecursionError):
        return False


def _is_table(value: Any) -> bool:
    """Whether it is rows of five numbers: x, y, chart, U, V."""
    try:
        rows = np.array(value, np.float64).reshape(-1, 5)
    except (TypeError, ValueError):
        return False
    return bool(np.isfinite(rows).all() and np.isin(rows[:, 2], range(1, len(CHARTS))).all())


def _or_none(is_right: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or is_right(value)


def _is_a(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: value is None or isinstance(value, kinds)


def _list_of(is_right: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(is_right, value))


def _dict_of(is_right: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(is_right, value.values()))


_TEXT = (_is_a(str), "a text")
_NUMBER = (_or_none(_is_number), "a finite number")
_BOX = (_is_box, "four finite numbers")
_DECIDED = (lambda value: value in (ACCEPTED, DISMISSED), f"{ACCEPTED} or {DISMISSED}")
_DETECTION: Values = {
    "bounding_box": _BOX,
    "label": _TEXT,
    "index": (
        _or_none(lambda value: is_whole(value) and 0 <= value <= MAX_INDEX),
        f"a whole number from 0 to {MAX_INDEX}",
    ),
    "confidence": _NUMBER,
    "mask": (_is_a(bytes), "a mask as FiftyOne stores them"),
    "mask_path": _TEXT,
    "tags": (_or_none(_list_of(lambda value: isinstance(value, str))), "a list of texts"),
    "instance": (_or_none(lambda value: isinstance(value, dict) and bool(value.get("_id"))), "an Instance"),
}
_PERSON: Values = {
    **_DETECTION,
    "review": (_or_none(lambda value: value in STATES), f"one of {', '.join(STATES)}"),
    **dict.fromkeys(("model", "time", "author", "comment"), _TEXT),
    **dict.fromkeys(("crowd", "edited"), (_is_a(bool, int, float), "true or false")),
    "annotation_id": (_or_none(is_whole), "a whole number"),
    **dict.fromkeys((f"quality_{task}" for task in TASKS), _NUMBER),
    **dict.fromkeys((f"issue_{issue}" for issue in ISSUES), _NUMBER),
    "issue_score": _NUMBER,
    "reasons": (_or_none(_list_of(lambda value: isinstance(value, str))), "a list of texts"),
}
_KEYPOINTS: Values = {
    **{name: _DETECTION[name] for name in ("label", "index", "tags", "instance")},
    "points": (_list_of(_is_point), "a list of x, y"),
    "confidence": (_or_none(_list_of(lambda value: isinstance(value, int | float))), "a list of numbers"),
    "visibility": (_or_none(_list_of(lambda value: value in (0, 1, 2))), "a list of 0, 1 and 2"),
}
_SOURCE: Values = {
    "size": (
        _or_none(lambda value: _list_of(is_whole)(value) and len(value) == 2 and min(value) > 0),
        "a width and a height",
    ),
    "file_name": _TEXT,
    "extra": (_or_none(_is_json), "JSON"),
    "edits": (_or_none(_list_of(lambda value: isinstance(value, str))), "a list of request ids"),
    "nobody": (_is_a(dict), "a record"),
    "photo": (_is_a(dict), "a record"),
    "people": (_or_none(_dict_of(lambda value: isinstance(value, dict))), "records by the ids of labels"),
    "possible": (_or_none(_dict_of(lambda value: isinstance(value, dict))), "records by the ids of labels"),
}
_RECORD: Values = {
    "digest": (lambda value: isinstance(value, str), "a digest"),
    "box": _BOX,
    "known": (_or_none(_list_of(lambda value: isinstance(value, str))), "a list of labels"),
    "extra": (_or_none(_is_json), "JSON"),
    "points": (_or_none(_is_table), f"rows of x, y, chart 1..{len(CHARTS) - 1}, U and V"),
    "corrections": (_or_none(_is_table), f"rows of x, y, chart 1..{len(CHARTS) - 1}, U and V"),
    "quality": (_or_none(_dict_of(_is_number)), "a number per task"),
    "hand_made": (_or_none(_list_of(lambda value: value in HAND_MADE)), f"a list of {', '.join(HAND_MADE)}"),
    "removed_keypoints": (
        _or_none(_list_of(lambda value: is_whole(value) and 0 <= value < len(KEYPOINTS))),
        f"a list of keypoints' numbers 0..{len(KEYPOINTS) - 1}",
    ),
    "unsure": (
        _or_none(_list_of(_is_place)),
        f"rows of a keypoint's number 0..{len(KEYPOINTS) - 1}, x and y",
    ),
    "issue_score": _NUMBER,
}
_PHOTO: Values = {
    "hash": (lambda value: isinstance(value, str), "a digest"),
    "bytes": (is_whole, "a number of bytes"),
    "mtime_ns": (is_whole, "a time in nanoseconds"),
}
_POSSIBLE: Values = {"box": _BOX, "score": (_is_number, "a number"), "state": _DECIDED}
_NEEDED = {
    name
    for kinds in (_PERSON, _KEYPOINTS, _SOURCE, _RECORD, _PHOTO, _POSSIBLE)
    for name, (is_right, _) in kinds.items()
    if not is_right(None)
}
"""Values that may not be missing everywhere; most of the others are, and are not checked then."""
