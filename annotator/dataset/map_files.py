"""Charts, U and V of an image's people as PNG files of the image's size.

A pixel belongs to one person only, and the map ``owners`` says to which. Files are named by a digest of their content:
one that exists is never changed, for another dataset, such as a clone, may refer to it.
"""

from __future__ import annotations

import hashlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np

from annotator.geometry.boxes import Box, crop
from annotator.labels.people import Person
from annotator.photos.atomic_files import make_folder, sync_folder, whole_file

UV_SCALE = 65534
"""U and V of 0..1 are stored as 1..65535; 0 is background, which the App leaves transparent."""
_DECODED = ((np.maximum(np.arange(2**16, dtype=np.uint16), 1) - np.float32(1)) / UV_SCALE).astype(np.float16)
"""U or V by the stored value: a table is faster than a division."""
_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]
if hasattr(cv2, "IMWRITE_PNG_FILTER"):
    # OpenCV before 4.12 tries all filters: files of the same size, in twice the time.
    _PNG += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP]

_FILE_NAME = re.compile(r".+-[0-9a-f]{16}-(owners|charts|u|v)\.png")


@dataclass(slots=True)
class SurfaceMaps:
    """Four maps of an image, each (H, W)."""

    owners: np.ndarray
    """uint16, index of the person that a pixel belongs to, from 1; 0 for none."""
    charts: np.ndarray
    """uint8, 0..24."""
    u: np.ndarray
    """uint16, 1 + :data:`UV_SCALE` * U; 0 for background."""
    v: np.ndarray
    """uint16, as ``u``."""

    @classmethod
    def blank(cls, size: tuple[int, int]) -> SurfaceMaps:
        """Maps for an image of ``size`` (width, height)."""
        shape = size[::-1]
        return cls(*(np.zeros(shape, kind) for kind in (np.uint16, np.uint8, np.uint16, np.uint16)))

    def keep(self, indices: list[int]) -> None:
        """Remove all people but those of these indices."""
        others = ~np.isin(self.owners, indices)
        for field in fields(self):
            getattr(self, field.name)[others] = 0

    def paint(self, person: Person, index: int) -> None:
        """Add a person on pixels that nobody owns yet: paint people in front first."""
        if person.charts is None or person.u is None or person.v is None:
            return
        free = (crop(self.owners, person.box) == 0) & (person.charts > 0)
        crop(self.owners, person.box)[free] = index
        crop(self.charts, person.box)[free] = person.charts[free]
        crop(self.u, person.box)[free] = _encode(person.u[free])
        crop(self.v, person.box)[free] = _encode(person.v[free])

    def read(self, box: Box, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(h, w) charts, U and V of a person within a box."""
        own = crop(self.owners, box) == index
        charts, u, v = (np.zeros(own.shape, kind) for kind in (np.uint8, np.float16, np.float16))
        charts[own] = crop(self.charts, box)[own]
        u[own], v[own] = (_DECODED[crop(values, box)[own]] for values in (self.u, self.v))
        return charts, u, v

    def save(self, folder: Path, name: str) -> dict[str, Path]:
        """Write ``<folder>/<name>-<digest of the content>-<map>.png``; returns the paths by the names of the maps.

        They are on the disk then, whatever happens to the machine: a label that refers to them may be saved.
        """
        digest = hashlib.sha256()
        for field in fields(self):
            digest.update(np.ascontiguousarray(getattr(self, field.name)))
        make_folder(folder)
        stem = f"{name}-{digest.hexdigest()[:16]}"
        paths = {field.name: folder / f"{stem}-{field.name}.png" for field in fields(self)}
        with ThreadPoolExecutor(len(paths)) as pool:
            # A list, so that errors are raised here.
            list(pool.map(lambda name: _provide_png(paths[name], getattr(self, name)), paths))
        sync_folder(folder)  # once for all four, also for those that somebody else has just written
        return paths

    @classmethod
    def load(cls, charts: Path, u: Path, v: Path) -> SurfaceMaps:
        """Read the maps of an image.

        Args:
            charts, u, v: paths of three of them; the owners' file lies beside that of the charts. If it is missing,
                no pixel has an owner.

        Raises:
            FileNotFoundError: one of the three is missing or not an image.
        """
        owners = charts.with_name(charts.name.removesuffix("charts.png") + "owners.png")
        paths = [charts, u, v] + ([owners] if owners.exists() else [])
        with ThreadPoolExecutor(len(paths)) as pool:
            found = list(pool.map(_read_png, paths))
        return cls(found[3] if len(found) == 4 else np.zeros(found[0].shape, np.uint16), *found[:3])


def is_map_file(path: Path) -> bool:
    """Whether a file is named as by :meth:`SurfaceMaps.save`."""
    return _FILE_NAME.fullmatch(path.name) is not None


def _encode(values: np.ndarray) -> np.ndarray:
    values = np.clip(np.nan_to_num(values.astype(np.float32)), 0, 1)
    return (1 + np.round(values * UV_SCALE)).astype(np.uint16)


def _provide_png(path: Path, array: np.ndarray) -> None:
    """Write a file that is named by its content. One that exists is touched instead: tidying spares recent files."""
    try:
        os.utime(path)
    except FileNotFoundError:
        _write_png(path, array)


def _write_png(path: Path, array: np.ndarray) -> None:
    done, data = cv2.imencode(".png", array, _PNG)
    if not done:
        raise OSError(f"{path}: cannot be encoded as PNG")
    with whole_file(path, sync_name=False) as temporary:
        temporary.write_bytes(data)


def _read_png(path: Path) -> np.ndarray:
    array = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if array is None:
        raise FileNotFoundError(f"{path}: missing or not an image; it holds a map of the body surface")
    return array
