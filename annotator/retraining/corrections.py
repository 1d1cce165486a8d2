"""Corrections of a dataset as training, validation and held-out data."""

from __future__ import annotations

import json
import os
import shutil
import zlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from annotator.coco.dense_labels import IUV_SCALE, PART_ALONE
from annotator.coco.file_names import check_distinct_photos
from annotator.coco.writer import CocoWriter
from annotator.dataset.fields import FieldError, Fields, check_people, require_fields
from annotator.dataset.label_checks import LabelError
from annotator.dataset.photo_file import find_change
from annotator.dataset.sample_people import find_labels, read_people
from annotator.dataset.store import StoredSample
from annotator.dataset.views import photos_of, with_lists
from annotator.geometry.label_maps import LabelMaps
from annotator.labels.label_space import CHART_TO_PART
from annotator.labels.people import People, Person
from annotator.photos.atomic_files import sync_folder, whole_file
from annotator.photos.reading import PhotoError

if TYPE_CHECKING:
    import fiftyone as fo

    from annotator.dataset.store import Samples

REVIEWED = ("edited", "approved")
"""States of people whose labels a human answers for."""
NOT_REVIEWED = "not reviewed"
"""The flaw of people who are only predicted, or were rejected, on a photo with reviewed ones."""
BY_MODEL = "as the model left it"
"""In :data:`BY_HUMANS`, the flaw of people who were approved as they were predicted."""
BY_HUMANS = "by_humans.json"
"""Beside ``annotations.json``: the same, where only people count whose labels a human made or changed."""
VALIDATION = 0.15
"""Share of the photos that say when to stop."""
MIN_PHOTOS = 3
"""To retrain: one to learn from, one that says when to stop, one to compare with."""
SUBSETS = ("train", "validation", "held_out")
CORRECTIONS = "corrections.json"
"""Beside the folders of the subsets: how many photos and people each has."""
LEFT_OUT = "left_out.json"
"""Beside it: by their paths, why photos could not be used."""


@dataclass
class Subset:
    """One folder of :func:`write_corrections`, which ``densepose-annotator evaluate --data`` reads, too."""

    folder: Path
    photos: int = 0
    people: int = 0
    by_humans: int = 0
    """People whose labels a human made or changed; those of the others are a model's."""


def write_corrections(
    samples: Samples, folder: Path, prefix: str = "dp", held_out: float = 0.2
) -> tuple[Subset, Subset, Subset]:
    """Write edited and approved people to ``folder/train``, ``folder/validation`` and ``folder/held_out``.

        Each gets ``annotations.json``, ``images/`` (links to the photos, named by the samples' ids) and ``iuv/``
        (dense labels, see :mod:`annotator.coco.dense_labels`), the last one also :data:`BY_HUMANS`.
    An image with somebody who is only predicted, or rejected, or with possible people whom nobody has decided about, is
        not ``complete``: neither these people nor the surroundings of the others count there. Photos without people on which a
        reviewer has seen that nobody is there go to ``train``. Photos that cannot be read or have changed since they were
        labelled, or whose labels cannot be read, are left out (:func:`read_left_out`). The folder appears, whole, at the end.

        Args:
            samples: with people of that prefix; which of their labels a view shows is of no account.
            folder: to write; it must be missing or empty.
            prefix: of the names of the label fields.
            held_out: share of the photos in the last subset. A photo's content decides, so that one that was held
                out stays so when the photos are moved or others are added. Of a set so small that a subset would
                have too few, some are taken for it from the other: these may change sides when others are added.

        Raises:
            FieldError: there are no people of that prefix, or too few photos with reviewed ones.
            CocoError: two samples with reviewed people have the same photo.
            OSError: the folder is not empty, or cannot be written.
    """
    fields, dataset = Fields(prefix), samples._dataset
    check_people(samples, fields)
    keys, left_out = reviewed_samples(samples, fields), {}
    keys += _edited_elsewhere(samples, fields, keys, left_out)
    empty = _seen_empty(samples, fields)
    check_distinct_photos(dataset.select(keys + empty).values("filepath"))
    places = _places(dataset, keys, fields, left_out)
    if len(places) < MIN_PHOTOS:
        unusable = "".join(f"; {path} cannot be used: {why}" for path, why in list(left_out.items())[:3])
        raise FieldError(
            f"{dataset.name!r}: retraining takes at least {MIN_PHOTOS} photos with people who were "
            f"edited or approved; there are {len(places)}{unusable}"
        )
    train, *others = _split(places, held_out)
    train += _places(dataset, empty, fields, left_out)
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # of a run that was killed
    try:
        subsets = [
            _write_subset(dataset, part, fields, partial / name)
            for name, part in zip(SUBSETS, (train, *others), strict=True)
        ]
        _write_by_humans(partial / SUBSETS[-1])
        described = [asdict(subset) | {"folder": subset.folder.name} for subset in subsets]
        (partial / LEFT_OUT).write_text(json.dumps(left_out), encoding="utf-8")
        (partial / CORRECTIONS).write_text(json.dumps(described), encoding="utf-8")
        os.sync()  # one call for all photos, labels and maps in it
        os.replace(partial, folder)
        sync_folder(folder.parent)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return read_corrections(folder)


