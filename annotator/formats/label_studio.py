"""Label Studio's JSON: a list of tasks, each a photo with annotations and predictions of brush masks, polygons, rectangles and
keypoints, in percent of its width and height.

A person is written as a ``brushlabels`` region, or ``rectanglelabels`` where it has no mask, labelled ``person``; its keypoints
are ``keypointlabels`` regions whose ``parentID`` is that region. The review state of a region, and whether a keypoint is
hidden, are per-region ``choices``. People whom nobody has worked on are written as a prediction, which Label Studio shows as
a pre-annotation; a photo with human work is written as an annotation.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, quote, unquote, urlsplit

import numpy as np

from annotator.formats.brush_rle import decode_brush, encode_brush
from annotator.formats.class_names import KEYPOINT_LABELS, PERSON, find_keypoint, is_person
from annotator.formats.photo_names import Photos
from annotator.formats.shapes import ImageShapes, PersonShapes
from annotator.formats.values import FormatError, image_size, naming, number, read_items, refuse
from annotator.formats.writer import FileWriter
from annotator.geometry.boxes import bounding_box, crop
from annotator.labels.messages import short
from annotator.labels.people import STATES, People, Person

LOCAL_FILES = "/data/local-files/?d="
"""How Label Studio addresses a photo below its ``LOCAL_FILES_DOCUMENT_ROOT``."""
HIDDEN = "hidden"
POINT_WIDTH = 0.5
"""Percent, of the dot that shows a keypoint."""
MAX_PARENTS = 100
_SIZE = ("original_width", "original_height")
_UPLOAD = re.compile(r"^[0-9a-f]{8}-")


def read_label_studio(
    path: str | Path, images_dir: str | Path = "", failures: dict[str, str] | None = None
) -> Iterator[People]:
    """The people of each task of a file that Label Studio exported as *JSON*.

    Of several annotations of a task counts the one marked as ground truth, else the last one that was not cancelled; of a
    task without annotations its last prediction.

    Args:
        path: of the file.
        images_dir: the folder of the photos. File names are found there by the end of the task's address, also without
            the eight characters that an upload puts before a name.
        failures: why the labels of images cannot be read, by the image's name, is noted here; without it the first such
            error is raised.

    Raises:
        FormatError: no list of tasks.
        OSError: no such file.
    """
    path, photos = Path(path), Photos(images_dir)
    for place, task in enumerate(read_items(path, "tasks")):
        name = f"task number {place}"
        try:
            with naming(f"{path}: task {short(task.get('id', place)) if isinstance(task, dict) else place}"):
                name = _photo_name(task, photos)
                people = _people(task, name, photos)
        except FormatError as error:
            refuse(failures, name, error)
            continue
        yield people


class LabelStudioWriter(FileWriter):
    """Writer of Label Studio's *JSON*; see :mod:`annotator.formats.writer`."""

    holds: ClassVar = frozenset({"mask", "keypoints", "review"})

    def _start(self) -> None:
        self._first = True
        self.file.write("[")

    def _write(self, people: People) -> None:
        result = [
            region
            for place, person in enumerate(people.people)
            for region in _regions(person, place, people.size)
        ]
        reviewed = any(person.provenance.state != "predicted" for person in people.people)
        score = min((person.score for person in people.people), default=1.0)
        task = {
            "data": {"image": LOCAL_FILES + quote(people.file_name)},
            "annotations": [{"result": result}] if reviewed else [],
            "predictions": []
            if reviewed
            else [{"model_version": _model(people), "score": round(score, 4), "result": result}],
        }
        self.file.write(("\n" if self._first else ",\n") + json.dumps(task))
        self._first = False

    def _finish(self) -> None:
        self.file.write("\n]\n")


def _photo_name(task: object, photos: Photos) -> str:
    data = task.get("data") if isinstance(task, dict) else None
    if not isinstance(data, dict):
        raise FormatError("data: missing; each task needs an object with the photo's address")
    addresses = [value for value in data.values() if isinstance(value, str) and value]
    image = data.get("image")
    if isinstance(image, str) and image:
        addresses.insert(0, image)
    if not addresses:
        raise FormatError("data: holds no address of a photo")
    names = [_path_in(address) for address in addresses]
    for name in names:
        if (found := photos.find(name)) is not None:
            return found
        # An upload has lost its folders, and has got eight characters before its name.
        upload = name.rpartition("/")[2]
        if _UPLOAD.match(upload) and (found := photos.find_name(_UPLOAD.sub("", upload))) is not None:
            return found
    return names[0]


