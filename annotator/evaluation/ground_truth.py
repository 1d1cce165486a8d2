"""Ground truth of an evaluation: what is labelled on each image of a data set, and where nothing is known.

Of the optional fields of :mod:`annotator.coco.extensions` it reads ``complete``, ``flaw``, ``carried`` and
``keypoints_pseudo``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path

import numpy as np

from annotator.coco.box_frame import decode_part_masks
from annotator.coco.dense_labels import IUV_SCALE, DenseLabels, charts_and_parts, read_dense
from annotator.coco.extensions import check_image, check_person, is_complete
from annotator.coco.file_names import shared_photos
from annotator.coco.reader import CocoError, read_coco, read_file_names
from annotator.coco.rle import decode_mask
from annotator.geometry.boxes import Box, crop, expand_box, overlap_slices
from annotator.labels.label_space import CHART_TO_PART, KEYPOINTS
from annotator.labels.people import People, Person

UNKNOWN = 255
"""In maps of parts: a person's pixel whose part is not labelled."""


@dataclass(frozen=True)
class DataSet:
    """An annotation file and the folders that go with it."""

    name: str
    annotations: Path
    images: Path
    iuv: Path
    """Folder of dense labels, see :mod:`annotator.coco.dense_labels`. The folder, and any file in it, may be missing."""


@dataclass(slots=True)
class GroundTruthMaps:
    """The labels of each pixel of an image, arrays (H, W)."""

    valid: np.ndarray
    """bool: it is known whether a person is here; other pixels do not count."""
    person: np.ndarray
    """bool."""
    parts: np.ndarray
    """uint8, 0 for background, 1..14, or :data:`UNKNOWN` on people."""
    charts: np.ndarray
    """uint8, 1..24 where there are dense labels, else 0."""
    u: np.ndarray
    """float32, 0..1, where ``charts`` > 0."""
    v: np.ndarray
    """float32, as ``u``."""

    def only(self, person: Person, window: Box) -> GroundTruthMaps:
        """The maps of a window with this person, who has a mask, alone: all others are background.

        Args:
            person: of the image.
            window: x, y, w, h in image pixels.
        """
        here, there = overlap_slices(window, person.box)
        cut = GroundTruthMaps(*(crop(getattr(self, field.name), window).copy() for field in fields(self)))
        cut.person[:] = False
        cut.person[here] = person.mask[there]
        cut.person &= cut.valid
        cut.charts *= cut.person
        cut.parts[:] = 0
        cut.parts[here][person.mask[there]] = part_labels(person)[there][person.mask[there]]
        cut.parts = np.where(cut.charts > 0, CHART_TO_PART[cut.charts], cut.parts)
        return cut


