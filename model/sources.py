"""Training data: COCO-DensePose files with their images, read once and decoded sample by sample.

Of the optional fields of :mod:`annotator.coco.extensions` training reads all but ``keypoints_pseudo``.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import NonNegativeFloat
from pydantic.dataclasses import dataclass as checked_dataclass

from annotator.coco.categories import read_categories
from annotator.coco.dense_labels import DenseLabels
from annotator.coco.extensions import check_image, check_person, is_complete
from annotator.coco.file_names import no_such_photo, shared_photos
from annotator.coco.parsing import CocoError, is_number
from annotator.coco.reader import MAX_SIDE
from annotator.labels.messages import short
from annotator.photos.reading import PhotoError, check_file
from model.fields import CHECKED


class DataError(ValueError):
    """Training data that cannot be used; the message names file and field."""


@checked_dataclass(frozen=True, config=CHECKED)
class Source:
    """One annotation file and what goes with it."""

    annotations: str
    images: str
    weight: NonNegativeFloat = 1.0
    """Share of the samples, relative to the other sources'; 0 means in proportion to its images."""
    iuv: str = ""
    """Folder of dense labels, optional, see :mod:`annotator.coco.dense_labels`.
    An image without a file has what its annotations say; two photos cannot share one."""
    cut_at_boxes: bool = False
    """Whether its photos were cut at somebody's box: they are shown in other surroundings (:mod:`model.surroundings`)."""


@dataclass(frozen=True)
class Record:
    """One image and the raw annotations on it."""

    image: dict[str, Any]
    annotations: tuple[dict[str, Any], ...]
    path: Path
    iuv: Path | None
    annotation_file: str
    cut_at_box: bool = False
    """As :attr:`Source.cut_at_boxes`."""

    @property
    def complete(self) -> bool:
        """Whether all people are labelled."""
        return is_complete(self.image)


def is_ignored(annotation: dict[str, Any]) -> bool:
    """Whether what is in an annotation's box is no single, well labelled person."""
    return bool(annotation.get("iscrowd") or annotation.get("flaw") or annotation.get("group"))


def has_own_mask(annotation: dict[str, Any], min_side: int) -> bool:
    """Whether an annotation has the mask of one well labelled person, and a box of so many pixels on its longer side."""
    return (
        bool(annotation.get("segmentation"))
        and not is_ignored(annotation)
        and max(annotation["bbox"][2:]) >= min_side
    )


IMAGE_FIELDS = {"id": (int, str), "file_name": str, "width": (int, float), "height": (int, float)}
PERSON_FIELDS = {"image_id": (int, str), "bbox": list}
"""What of COCO is read before a sample is made; :mod:`annotator.coco.parsing` checks the rest of an annotation then."""


def read_source(source: Source) -> list[Record]:
    """The images of a source in file order, those without people included.

    Raises:
        annotator.coco.reader.CocoError: as :func:`annotator.coco.categories.read_categories`.
        DataError: missing or malformed file or field, an image id that is unknown or used twice, a photo of two
            images, an image file or a folder of dense labels that is not there, a dense label that two photos share.
    """
    path = Path(source.annotations)
    data = _load(path)
    if source.iuv and not Path(source.iuv).is_dir():
        raise DataError(f"{source.iuv}: no such folder of dense labels")
    by_image = _people_by_image(path, data)
    records: dict[int | str, Record] = {}
    labelled = DenseLabels(Path(source.iuv)) if source.iuv else None
    for where, image in _entries(path, data, "images"):
        _check_fields(where, image, IMAGE_FIELDS)
        for side in ("width", "height"):
            if not 0 < image[side] <= MAX_SIDE:
                raise DataError(
                    f"{where}: {side}: {short(image[side])} is not a number of pixels in 1..{MAX_SIDE}"
                )
        if image["id"] in records:
            raise DataError(f"{where}: id: used by two images")
        photo = Path(source.images) / image["file_name"]
        try:
            check_file(photo)
        except PhotoError as error:
            name = image["file_name"]
            reason = str(error) if os.path.lexists(photo) else no_such_photo(name)
            raise DataError(f"{where}: file_name: {short(name)} in {source.images}: {reason}") from None
        try:
            check_image(image)
            iuv = labelled.of(Path(image["file_name"])) if labelled else None
        except ValueError as error:
            raise DataError(f"{where}: {error}") from None
        people = tuple(by_image.pop(image["id"], ()))
        _check_people(path, image, people)
        records[image["id"]] = Record(image, people, photo, iuv, str(path), source.cut_at_boxes)
    if by_image:
        image_id, annotations = next(iter(by_image.items()))
        raise DataError(
            f"{path}: annotation {short(annotations[0].get('id'))}: image_id {short(image_id)} is not in `images`"
        )
    names = ((key, record.image["file_name"]) for key, record in records.items())
    for key, reason in shared_photos(names, source.images).items():
        raise DataError(f"{path}: image {short(key)}: file_name: {reason}")
    return list(records.values())


