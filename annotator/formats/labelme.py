"""labelme's JSON: one file per photo, with polygons, masks, rectangles and points.

The shapes of one person have one ``group_id``; one without is a person by itself. A person is written as a ``mask`` labelled
``person``, or a ``rectangle`` where it has none, and a ``point`` per keypoint. What was decided, and that a keypoint is hidden,
are ``flags``; a comment is the ``description``. Coordinates are image pixels as in this package; masks are exact.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from annotator.formats.class_names import KEYPOINT_LABELS, PERSON, find_keypoint, is_person
from annotator.formats.photo_names import Photos, safe_name
from annotator.formats.shapes import ImageShapes, PersonShapes
from annotator.formats.values import FormatError, naming, number, read_json, refuse, text, whole
from annotator.formats.writer import FolderWriter
from annotator.labels.messages import short
from annotator.labels.people import STATES, People, Person

VERSION = "5.5.0"
"""Of labelme, whose files are written."""
HIDDEN = "hidden"
"""The flag of a keypoint that is labelled though it cannot be seen."""


def read_labelme(
    path: str | Path, images_dir: str | Path | None = None, failures: dict[str, str] | None = None
) -> Iterator[People]:
    """The people of each photo that labelme has labelled.

    Args:
        path: of one JSON file, or of a folder with such files in it and below.
        images_dir: the folder of the photos; default: the folder of the files. A photo is found there by its place
            relative to the JSON file, or by the end of ``imagePath``.
        failures: why the labels of a file cannot be read, by its path, is noted here; without it the first such error is
            raised.

    Raises:
        OSError: no such file or folder.
    """
    path = Path(path)
    root = path if path.is_dir() else path.parent
    photos = Photos(root if images_dir is None else images_dir)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    for file in sorted(path.rglob("*.json")) if path.is_dir() else [path]:
        try:
            with naming(file):
                people = _people(read_json(file), file, root, photos)
        except FormatError as error:
            refuse(failures, str(file), error)
            continue
        yield people


class LabelmeWriter(FolderWriter):
    """Writer of a folder of labelme's files, one per photo; see :mod:`annotator.formats.writer`."""

    holds: ClassVar = frozenset({"mask", "keypoints", "review"})

    def _write(self, people: People) -> None:
        name = safe_name(people.file_name)
        file = self._new_file(Path(name.with_suffix(".json")))
        # The files are moved as a whole when all are written.
        place = self.path / file.relative_to(self.folder).parent
        record = {
            "version": VERSION,
            "flags": {},
            "shapes": [
                shape for group, person in enumerate(people.people, 1) for shape in _shapes(person, group)
            ],
            "imagePath": Path(os.path.relpath(self.images_dir / name, place)).as_posix(),
            "imageData": None,
            "imageHeight": people.size[1],
            "imageWidth": people.size[0],
        }
        file.write_text(json.dumps(record, ensure_ascii=False, indent=1), encoding="utf-8")


def _people(record: object, file: Path, root: Path, photos: Photos) -> People:
    if not isinstance(record, dict) or not isinstance(record.get("shapes"), list):
        raise FormatError("shapes: missing; is it a file of labelme?")
    image_path = text(record.get("imagePath"), "imagePath").replace("\\", "/")
    beside = os.path.relpath(os.path.normpath(file.parent / image_path), photos.images_dir.absolute())
    folder = file.parent.relative_to(root)
    tries = (
        None if beside.startswith("..") else beside,
        (folder / Path(image_path).name).as_posix(),
        image_path,
    )
    name = next((found for spelling in tries if spelling and (found := photos.find(spelling))), image_path)
    shapes = ImageShapes(record.get("imageWidth"), record.get("imageHeight"), ("imageWidth", "imageHeight"))
    others: dict[str, int] = {}
    for place, shape in enumerate(record["shapes"]):
        with naming(f"shape number {place}"):
            _add(shapes, shape, others)
    return People(size=shapes.size, people=shapes.people(), file_name=name, other_classes=others)


