"""People to and from the fields of a FiftyOne sample, and which of them a human has touched.

The sample's ``<prefix>_source`` field remembers, by the id of each person's label, a digest of what was
written, and what FiftyOne's labels cannot hold (the source annotation with its unknown fields, points)::

    {"size": [width, height], "file_name": …, "extra": …, "edits": [names of the last ones],
     "nobody": {"author": …, "time": …} of whoever has seen that nobody is there,
     "people": {label id: {"digest": …, "box": …, "known": […], "extra": …, "points": …, "added": …}}}

A person that is there but not as written was edited, one that was never written was added, and one that was
written but is not there was deleted, whatever tool did it; unless an edit had ``added`` it, so that by its
going, the image only is as the model left it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.dataset.fields import Fields
from annotator.dataset.map_files import SurfaceMaps
from annotator.dataset.person_labels import (
    Labels,
    attribute,
    instance_id,
    pixel_box,
    read_person,
    write_person,
)
from annotator.geometry.boxes import Box, box_iou, common_area, shared_slices, within
from annotator.labels.people import People, Person
from annotator.labels.quality import overall
from annotator.photos.reading import PhotoError, photo_size

if TYPE_CHECKING:
    import fiftyone as fo

OVERLAP = 0.5
"""A new person is one who was kept if they share more than this of the smaller of their masks, or, where one
has no mask or is a crowd, if the intersection of their boxes is more than this of the union."""
DECIDED = ("approved", "rejected")
"""States in which a person's issues no longer count."""


@dataclass(frozen=True)
class Replaced:
    """What :func:`replace_predictions` did: numbers of people."""

    added: int
    kept: int
    dropped: int
    """New people who are people that were kept, or that a human deleted."""


def find_labels(sample: fo.Sample, fields: Fields) -> tuple[list[Labels], list[fo.Label]]:
    """The people of a sample, and the parts and keypoints that belong to none of them.

    Parts and keypoints belong to the person of their ``Instance``; a part without one, as the App's own tools
    make them, to the person whose box overlaps it most.
    """
    records = (sample[fields.source] or {}).get("people", {})
    people = [Labels(d, record=records.get(d.id)) for d in _labels(sample, fields.people)]
    by_instance = {instance_id(labels.person): labels for labels in people if instance_id(labels.person)}
    strays: list[fo.Label] = []
    for part in _labels(sample, fields.parts):
        if instance_id(part):
            owner = by_instance.get(instance_id(part))
        else:
            box = part.bounding_box
            owner = max(people, key=lambda labels: common_area(labels.person.bounding_box, box), default=None)
            if owner is not None and not common_area(owner.person.bounding_box, box):
                owner = None
        (owner.parts if owner else strays).append(part)
    for keypoints in _labels(sample, fields.keypoints):
        owner = by_instance.get(instance_id(keypoints))
        if owner and owner.keypoints is None:
            owner.keypoints = keypoints
        else:
            strays.append(keypoints)
    return people, strays


def read_people(sample: fo.Sample, fields: Fields) -> People | None:
    """The people of a sample as they are now, ``None`` if it was never annotated.

    Boxes that were moved by hand are rounded outwards to whole pixels.

    Raises:
        FileNotFoundError: a map of the surface is missing.
        PhotoError: the photo's size is known from nothing else, and it cannot be read.
    """
    if sample[fields.people] is None:
        return None
    source = sample[fields.source] or {}
    size = _size(sample, source)
    found, _ = find_labels(sample, fields)
    # Threads, because most of it is unpacking images, outside the interpreter's lock.
    with ThreadPoolExecutor() as pool:
        loading = pool.submit(_load_maps, sample, fields, found, size)
        people = [read_person(labels, size) for labels in found]
        if (maps := loading.result()) is not None:
            list(pool.map(_read_surface, people, found, repeat(maps)))
    return People(
        size=size,
        people=people,
        file_name=source.get("file_name", ""),
        id=sample[fields.image_id],
        extra=json.loads(source.get("extra", "{}")),
    )