def _load(path: Path) -> dict[str, Any]:
    """The sections of a file, the lists ``images`` and ``annotations`` among them."""
    try:
        # Editors on Windows write a byte order mark.
        data = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_object)
    except FileNotFoundError:
        raise DataError(f"{path}: no such annotation file") from None
    except RecursionError:
        raise DataError(f"{path}: not a COCO file: objects or lists are nested too deeply") from None
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except ValueError as error:  # also of a number of too many digits
        raise DataError(f"{path}: not a JSON file: {error}") from None
    if not isinstance(data, dict) or not all(
        isinstance(data.get(k), list) for k in ("images", "annotations")
    ):
        raise DataError(f"{path}: needs the lists `images` and `annotations` of a COCO file")
    return data


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in values if names.count(name) > 1)
        raise DataError(f"an object has {short(twice)} twice; its first fields are {short(values)}")
    return values


def _people_by_image(path: Path, data: dict) -> dict[int | str, list[dict[str, Any]]]:
    """The annotations of people by ``image_id``, with their keypoints in COCO's order."""
    by_image = defaultdict(list)
    categories = read_categories(path, data.get("categories"))
    for where, entry in _entries(path, data, "annotations"):
        try:
            category = categories.of(entry)
            annotation = category.in_coco_order(entry) if category.is_person else None
        except CocoError as error:
            raise DataError(f"{where}: {error}") from None
        if annotation is None:
            continue
        _check_fields(where, annotation, PERSON_FIELDS)
        bbox = annotation["bbox"]
        if len(bbox) != 4 or not all(map(is_number, bbox)):
            raise DataError(f"{where}: bbox: {short(bbox)} is not [x, y, width, height]")
        by_image[annotation["image_id"]].append(annotation)
    return by_image


def _entries(path: Path, data: dict, section: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each entry of a list of the file, and how to name it in an error."""
    for number, entry in enumerate(data[section]):
        if not isinstance(entry, dict):
            raise DataError(f"{path}: {section}[{number}]: must be an object")
        yield f"{path}: {section[:-1]} {short(entry.get('id'))}", entry


def _check_people(path: Path, image: dict[str, Any], people: tuple[dict[str, Any], ...]) -> None:
    size = int(image["width"]), int(image["height"])
    for annotation in people:
        try:
            check_person(annotation, size)
        except ValueError as error:
            raise DataError(f"{path}: annotation {short(annotation.get('id'))}: {error}") from None


def _check_fields(where: str, entry: dict[str, Any], fields: dict[str, Any]) -> None:
    for name, kind in fields.items():
        if name not in entry:
            raise DataError(f"{where}: no field `{name}`")
        if not isinstance(entry[name], kind):
            raise DataError(f"{where}: {name}: {short(entry[name])} cannot be used")
