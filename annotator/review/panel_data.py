"""People as the review panel gets them: JSON, with arrays as packed bytes."""

from __future__ import annotations

import base64
import hashlib
import zlib
from dataclasses import astuple
from typing import Any

import numpy as np

from annotator.dataset.fields import MIN_ISSUE_SCORE
from annotator.labels.people import BOX_ARRAYS, Person, PossiblePerson
from annotator.labels.quality import ISSUES, combined_score
from annotator.surface.body import Body

MASK_BIT = 128
_BYTES = np.rint(
    np.clip(np.nan_to_num(np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float32)), 0, 1) * 255
).astype(np.uint8)
"""Of U and V, by the bits of a float16: looking up is faster than rounding."""


def version_of(person: Person) -> str:
    """A digest of all that can be edited: people of the same version are the same."""
    # On the arrays of a large photo SHA-1 takes half the time of other digests.
    digest = hashlib.sha1(usedforsecurity=False)
    fixed = (person.box, astuple(person.provenance), person.crowd)
    digest.update(repr(fixed).encode())
    for name in (*BOX_ARRAYS, "keypoints", "visibility", "corrections"):
        array = getattr(person, name)
        if name == "keypoints" and array is not None:
            # The database has shares of the image's size, so that pixels are not exact.
            array = np.rint(array * 100).astype(np.int32)
        digest.update(name.encode() if array is None else np.ascontiguousarray(array))
    return digest.hexdigest()


def person_data(key: str, person: Person) -> dict[str, Any]:
    """One person for the panel.

    ``planes`` are bytes: two layers of the box's size, row by row, the part 0..14 plus 128 on the mask, and the
    chart 0..24; then U and V, times 255, of the pixels with a chart. They are for drawing: no edit sends them back.
    """
    h, w = person.box[3], person.box[2]
    blank = np.zeros((h, w), np.uint8)
    part = blank if person.parts is None else person.parts
    mask = blank if person.mask is None else person.mask.astype(np.uint8) * MASK_BIT
    charts = blank if person.charts is None else person.charts
    surface = (_bytes(values[charts > 0]) for values in (person.u, person.v) if values is not None)
    planes = [part | mask, charts, *surface]
    keypoints = None
    if person.keypoints is not None:
        rows = np.column_stack([np.nan_to_num(person.keypoints), person.seen()])
        keypoints = np.round(rows.astype(float), 3).tolist()
    provenance = person.provenance
    return {
        "key": key,
        "version": version_of(person),
        "box": [int(side) for side in person.box],
        "planes": pack(*planes),
        "has_mask": person.mask is not None,
        "keypoints": keypoints,
        "corrections": [] if person.corrections is None else person.corrections.astype(float).tolist(),
        "quality": {name: round(float(value), 4) for name, value in person.quality.items()},
        "issues": {name: round(float(value), 4) for name, value in person.issues.items()},
        "issue_score": round(combined_score(person.issues.values()), 6),
        "reasons": [words for name, words in ISSUES.items() if person.issues.get(name, 0) >= MIN_ISSUE_SCORE],
        "state": provenance.state,
        "model": provenance.model,
        "author": provenance.author,
        "comment": provenance.comment,
        "edited": provenance.edited,
    }


def possible_data(key: str, person: PossiblePerson) -> dict[str, Any]:
    """One possible person for the panel."""
    return {
        "key": key,
        "box": [round(float(side), 2) for side in person.box],
        "score": round(float(person.score), 4),
    }


def body_data(body: Body) -> dict[str, Any]:
    """The drawing of the body: ``views`` are front and back, each of three planes of bytes: chart, U, V."""
    count, height, width, _ = body.views.shape
    return {
        "views": pack(np.moveaxis(body.views, -1, 1)),
        "count": count,
        "height": height,
        "width": width,
    }


def pack(*arrays: np.ndarray) -> str:
    """uint8 arrays, one after another, compressed (zlib), in base64."""
    # The lowest level: the panel waits for it.
    deflate = zlib.compressobj(1)
    data = [deflate.compress(np.ascontiguousarray(array)) for array in arrays]
    return base64.b64encode(b"".join([*data, deflate.flush()])).decode()


def _bytes(values: np.ndarray) -> np.ndarray:
    return _BYTES[values.astype(np.float16, copy=False).view(np.uint16)]