def read_corrections(folder: Path) -> tuple[Subset, Subset, Subset]:
    """The subsets that :func:`write_corrections` wrote to a folder."""
    described = json.loads((folder / CORRECTIONS).read_text(encoding="utf-8"))
    return tuple(Subset(**subset | {"folder": folder / subset["folder"]}) for subset in described)


def read_left_out(folder: Path) -> dict[str, str]:
    """Why :func:`write_corrections` could not use photos, by their paths."""
    path = folder / LEFT_OUT
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _places(
    dataset: fo.Dataset, keys: list[str], fields: Fields, left_out: dict[str, str]
) -> dict[str, float]:
    """By the ids of the samples that can be used, a number in 0..1 that decides which subset each is in.

    Args:
        left_out: gets, by their paths, why the others cannot be used.
    """
    places = {}
    for key, path in zip(*dataset.select(keys).values(["id", "filepath"]), strict=True):
        require_fields(dataset, [fields.people, fields.source])
        try:
            stored = StoredSample.load(dataset, key, fields)
            if stored is not None:
                read_people(stored.sample, fields)
                if change := find_change(path, stored.sample[fields.source]):
                    raise PhotoError(change.reason)
                places[key] = _place(path)
        except (LabelError, PhotoError, OSError) as error:
            left_out[path] = str(error)
    return places


def _split(places: dict[str, float], held_out: float) -> tuple[list[str], list[str], list[str]]:
    """Ids of the samples of each subset; all have at least one."""
    order = sorted(places, key=places.get)
    last = min(max(sum(place < held_out for place in places.values()), 1), len(order) - MIN_PHOTOS + 1)
    end = held_out + VALIDATION * (1 - held_out)
    middle = min(max(sum(place < end for place in places.values()), last + 1), len(order) - 1)
    return order[middle:], order[last:middle], order[:last]


def _write_subset(dataset: fo.Dataset, keys: list[str], fields: Fields, folder: Path) -> Subset:
    subset = Subset(folder)
    for name in ("images", "iuv"):
        (folder / name).mkdir(parents=True)
    with CocoWriter(folder / "annotations.json") as writer:
        for key in dataset.select(keys).values("id"):
            require_fields(dataset, [fields.people, fields.source])
            if (stored := StoredSample.load(dataset, key, fields)) is not None:
                writer.add(_reviewed_people(stored.sample, fields, subset))
    return subset


def _write_by_humans(folder: Path) -> None:
    """Write :data:`BY_HUMANS` beside ``annotations.json``."""
    data = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))
    images = {image["id"]: image for image in data["images"]}
    for annotation in data["annotations"]:
        made = annotation.get("dp_provenance", {})
        if made.get("model") and not made.get("edited"):
            annotation.setdefault("flaw", BY_MODEL)
            images[annotation["image_id"]]["complete"] = False
    with whole_file(folder / BY_HUMANS) as temporary:
        temporary.write_text(json.dumps(data), encoding="utf-8")


def reviewed_samples(samples: Samples, fields: Fields) -> list[str]:
    """Ids of the samples with a person that was edited or approved in review."""
    labels = f"{fields.people}.detections"
    rows = with_lists(_labelled(samples, fields), labels).values(["id", f"{labels}.review"])
    return [
        key for key, states in zip(*rows, strict=True) if any(state in REVIEWED for state in states or ())
    ]


