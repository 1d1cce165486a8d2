"""The maps of the surface of a sample's people: charts, U and V, which are files (:mod:`annotator.dataset.map_files`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from annotator.dataset.fields import Fields
from annotator.dataset.label_checks import LabelError
from annotator.dataset.map_files import SurfaceMaps
from annotator.dataset.person_labels import Labels, read_person
from annotator.geometry.boxes import crop
from annotator.labels.people import Person

if TYPE_CHECKING:
    import fiftyone as fo


def load_maps(
    sample: fo.Sample, fields: Fields, found: list[Labels], size: tuple[int, int]
) -> SurfaceMaps | None:
    """The maps of a sample, ``None`` if it has none.

    Raises:
        FileNotFoundError: one of them is missing or no image.
        LabelError: they are not as this package writes them, or not of ``size``.
    """
    charts, u, v = sample[fields.charts], sample[fields.u], sample[fields.v]
    if charts is None or u is None or v is None:
        return None
    maps = SurfaceMaps.load(Path(charts.mask_path), Path(u.map_path), Path(v.map_path))
    _check_maps(maps, size, {fields.charts: charts.mask_path, fields.u: u.map_path, fields.v: v.map_path})
    if not maps.owners.any():
        people = [read_person(labels, size) for labels in found]
        _own_by_masks(maps, people, [labels.person.index or 0 for labels in found])
    return maps


def maps_or_blank(
    sample: fo.Sample, fields: Fields, found: list[Labels], size: tuple[int, int]
) -> SurfaceMaps:
    """The maps of a sample; blank ones if it has none."""
    maps = load_maps(sample, fields, found, size)
    return SurfaceMaps.blank(size) if maps is None else maps


def read_surface(person: Person, labels: Labels, maps: SurfaceMaps) -> None:
    """Give a person the charts, U and V of the maps, if it has any there."""
    if "charts" not in ((labels.record or {}).get("known") or ()):
        return
    person.charts, person.u, person.v = maps.read(person.box, labels.person.index or 0)
    if person.mask is not None:
        person.charts = np.where(person.mask, person.charts, np.uint8(0))
    if not person.charts.any():
        # The person was moved by hand to where the maps have nothing of it.
        person.charts = person.u = person.v = None


def same_surface(a: Person | None, b: Person | None) -> bool:
    """Whether the maps of the surface need no change; the mask counts, as it says which pixels of them are the person's."""
    if a is None or b is None:
        return (a or b) is None or (a or b).charts is None
    if a.charts is None or b.charts is None:
        return a.charts is b.charts
    pairs = [(getattr(a, name), getattr(b, name)) for name in ("mask", "charts", "u", "v")]
    return a.box == b.box and all(x is y or np.array_equal(x, y) for x, y in pairs)


def set_maps(sample: fo.Sample, maps: SurfaceMaps, fields: Fields, folder: Path) -> None:
    """Write the maps to files and these to the sample, which is not saved."""
    import fiftyone as fo

    if not maps.owners.any():
        sample[fields.charts] = sample[fields.u] = sample[fields.v] = None
        return
    # Of millions of files few are in one folder: ids that were made one after the other end differently.
    paths = {name: str(path) for name, path in maps.save(folder / sample.id[-2:], sample.id).items()}
    sample[fields.charts] = fo.Segmentation(mask_path=paths["charts"])
    # Without a range: the App shows the high byte of 16 bits and takes it as 0..255.
    sample[fields.u] = fo.Heatmap(map_path=paths["u"])
    sample[fields.v] = fo.Heatmap(map_path=paths["v"])


def _check_maps(maps: SurfaceMaps, size: tuple[int, int], paths: Mapping[str, str]) -> None:
    """
    Raises:
        LabelError: maps, in the files of the fields in ``paths``, are not those of a photo of this size.
    """
    arrays = (maps.charts, maps.u, maps.v)
    for (name, path), array, kind in zip(
        paths.items(), arrays, (np.uint8, np.uint16, np.uint16), strict=True
    ):
        if array.shape != size[::-1] or array.dtype != kind:
            raise LabelError(
                f"{name}: {path} is no map of {size[0]} × {size[1]} pixels of {kind.__name__}, but of the shape "
                f"{array.shape} and {array.dtype}: bring the map back, or delete the value"
            )
    if maps.owners.shape != size[::-1]:
        maps.owners = np.zeros(size[::-1], np.uint16)


def _own_by_masks(maps: SurfaceMaps, people: list[Person], indices: list[int]) -> None:
    """Fill in the owners, which a dataset that was moved does not have: the person with the best score is on top."""
    for person, index in sorted(zip(people, indices, strict=True), key=lambda pair: pair[0].score):
        own = crop(maps.charts, person.box) > 0
        if person.mask is not None:
            own &= person.mask
        crop(maps.owners, person.box)[own] = index