def _add(shapes: ImageShapes, shape: object, others: dict[str, int]) -> None:
    if not isinstance(shape, dict):
        raise FormatError("must be an object")
    label = text(shape.get("label"), "label")
    kind = shape.get("shape_type") or "polygon"
    flags = shape.get("flags") or {}
    if not isinstance(flags, dict):
        raise FormatError("flags: must be an object")
    group = shape.get("group_id")
    group = None if group is None else whole(group, "group_id", -(2**53), 2**53)
    index = find_keypoint(label) if kind == "point" else None
    if index is not None:
        (x, y), *_ = _corners(shape, 1)
        visibility = 1 if flags.get(HIDDEN) is True else 2
        if group is None:
            shapes.add_loose_keypoint(index, x, y, visibility)
        else:
            shapes.group(group).add_keypoint(index, x, y, visibility)
    elif is_person(label):
        person = shapes.group(group)
        _add_person(person, shape, kind)
        person.provenance.state = next((s for s in STATES if flags.get(s) is True), person.provenance.state)
        person.crowd = person.crowd or flags.get("crowd") is True
        if shape.get("score") is not None:
            person.score = number(shape["score"], "score", 0, 1)
        if isinstance(shape.get("description"), str):
            person.provenance.comment = shape["description"] or person.provenance.comment
    else:
        others[label] = others.get(label, 0) + 1


def _add_person(person: PersonShapes, shape: dict[str, Any], kind: object) -> None:
    if kind == "polygon":
        corners = _corners(shape, 3)
        with naming("points"):
            person.add_polygon(corners)
    elif kind == "rectangle":
        corners = _corners(shape, 2)
        person.add_box(*corners.min(axis=0), *np.ptp(corners, axis=0))
    elif kind == "mask":
        x, y = (whole(value, "points") for value in _corners(shape, 2)[0].tolist())
        mask = _mask(shape.get("mask"))
        with naming("mask"):
            person.add_mask(mask, (x, y, mask.shape[1], mask.shape[0]))
    else:
        raise FormatError(
            f"shape_type: {short(kind)} of a person is not read: use mask, polygon, rectangle or point"
        )


def _corners(shape: dict[str, Any], count: int) -> np.ndarray:
    points = shape.get("points")
    if (
        not isinstance(points, list)
        or len(points) < count
        or not all(isinstance(p, list) and len(p) == 2 for p in points)
    ):
        raise FormatError(f"points: must be a list of at least {count} [x, y]")
    return np.array([[number(value, "points") for value in point] for point in points], np.float64)


def _mask(encoded: object) -> np.ndarray:
    """(h, w) bool of a PNG in base64."""
    try:
        data = base64.b64decode(text(encoded, "mask"), validate=True)
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            return np.array(image.convert("I") if image.mode.startswith("I") else image.convert("L")) > 0
    except FormatError:
        raise
    except (OSError, ValueError, SyntaxError, binascii.Error, Image.DecompressionBombError) as error:
        raise FormatError(f"mask: no PNG in base64: {error}") from None


def _shapes(person: Person, group: int) -> Iterator[dict[str, Any]]:
    known = person.provenance
    flags = ({} if known.state == "predicted" else {known.state: True}) | (
        {"crowd": True} if person.crowd else {}
    )
    about = {"label": PERSON, "group_id": group, "description": known.comment, "flags": flags}
    x, y, w, h = person.box
    if person.mask is not None and person.mask.any():
        buffer = io.BytesIO()
        Image.fromarray(person.mask.astype(np.uint8) * 255).convert("1").save(buffer, "PNG")
        mask = base64.b64encode(buffer.getvalue()).decode("ascii")
        points = [[x, y], [x + w - 1, y + h - 1]]
        yield about | {
            "points": points,
            "shape_type": "mask",
            "mask": mask,
            "score": round(float(person.score), 4),
        }
    else:
        points = [[x, y], [x + w, y + h]]
        yield about | {
            "points": points,
            "shape_type": "rectangle",
            "mask": None,
            "score": round(float(person.score), 4),
        }
    for index, visibility in enumerate(person.labelled().tolist()):
        if visibility:
            point = [round(value, 3) for value in person.keypoints[index, :2].tolist()]
            flags = {HIDDEN: True} if visibility == 1 else {}
            about = {"label": KEYPOINT_LABELS[index], "group_id": group, "description": "", "flags": flags}
            yield about | {"points": [point], "shape_type": "point", "mask": None}
