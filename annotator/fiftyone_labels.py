"""People to and from the fields of a FiftyOne sample, and which of them a human has touched.

The sample's ``<prefix>_source`` field remembers, by the id of each person's label, a digest of what was
written, and what FiftyOne's labels cannot hold (the source annotation with its unknown fields, points)::

    {"size": [width, height], "file_name": …, "extra": …,
     "people": {label id: {"digest": …, "box": …, "known": […], "extra": …, "points": …}}}

A person that is there but not as written was edited, one that was never written was added, and one that was
written but is not there was deleted, whatever tool did it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.densepose import KEYPOINTS, PARTS
from annotator.fiftyone_fields import PERSON, TASKS, Fields
from annotator.people import People, Person, Provenance
from annotator.surface_maps import SurfaceMaps

if TYPE_CHECKING:
    import fiftyone as fo

OVERLAP = 0.5
"""A new person is one who was kept if they share more than this of the smaller of their masks, or, where one
has no mask or is a crowd, if the intersection of their boxes is more than this of the union."""
Box = tuple[int, int, int, int]


@dataclass(slots=True)
class Labels:
    """The labels of one person of a sample."""

    person: fo.Detection
    parts: list[fo.Detection] = field(default_factory=list)
    keypoints: fo.Keypoint | None = None
    record: dict[str, Any] | None = None
    """Of the source field; ``None`` for a person who was added by hand."""

    @property
    def state(self) -> str:
        """Of :data:`annotator.people.STATES`, where a change by any tool counts as edited."""
        state = _attribute(self.person, "review")
        if state and state != "predicted":
            return state
        unchanged = self.record is not None and self.record["digest"] == _digest(self)
        return "predicted" if unchanged else "edited"

    @property
    def is_kept(self) -> bool:
        """Whether this is not a model's untouched prediction, and so never overwritten."""
        return self.state != "predicted" or not _attribute(self.person, "model")


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
    by_instance = {_instance(labels.person): labels for labels in people if _instance(labels.person)}
    strays: list[fo.Label] = []
    for part in _labels(sample, fields.parts):
        if _instance(part):
            owner = by_instance.get(_instance(part))
        else:
            owner = max(people, key=lambda labels: _common_area(labels.person, part), default=None)
            if owner is not None and not _common_area(owner.person, part):
                owner = None
        (owner.parts if owner else strays).append(part)
    for keypoints in _labels(sample, fields.keypoints):
        owner = by_instance.get(_instance(keypoints))
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
    """
    if sample[fields.people] is None:
        return None
    source = sample[fields.source] or {}
    size = _size(sample, source)
    found, _ = find_labels(sample, fields)
    people = [_read_person(labels, size) for labels in found]
    maps = _load_maps(sample, fields)
    if maps is not None:
        indices = [labels.person.index or 0 for labels in found]
        if not maps.owners.any():
            _own_by_masks(maps, people, indices)
        for labels, person, index in zip(found, people, indices, strict=True):
            if "charts" in (labels.record or {}).get("known", ()):
                person.charts, person.u, person.v = maps.read(person.box, index)
                if person.mask is not None:
                    person.charts = np.where(person.mask, person.charts, np.uint8(0))
                if not person.charts.any():
                    # The person was moved by hand to where nothing is known of the surface.
                    person.charts = person.u = person.v = None
    return People(
        size=size,
        people=people,
        file_name=source.get("file_name", ""),
        id=sample[fields.image_id],
        extra=json.loads(source.get("extra", "{}")),
    )


def replace_predictions(sample: fo.Sample, people: People, fields: Fields, folder: Path) -> Replaced:
    """Put people in the place of a sample's untouched predictions; the sample is not saved.

    People who are kept (:attr:`Labels.is_kept`) stay exactly as they are. New people who are one of them, or
    one whom a human deleted, are dropped (:data:`OVERLAP`).

    Args:
        sample: of a dataset with the fields (:func:`annotator.fiftyone_fields.declare_fields`).
        people: of the whole image.
        folder: for the maps of the surface.
    """
    import fiftyone as fo

    found, strays = find_labels(sample, fields)
    kept = [labels for labels in found if labels.is_kept]
    source = sample[fields.source] or {} if sample[fields.people] is not None else {}
    present = {labels.person.id for labels in found}
    deleted = {k: r for k, r in source.get("people", {}).items() if k not in present}
    kept_people = [_read_person(labels, people.size) for labels in kept]
    gone = [_pixel_box(record["box"], people.size) for record in deleted.values()]
    new = [
        person
        for person in sorted(people.people, key=lambda p: -p.score)
        if not any(_is_same(person, other) for other in kept_people)
        and not any(_box_overlap(person.box, box) > OVERLAP for box in gone)
    ]

    maps = _load_maps(sample, fields) if kept else None
    maps = (
        maps
        if maps is not None and maps.charts.shape == people.size[::-1]
        else SurfaceMaps.blank(people.size)
    )
    maps.keep([labels.person.index for labels in kept if labels.person.index])
    used = {labels.person.index for labels in kept}
    free = (index for index in range(1, 2**16) if index not in used)
    added = [_write_person(person, next(free), people.size) for person in new]
    for labels, person in zip(added, new, strict=True):
        maps.paint(person, labels.person.index)

    for labels in kept:
        if labels.state != "predicted":
            labels.person["review"] = labels.state
    labelled = kept + added
    parts = [part for labels in labelled for part in labels.parts]
    keypoints = [labels.keypoints for labels in labelled if labels.keypoints is not None]
    parts += [label for label in strays if isinstance(label, fo.Detection)]
    keypoints += [label for label in strays if isinstance(label, fo.Keypoint)]
    sample[fields.people] = fo.Detections(detections=[labels.person for labels in labelled])
    sample[fields.parts] = fo.Detections(detections=parts)
    sample[fields.keypoints] = fo.Keypoints(keypoints=keypoints)
    _set_maps(sample, maps, fields, folder)
    sample[fields.image_id] = people.id if people.id is not None else sample[fields.image_id]
    sample[fields.failure] = None
    records = {labels.person.id: labels.record for labels in labelled if labels.record}
    sample[fields.source] = {
        "size": list(people.size),
        "file_name": people.file_name or source.get("file_name", ""),
        "extra": json.dumps(people.extra) if people.extra else source.get("extra", "{}"),
        "people": deleted | records,
    }
    return Replaced(added=len(added), kept=len(kept), dropped=len(people.people) - len(new))


def _labels(sample: fo.Sample, name: str) -> list[Any]:
    labels = sample[name]
    return [] if labels is None else list(labels[labels._LABEL_LIST_FIELD])


def _attribute(label: fo.Label, name: str, default: Any = None) -> Any:
    value = label[name] if label.has_field(name) else None
    return default if value is None else value


def _instance(label: fo.Label) -> str | None:
    instance = _attribute(label, "instance")
    return instance.id if instance else None


def _size(sample: fo.Sample, source: dict[str, Any]) -> tuple[int, int]:
    if "size" in source:
        return tuple(int(side) for side in source["size"])
    import fiftyone as fo

    metadata = sample.metadata
    if metadata is None or not metadata.width:
        metadata = fo.ImageMetadata.build_for(sample.filepath)
    return metadata.width, metadata.height


def _write_person(person: Person, index: int, size: tuple[int, int]) -> Labels:
    import fiftyone as fo

    instance = fo.Instance()
    provenance = person.provenance
    is_predicted = bool(provenance.model) or provenance.state != "predicted"
    attributes = {
        "review": provenance.state if is_predicted else None,
        "model": provenance.model or None,
        "time": provenance.time or None,
        "author": provenance.author or None,
        "annotation_id": person.id,
        "crowd": person.crowd or None,
        **{f"quality_{task}": person.quality.get(task) for task in TASKS},
    }
    detection = fo.Detection(
        label=PERSON,
        bounding_box=_relative(person.box, size),
        mask=person.mask,
        confidence=float(person.score),
        index=index,
        instance=instance,
        **{name: value for name, value in attributes.items() if value is not None},
    )
    parts = []
    if person.parts is not None:
        for part, mask, box in _split_parts(person.parts, person.box[:2]):
            label = fo.Detection(
                label=PARTS[part],
                bounding_box=_relative(box, size),
                mask=mask,
                index=index,
                instance=instance,
            )
            parts.append(label)
    keypoints = None
    if person.keypoints is not None:
        keypoints = _write_keypoints(person, index, size, instance)
    labels = Labels(detection, parts, keypoints)
    known = [name for name in ("parts", "charts") if getattr(person, name) is not None]
    labels.record = {
        "digest": _digest(labels),
        "box": detection.bounding_box,
        "known": known,
        "extra": json.dumps(person.extra),
        "points": None if person.points is None else person.points.tolist(),
        "quality": {task: float(value) for task, value in person.quality.items()},
    }
    return labels


def _write_keypoints(person: Person, index: int, size: tuple[int, int], instance: fo.Instance) -> fo.Keypoint:
    import fiftyone as fo

    xy, confidence = person.keypoints[:, :2].astype(float) / size, person.keypoints[:, 2].astype(float)
    missing = confidence <= 0 if person.visibility is None else person.visibility == 0
    attributes = {} if person.visibility is None else {"visibility": person.visibility.tolist()}
    return fo.Keypoint(
        label=PERSON,
        points=[
            (math.nan, math.nan) if gone else tuple(p) for p, gone in zip(xy.tolist(), missing, strict=True)
        ],
        confidence=confidence.tolist(),
        index=index,
        instance=instance,
        **attributes,
    )


def _read_person(labels: Labels, size: tuple[int, int]) -> Person:
    """Without charts, U and V."""
    detection, record = labels.person, labels.record or {}
    box = _pixel_box(detection.bounding_box, size)
    mask = _read_mask(detection, box)
    parts = None
    if labels.parts or "parts" in record.get("known", ()):
        parts = _join_parts(labels.parts, box, size)
        if mask is not None:
            parts = np.where(mask, parts, np.uint8(0))
        if labels.parts and not parts.any():
            parts = None
    keypoints = visibility = None
    if labels.keypoints is not None:
        keypoints, visibility = _read_keypoints(labels.keypoints, size)
    points = record.get("points")
    quality = {task: _attribute(detection, f"quality_{task}") for task in TASKS}
    return Person(
        box=box,
        mask=mask,
        parts=parts,
        keypoints=keypoints,
        visibility=visibility,
        points=None if points is None else np.array(points, np.float32).reshape(-1, 5),
        score=1.0 if detection.confidence is None else detection.confidence,
        quality=record.get("quality", {})
        | {task: value for task, value in quality.items() if value is not None},
        provenance=Provenance(
            model=_attribute(detection, "model", ""),
            time=_attribute(detection, "time", ""),
            state=labels.state,
            author=_attribute(detection, "author", ""),
        ),
        crowd=bool(_attribute(detection, "crowd", False)),
        id=_attribute(detection, "annotation_id"),
        extra=json.loads(record.get("extra", "{}")),
    )


def _read_keypoints(label: fo.Keypoint, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray | None]:
    """(17, 3) x, y, confidence and (17,) visibility; a label with fewer points is filled up."""
    count = len(KEYPOINTS)
    keypoints = np.zeros((count, 3), np.float32)
    xy = np.array(label.points, np.float64).reshape(-1, 2)[:count] * size
    seen = np.isfinite(xy).all(axis=1)
    confidence = (
        np.ones(len(xy)) if label.confidence is None else np.array(label.confidence, np.float64)[:count]
    )
    keypoints[: len(xy)][seen] = np.column_stack([xy, np.nan_to_num(confidence)])[seen]
    visibility = _attribute(label, "visibility")
    if visibility is None:
        return keypoints, None
    full = np.zeros(count, np.uint8)
    full[: len(xy)] = np.where(seen, np.maximum(np.array(visibility, np.uint8)[:count], 1), 0)
    return keypoints, full


def _relative(box: Box, size: tuple[int, int]) -> list[float]:
    return [box[0] / size[0], box[1] / size[1], box[2] / size[0], box[3] / size[1]]


def _pixel_box(relative: list[float], size: tuple[int, int]) -> Box:
    """The whole pixels that a relative box touches, inside the image and at least one."""
    x, y, w, h = (float(value) * size[i % 2] for i, value in enumerate(relative))
    sides = []
    for start, length, end in ((x, w, size[0]), (y, h, size[1])):
        first = min(max(math.floor(start + 1e-3), 0), end - 1)
        last = min(max(math.ceil(start + length - 1e-3), first + 1), end)
        sides.append((first, last - first))
    (x0, w0), (y0, h0) = sides
    return x0, y0, w0, h0


def _read_mask(detection: fo.Detection, box: Box) -> np.ndarray | None:
    """(h, w) bool; a mask of another size is stretched over the box, as the App draws it."""
    mask = detection.get_mask()
    if mask is None:
        return None
    mask = np.asarray(mask) > 0
    _, _, w, h = box
    if mask.shape == (h, w):
        return mask
    rows = (np.arange(h) + 0.5) * mask.shape[0] // h
    columns = (np.arange(w) + 0.5) * mask.shape[1] // w
    return mask[np.ix_(rows.astype(int), columns.astype(int))]


def _split_parts(parts: np.ndarray, corner: tuple[int, int]) -> Iterator[tuple[int, np.ndarray, Box]]:
    """Each part that is there, its bool mask and the mask's box; ``corner`` is that of ``parts``."""
    for part in np.unique(parts[parts > 0]).tolist():
        mask = parts == part
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        y, x = int(rows[0]), int(columns[0])
        h, w = int(rows[-1]) - y + 1, int(columns[-1]) - x + 1
        yield part, np.ascontiguousarray(mask[y : y + h, x : x + w]), (corner[0] + x, corner[1] + y, w, h)