def _read_surface(person: Person, labels: Labels, maps: SurfaceMaps) -> None:
    """Give a person charts, U and V, where they are known."""
    if "charts" not in (labels.record or {}).get("known", ()):
        return
    person.charts, person.u, person.v = maps.read(person.box, labels.person.index or 0)
    if person.mask is not None:
        person.charts = np.where(person.mask, person.charts, np.uint8(0))
    if not person.charts.any():
        # The person was moved by hand to where nothing is known of the surface.
        person.charts = person.u = person.v = None


def replace_predictions(sample: fo.Sample, people: People, fields: Fields, folder: Path) -> Replaced:
    """Put people in the place of a sample's untouched predictions; the sample is not saved.

    People who are kept (:attr:`Labels.is_kept`) stay exactly as they are. New people who are one of them are
    dropped, and new predictions of one whom a human deleted (:data:`OVERLAP`), unless they are rather of one
    whose place they take.

    Args:
        sample: of a dataset with the fields (:func:`annotator.dataset.fields.declare_fields`).
        people: of the whole image.
        folder: for the maps of the surface.
    """

    found, strays = find_labels(sample, fields)
    kept = [labels for labels in found if labels.is_kept]
    source = sample[fields.source] or {} if sample[fields.people] is not None else {}
    present = {labels.person.id for labels in found}
    records = source.get("people", {})
    deleted = {k: r for k, r in records.items() if k not in present and not r.get("added")}
    kept_people = [read_person(labels, people.size) for labels in kept]
    gone = [pixel_box(record["box"], people.size) for record in deleted.values()]
    replaced = [pixel_box(labels.person.bounding_box, people.size) for labels in found if not labels.is_kept]
    new = [
        person
        for person in sorted(people.people, key=lambda p: -p.score)
        if not any(_is_same(person, other) for other in kept_people)
        and not (_is_prediction(person) and _is_rather(person.box, gone, replaced))
    ]

    maps = _maps_of_size(sample, fields, found, people.size) if kept else SurfaceMaps.blank(people.size)
    maps.keep([labels.person.index for labels in kept if labels.person.index])
    free = _free_indices(kept)
    added = [write_person(person, next(free), people.size) for person in new]
    for labels, person in zip(added, new, strict=True):
        maps.paint(person, labels.person.index)

    for labels in kept:
        if labels.state != "predicted":
            labels.person["review"] = labels.state
    labelled = kept + added
    _set_labels(sample, labelled, strays, fields)
    _set_maps(sample, maps, fields, folder)
    sample[fields.image_id] = people.id if people.id is not None else sample[fields.image_id]
    sample[fields.failure] = None
    written = {labels.person.id: labels.record for labels in labelled if labels.record}
    sample[fields.source] = {
        "edits": source.get("edits", []),
        "nobody": source.get("nobody"),
        "size": list(people.size),
        "file_name": people.file_name or source.get("file_name", ""),
        "extra": json.dumps(people.extra) if people.extra else source.get("extra", "{}"),
        "people": deleted | written,
    }
    return Replaced(added=len(added), kept=len(kept), dropped=len(people.people) - len(new))


