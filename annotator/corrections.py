"""What people corrected, as data to train and to measure with."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from annotator.coco import CocoWriter
from annotator.fiftyone_fields import FieldError, Fields, check_fields
from annotator.fiftyone_labels import find_labels, read_people
from annotator.label_maps import LabelMaps
from annotator.people import People

if TYPE_CHECKING:
    import fiftyone as fo

    from annotator.collections import Samples

REVIEWED = ("edited", "approved")
"""States of people whose labels a human answers for."""
LEAST_PHOTOS = 3
"""To retrain: one to learn from, one to see when to stop, one to compare with."""


@dataclass
class Part:
    """One folder of :func:`write_corrections`, which ``densepose-annotator evaluate --data`` reads, too."""

    folder: Path
    photos: int = 0
    people: int = 0


def write_corrections(
    samples: Samples, folder: Path, prefix: str = "dp", held_out: float = 0.2
) -> tuple[Part, Part]:
    """Write edited and approved people to ``folder/train`` and ``folder/held_out``.

    Each gets ``annotations.json``, ``images/`` (links to the photos, named by the samples' ids) and ``iuv/``
    (dense labels, see :class:`model.sources.Source`). An image on which anybody is predicted only, or
    rejected, is not ``complete``: what surrounds the others then counts nowhere.

    Args:
        samples: with people of that prefix.
        held_out: share of the photos in the second part. A photo's path decides, so that one that was held
            out stays so when others are added.

    Raises:
        FieldError: there are no people of that prefix, or too few photos with reviewed ones.
    """
    fields = Fields(prefix)
    check_fields(samples, fields)
    if not samples.has_sample_field(fields.people):
        raise FieldError(f"{samples._dataset.name!r} has no field {fields.people!r}: annotate photos first")
    places = reviewed_samples(samples, fields) | _edited_elsewhere(samples, fields)
    if len(places) < LEAST_PHOTOS:
        raise FieldError(
            f"{samples._dataset.name!r}: retraining takes at least {LEAST_PHOTOS} photos with people who were "
            f"edited or approved; there are {len(places)}"
        )
    order = sorted(places, key=places.get)
    count = min(max(sum(place < held_out for place in places.values()), 1), len(order) - LEAST_PHOTOS + 1)
    parts = []
    for name, keys in (("train", order[count:]), ("held_out", order[:count])):
        part = Part(folder / name)
        for sub in ("images", "iuv"):
            (part.folder / sub).mkdir(parents=True, exist_ok=True)
        with CocoWriter(part.folder / "annotations.json") as writer:
            for sample in samples._dataset.select(keys).iter_samples():
                writer.add(_reviewed_people(sample, fields, part))
        parts.append(part)
    return tuple(parts)


def reviewed_samples(samples: Samples, fields: Fields) -> dict[str, float]:
    """For the id of each sample with a person that was edited or approved in review a number in 0..1 that its
    path alone decides."""
    paths = ["id", "filepath", f"{fields.people}.detections.review"]
    return {
        key: _place(filepath)
        for key, filepath, states in zip(*samples.exists(fields.people).values(paths), strict=True)
        if not set(states or ()).isdisjoint(REVIEWED)
    }


def _edited_elsewhere(samples: Samples, fields: Fields) -> dict[str, float]:
    """As :func:`reviewed_samples`, samples with people that only other tools have edited.

    The App's own brush writes nothing but the mask: all labels must be read to see it, which takes a while.
    """
    reviewed = reviewed_samples(samples, fields)
    rest = samples.exists(fields.people).exclude(list(reviewed)).select_fields(fields.names)
    return {
        sample.id: _place(sample.filepath)
        for sample in rest.iter_samples()
        if any(labels.state in REVIEWED for labels in find_labels(sample, fields)[0])
    }


def _place(filepath: str) -> float:
    return zlib.crc32(filepath.encode()) / 2**32


def _reviewed_people(sample: fo.Sample, fields: Fields, part: Part) -> People:
    """The reviewed people of a sample, whose photo and dense labels are put into the part."""
    everybody = read_people(sample, fields)
    people = [person for person in everybody.people if person.provenance.state in REVIEWED]
    photo = Path(sample.filepath)
    link = part.folder / "images" / f"{sample.id}{photo.suffix}"
    if not link.is_symlink():
        link.symlink_to(photo)
    # Dense labels stand in place of all others; without them the file has what there is.
    if people and all(person.charts is not None for person in people):
        maps = LabelMaps.paint(people, (0, 0, *everybody.size))
        uv = (np.rint(np.clip(np.nan_to_num(a), 0, 1) * 65535) for a in (maps.u, maps.v))
        path = part.folder / "iuv" / f"{sample.id}.png"
        if not cv2.imwrite(str(path), np.dstack([maps.charts, *uv]).astype(np.uint16)):
            raise OSError(f"{path}: cannot be written")
    part.photos += 1
    part.people += len(people)
    complete = {} if len(people) == len(everybody.people) else {"complete": False}
    return People(everybody.size, people, link.name, extra=everybody.extra | complete)
