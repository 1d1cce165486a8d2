"""Labelled data to measure against: what is known of each image, and where nothing is.

Of the optional fields of :mod:`annotator.coco.extensions` it reads ``complete``, ``flaw``, ``carried`` and
``keypoints_pseudo``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from annotator.coco.box_frame import decode_part_masks
from annotator.coco.extensions import check_image, check_person, is_complete
from annotator.coco.reader import CocoError, read_coco
from annotator.coco.rle import decode_mask
from annotator.geometry.boxes import Box, shared_slices, surroundings, within
from annotator.labels.label_space import CHART_TO_PART, KEYPOINTS, PARTS
from annotator.labels.people import People, Person

UNKNOWN = 255
"""Part of a person's pixel that carries no part label."""
IUV_SCALE = 65535
PART_ALONE = len(CHART_TO_PART) - 1
"""Dense labels say this plus a part where the part is known and the chart is not."""


@dataclass(frozen=True)
class DataSet:
    """An annotation file and the folders that go with it."""

    name: str
    annotations: Path
    images: Path
    iuv: Path
    """Dense labels, ``<image stem>.png``: 16 bit, channels chart (or :data:`PART_ALONE` + part), U · 65535, V · 65535
    in the order that OpenCV reads them. The folder, and any file in it, may be missing."""


@dataclass(slots=True)
class TrueMaps:
    """What is known of each pixel of an image, arrays (H, W)."""

    counted: np.ndarray
    """bool: it is known whether a person is here."""
    person: np.ndarray
    """bool."""
    parts: np.ndarray
    """uint8: 0 background, 1..14, or :data:`UNKNOWN` on people."""
    charts: np.ndarray
    """uint8: 1..24 where there are dense labels, else 0."""
    u: np.ndarray
    """float32, 0..1, where ``charts`` > 0."""
    v: np.ndarray
    """float32, as ``u``."""

    def only(self, person: Person, window: Box) -> TrueMaps:
        """The maps of a window as if this person, which has a mask, were alone: others are background."""
        here, there = shared_slices(window, person.box)
        cut = TrueMaps(*(within(getattr(self, field.name), window).copy() for field in fields(self)))
        cut.person[:] = False
        cut.person[here] = person.mask[there]
        cut.person &= cut.counted
        cut.charts *= cut.person
        cut.parts[:] = 0
        cut.parts[here][person.mask[there]] = part_labels(person)[there][person.mask[there]]
        cut.parts = np.where(cut.charts > 0, CHART_TO_PART[cut.charts], cut.parts)
        return cut


