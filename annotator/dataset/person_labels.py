"""One person to and from FiftyOne labels: a detection with a mask, one per part, and keypoints.

What these labels cannot hold (the source annotation with its unknown fields, points) goes into a record, a
dict in the sample's source field. So do the places of unsure keypoints, which FiftyOne would draw as any other: the labels say
that they are missing. The record has a digest of what was written: a person whose labels have another digest was
edited, by whatever tool.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.dataset.fields import MIN_ISSUE_SCORE, PERSON
from annotator.geometry.boxes import Box, bounding_box, clip_box, crop, overlap_slices
from annotator.labels.label_space import KEYPOINTS, PARTS
from annotator.labels.people import TASKS, Person, Provenance
from annotator.labels.quality import ISSUES, combined_score

if TYPE_CHECKING:
    import fiftyone as fo


BOX_SLACK = 1e-3
"""Pixels: a smaller overlap of a relative box is an error of rounding."""


@dataclass(slots=True)
class Labels:
    """The labels of one person of a sample."""

    person: fo.Detection
    parts: list[fo.Detection] = field(default_factory=list)
    keypoints: fo.Keypoint | None = None
    record: dict[str, Any] | None = None
    """The person's record in the source field; ``None`` for one who was added by hand."""
    _is_changed: bool | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def state(self) -> str:
        """One of :data:`annotator.labels.people.STATES`; a change by any tool counts as edited."""
        state = attribute(self.person, "review")
        if state and state != "predicted":
            return state
        return "edited" if self.is_changed else "predicted"

    @property
    def is_changed(self) -> bool:
        """Whether the labels are not as they were written, because the App's own tools have changed them, say.

        As they were when it was first asked: an edit makes new ones.
        """
        if self._is_changed is None:
            self._is_changed = self.record is None or self.record["digest"] != digest_of(self)
        return self._is_changed

    @property
    def is_kept(self) -> bool:
        """Whether this is never overwritten: it is not a model's prediction, or somebody reviewed it."""
        reviewed = self.state != "predicted" or attribute(self.person, "comment")
        return bool(reviewed) or not attribute(self.person, "model")

    def to_documents(self, stored: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
        """This person's labels as the database has them, from ``stored``, the labels of the image by their ids."""
        return {
            "person": stored[self.person.id],
            "parts": [stored[part.id] for part in self.parts],
            "keypoints": self.keypoints and stored[self.keypoints.id],
        }

    @classmethod
    def from_documents(cls, documents: dict[str, Any]) -> Labels:
        """The inverse of :meth:`to_documents`."""
        import fiftyone as fo

        return cls(
            person=fo.Detection.from_dict(documents["person"]),
            parts=[fo.Detection.from_dict(part) for part in documents["parts"]],
            keypoints=documents["keypoints"] and fo.Keypoint.from_dict(documents["keypoints"]),
        )


def attribute(label: fo.Label, name: str, default: Any = None) -> Any:
    """An attribute that the label may not have."""
    value = label[name] if label.has_field(name) else None
    return default if value is None else value


def instance_id(label: fo.Label) -> str | None:
    """The id that the labels of one person share; ``None`` if they have none."""
    instance = attribute(label, "instance")
    return instance.id if instance else None


def write_person(
    person: Person, index: int, size: tuple[int, int], old: Labels | None = None, key: str | None = None
) -> Labels:
    """The labels of a person.

    Args:
        person: without charts, U and V, which are files (:mod:`annotator.dataset.map_files`).
        index: of the person on its image, from 1.
        size: width, height of the image in pixels.
        old: the person's labels before, of which id, tags and the attributes that this module does not know are kept.
        key: id for a person without old labels; default: a new one.
    """
    import fiftyone as fo

    detection = old.person if old is not None else fo.Detection(label=PERSON)
    if old is None and key is not None:
        detection.id = key
    instance = attribute(detection, "instance") or fo.Instance()
    provenance = person.provenance
    is_predicted = bool(provenance.model) or provenance.state != "predicted"
    attributes = {
        "review": provenance.state if is_predicted else None,
        "model": provenance.model or None,
        "time": provenance.time or None,
        "author": provenance.author or None,
        "comment": provenance.comment or None,
        "edited": provenance.edited or None,
        "annotation_id": person.id,
        "crowd": person.crowd or None,
        **{f"quality_{task}": person.quality.get(task) for task in TASKS},
        **{f"issue_{name}": person.issues.get(name) for name in ISSUES},
        "issue_score": combined_score(person.issues.values()) if person.issues else None,
        "reasons": [words for name, words in ISSUES.items() if person.issues.get(name, 0) >= MIN_ISSUE_SCORE],
    }
    attributes = {name: value for name, value in attributes.items() if value is not None or old is not None}
    values = {
        "bounding_box": relative_box(person.box, size),
        "mask": person.mask,
        "confidence": float(person.score),
        "index": index,
        "instance": instance,
    }
    for name, value in (values | attributes).items():
        detection[name] = value
    if old is not None:
        detection["mask_path"] = None
    # Parts and keypoints get new ids, so that they are written to the database (:mod:`annotator.dataset.store`).
    parts = []
    old_parts = {label.label: label for label in old.parts} if old is not None else {}
    if person.parts is not None:
        for part, mask, box in _split_parts(person.parts, person.box[:2]):
            label = fo.Detection(
                label=PARTS[part],
                bounding_box=relative_box(box, size),
                mask=mask,
                index=index,
                instance=instance,
            )
            parts.append(_with_notes_of(old_parts.get(PARTS[part]), label))
    keypoints, unsure = None, np.zeros(0, int)
    if person.keypoints is not None:
        unsure = np.flatnonzero(person.seen() > person.labelled())
        label = _write_keypoints(person, index, size, instance)
        keypoints = _with_notes_of(old.keypoints if old is not None else None, label)
    labels = Labels(detection, parts, keypoints)
    known = [name for name in ("parts", "charts") if getattr(person, name) is not None]
    labels.record = {
        "digest": digest_of(labels),
        "box": detection.bounding_box,
        "known": known,
        "extra": json.dumps(person.extra),
        "points": None if person.points is None else person.points.tolist(),
        "corrections": None if person.corrections is None else person.corrections.tolist(),
        "quality": {task: float(value) for task, value in person.quality.items()},
        "hand_made": list(person.hand_made),
        "removed_keypoints": list(person.removed_keypoints),
        "issue_score": attributes.get("issue_score")
        if provenance.model and provenance.state == "predicted"
        else None,
    }
    if unsure.size:
        places = person.keypoints[unsure, :2].astype(float) / size
        labels.record["unsure"] = np.column_stack([unsure, places]).tolist()
    return labels


def _with_notes_of(old: fo.Label | None, label: fo.Label) -> fo.Label:
    """A new label with the tags of the old one, and with its attributes that this module does not know."""
    if old is not None:
        label.tags = list(old.tags)
        for name in old.field_names:
            if not label.has_field(name) and name != "visibility":
                label[name] = old[name]
    return label


def _write_keypoints(person: Person, index: int, size: tuple[int, int], instance: fo.Instance) -> fo.Keypoint:
    import fiftyone as fo

    xy, confidence = person.keypoints[:, :2].astype(float) / size, person.keypoints[:, 2].astype(float)
    missing = person.labelled() == 0
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


def read_person(labels: Labels, size: tuple[int, int]) -> Person:
    """The person of these labels, without charts, U and V."""
    detection, record, state = labels.person, labels.record or {}, labels.state
    box = pixel_box(detection.bounding_box, size)
    mask = _read_mask(detection, box)
    mask = None if mask is None else mask.copy()
    parts = None
    if labels.parts or "parts" in (record.get("known") or ()):
        parts = _join_parts(labels.parts, box, size)
        if mask is not None:
            parts = np.where(mask, parts, np.uint8(0))
        if labels.parts and not parts.any():
            parts = None
    keypoints = visibility = None
    if labels.keypoints is not None:
        keypoints, visibility = _read_keypoints(labels.keypoints, size, record.get("unsure") or [])
    points, corrections = (
        None if record.get(name) is None else np.array(record[name], np.float32).reshape(-1, 5)
        for name in ("points", "corrections")
    )
    quality = {task: attribute(detection, f"quality_{task}") for task in TASKS}
    issues = {name: attribute(detection, f"issue_{name}") for name in ISSUES}
    return Person(
        box=box,
        mask=mask,
        parts=parts,
        keypoints=keypoints,
        visibility=visibility,
        points=points,
        corrections=corrections,
        score=1.0 if detection.confidence is None else detection.confidence,
        quality=(record.get("quality") or {})
        | {task: value for task, value in quality.items() if value is not None},
        issues={name: value for name, value in issues.items() if value is not None},
        provenance=Provenance(
            model=attribute(detection, "model", ""),
            time=attribute(detection, "time", ""),
            state=state,
            author=attribute(detection, "author", ""),
            comment=attribute(detection, "comment", ""),
            edited=attribute(detection, "edited", False)
            or state == "edited"
            or (state != "predicted" and labels.is_changed),
        ),
        hand_made=tuple(record.get("hand_made") or ()),
        removed_keypoints=tuple(map(int, record.get("removed_keypoints") or ())),
        crowd=bool(attribute(detection, "crowd", False)),
        id=whole_or_none(attribute(detection, "annotation_id")),
        extra=json.loads(record.get("extra") or "{}"),
    )


def _read_keypoints(
    label: fo.Keypoint, size: tuple[int, int], unsure: list[list[float]]
) -> tuple[np.ndarray, np.ndarray | None]:
    """(17, 3) x, y, confidence and (17,) visibility; points that a label lacks are missing keypoints.

    Args:
        unsure: rows of index, x, y in shares of the image: where keypoints are that the label has as missing.
    """
    count = len(KEYPOINTS)
    keypoints = np.zeros((count, 3), np.float32)
    xy = np.array(label.points, np.float64).reshape(-1, 2)[:count]
    confidence = (
        np.ones(len(xy)) if label.confidence is None else np.array(label.confidence, np.float64)[:count]
    )
    for index, *place in unsure:
        row = int(index)
        if row < len(xy) and np.isfinite(xy[row]).all():
            confidence[row] = 1  # somebody has placed it since
        elif row < len(xy):
            xy[row] = place
    xy *= size
    seen = np.isfinite(xy).all(axis=1)
    keypoints[: len(xy)][seen] = np.column_stack([xy, np.nan_to_num(confidence)])[seen]
    visibility = attribute(label, "visibility")
    if visibility is None:
        return keypoints, None
    full = np.zeros(count, np.uint8)
    full[: len(xy)] = np.where(seen, np.maximum(np.array(visibility, np.uint8)[:count], 1), 0)
    return keypoints, full


def whole_or_none(number: float | None) -> int | None:
    """A whole number, which the database may hold as 5.0."""
    return None if number is None else int(number)


def relative_box(box: Box, size: tuple[int, int]) -> list[float]:
    """A box in shares of the image's width and height."""
    return [box[0] / size[0], box[1] / size[1], box[2] / size[0], box[3] / size[1]]


def pixel_box(relative: list[float], size: tuple[int, int]) -> Box:
    """The whole pixels that a relative box touches, inside the image and at least one."""
    x, y, w, h = clip_box([float(value) * size[i % 2] for i, value in enumerate(relative)], size, BOX_SLACK)
    return min(x, size[0] - 1), min(y, size[1] - 1), max(w, 1), max(h, 1)


def _read_mask(detection: fo.Detection, box: Box) -> np.ndarray | None:
    """(h, w) bool, not to be changed; a mask of another size is stretched over the box, as the App draws it."""
    mask = detection.get_mask()
    if mask is None:
        return None
    mask = np.asarray(mask)
    mask = mask if mask.dtype == bool else mask > 0
    _, _, w, h = box
    if mask.shape == (h, w):
        return mask
    rows = (np.arange(h) + 0.5) * mask.shape[0] // h
    columns = (np.arange(w) + 0.5) * mask.shape[1] // w
    return mask[np.ix_(rows.astype(int), columns.astype(int))]


def _split_parts(parts: np.ndarray, corner: tuple[int, int]) -> Iterator[tuple[int, np.ndarray, Box]]:
    """Each part that has pixels, with its bool mask and the mask's box. ``corner``: x, y of ``parts`` in the image."""
    for part in np.unique(parts[parts > 0]).tolist():
        mask = parts == part
        x, y, w, h = inner = bounding_box(mask)
        yield part, np.ascontiguousarray(crop(mask, inner)), (corner[0] + x, corner[1] + y, w, h)


def _join_parts(labels: list[fo.Detection], box: Box, size: tuple[int, int]) -> np.ndarray:
    """(h, w) uint8 parts within the box; where two overlap, that of the later label."""
    parts = np.zeros(box[3:1:-1], np.uint8)
    for label in labels:
        if label.label not in PARTS:
            continue
        inner = pixel_box(label.bounding_box, size)
        mask = _read_mask(label, inner)
        if mask is None:
            mask = np.ones(inner[3:1:-1], bool)
        here, there = overlap_slices(box, inner)
        parts[here][mask[there]] = PARTS.index(label.label)
    return parts


def digest_of(labels: Labels) -> str:
    """A digest of all that the App's tools can change on a person's labels: class, box, mask, tags and points."""
    digest = hashlib.sha256()
    for label in [labels.person, *sorted(labels.parts, key=lambda part: (part.label or "", part.id))]:
        digest.update(repr((label.label, _rounded(label.bounding_box), sorted(label.tags))).encode())
        mask = label.get_mask()
        if mask is not None:
            digest.update(repr(mask.shape).encode())
            mask = np.asarray(mask)
            digest.update(np.packbits(mask if mask.dtype == bool else mask > 0))
    if labels.keypoints is not None:
        points = [_rounded(point) for point in labels.keypoints.points]
        digest.update(repr((labels.keypoints.label, points, sorted(labels.keypoints.tags))).encode())
    return digest.hexdigest()


def _rounded(values: list[float]) -> list[float]:
    return [round(float(value), 6) for value in values]