def _edited_elsewhere(
    samples: Samples, fields: Fields, reviewed: list[str], left_out: dict[str, str]
) -> list[str]:
    """Ids of the samples, but for those that were reviewed, with a person that another tool has edited.

    The App's own brush writes nothing but the mask: all labels must be read to see it, which takes a while.
    """
    rest, edited = _labelled(samples, fields).exclude(reviewed), []
    for key, path in zip(*rest.values(["id", "filepath"]), strict=True):
        try:
            stored = StoredSample.load(samples._dataset, key, fields)
        except LabelError as error:
            left_out[path] = str(error)
            continue
        if stored and any(labels.state in REVIEWED for labels in find_labels(stored.sample, fields)[0]):
            edited.append(key)
    return edited


def _seen_empty(samples: Samples, fields: Fields) -> list[str]:
    """Ids of the samples without people on which a reviewer has seen that nobody is there."""
    rows, labels = _labelled(samples, fields).exists(f"{fields.source}.nobody"), f"{fields.people}.detections"
    counts = with_lists(rows, labels).values(["id", f"{labels}.review"])
    return [key for key, states in zip(*counts, strict=True) if not states]


def _labelled(samples: Samples, fields: Fields) -> fo.DatasetView:
    """The samples with people, whole: where a view hides a label, its person would seem to be edited."""
    dataset = samples._dataset
    whole = samples if samples is dataset else dataset.select(photos_of(samples).values("id"))
    return whole.exists(fields.people)


def _place(photo: str) -> float:
    """A number in 0..1 that nothing but the photo's content decides."""
    with open(photo, "rb") as file:
        head = file.read(1 << 16)
    return zlib.crc32(head, os.path.getsize(photo)) / 2**32


def _reviewed_people(sample: fo.Sample, fields: Fields, subset: Subset) -> People:
    """The people of a sample, whose photo and dense labels are put into the subset; those not reviewed have a flaw."""
    everybody = read_people(sample, fields)
    reviewed, others = [], []
    for person in everybody.people:
        if person.provenance.state in REVIEWED:
            reviewed.append(person)
        else:
            others.append(replace(person, extra={"flaw": NOT_REVIEWED}))
    photo = Path(sample.filepath)
    link = subset.folder / "images" / f"{sample.id}{photo.suffix}"
    link.symlink_to(photo)
    # Dense labels stand in place of a person's others; who lacks them, or has points, keeps what there is.
    is_dense = [person.charts is not None and person.points is None for person in reviewed]
    if any(is_dense):
        path = subset.folder / "iuv" / f"{sample.id}.png"
        if not cv2.imwrite(str(path), _dense(reviewed, is_dense, everybody.size)):
            raise OSError(f"{path}: cannot be written")
        reviewed = [
            person if dense else replace(person, extra=person.extra | {"dense": False})
            for person, dense in zip(reviewed, is_dense, strict=True)
        ]
    subset.photos += 1
    subset.people += len(reviewed)
    made = [person.provenance for person in reviewed]
    subset.by_humans += sum(one.edited or not one.model for one in made)
    complete = {"complete": False} if others or everybody.possible else {}
    # Without ids, which two files that were imported may both have used.
    people = [replace(person, id=None) for person in reviewed + others]
    return People(everybody.size, people, link.name, extra=everybody.extra | complete)


def _dense(people: list[Person], is_dense: list[bool], size: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) uint16 dense labels, see :mod:`annotator.coco.dense_labels`; 0 also on the people who have none."""
    painted = (
        _with_agreeing_charts(person) if dense else replace(person, parts=None, charts=None, u=None, v=None)
        for person, dense in zip(people, is_dense, strict=True)
    )
    maps = LabelMaps.paint(painted, (0, 0, *size))
    charts = np.where((maps.charts == 0) & (maps.parts > 0), PART_ALONE + maps.parts, maps.charts)
    uv = (np.rint(np.clip(np.nan_to_num(a), 0, 1) * IUV_SCALE) for a in (maps.u, maps.v))
    return np.dstack([charts, *uv]).astype(np.uint16)


def _with_agreeing_charts(person: Person) -> Person:
    """The person without charts where its parts are others: a part that was painted counts."""
    if person.parts is None:
        return person
    return replace(
        person, charts=np.where(CHART_TO_PART[person.charts] == person.parts, person.charts, np.uint8(0))
    )