def change_people(
    sample: fo.Sample,
    before: Mapping[str, Person],
    changes: Mapping[str, Person | None],
    fields: Fields,
    folder: Path,
    gone: Mapping[str, Labels] | None = None,
) -> dict[str, Person]:
    """Write people that were edited, by the id of each one's label; the sample is not saved.

    Args:
        sample: with people.
        before: all people as :func:`read_people` gave them.
        changes: what they are now, None for those who are gone; an unknown id is that of a new person.
        folder: for the maps of the surface.
        gone: labels, as they were, of people who are put back: what :func:`write_person` does not know of those
            that are not there now comes back, too, and so do their numbers and their places among the others.

    Returns:
        Of those who were edited and are there, and of others who have won or lost a part that has no
        ``Instance``, what :func:`read_people` would give now.
    """
    source = sample[fields.source] or {}
    size = _size(sample, source)
    found, strays = find_labels(sample, fields)
    redrawn = [key for key in changes if not _same_surface(before.get(key), changes[key])]
    maps = _maps_of_size(sample, fields, found, size) if redrawn else None
    kept = {labels.person.id: labels for labels in found}
    parts = {key: [part.id for part in labels.parts] for key, labels in kept.items()}
    gone = gone or {}
    free = _free_indices([*found, *gone.values()])
    was = {key: labels.person.index for key, labels in kept.items()}
    back = {key: labels.person.index for key, labels in gone.items() if key not in was}
    back = {key: index for key, index in back.items() if index not in was.values()}
    old = {key: _with_gone(kept.get(key), gone.get(key)) for key in changes}
    for key, person in changes.items():
        if person is None:
            kept.pop(key, None)
        else:
            index = was.get(key) or back.get(key) or next(free)
            kept[key] = write_person(person, index, size, old[key], key)
    _set_labels(sample, _in_place(kept, back), strays, fields)
    if maps is not None:
        maps.keep([index for key, index in was.items() if index and key not in redrawn])
        for key in redrawn:
            if changes[key] is not None:
                maps.paint(changes[key], kept[key].person.index)
        _set_maps(sample, maps, fields, folder)
    records = source.get("people", {})
    new = {
        key: kept[key].record | {"added": key not in records or records[key].get("added", False)}
        for key, person in changes.items()
        if person is not None
    }
    sample[fields.source] = source | {"size": list(size), "people": records | new}

    now = {}
    for labels in find_labels(sample, fields)[0]:
        key = labels.person.id
        if key in changes or parts[key] != [part.id for part in labels.parts]:
            now[key] = read_person(labels, size)
            if maps is not None:
                _read_surface(now[key], labels, maps)
            else:
                same = changes.get(key) or before[key]
                now[key].charts, now[key].u, now[key].v = same.charts, same.u, same.v
    return now


def _in_place(kept: Mapping[str, Labels], back: Mapping[str, int]) -> list[Labels]:
    """All labels, those of the keys ``back`` before the first with a higher index."""
    order = [labels for key, labels in kept.items() if key not in back]
    for key, index in back.items():
        if key in kept:
            later = (i for i, labels in enumerate(order) if (labels.person.index or 0) > index)
            order.insert(next(later, len(order)), kept[key])
    return order


def _with_gone(now: Labels | None, gone: Labels | None) -> Labels | None:
    """The labels that a person is written over; of several of one part the last counts."""
    if now is None or gone is None:
        return now or gone
    return replace(now, parts=[*gone.parts, *now.parts], keypoints=now.keypoints or gone.keypoints)


def _same_surface(a: Person | None, b: Person | None) -> bool:
    """Whether the maps of the surface need no change; the mask says what of them is the person's."""
    if a is None or b is None:
        return (a or b) is None or (a or b).charts is None
    if a.charts is None or b.charts is None:
        return a.charts is b.charts
    pairs = [(getattr(a, name), getattr(b, name)) for name in ("mask", "charts", "u", "v")]
    return a.box == b.box and all(x is y or np.array_equal(x, y) for x, y in pairs)


def _free_indices(found: Iterable[Labels]) -> Iterator[int]:
    """Numbers of people that nobody on the image has."""
    used = {labels.person.index for labels in found}
    return (index for index in range(1, 2**16) if index not in used)


def _set_labels(sample: fo.Sample, labelled: list[Labels], strays: list[fo.Label], fields: Fields) -> None:
    import fiftyone as fo

    parts = [part for labels in labelled for part in labels.parts]
    keypoints = [labels.keypoints for labels in labelled if labels.keypoints is not None]
    parts += [label for label in strays if isinstance(label, fo.Detection)]
    keypoints += [label for label in strays if isinstance(label, fo.Keypoint)]
    sample[fields.people] = fo.Detections(detections=[labels.person for labels in labelled])
    sample[fields.parts] = fo.Detections(detections=parts)
    sample[fields.keypoints] = fo.Keypoints(keypoints=keypoints)
    open_scores = [
        attribute(labels.person, "issue_score", 0.0)
        for labels in labelled
        if attribute(labels.person, "review") not in DECIDED
    ]
    sample[fields.issue_score] = overall(open_scores)


