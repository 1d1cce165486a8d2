"""People to and from the fields of a FiftyOne sample; people who were reviewed are kept.

The sample's ``<prefix>_source`` field remembers, by the id of each person's label, a digest of what was
written, and what FiftyOne's labels cannot hold (the source annotation with its unknown fields, points)::

    {"size": [width, height], "photo": digest of its file (:mod:`annotator.dataset.photo_file`), "file_name": …,
     "extra": …, "edits": [request ids of the last edits],
     "nobody": {"author": …, "time": …, "dismissed": …} of the reviewer who has seen that nobody is there,
     "possible": what was decided about possible people (:mod:`annotator.dataset.possible_people`),
     "people": {label id: {"digest": …, "box": …, "known": […], "extra": …, "points": …, "unsure": …, "added": …,
                                 "issue_score": of the prediction, null if it was none}}}

A person whose labels are not as they were written was edited, one who was never written was added, and one who was
written but is not there any more was deleted, by whatever tool. The exception is a person whom an edit had ``added``:
deleting this one only undoes the edit, and no prediction is dropped for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.dataset.fields import Fields
from annotator.dataset.map_files import SurfaceMaps
from annotator.dataset.person_labels import (
    Labels,
    attribute,
    instance_id,
    pixel_box,
    read_person,
    whole_or_none,
    write_person,
)
from annotator.dataset.photo_file import photo_or_known
from annotator.dataset.possible_people import open_people, possible_scores, read_possible, replace_possible
from annotator.dataset.review_state import PhotoReview
from annotator.dataset.same_person import is_same, overlaps_more
from annotator.dataset.sample_maps import load_maps, maps_or_blank, read_surface, same_surface, set_maps
from annotator.geometry.boxes import intersection_area
from annotator.labels.people import DECIDED, People, Person
from annotator.labels.quality import combined_score
from annotator.photos.reading import PhotoError, photo_size

if TYPE_CHECKING:
    import fiftyone as fo

    from annotator.dataset.plain_sample import PlainSample


@dataclass(frozen=True)
class Replaced:
    """What :func:`replace_predictions` did: numbers of people."""

    added: int
    removed: int
    kept: int
    dropped: int
    """New people who are the same as people who were kept or deleted by hand."""


def find_labels(sample: fo.Sample | PlainSample, fields: Fields) -> tuple[list[Labels], list[fo.Label]]:
    """The labels of the people of a sample, and the parts and keypoints that belong to none of them.

    Parts and keypoints belong to the person of their ``Instance``; a part without one, as the App's own tools
    make them, to the person whose box overlaps it most.
    """
    records = (sample[fields.source] or {}).get("people") or {}
    people = [Labels(d, record=records.get(d.id)) for d in _labels(sample, fields.people)]
    by_instance = {instance_id(labels.person): labels for labels in people if instance_id(labels.person)}
    strays: list[fo.Label] = []
    for part in _labels(sample, fields.parts):
        if instance_id(part):
            owner = by_instance.get(instance_id(part))
        else:
            box = part.bounding_box
            owner = max(
                people, key=lambda labels: intersection_area(labels.person.bounding_box, box), default=None
            )
            if owner is not None and not intersection_area(owner.person.bounding_box, box):
                owner = None
        (owner.parts if owner else strays).append(part)
    for keypoints in _labels(sample, fields.keypoints):
        owner = by_instance.get(instance_id(keypoints))
        if owner and owner.keypoints is None:
            owner.keypoints = keypoints
        else:
            strays.append(keypoints)
    return people, strays


def read_people(
    sample: fo.Sample | PlainSample, fields: Fields, found: list[Labels] | None = None
) -> People | None:
    """The people of a sample as they are now; ``None`` if it was never annotated.

    Boxes that were moved by hand are rounded outwards to whole pixels.

    Args:
        found: as of :func:`find_labels`, if they are known.

    Raises:
        FileNotFoundError: a map of the surface is missing or no image.
        LabelError: maps of the surface are not as this package writes them, or not of the photo's size.
        PhotoError: the size is stored nowhere, and the photo cannot be read.
    """
    if sample[fields.people] is None:
        return None
    source = sample[fields.source] or {}
    size = _size(sample, source)
    found = find_labels(sample, fields)[0] if found is None else found
    if sample[fields.charts] is None:
        people = [read_person(labels, size) for labels in found]
    else:
        # Threads, because most of the work is unpacking images, outside the interpreter's lock.
        with ThreadPoolExecutor() as pool:
            loading = pool.submit(load_maps, sample, fields, found, size)
            people = [read_person(labels, size) for labels in found]
            if (maps := loading.result()) is not None:
                list(pool.map(read_surface, people, found, repeat(maps)))
    return People(
        size=size,
        people=people,
        file_name=source.get("file_name") or "",
        id=whole_or_none(sample[fields.image_id]),
        extra=json.loads(source.get("extra") or "{}"),
        nobody=None if people else _nobody(source),
        possible=list(open_people(read_possible(sample, fields, size)).values()),
    )


def review_of(
    sample: fo.Sample | PlainSample, fields: Fields, found: list[Labels] | None = None
) -> PhotoReview:
    """How far the review of a sample has come; a change by any tool counts. ``found``: as of :func:`find_labels`."""
    found = find_labels(sample, fields)[0] if found is None else found
    return PhotoReview(
        states=frozenset(labels.state for labels in found),
        possible=bool(possible_scores(sample, fields)),
        nobody=(sample[fields.source] or {}).get("nobody") is not None,
    )


def _nobody(source: Mapping[str, Any]) -> dict[str, str] | None:
    """Who has seen, and when, that nobody is there."""
    record = source.get("nobody")
    return None if record is None else {name: str(record.get(name) or "") for name in ("author", "time")}


def has_human_labels(sample: fo.Sample, fields: Fields) -> bool:
    """Whether a human has made, changed or decided anything on a sample: people who are kept, or who were deleted, that
    nobody is there, or whether possible people are."""
    found, _ = find_labels(sample, fields)
    source = sample[fields.source] or {}
    decided = source.get("nobody") or source.get("possible") or _deleted(source, found)
    return bool(decided) or any(labels.is_kept for labels in found)


def _deleted(source: Mapping[str, Any], found: Iterable[Labels]) -> dict[str, dict[str, Any]]:
    """The records of people who were written and are not there any more."""
    present = {labels.person.id for labels in found}
    records = source.get("people") or {}
    return {key: record for key, record in records.items() if key not in present and not record.get("added")}


def replace_predictions(
    sample: fo.Sample, people: People, fields: Fields, folder: Path, anew: bool = False
) -> Replaced:
    """Replace the predictions of a sample that nobody reviewed; the sample is not saved.

    People who are kept (:attr:`Labels.is_kept`) stay exactly as they are. New people who are the same as one of them
    (:data:`annotator.dataset.same_person.OVERLAP`) are dropped, and so are new predictions of a person who was deleted by hand, unless they overlap
    more with a person whom they replace. Possible people whom nobody has decided about are replaced, too
    (:func:`annotator.dataset.possible_people.replace_possible`).

    Args:
        sample: of a dataset with the fields (:func:`annotator.dataset.fields.declare_fields`).
        people: of the whole image.
        folder: for the maps of the surface.
        anew: keep nobody, and nothing that was decided: the labels are of another photo.
    """
    source = sample[fields.source] or {} if sample[fields.people] is not None else {}
    if anew:
        sample[fields.people] = sample[fields.parts] = sample[fields.keypoints] = None
        source = {name: source[name] for name in ("file_name", "extra") if name in source}
        sample[fields.source] = source
    found, strays = find_labels(sample, fields)
    kept = [labels for labels in found if labels.is_kept]
    deleted = _deleted(source, found)
    kept_people = [read_person(labels, people.size) for labels in kept]
    deleted_boxes = [pixel_box(record["box"], people.size) for record in deleted.values()]
    replaced_boxes = [
        pixel_box(labels.person.bounding_box, people.size) for labels in found if not labels.is_kept
    ]
    new = [
        person
        for person in sorted(people.people, key=lambda p: -p.score)
        if not any(is_same(person, other) for other in kept_people)
        and not (_is_prediction(person) and overlaps_more(person.box, deleted_boxes, replaced_boxes))
    ]

    maps = maps_or_blank(sample, fields, found, people.size) if kept else SurfaceMaps.blank(people.size)
    maps.keep([labels.person.index for labels in kept if labels.person.index])
    free = _free_indices(kept)
    added = [write_person(person, next(free), people.size) for person in new]
    for labels, person in zip(added, new, strict=True):
        maps.paint(person, labels.person.index)

    for labels in kept:
        if labels.state != "predicted":
            labels.person["review"] = labels.state
    labelled = kept + added
    reviewed_boxes = [*(person.box for person in kept_people), *deleted_boxes]
    replace_possible(sample, people.possible, fields, people.size, reviewed_boxes)
    _set_labels(sample, labelled, strays, fields)
    set_maps(sample, maps, fields, folder)
    sample[fields.image_id] = people.id if people.id is not None else sample[fields.image_id]
    sample[fields.failure] = None
    written = {labels.person.id: labels.record for labels in labelled if labels.record}
    sample[fields.source] = {
        "edits": source.get("edits") or [],
        "nobody": source.get("nobody") or (None if labelled else people.nobody),
        "possible": source.get("possible", {}),
        "size": list(people.size),
        "photo": photo_or_known(sample.filepath, source.get("photo")),
        "file_name": people.file_name or source.get("file_name", ""),
        "extra": json.dumps(people.extra) if people.extra else source.get("extra", "{}"),
        "people": deleted | written,
    }
    return Replaced(
        added=len(added),
        removed=len(found) - len(kept),
        kept=len(kept),
        dropped=len(people.people) - len(new),
    )


def change_people(
    sample: fo.Sample,
    before: Mapping[str, Person],
    changes: Mapping[str, Person | None],
    fields: Fields,
    folder: Path,
    deleted: Mapping[str, Labels] | None = None,
) -> dict[str, Person]:
    """Write people who were edited, by the ids of their labels; the sample is not saved.

    Args:
        sample: with people.
        before: all people as :func:`read_people` gave them.
        changes: the people who are different now, None for those who are removed; an unknown id is a new person's.
        folder: for the maps of the surface.
        deleted: old labels of people who are restored. If such a person is not there now, it gets back its number, its
            place among the others, and what :func:`write_person` does not know.

    Returns:
        What :func:`read_people` would give now for the people who were edited, and for others who gained or lost a part
        that has no ``Instance``.
    """
    source = sample[fields.source] or {}
    size = _size(sample, source)
    found, strays = find_labels(sample, fields)
    redrawn = [key for key in changes if not same_surface(before.get(key), changes[key])]
    maps = maps_or_blank(sample, fields, found, size) if redrawn else None
    kept = {labels.person.id: labels for labels in found}
    parts = {key: [part.id for part in labels.parts] for key, labels in kept.items()}
    deleted = deleted or {}
    free = _free_indices([*found, *deleted.values()])
    indices = {key: labels.person.index for key, labels in kept.items()}
    restored = {key: labels.person.index for key, labels in deleted.items() if key not in indices}
    restored = {key: index for key, index in restored.items() if index not in indices.values()}
    old = {key: _with_deleted(kept.get(key), deleted.get(key)) for key in changes}
    for key, person in changes.items():
        if person is None:
            kept.pop(key, None)
        else:
            index = indices.get(key) or restored.get(key) or next(free)
            kept[key] = write_person(person, index, size, old[key], key)
    _set_labels(sample, _in_place(kept, restored), strays, fields)
    if maps is not None:
        maps.keep([index for key, index in indices.items() if index and key not in redrawn])
        for key in redrawn:
            if changes[key] is not None:
                maps.paint(changes[key], kept[key].person.index)
        set_maps(sample, maps, fields, folder)
    records = source.get("people") or {}
    written = {
        key: kept[key].record
        | {
            "added": key not in records or records[key].get("added", False),
            "issue_score": records.get(key, {}).get("issue_score"),
        }
        for key, person in changes.items()
        if person is not None
    }
    photo = photo_or_known(sample.filepath, source.get("photo"))
    sample[fields.source] = source | {"size": list(size), "photo": photo, "people": records | written}

    now = {}
    for labels in find_labels(sample, fields)[0]:
        key = labels.person.id
        if key in changes or parts[key] != [part.id for part in labels.parts]:
            now[key] = read_person(labels, size)
            if maps is not None:
                read_surface(now[key], labels, maps)
            else:
                same = changes.get(key) or before[key]
                now[key].charts, now[key].u, now[key].v = same.charts, same.u, same.v
    return now


def _in_place(kept: Mapping[str, Labels], restored: Mapping[str, int]) -> list[Labels]:
    """All labels; those of the ``restored`` keys come before the first with a higher index."""
    order = [labels for key, labels in kept.items() if key not in restored]
    for key, index in restored.items():
        if key in kept:
            later = (i for i, labels in enumerate(order) if (labels.person.index or 0) > index)
            order.insert(next(later, len(order)), kept[key])
    return order


def _with_deleted(now: Labels | None, deleted: Labels | None) -> Labels | None:
    """The labels before, with what a person had before it was deleted; of several of one part the last counts."""
    if now is None or deleted is None:
        return now or deleted
    return replace(now, parts=[*deleted.parts, *now.parts], keypoints=now.keypoints or deleted.keypoints)


def _free_indices(found: Iterable[Labels]) -> Iterator[int]:
    """The numbers of people that nobody on the image has."""
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
    set_issue_score(sample, fields)


def set_issue_score(sample: fo.Sample, fields: Fields) -> None:
    """Write the issues of a sample's people and the scores of its possible people to the sample; it is not saved."""
    open_scores = [
        attribute(person, "issue_score", 0.0)
        for person in _labels(sample, fields.people)
        if attribute(person, "review") not in DECIDED
    ]
    sample[fields.issue_score] = combined_score([*open_scores, *possible_scores(sample, fields)])


def _labels(sample: fo.Sample, name: str) -> list[Any]:
    labels = sample[name]
    return [] if labels is None else list(labels[labels._LABEL_LIST_FIELD])


def _size(sample: fo.Sample, source: dict[str, Any]) -> tuple[int, int]:
    if source.get("size"):
        return tuple(int(side) for side in source["size"])
    try:
        # Not first what FiftyOne says in the metadata: it does not turn all photos that a browser turns.
        return photo_size(sample.filepath)
    except PhotoError as error:
        metadata = sample.metadata
        if metadata is not None and metadata.width:
            return metadata.width, metadata.height
        raise PhotoError(f"{sample.filepath}: {error}") from None


def _is_prediction(person: Person) -> bool:
    return bool(person.provenance.model) and person.provenance.state == "predicted"