@dataclass(slots=True)
class GroundTruth:
    """An image of a data set and what is labelled on it."""

    source: DataSet
    image: People
    iuv: Path | None
    """Its dense labels, if there are any."""

    @property
    def complete(self) -> bool:
        """Whether all people are labelled."""
        return is_complete(self.image.extra)

    @property
    def photo(self) -> Path:
        return self.source.images / self.image.file_name

    @property
    def people(self) -> list[Person]:
        """All of the image, crowds and people with a flaw included."""
        return self.image.people

    def unlabelled(self, needed: Sequence[bool]) -> np.ndarray:
        """(H, W) bool: where it is not known whether there is a person, and if so, who.

        Args:
            needed: of each of :attr:`people`, whether it has the labels that count. The others are unknown:
                their masks or, where they have none, their boxes with a margin.
        """
        width, height = self.image.size
        unknown = np.full((height, width), not self.complete)
        around = [surroundings(person.box, width, height) for person in self.people]
        if not self.complete:
            for counts, window in zip(needed, around, strict=True):
                if counts:
                    within(unknown, window)[:] = False
        for person, counts, window in zip(self.people, needed, around, strict=True):
            if not counts and person.mask is None:
                within(unknown, window)[:] = True
            elif not counts:
                within(unknown, person.box)[person.mask] = True
        # Last, so that a known person in front of others counts.
        for person, counts in zip(self.people, needed, strict=True):
            if counts and person.mask is not None:
                within(unknown, person.box)[person.mask] = False
            carried = person.extra.get("carried")
            if carried:
                unknown |= decode_mask(carried, self.image.size)
        return unknown

    def maps(self) -> TrueMaps:
        """All labels of the people with a mask, painted over each other as in training, the last on top.

        Raises:
            CocoError: dense labels that cannot be used, naming the file.
        """
        shape = self.image.size[::-1]
        known = [has_mask(person) for person in self.people]
        counted = ~self.unlabelled(known)
        mask, parts = np.zeros(shape, bool), np.zeros(shape, np.uint8)
        for person, counts in zip(self.people, known, strict=True):
            if counts:
                within(mask, person.box)[person.mask] = True
                within(parts, person.box)[person.mask] = part_labels(person)[person.mask]
        mask &= counted
        charts, alone, u, v = self._dense()
        charts *= mask
        parts = np.where(charts > 0, CHART_TO_PART[charts], np.where(mask & (alone > 0), alone, parts))
        return TrueMaps(counted, mask, parts, charts, u, v)

    def _dense(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(H, W) charts, parts without a chart, U and V of the dense labels; all zero where there are none."""
        shape = self.image.size[::-1]
        if self.iuv is None:
            return *np.zeros((2, *shape), np.uint8), *np.zeros((2, *shape), np.float32)
        dense = read_dense(self.iuv, shape)
        u, v = (dense[..., i].astype(np.float32) / IUV_SCALE for i in (1, 2))
        return *charts_and_parts(dense[..., 0]), u, v


class DenseLabels:
    """The folder of a data set's dense labels, see :attr:`DataSet.iuv`: whose is which."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._photos: dict[Path, Path] = {}

    def of(self, photo: Path) -> Path | None:
        """The dense labels of a photo, by its ``file_name``; ``None`` if it has none.

        Raises:
            ValueError: another photo, which was asked for before, has the same.
        """
        path = self.folder / f"{photo.stem}.png"
        if not path.is_file():
            return None
        if (other := self._photos.setdefault(path, photo)) != photo:
            raise ValueError(f"file_name: {path} is the dense label of {other}: give photos different names")
        return path


def read_dense(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) uint16 of dense labels for an image of ``shape``, see :attr:`DataSet.iuv`.

    Raises:
        CocoError: they cannot be used; names the file.
    """
    dense = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if dense is None or dense.dtype != np.uint16 or dense.shape != (*shape, 3):
        raise CocoError(f"{path}: must be a 16-bit PNG with 3 channels, {shape[1]} × {shape[0]} pixels")
    most = dense[..., 0].max(initial=0)
    if most >= PART_ALONE + len(PARTS):
        raise CocoError(f"{path}: channel 0: {most} is not a chart 0..24, or 24 + a part 1..14")
    return dense


def charts_and_parts(channel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """uint8 charts, and parts where they alone are known, of the first channel of dense labels."""
    is_part = channel > PART_ALONE
    charts = np.where(is_part, 0, channel).astype(np.uint8)
    return charts, np.where(is_part, channel - PART_ALONE, 0).astype(np.uint8)


def usable(person: Person) -> bool:
    """Whether it is one person, without a flaw."""
    return not person.crowd and not person.extra.get("flaw")


def has_mask(person: Person) -> bool:
    return usable(person) and person.mask is not None


def has_points(person: Person) -> bool:
    """Whether it has surface points."""
    return usable(person) and person.points is not None and len(person.points) > 0


def has_part_masks(person: Person) -> bool:
    """Whether it has the part masks that go with its surface points."""
    return has_points(person) and bool(person.extra.get("dp_masks"))


def has_keypoints(person: Person) -> bool:
    return usable(person) and bool(labelled_keypoints(person).any())


def labelled_keypoints(person: Person) -> np.ndarray:
    """(17,) bool: keypoints that people labelled, hidden ones included."""
    if person.keypoints is None:
        return np.zeros(len(KEYPOINTS), bool)
    teacher = person.extra.get("keypoints_pseudo") or [0] * len(KEYPOINTS)
    return (person.visibility > 0) & (np.array(teacher) == 0)


def area(person: Person) -> float:
    """COCO's ``area`` in pixels, else that of the mask, else of the box."""
    given = person.extra.get("area")
    if given:
        return float(given)
    return float(person.box[2] * person.box[3] if person.mask is None else np.count_nonzero(person.mask))


def foreground(person: Person) -> Person:
    """The person with the union of its ``dp_masks`` in place of its mask."""
    parts = decode_part_masks(person.extra["dp_masks"], person.box, tuple(person.extra["bbox"]))
    return Person(person.box, mask=parts > 0)


def part_labels(person: Person) -> np.ndarray:
    """(h, w) uint8 of the box: the person's parts, :data:`UNKNOWN` where it has none."""
    if person.parts is None:
        return np.full((person.box[3], person.box[2]), UNKNOWN, np.uint8)
    return np.where(person.parts > 0, person.parts, np.uint8(UNKNOWN))


def find_data_sets(data: list[Path], images: list[Path] | None = None) -> list[DataSet]:
    """The data sets at paths that a user gave, under names of their own.

    Args:
        data: each a folder with ``annotations.json``, ``images/`` and perhaps ``iuv/``, or a COCO-DensePose
            file with these folders beside it.
        images: the photo folder of each of ``data``, where it is not that one.

    Raises:
        CocoError: a file or folder that is not there, naming it; not as many ``images`` as ``data``.
    """
    if images and len(images) != len(data):
        raise CocoError(f"{len(data)} --data but {len(images)} --images: give it for each or for none")
    sets: list[DataSet] = []
    for index, path in enumerate(data):
        file = path / "annotations.json" if path.is_dir() else path
        if not file.is_file():
            raise CocoError(f"{file}: no such annotation file")
        photos = images[index] if images else file.parent / "images"
        if not photos.is_dir():
            raise CocoError(f"{photos}: no such folder, where the photos of {file} should be")
        name = file.resolve().parent.name if file.stem == "annotations" else file.stem
        taken = {other.name for other in sets}
        unique = next(n for n in (name, *(f"{name}-{i}" for i in range(2, len(sets) + 3))) if n not in taken)
        sets.append(DataSet(unique, file, photos, file.parent / "iuv"))
    return sets


def read_ground_truth(source: DataSet, limit: int | None = None) -> Iterator[GroundTruth]:
    """What is labelled on each image, in the order of the file, at most ``limit`` images.

    Raises:
        CocoError: a missing or malformed field, naming file, record and field.
    """
    dense = DenseLabels(source.iuv)
    for image in islice(read_coco(source.annotations), limit):
        where = f"image {image.id}"
        try:
            check_image(image.extra)
            ground_truth = GroundTruth(source, image, dense.of(Path(image.file_name)))
            for person in image.people:
                where = f"annotation {person.id}"
                check_person(person.extra, image.size)
        except ValueError as error:
            raise CocoError(f"{source.annotations}: {where}: {error}") from None
        yield ground_truth


def check_data_set(source: DataSet, limit: int | None = None) -> int:
    """Read all that :func:`read_ground_truth` and :meth:`GroundTruth.maps` would, and count the images.

    Raises:
        CocoError: as these, and for no images at all.
    """
    count = 0
    for ground_truth in read_ground_truth(source, limit):
        ground_truth._dense()
        count += 1
    if not count:
        raise CocoError(f"{source.annotations}: images: there are none")
    return count