def _labels(sample: fo.Sample, name: str) -> list[Any]:
    labels = sample[name]
    return [] if labels is None else list(labels[labels._LABEL_LIST_FIELD])


def _size(sample: fo.Sample, source: dict[str, Any]) -> tuple[int, int]:
    if "size" in source:
        return tuple(int(side) for side in source["size"])
    metadata = sample.metadata
    if metadata is not None and metadata.width:
        return metadata.width, metadata.height
    try:
        return photo_size(sample.filepath)
    except PhotoError as error:
        raise PhotoError(f"{sample.filepath}: {error}") from None


def _is_prediction(person: Person) -> bool:
    return bool(person.provenance.model) and person.provenance.state == "predicted"


def _is_rather(box: Box, these: list[Box], those: list[Box]) -> bool:
    """Whether a person's box is one of these, and not rather one of those."""
    nearest = max((box_iou(box, other) for other in these), default=0.0)
    return nearest > OVERLAP and nearest > max((box_iou(box, other) for other in those), default=0.0)


def _is_same(person: Person, kept: Person) -> bool:
    if person.mask is None or kept.mask is None or kept.crowd or person.crowd:
        return box_iou(person.box, kept.box) > OVERLAP
    here, there = shared_slices(person.box, kept.box)
    both = np.count_nonzero(person.mask[here] & kept.mask[there])
    return both > OVERLAP * min(np.count_nonzero(person.mask), np.count_nonzero(kept.mask))


def _maps_of_size(
    sample: fo.Sample, fields: Fields, found: list[Labels], size: tuple[int, int]
) -> SurfaceMaps:
    """Those of a sample, blank ones where there are none for this size."""
    maps = _load_maps(sample, fields, found, size)
    return maps if maps is not None and maps.charts.shape == size[::-1] else SurfaceMaps.blank(size)


def _load_maps(
    sample: fo.Sample, fields: Fields, found: list[Labels], size: tuple[int, int]
) -> SurfaceMaps | None:
    charts, u, v = sample[fields.charts], sample[fields.u], sample[fields.v]
    if charts is None or u is None or v is None:
        return None
    maps = SurfaceMaps.load(Path(charts.mask_path), Path(u.map_path), Path(v.map_path))
    if not maps.owners.any():
        people = [read_person(labels, size) for labels in found]
        _own_by_masks(maps, people, [labels.person.index or 0 for labels in found])
    return maps


def _set_maps(sample: fo.Sample, maps: SurfaceMaps, fields: Fields, folder: Path) -> None:
    import fiftyone as fo

    if not maps.owners.any():
        sample[fields.charts] = sample[fields.u] = sample[fields.v] = None
        return
    paths = {name: str(path) for name, path in maps.save(folder, sample.id).items()}
    sample[fields.charts] = fo.Segmentation(mask_path=paths["charts"])
    # Without a range: the App shows the high byte of 16 bits and takes it as 0..255.
    sample[fields.u] = fo.Heatmap(map_path=paths["u"])
    sample[fields.v] = fo.Heatmap(map_path=paths["v"])


def _own_by_masks(maps: SurfaceMaps, people: list[Person], indices: list[int]) -> None:
    """Fill in the owners, which do not travel with a dataset that is moved: the best score is on top."""
    for person, index in sorted(zip(people, indices, strict=True), key=lambda pair: pair[0].score):
        own = within(maps.charts, person.box) > 0
        if person.mask is not None:
            own &= person.mask
        within(maps.owners, person.box)[own] = index