def _join_parts(labels: list[fo.Detection], box: Box, size: tuple[int, int]) -> np.ndarray:
    """(h, w) uint8 parts within the box; where two overlap the later label wins."""
    x, y, w, h = box
    parts = np.zeros((h, w), np.uint8)
    for label in labels:
        if label.label not in PARTS:
            continue
        left, top, width, height = inner = _pixel_box(label.bounding_box, size)
        mask = _read_mask(label, inner)
        if mask is None:
            mask = np.ones((height, width), bool)
        x0, y0, x1, y1 = max(left, x), max(top, y), min(left + width, x + w), min(top + height, y + h)
        if x0 < x1 and y0 < y1:
            seen = mask[y0 - top : y1 - top, x0 - left : x1 - left]
            parts[y0 - y : y1 - y, x0 - x : x1 - x][seen] = PARTS.index(label.label)
    return parts


def _digest(labels: Labels) -> str:
    """Of all that the App's tools can change on a person's labels: class, box, mask, tags and points."""
    digest = hashlib.sha256()
    for label in [labels.person, *sorted(labels.parts, key=lambda part: (part.label or "", part.id))]:
        digest.update(repr((label.label, _rounded(label.bounding_box), sorted(label.tags))).encode())
        mask = label.get_mask()
        if mask is not None:
            digest.update(repr(mask.shape).encode())
            digest.update(np.packbits(np.asarray(mask) > 0))
    if labels.keypoints is not None:
        points = [_rounded(point) for point in labels.keypoints.points]
        digest.update(repr((labels.keypoints.label, points, sorted(labels.keypoints.tags))).encode())
    return digest.hexdigest()