@dataclass(slots=True)
class GroundTruth:
    """An image of a data set with its labels."""

    source: DataSet
    image: People
    iuv: Path | None
    """The file of its dense labels, if there is one."""

    @property
    def complete(self) -> bool:
        """Whether everybody in the image is labelled."""
        return is_complete(self.image.extra)

    @property
    def photo(self) -> Path:
        return self.source.images / self.image.file_name

    @property
    def people(self) -> list[Person]:
        """All people of the image, with crowds and people with a flaw."""
        return self.image.people

    def unlabelled(self, labelled: Sequence[bool]) -> np.ndarray:
        """(H, W) bool, the pixels that do not count for some kind of label.

        They are those of people without it (their masks or, if they have none, their boxes with a margin), and where
        not everybody is labelled, all that is not around a person with it.

        Args:
            labelled: for each of :attr:`people`, whether it has the labels in question.
        """
        width, height = self.image.size
        unlabelled = np.full((height, width), not self.complete)
        around = [expand_box(person.box, width, height) for person in self.people]
        if not self.complete:
            for counts, window in zip(labelled, around, strict=True):
                if counts:
                    crop(unlabelled, window)[:] = False
        for person, counts, window in zip(self.people, labelled, around, strict=True):
            if not counts and person.mask is None:
                crop(unlabelled, window)[:] = True
            elif not counts:
                crop(unlabelled, person.box)[person.mask] = True
        # Last, so that a labelled person in front of others counts.
        for person, counts in zip(self.people, labelled, strict=True):
            if counts and person.mask is not None:
                crop(unlabelled, person.box)[person.mask] = False
            carried = person.extra.get("carried")
            if carried:
                unlabelled |= decode_mask(carried, self.image.size)
        return unlabelled

    def maps(self) -> GroundTruthMaps:
        """The labels of all people with a mask, painted over each other as in training, the last on top.

        Raises:
            CocoError: dense labels that cannot be used, naming the file.
        """
        shape = self.image.size[::-1]
        labelled = [has_mask(person) for person in self.people]
        valid = ~self.unlabelled(labelled)
        mask, parts = np.zeros(shape, bool), np.zeros(shape, np.uint8)
        for person, counts in zip(self.people, labelled, strict=True):
            if counts:
                crop(mask, person.box)[person.mask] = True
                crop(parts, person.box)[person.mask] = part_labels(person)[person.mask]
        mask &= valid
        charts, alone, u, v = self._dense()
        charts *= mask
        parts = np.where(charts > 0, CHART_TO_PART[charts], np.where(mask & (alone > 0), alone, parts))
        return GroundTruthMaps(valid, mask, parts, charts, u, v)

    def _dense(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(H, W) charts, parts without a chart, U and V of the dense labels; all zero where there are none."""
        shape = self.image.size[::-1]
        if self.iuv is None:
            return *np.zeros((2, *shape), np.uint8), *np.zeros((2, *shape), np.float32)
        dense = read_dense(self.iuv, shape)
        u, v = (dense[..., i].astype(np.float32) / IUV_SCALE for i in (1, 2))
        return *charts_and_parts(dense[..., 0]), u, v


def is_ignored(person: Person) -> bool:
    """Whether a labelled person does not count: a crowd, or somebody with a flaw."""
    return person.crowd or bool(person.extra.get("flaw"))


def has_mask(person: Person) -> bool:
    """Whether a person that counts has a mask."""
    return not is_ignored(person) and person.mask is not None


def has_points(person: Person) -> bool:
    """Whether a person that counts has surface points."""
    return not is_ignored(person) and person.points is not None and len(person.points) > 0


def has_part_masks(person: Person) -> bool:
    """Whether a person that counts has surface points and the part masks that go with them."""
    return has_points(person) and bool(person.extra.get("dp_masks"))


def has_keypoints(person: Person) -> bool:
    """Whether a person that counts has keypoints that humans labelled."""
    return not is_ignored(person) and bool(labelled_keypoints(person).any())


def labelled_keypoints(person: Person) -> np.ndarray:
    """(17,) bool: keypoints that humans labelled, visible or hidden; not those of which a model was unsure."""
    if person.keypoints is None:
        return np.zeros(len(KEYPOINTS), bool)
    pseudo = person.extra.get("keypoints_pseudo") or [0] * len(KEYPOINTS)
    return (person.labelled() > 0) & (np.array(pseudo) == 0)


def area(person: Person) -> float:
    """COCO's ``area`` in pixels; if it is not given, that of the mask or else of the box."""
    given = person.extra.get("area")
    if given:
        return float(given)
    return float(person.box[2] * person.box[3] if person.mask is None else np.count_nonzero(person.mask))


def foreground(person: Person) -> Person:
    """A person whose mask is the union of the ``dp_masks``."""
    parts = decode_part_masks(person.extra["dp_masks"], person.box, tuple(person.extra["bbox"]))
    return Person(person.box, mask=parts > 0)


def part_labels(person: Person) -> np.ndarray:
    """(h, w) uint8 parts in the person's box, :data:`UNKNOWN` where none is labelled."""
    if person.parts is None:
        return np.full((person.box[3], person.box[2]), UNKNOWN, np.uint8)
    return np.where(person.parts > 0, person.parts, np.uint8(UNKNOWN))


def find_data_sets(data: list[Path], images: list[Path] | None = None) -> list[DataSet]:
    """The data sets at paths given by a user, each with a name of its own.

    Args:
        data: folders with ``annotations.json``, ``images/`` and perhaps ``iuv/``, or COCO-DensePose files with these
            folders beside them.
        images: folder of the photos for each of ``data``; default: ``images/``.

    Raises:
        CocoError: a file or folder is missing, naming it; or there are not as many ``images`` as ``data``.
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
    """The ground truth of each image, in the order of the file, of at most ``limit`` images.

    Raises:
        CocoError: a missing or malformed field or a photo of two images, naming file, record and field.
    """
    for image_id, reason in shared_photos(read_file_names(source.annotations), source.images).items():
        raise CocoError(f"{source.annotations}: image {image_id}: file_name: {reason}")
    dense = DenseLabels(source.iuv)
    for image in islice(read_coco(source.annotations), limit):
        where = f"image {image.id}"
        try:
            check_image(image.extra)
            ground_truth = GroundTruth(source, image, dense.of(Path(image.file_name)))
            for person in image.people:
                where = f"annotation {person.id}"
                check_person(person.extra, image.size)
        except (ValueError, OSError) as error:
            raise CocoError(f"{source.annotations}: {where}: {error}") from None
        yield ground_truth


def check_data_set(source: DataSet, limit: int | None = None) -> int:
    """Read everything once, so that an evaluation cannot fail half-way; returns the number of images.

    Raises:
        CocoError: as of :func:`read_ground_truth` and :meth:`GroundTruth.maps`, and if there are no images.
    """
    count = 0
    for ground_truth in read_ground_truth(source, limit):
        ground_truth._dense()
        count += 1
    if not count:
        raise CocoError(f"{source.annotations}: images: there are none")
    return count
