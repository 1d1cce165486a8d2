"""What the writers of other tools' formats have in common."""

from __future__ import annotations

import os
import shutil
from abc import ABC, abstractmethod
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from secrets import token_hex
from typing import IO, ClassVar

from annotator.formats.values import FormatError
from annotator.labels.people import People, Person
from annotator.photos.atomic_files import whole_file

KINDS = {
    "mask": "masks",
    "keypoints": "keypoints",
    "parts": "parts",
    "charts": "charts, U and V",
    "points": "surface points",
    "review": "review states and comments",
}
"""What a person can have and a format may lack, in words."""


class Writer(ABC):
    """A writer of labels, image by image; they appear, whole, when the context is left.

    Args:
        path: of the file or folder to write.
        images_dir: the folder that ``file_name`` of each image is relative to.
    """

    holds: ClassVar[frozenset[str]]
    """Of :data:`KINDS`, what the format can hold."""
    mask_iou: ClassVar[float] = 1.0
    """IoU with themselves that masks have, at least, after they were written and read."""

    keypoints_outside: ClassVar[bool] = True
    """Whether it can hold keypoints outside of the photo."""

    def __init__(self, path: str | Path, images_dir: str | Path = "") -> None:
        self.path, self.images_dir = Path(os.path.realpath(path)), Path(images_dir).absolute()
        self.lost: Counter[str] = Counter()
        """Of how many people something was left out, in the words of :data:`KINDS` or the writer's own."""
        self._stack = ExitStack()

    def add(self, people: People) -> None:
        """Write an image and its people.

        Raises:
            FormatError: they cannot be written; nothing of the image is.
        """
        self._write(people)
        for person in people.people:
            self.lost.update(
                words for kind, words in KINDS.items() if kind not in self.holds and _has(person, kind)
            )

    @abstractmethod
    def _write(self, people: People) -> None: ...

    def __exit__(self, kind: type | None, *error: object) -> None:
        if kind is not None:
            self._stack.__exit__(kind, *error)
            return
        with self._stack:
            self._finish()

    @abstractmethod
    def _finish(self) -> None:
        """What comes last."""


class FileWriter(Writer):
    """A writer of one text file, ``self.file`` while the context is open."""

    file: IO[str]

    def __enter__(self) -> FileWriter:
        temporary = self._stack.enter_context(whole_file(self.path))
        self.file = self._stack.enter_context(temporary.open("x", encoding="utf-8"))
        self._start()
        return self

    def _start(self) -> None:
        """What comes first."""


class FolderWriter(Writer):
    """A writer of a folder of files, ``self.folder`` while the context is open.

    Raises:
        FormatError: when the context is entered: there is something at ``path`` already, other than an empty folder.
        FileNotFoundError: there is no folder for it.
    """

    folder: Path

    def __enter__(self) -> FolderWriter:
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise FormatError(
                f"{self.path}: is there already: choose a new folder, as nothing in it is replaced"
            )
        if not self.path.parent.is_dir():
            raise FileNotFoundError(f"{self.path.parent}: no such folder")
        self.folder = self.path.with_name(f".{self.path.name}.{token_hex(4)}")
        self.folder.mkdir()
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        return self

    def _finish(self) -> None:
        os.replace(self.folder, self.path)

    def _new_file(self, name: Path) -> Path:
        """The place of a file of an image, below the folder.

        Raises:
            FormatError: another image's file has this place.
        """
        path = self.folder / name
        if path.exists():
            raise FormatError(
                f"file_name: another photo of this name, with another ending, has the label file {name} already: "
                "give photos different names"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def _has(person: Person, kind: str) -> bool:
    if kind == "review":
        return person.provenance.state != "predicted" or bool(person.provenance.comment)
    if kind == "points":
        return person.points is not None or person.corrections is not None
    if kind == "keypoints":
        return bool(person.labelled().any())
    labels = getattr(person, kind)
    return labels is not None and bool(labels.any())