def _path_in(address: str) -> str:
    """The path that an address of Label Studio means."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return address
    local = parse_qs(parts.query).get("d")
    path = (
        local[0]
        if local
        else unquote(parts.path)
        if parts.scheme or address.startswith("/data/")
        else address
    )
    return path.removeprefix("/")


def _people(task: dict[str, Any], name: str, photos: Photos) -> People:
    result = _result(task)
    regions = [
        region for region in result if isinstance(region, dict) and isinstance(region.get("value"), dict)
    ]
    if len(regions) < sum(
        not (isinstance(region, dict) and region.get("type") == "relation") for region in result
    ):
        raise FormatError("result: must be a list of objects with `value`")
    sizes = [
        image_size(r["original_width"], r.get("original_height"), _SIZE)
        for r in regions
        if r.get("original_width") is not None
    ]
    if len(set(sizes)) > 1:
        raise FormatError(f"{_SIZE[0]}: {short(sorted(set(sizes)))} for one photo")
    size = sizes[0] if sizes else photos.size(name)
    shapes, others = ImageShapes(*size), {}
    shown = [region for region in regions if "choices" not in region["value"]]
    parents = {r["id"]: r.get("parentID") for r in shown if isinstance(r.get("id"), str)}
    choices = _choices(regions)
    for place, region in enumerate(regions):
        with naming(f"result number {place}"):
            _add(shapes, region, parents, choices, others)
    return People(size=shapes.size, people=shapes.people(), file_name=name, other_classes=others)


def _result(task: dict[str, Any]) -> list[Any]:
    """The regions of the annotation or prediction that counts."""
    if not any(field in task for field in ("annotations", "completions", "predictions")):
        raise FormatError(
            "has neither annotations nor predictions: export it from Label Studio as JSON, not as JSON-MIN"
        )
    for field in ("annotations", "completions", "predictions"):
        entries = task.get(field) or []
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise FormatError(f"{field}: must be a list of objects")
        entries = [entry for entry in entries if not entry.get("was_cancelled")]
        if entries:
            chosen = next((entry for entry in entries if entry.get("ground_truth") is True), entries[-1])
            if not isinstance(chosen.get("result"), list):
                raise FormatError(f"{field}: result: must be a list")
            return chosen["result"]
    return []


def _choices(regions: list[dict[str, Any]]) -> dict[str, list[str]]:
    """What was chosen for each region, by its id."""
    chosen: dict[str, list[str]] = {}
    for region in regions:
        values = region["value"].get("choices")
        if isinstance(region.get("id"), str) and isinstance(values, list):
            chosen.setdefault(region["id"], []).extend(value for value in values if isinstance(value, str))
    return chosen


def _add(
    shapes: ImageShapes,
    region: dict[str, Any],
    parents: dict[str, Any],
    choices: dict[str, list[str]],
    others: dict[str, int],
) -> None:
    value = region["value"]
    labels = next((v for k, v in value.items() if k.endswith("labels") and isinstance(v, list)), [])
    label = next((label for label in labels if isinstance(label, str)), "")
    if not label:
        return
    if number(region.get("image_rotation") or 0, "image_rotation") % 360:
        raise FormatError("image_rotation: the photo was rotated in Label Studio: turn it back there")
    width, height = shapes.size
    key = region.get("id") if isinstance(region.get("id"), str) else None
    chosen = choices.get(key, ())
    is_point = "x" in value and "height" not in value
    if is_point and (index := find_keypoint(label)) is not None:
        x, y = (number(value.get(name), name) / 100 * side for name, side in (("x", width), ("y", height)))
        visibility = 1 if HIDDEN in chosen else 2
        root = _root(key, parents)
        if root is None or root == key:
            shapes.add_loose_keypoint(index, x, y, visibility)
        else:
            shapes.group(root).add_keypoint(index, x, y, visibility)
        return
    if is_point or not is_person(label):
        others[label] = others.get(label, 0) + 1
        return
    person = shapes.group(_root(key, parents))
    if "rle" in value:
        person.add_mask(decode_brush(value["rle"], shapes.size), (0, 0, width, height))
        _shrink(person)
    elif "points" in value:
        with naming("points"):
            person.add_polygon(_corners(value["points"], shapes.size))
    elif "width" in value:
        person.add_box(*_rectangle(value, shapes.size))
    else:
        raise FormatError(
            f"value: a person's region has {short(sorted(value))}, neither rle, points nor a rectangle"
        )
    if region.get("score") is not None:
        person.score = number(region["score"], "score", 0, 1)
    person.provenance.state = next((state for state in chosen if state in STATES), person.provenance.state)
    comment = (region.get("meta") or {}).get("text") if isinstance(region.get("meta"), dict) else None
    if isinstance(comment, list) and all(isinstance(line, str) for line in comment):
        person.provenance.comment = "\n".join(comment)


def _root(key: str | None, parents: dict[str, Any]) -> str | None:
    """The outermost region around one."""
    for _ in range(MAX_PARENTS):
        above = parents.get(key) if key is not None else None
        if not isinstance(above, str) or above not in parents:
            return key
        key = above
    raise FormatError("parentID: regions are each other's parents")


def _shrink(person: PersonShapes) -> None:
    """Cut the last mask to the box around its pixels."""
    mask, _ = person.masks.pop()
    inner = bounding_box(mask)
    if inner is not None:
        person.masks.append((crop(mask, inner), inner))


def _corners(points: object, size: tuple[int, int]) -> np.ndarray:
    if not isinstance(points, list) or not all(
        isinstance(point, list) and len(point) == 2 for point in points
    ):
        raise FormatError("must be a list of [x, y]")
    corners = [[number(value, "corner") for value in point] for point in points]
    return np.array(corners, np.float64).reshape(-1, 2) / 100 * size


def _rectangle(value: dict[str, Any], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """x, y, w, h in pixels of the upright box around a rectangle, which may be turned around its top-left corner."""
    x, y, w, h = (
        number(value.get(name), name) / 100 * side
        for name, side in zip(("x", "y", "width", "height"), (*size, *size), strict=True)
    )
    turn = math.radians(number(value.get("rotation") or 0, "rotation"))
    if not turn:
        return x, y, w, h
    across, down = (
        np.array([math.cos(turn), math.sin(turn)]) * w,
        np.array([-math.sin(turn), math.cos(turn)]) * h,
    )
    corners = np.add([0 * across, across, down, across + down], [x, y])
    return (*corners.min(axis=0), *np.ptp(corners, axis=0))


def _regions(person: Person, place: int, size: tuple[int, int]) -> Iterator[dict[str, Any]]:
    """A person's results: its mask or box, what was decided, and its keypoints."""
    width, height = size
    common = {"original_width": width, "original_height": height, "image_rotation": 0, "to_name": "image"}
    key, (x, y, w, h) = f"person{place}", person.box
    about: dict[str, Any] = {"id": key, "score": round(float(person.score), 4)}
    if person.provenance.comment:
        about["meta"] = {"text": [person.provenance.comment]}
    if person.mask is not None and person.mask.any():
        whole = np.zeros((height, width), bool)
        crop(whole, person.box)[...] = person.mask
        value = {"format": "rle", "rle": encode_brush(whole), "brushlabels": [PERSON]}
        yield about | common | {"type": "brushlabels", "from_name": "mask", "value": value}
    else:
        place_of = {"x": x / width, "y": y / height, "width": w / width, "height": h / height}
        value = {name: 100 * share for name, share in place_of.items()} | {
            "rotation": 0,
            "rectanglelabels": [PERSON],
        }
        yield about | common | {"type": "rectanglelabels", "from_name": "box", "value": value}
    yield common | _choice(key, "review", person.provenance.state)
    for index, visibility in enumerate(person.labelled().tolist()):
        if visibility:
            x, y = (100 * person.keypoints[index, :2].astype(float) / size).tolist()
            value = {"x": x, "y": y, "width": POINT_WIDTH, "keypointlabels": [KEYPOINT_LABELS[index]]}
            point = {
                "id": f"{key}-{index}",
                "parentID": key,
                "type": "keypointlabels",
                "from_name": "keypoint",
            }
            yield common | point | {"value": value}
            if visibility == 1:
                yield common | _choice(point["id"], "visibility", HIDDEN)


def _choice(key: str, name: str, choice: str) -> dict[str, Any]:
    return {"id": key, "type": "choices", "from_name": name, "value": {"choices": [choice]}}


def _model(people: People) -> str:
    return next(
        (person.provenance.model for person in people.people if person.provenance.model),
        "densepose-annotator",
    )
