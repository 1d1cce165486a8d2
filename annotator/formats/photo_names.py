"""The photos that label files of other tools speak of: paths as another machine or program has them."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path, PurePosixPath

from annotator.formats.values import FormatError
from annotator.photos.finding import find_photos
from annotator.photos.reading import PhotoError, photo_size


class Photos:
    """The photos below a folder."""

    def __init__(self, images_dir: str | Path) -> None:
        self.images_dir = Path(images_dir)

    def find(self, name: str) -> str | None:
        """The path, relative to the folder and with ``/``, of the photo that a file calls ``name``; ``None`` if there is none.

        That is ``name`` itself, or, as programs write paths from where they ran, its longest end that is a photo here.
        """
        parts = PurePosixPath(name.replace("\\", "/")).parts
        inside = [part for part in parts if part not in ("..", "/")]
        for start in range(len(inside)):
            tail = "/".join(inside[start:])
            if os.path.isfile(self.images_dir / tail):
                return tail
        return None

    def find_name(self, name: str) -> str | None:
        """The path, as :meth:`find` gives it, of the only photo that has a name without folders; ``None`` if there are more."""
        found = self._by_name.get(name, ())
        return found[0] if len(found) == 1 else None

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        paths: dict[str, list[str]] = {}
        for path in find_photos(self.images_dir):
            paths.setdefault(path.name, []).append(path.relative_to(self.images_dir).as_posix())
        return paths

    def size(self, name: str) -> tuple[int, int]:
        """Width and height of a photo in pixels.

        Raises:
            FormatError: it cannot be read.
        """
        try:
            return photo_size(self.images_dir / name)
        except PhotoError as error:
            raise FormatError(str(error)) from None


def safe_name(name: str) -> PurePosixPath:
    """A photo's ``file_name``, to be written to as a path below another folder.

    Raises:
        FormatError: it leads out of that folder.
    """
    path = PurePosixPath(os.path.normpath(name))
    if not name or path.is_absolute() or ".." in path.parts or "\0" in name:
        raise FormatError(
            f"file_name: {name!r} lies outside the photos' folder: choose a folder with all photos in it"
        )
    return path
