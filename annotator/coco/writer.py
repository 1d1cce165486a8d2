"""Write COCO-DensePose files as a stream: memory does not grow with the file."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from annotator.coco.categories import PERSON_CATEGORY, person_category_ids
from annotator.coco.encoding import annotation, image_record
from annotator.coco.parsing import MAX_ID, CocoError
from annotator.coco.polygons import trace
from annotator.coco.surface_points import PointSampling
from annotator.labels.people import People
from annotator.photos.atomic_files import whole_file


class CocoWriter:
    """Writer of a COCO-DensePose file, image by image; the file appears, whole, when the context is left.

    ::

        with CocoWriter("labels.json", sections=read_sections("old.json")) as writer:
            for people in read_coco("old.json"):
                writer.add(people)

    Until then records go to unnamed files in its folder, of which nothing is left after an exception. Given ids are
    kept; images and people without one are numbered from the highest id so far, and where that is the highest possible, by
    the lowest that are free.

    Args:
        path: of the file; one that is there is replaced.
        info: COCO's section of that name; replaces the one of ``sections``.
        sections: all sections of the top level except ``images`` and ``annotations``, as from
            :func:`annotator.coco.reader.read_sections`. :data:`~annotator.coco.categories.PERSON_CATEGORY` is added
            where no category is named person. People get the id of the category that is, unless they have one of
            them already.
        sampling: of the surface points of densely labelled people.
        polygons: write masks as polygons, for tools that read no run lengths; holes are filled.
    """

    def __init__(
        self,
        path: str | Path,
        info: dict[str, Any] | None = None,
        sections: dict[str, Any] | None = None,
        sampling: PointSampling | None = None,
        polygons: bool = False,
    ) -> None:
        self.path, self.polygons = Path(os.path.realpath(path)), polygons
        self.sampling = sampling or PointSampling()
        self.sections = {"info": {}, "licenses": []} if sections is None else dict(sections)
        """Those of the top level, but for images and annotations; they may be changed until the context is left."""
        if info is not None:
            self.sections["info"] = info
        categories = self.sections.get("categories") or []
        self._persons = person_category_ids(categories)
        if not self._persons:
            ids = _Ids("category")
            for category in categories:
                ids.take(category["id"])
            self._persons = [ids.take(None)]
            self.sections["categories"] = [*categories, PERSON_CATEGORY | {"id": self._persons[0]}]

    def __enter__(self) -> CocoWriter:
        self._images, self._annotations = self._part(), self._part()
        self._started: set[IO[str]] = set()
        self._image_ids, self._annotation_ids = _Ids("image"), _Ids("annotation")
        return self

    def add(self, people: People) -> None:
        """Write an image and its people.

        Raises:
            CocoError: an id that was used before, a value that JSON cannot hold, or no ``file_name``.
        """
        self.add_records(*self.encode(people))

    def encode(self, people: People) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The records of an image and its people, for :meth:`add_records`; threads may call it at once."""
        records = [annotation(person, people.size, sampling=self.sampling) for person in people.people]
        if self.polygons:
            for person, record in zip(people.people, records, strict=True):
                if person.mask is not None:
                    record["segmentation"] = trace(person.mask, person.box)
        return image_record(people), records

    def add_records(self, image: dict[str, Any], annotations: Iterable[dict[str, Any]]) -> None:
        """Write an image and its annotations as records; missing ids are given here.

        Args:
            image: as of :func:`~annotator.coco.encoding.image_record`.
            annotations: as of :func:`~annotator.coco.encoding.annotation`.

        Raises:
            CocoError: as :meth:`add`.
        """
        if not image.get("file_name"):
            raise CocoError("file_name: must say where below the images' folder the photo lies")
        image_id = self._image_ids.take(image.get("id"))
        lines = [_line({"id": image_id, **image}, f"image {image_id}")]
        for record in annotations:
            annotation_id = self._annotation_ids.take(record.get("id"))
            ids = {"id": annotation_id, "image_id": image_id}
            if record.get("category_id") not in self._persons:
                ids["category_id"] = self._persons[0]
            lines.append(_line(ids | record | ids, f"annotation {annotation_id}"))
        self._write(self._images, lines[:1])
        self._write(self._annotations, lines[1:])

    def __exit__(self, kind: type | None, *_: object) -> None:
        with self._images, self._annotations:
            if kind is None:
                self._finish()

    def _write(self, part: IO[str], lines: list[str]) -> None:
        for line in lines:
            part.write((",\n" if part in self._started else "\n") + line)
            self._started.add(part)

    def _part(self) -> IO[str]:
        try:
            return tempfile.TemporaryFile("w+", encoding="utf-8", dir=self.path.parent)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from None

    def _finish(self) -> None:
        """Write all to one new file, which then replaces the old one."""
        with whole_file(self.path) as temporary, temporary.open("x", encoding="utf-8") as whole:
            whole.write("{\n")
            for name, value in self.sections.items():
                whole.write(f"{json.dumps(name)}: {_line(value, name)},\n")
            for name, part, end in (
                ("images", self._images, ",\n"),
                ("annotations", self._annotations, "\n}\n"),
            ):
                whole.write(f'"{name}": [')
                part.seek(0)
                shutil.copyfileobj(part, whole, 1 << 20)
                whole.write(f"\n]{end}")


class _Ids:
    """Ids used so far, as bits in pages of 512: a million neighbouring ids take a few hundred kilobytes."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.pages: dict[int, int] = {}
        self.next = 1

    def take(self, given: int | None) -> int:
        """``given``, or the next free one."""
        while given is None and self._is_used(self.next):
            self.next = self.next % MAX_ID + 1
        number = self.next if given is None else given
        if self._is_used(number):
            raise CocoError(
                f"{self.kind} id {number} is used twice; give each {self.kind} its own id, or none"
            )
        self.pages[number >> 9] = self.pages.get(number >> 9, 0) | 1 << (number & 511)
        self.next = max(self.next, min(number + 1, MAX_ID))
        return number

    def _is_used(self, number: int) -> bool:
        return bool(self.pages.get(number >> 9, 0) >> (number & 511) & 1)


def _line(value: object, what: str) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CocoError(f"{what} cannot be written as JSON: {error}") from None
