"""A sample as the database has it, read without FiftyOne's objects, which take most of the time of an export.

What is read is the same, and as FiftyOne's own: :func:`annotator.dataset.sample_people.read_people` takes either. Only labels as
this package and FiftyOne's App write them are plain; of the others FiftyOne makes the most, or says what is wrong with them.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from annotator.dataset.fields import Fields
from annotator.dataset.label_checks import check_document, check_masks

_HEADER = re.compile(rb"\{'descr': '(\|b1|\|u1)', 'fortran_order': False, 'shape': \((\d+), (\d+)\), \} *\n")
"""Of a mask as NumPy writes it."""
_METHODS = {"get_mask", "has_field", "id"}


class NotPlain(ValueError):
    """Values that only FiftyOne can read."""


class PlainLabel:
    """A detection or keypoint, with the attributes of FiftyOne's that are read here; not to be changed.

    Raises:
        NotPlain: it holds other documents than its ``Instance``, or a mask that is a file, or damaged.
    """

    mask = mask_path = label = confidence = index = instance = None

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.tags: list[str] = []
        self.__dict__.update(document)
        self._names, self.id = document.keys(), str(document["_id"])
        if self.tags is None or _METHODS & self._names or (self.mask_path is not None and self.mask is None):
            raise NotPlain
        if self.mask is not None:
            self.mask = _mask(self.mask)
        for name, value in document.items():
            if name == "instance" and value is not None:
                if value.get("_cls") != "Instance" or len(value) != 2:
                    raise NotPlain
                self.instance = SimpleNamespace(id=str(value["_id"]))
            elif value and name != "points" and isinstance(value, dict | list) and _has_documents(value):
                raise NotPlain

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def has_field(self, name: str) -> bool:
        """Whether it has a value of this name."""
        return name in self._names

    def get_mask(self) -> np.ndarray | None:
        """(h, w) mask."""
        return self.mask


class PlainSample:
    """The people of a sample; not to be changed.

    Args:
        document: with the ``filepath`` and the values of the fields that the sample has.

    Raises:
        annotator.dataset.label_checks.LabelError: labels of it cannot be read.
        NotPlain: FiftyOne has to read it.
    """

    metadata = None

    def __init__(self, document: Mapping[str, Any], fields: Fields) -> None:
        check_document(document, fields)
        source = document.get(fields.source)
        if not (source or {}).get("size") or _has_classes(source):
            raise NotPlain
        self.id, self.filepath = str(document["_id"]), document["filepath"]
        self._values = dict(document)
        for name, key in (
            (fields.people, "detections"),
            (fields.parts, "detections"),
            (fields.possible, "detections"),
            (fields.keypoints, "keypoints"),
        ):
            if (value := document.get(name)) is not None:
                labels = [PlainLabel(label) for label in value.get(key) or []]
                self._values[name] = _Labels(_LABEL_LIST_FIELD=key, **{key: labels})
        for name in (fields.charts, fields.u, fields.v):
            if (value := document.get(name)) is not None:
                self._values[name] = SimpleNamespace(
                    mask_path=value.get("mask_path"), map_path=value.get("map_path")
                )
        check_masks(self, fields)

    def __getitem__(self, name: str) -> Any:
        return self._values.get(name)

    def has_field(self, name: str) -> bool:
        """Whether it has a value of this name."""
        return name in self._values


class _Labels(SimpleNamespace):
    """``detections`` or ``keypoints``, as FiftyOne's."""

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)


def _mask(data: bytes) -> np.ndarray:
    try:
        array = zlib.decompress(data)
        length = 10 + int.from_bytes(array[8:10], "little")
        if array[:8] == b"\x93NUMPY\x01\x00" and (found := _HEADER.fullmatch(array[10:length])):
            kind, rows, columns = found.groups()
            # Several times as fast as NumPy's own reader.
            return np.frombuffer(array, kind.decode(), offset=length).reshape(int(rows), int(columns))
        return np.load(io.BytesIO(array))
    except (zlib.error, ValueError, EOFError, OSError, TypeError):
        raise NotPlain from None


def _has_documents(value: dict | list) -> bool:
    return isinstance(value, dict) or any(
        isinstance(each, dict | list) and _has_documents(each) for each in value
    )


def _has_classes(value: Any) -> bool:
    """Whether there are documents that FiftyOne would make objects of."""
    if isinstance(value, dict):
        return "_cls" in value or any(map(_has_classes, value.values()))
    return isinstance(value, list) and any(
        isinstance(each, dict | list) and _has_classes(each) for each in value
    )
