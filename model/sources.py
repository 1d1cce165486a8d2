"""Training data: COCO-DensePose files with their images, read once and decoded sample by sample.

Beside the COCO-DensePose fields these optional ones are understood, for data that is only partly labelled:

* image ``complete`` (default true, as in COCO): every person in the image is labelled, so the rest of it is
  background. When false, only the boxes of people with a mask count.
* annotation ``head_points``: ``{"neck": [x, y, v], "head_top": [x, y, v]}``, the head point of people without
  labelled face keypoints.
* annotation ``carried``: RLE of bags and the like, in which no loss counts.
* annotation ``flaw``: a reason to leave this person out of every loss.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotator.coco import person_categories


class DataError(ValueError):
    """Training data that cannot be used; the message names file and field."""


@dataclass(frozen=True)
class Source:
    """One annotation file and what goes with it."""

    annotations: str
    images: str
    weight: float = 1.0
    """Share of the samples, relative to the other sources'; 0 means in proportion to its images."""
    iuv: str = ""
    """Folder of dense labels, optional: ``<image stem>.png``, 16 bit, channels chart, U·65535, V·65535 in the
    order that OpenCV reads them. An image without a file has what its annotations say."""


@dataclass(frozen=True)
class Record:
    """One image and the raw annotations on it."""

    image: dict[str, Any]
    annotations: tuple[dict[str, Any], ...]
    path: Path
    iuv: Path | None
    annotation_file: str

    @property
    def complete(self) -> bool:
        return bool(self.image.get("complete", True))


def read_source(source: Source) -> list[Record]:
    """The images of a source in file order, those without people included.

    Raises:
        annotator.coco.CocoError: categories of which none is a person.
        DataError: missing or malformed file, an unknown image id, an image file or a folder of dense labels that
            is not there.
    """
    path = Path(source.annotations)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such annotation file") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path}: not a JSON file: {error}") from None
    if not isinstance(data, dict) or not all(
        isinstance(data.get(k), list) for k in ("images", "annotations")
    ):
        raise DataError(f"{path}: needs the lists `images` and `annotations` of a COCO file")
    if source.iuv and not Path(source.iuv).is_dir():
        raise DataError(f"{source.iuv}: no such folder of dense labels")
    by_image = defaultdict(list)
    persons = person_categories(path, data.get("categories"))
    for annotation in data["annotations"]:
        category = annotation.get("category_id")
        if persons is not None and category is not None and category not in persons:
            continue
        by_image[annotation.get("image_id")].append(annotation)
    records = []
    for image in data["images"]:
        missing = {"id", "file_name", "width", "height"} - set(image)
        if missing:
            raise DataError(f"{path}: image {image.get('id')}: no field `{sorted(missing)[0]}`")
        photo = Path(source.images) / image["file_name"]
        if not photo.is_file():
            raise DataError(f"{path}: image {image['id']}: no file {photo}")
        iuv = Path(source.iuv) / f"{photo.stem}.png" if source.iuv else None
        dense = iuv if iuv and iuv.is_file() else None
        records.append(Record(image, tuple(by_image.pop(image["id"], ())), photo, dense, str(path)))
    if by_image:
        image_id, annotations = next(iter(by_image.items()))
        raise DataError(
            f"{path}: annotation {annotations[0].get('id')}: image_id {image_id} is not in `images`"
        )
    return records
