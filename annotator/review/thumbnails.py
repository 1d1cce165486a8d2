"""Small pictures for the rows of the queue: of each image the person who most needs to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2

from annotator.dataset.fields import Fields
from annotator.dataset.label_checks import readable
from annotator.labels.people import DECIDED
from annotator.photos.reading import PhotoError, read_photo

if TYPE_CHECKING:
    import fiftyone as fo

SIDE = 72
"""Pixels each way, twice those on the screen."""
MAX_THUMBNAILS = 24
"""Of one request, which takes a fraction of a second for each photo."""
MARGIN = 1.2
"""Of the square around a person, relative to the longer side of the box."""
_KEPT = 4096


def thumbnails(dataset: fo.Dataset, fields: Fields, sample_ids: Sequence[str]) -> dict[str, bytes | None]:
    """JPEGs of :data:`SIDE` by :data:`SIDE` pixels by sample id, at most :data:`MAX_THUMBNAILS`.

    Each is a square around the person with the highest issue score whom nobody has decided about, else around the most
    probable possible person, else the largest person, else of the middle of the photo. ``None`` for a photo that cannot be read; samples that are not there
    are left out.
    """
    from bson import ObjectId

    wanted = [ObjectId(key) for key in sample_ids[:MAX_THUMBNAILS]]
    paths = [f"{fields.people}.detections.{name}" for name in ("bounding_box", "review", "issue_score")]
    paths += [f"{fields.possible}.detections.{name}" for name in ("bounding_box", "confidence")]
    found = dataset._sample_collection.find({"_id": {"$in": wanted}}, ["filepath", *paths])
    return {str(document["_id"]): _thumbnail(document, fields) for document in found}


def _thumbnail(document: dict[str, Any], fields: Fields) -> bytes | None:
    path = document["filepath"]
    try:
        return _crop_of(path, Path(path).stat().st_mtime_ns, _worst_box(document, fields))
    except (PhotoError, OSError, cv2.error):
        return None


def _worst_box(document: dict[str, Any], fields: Fields) -> tuple[float, ...] | None:
    """The relative box of who is shown."""
    people = [label for label in _labels(document, fields.people) if _box(label)]
    undecided = [label for label in people if label.get("review") not in DECIDED]
    possible = [label for label in _labels(document, fields.possible) if _box(label)]
    if undecided:
        shown = max(undecided, key=lambda label: readable("issue_score", label.get("issue_score")) or 0)
    elif possible:
        shown = max(possible, key=lambda label: readable("confidence", label.get("confidence")) or 0)
    elif people:
        shown = max(people, key=lambda label: _box(label)[2] * _box(label)[3])
    else:
        return None
    return _box(shown)


def _labels(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    labels = document.get(name)
    detections = labels.get("detections") if isinstance(labels, dict) else None
    return [label for label in detections or [] if isinstance(label, dict)]


def _box(label: dict[str, Any]) -> tuple[float, ...] | None:
    box = label.get("bounding_box")
    box = tuple(box) if box and readable("bounding_box", box) else None
    return box if box and min(box[2:]) > 0 else None


@lru_cache(maxsize=_KEPT)
def _crop_of(path: str, modified: int, box: tuple[float, ...] | None) -> bytes:
    """The JPEG of a box; ``modified``, when the photo was, has it made anew."""
    photo = read_photo(path)
    height, width = photo.shape[:2]
    x, y, w, h = box or (0, 0, 1, 1)
    x, y, w, h = x * width, y * height, w * width, h * height
    # A square inside of the photo. Of somebody who does not fit into one, the head is upper more often than lower.
    side = max(round(min(max(w, h) * MARGIN, width, height)), 1)
    left = round(x + w / 2 - side / 2)
    top = round(y + (h - side) / 2 if h <= side else y)
    left, top = (min(max(at, 0), most - side) for at, most in ((left, width), (top, height)))
    square = photo[top : top + side, left : left + side]
    small = cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    return jpeg.tobytes()