def _rounded(values: list[float]) -> list[float]:
    return [round(float(value), 6) for value in values]


def _common_area(a: fo.Detection, b: fo.Detection) -> float:
    (ax, ay, aw, ah), (bx, by, bw, bh) = a.bounding_box, b.bounding_box
    return max(min(ax + aw, bx + bw) - max(ax, bx), 0) * max(min(ay + ah, by + bh) - max(ay, by), 0)


def _box_overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    common = max(w, 0) * max(h, 0)
    return common / (a[2] * a[3] + b[2] * b[3] - common)


def _is_same(person: Person, kept: Person) -> bool:
    if person.mask is None or kept.mask is None or kept.crowd or person.crowd:
        return _box_overlap(person.box, kept.box) > OVERLAP
    (ax, ay, aw, ah), (bx, by, bw, bh) = person.box, kept.box
    x0, y0, x1, y1 = max(ax, bx), max(ay, by), min(ax + aw, bx + bw), min(ay + ah, by + bh)
    if x0 >= x1 or y0 >= y1:
        return False
    a = person.mask[y0 - ay : y1 - ay, x0 - ax : x1 - ax]
    b = kept.mask[y0 - by : y1 - by, x0 - bx : x1 - bx]
    smaller = min(person.mask.sum(), kept.mask.sum())
    return bool((a & b).sum() > OVERLAP * smaller)


def _load_maps(sample: fo.Sample, fields: Fields) -> SurfaceMaps | None:
    charts, u, v = sample[fields.charts], sample[fields.u], sample[fields.v]
    if charts is None or u is None or v is None:
        return None
    return SurfaceMaps.load(Path(charts.mask_path), Path(u.map_path), Path(v.map_path))


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
        x, y, w, h = person.box
        inside = np.s_[y : y + h, x : x + w]
        own = maps.charts[inside] > 0 if person.mask is None else person.mask & (maps.charts[inside] > 0)
        maps.owners[inside][own] = index
