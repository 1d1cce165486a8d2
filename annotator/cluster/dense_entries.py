"""People in shard files with all that a dataset keeps of them: COCO-DensePose would keep points of the surface, not its maps."""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from dataclasses import asdict
from typing import Any

import numpy as np

from annotator.labels.people import BOX_ARRAYS, People, Person, PossiblePerson, Provenance

ARRAYS = (*BOX_ARRAYS, "keypoints", "visibility")


def encode_people(people: People) -> dict[str, Any]:
    """The people of a photo, as a model has labelled them, as JSON."""
    return {
        "size": people.size,
        "people": [_encode(person) for person in people.people],
        "possible": [asdict(possible) for possible in people.possible],
    }


def decode_people(record: dict[str, Any]) -> People:
    """The people of :func:`encode_people`."""
    return People(
        tuple(record["size"]),
        [_decode(person) for person in record["people"]],
        possible=[PossiblePerson(tuple(each["box"]), each["score"]) for each in record["possible"]],
    )


def _encode(person: Person) -> dict[str, Any]:
    return {
        "box": [int(side) for side in person.box],
        "score": float(person.score),
        "quality": {name: float(value) for name, value in person.quality.items()},
        "issues": {name: float(value) for name, value in person.issues.items()},
        "provenance": asdict(person.provenance),
        "arrays": {name: _pack(value) for name in ARRAYS if (value := getattr(person, name)) is not None},
    }


def _decode(record: dict[str, Any]) -> Person:
    return Person(
        tuple(record["box"]),
        score=record["score"],
        quality=record["quality"],
        issues=record["issues"],
        provenance=Provenance(**record["provenance"]),
        **{name: _unpack(*packed) for name, packed in record["arrays"].items()},
    )


def _pack(array: np.ndarray) -> tuple[str, tuple[int, ...], str]:
    return array.dtype.str, array.shape, b64encode(zlib.compress(array.tobytes(), 1)).decode()


def _unpack(kind: str, shape: list[int], data: str) -> np.ndarray:
    return np.frombuffer(zlib.decompress(b64decode(data)), kind).reshape(shape).copy()
