"""Ultralytics' YOLO data sets for pose and for segmentation: ``data.yaml``, a folder ``images`` and a folder ``labels`` with a text
file per photo, a line per person, in shares of the photo's width and height.

Pose: a box and 17 keypoints. Segmentation: one polygon; several pieces of a mask, and its holes, are joined by lines that the
polygon goes there and back, as ultralytics joins pieces. Filled by the even-odd rule, which OpenCV has, holes stay holes.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import yaml

from annotator.formats.class_names import KEYPOINT_LABELS, PERSON, is_person
from annotator.formats.outlines import joined, outlines
from annotator.formats.photo_names import Photos, safe_name
from annotator.formats.shapes import ImageShapes
from annotator.formats.values import FormatError, naming, refuse
from annotator.formats.writer import FolderWriter
from annotator.labels.label_space import KEYPOINT_MIRROR, KEYPOINTS
from annotator.labels.messages import short
from annotator.labels.people import People, Person
from annotator.photos.finding import find_photos
from annotator.photos.reading import PhotoError, photo_size

SPLITS = ("train", "val", "test")
MAX_YAML = 1 << 20
"""Bytes."""
SLACK = 0.01
"""How far a share may be outside 0..1, as ultralytics allows."""


def read_yolo(
    path: str | Path, images_dir: str | Path | None = None, failures: dict[str, str] | None = None
) -> Iterator[People]:
    """The people of each photo of a data set that has a label file; an empty one says that nobody is there.

    Args:
        path: of ``data.yaml``, or of the folder with it.
        images_dir: the folder of the photos; default: that of ``data.yaml``. Photos are found there by the ends of their
            paths in the data set.
        failures: why the labels of a photo cannot be read, by its path, is noted here; without it the first such error is
            raised.

    Raises:
        FormatError: ``data.yaml`` cannot be used.
        OSError: no such file or folder.
    """
    file = _yaml_file(Path(path))
    data = _read_yaml(file)
    root = _root(file, data)
    names, width = _classes(file, data), _keypoint_width(file, data)
    photos = Photos(root if images_dir is None else images_dir)
    for photo in _photos(file, data, root):
        labels = label_path(photo)
        if not os.path.isfile(labels):  # nor a name that is too long
            continue
        name = photos.find(photo.as_posix()) or os.path.relpath(photo, photos.images_dir)
        try:
            with naming(labels):
                people = _people(labels, photo, names, width)
        except FormatError as error:
            refuse(failures, name, error)
            continue
        people.file_name = name
        yield people


class YoloWriter(FolderWriter):
    """Writer of a data set with links to the photos; see :mod:`annotator.formats.writer`. All photos are for training and
    validation."""

    def _write(self, people: People) -> None:
        name = safe_name(people.file_name)
        photo = self.images_dir / name
        if not photo.is_file():
            raise FormatError(f"file_name: there is no photo {photo}, which the data set must have")
        link = self.folder / "images" / name
        place = self._new_file(label_path(link).relative_to(self.folder))
        lines = [line for person in people.people if (line := self._line(person, people.size))]
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(photo.absolute())
        place.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")

    @abstractmethod
    def _line(self, person: Person, size: tuple[int, int]) -> str:
        """A person's line of the label file, empty for none; ``size`` is (width, height) of the photo."""

    def _finish(self) -> None:
        for folder in ("images", "labels"):
            (self.folder / folder).mkdir(exist_ok=True)
        data = {"train": "images", "val": "images", **self._data(), "names": {0: PERSON}}
        (self.folder / "data.yaml").write_text(
            yaml.safe_dump(data, sort_keys=False, default_flow_style=None), "utf-8"
        )
        super()._finish()

    def _data(self) -> dict[str, Any]:
        return {}


class YoloPoseWriter(YoloWriter):
    """Boxes and keypoints. Keypoints outside the photo are left out: ultralytics would ignore the whole photo for them."""

    holds: ClassVar = frozenset({"keypoints"})
    keypoints_outside: ClassVar = False

    def _line(self, person: Person, size: tuple[int, int]) -> str:
        x, y, w, h = person.box
        values = [(x + w / 2) / size[0], (y + h / 2) / size[1], w / size[0], h / size[1]]
        points = np.zeros((len(KEYPOINTS), 2)) if person.keypoints is None else person.keypoints[:, :2] / size
        visibility = person.labelled_inside(size)
        outside = (visibility < person.labelled()).any()
        self.lost.update({"keypoints outside the photo": 1} if outside else {})
        line = "0 " + _shares(values)
        for point, seen in zip(points, visibility, strict=True):
            line += f" {_shares(point)} {seen}" if seen else " 0 0 0"
        return line

    def _data(self) -> dict[str, Any]:
        return {
            "kpt_shape": [len(KEYPOINTS), 3],
            "flip_idx": KEYPOINT_MIRROR.tolist(),
            "kpt_names": {0: list(KEYPOINT_LABELS)},
        }


class YoloSegWriter(YoloWriter):
    """Masks as polygons. People without a mask are left out: ultralytics takes no boxes beside polygons."""

    holds: ClassVar = frozenset({"mask"})
    mask_iou: ClassVar = 0.995

    def _line(self, person: Person, size: tuple[int, int]) -> str:
        if person.mask is None or not person.mask.any():
            self.lost.update({"people without a mask": 1})
            return ""
        return "0 " + _shares((joined(outlines(person.mask, person.box)) / size).ravel())


def label_path(photo: Path) -> Path:
    """The label file of a photo, as ultralytics finds it: the last folder ``images`` in its path becomes ``labels``."""
    parts = list(photo.parts)
    if not photo.name:
        return photo  # a line that names no file
    for place in range(len(parts) - 2, -1, -1):
        if parts[place] == "images":
            parts[place] = "labels"
            break
    return Path(*parts).with_suffix(".txt")


def _shares(values: Any) -> str:
    # Eight decimals are a thousandth of a pixel on the largest photo.
    return " ".join(f"{value:.8f}".rstrip("0").rstrip(".") for value in values)


def _yaml_file(path: Path) -> Path:
    if path.is_file():
        return path
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: no such file or folder")
    found = sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
    for file in found:
        if file.stem == "data" or len(found) == 1:
            return file
    raise FormatError(
        f"{path}: has {'several .yaml files' if found else 'no .yaml file'}: choose its data.yaml"
    )


def _read_yaml(file: Path) -> dict[str, Any]:
    if file.stat().st_size > MAX_YAML:
        raise FormatError(f"{file}: larger than a megabyte: choose the data set's data.yaml")
    try:
        data = yaml.safe_load(file.read_bytes())
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise FormatError(f"{file}: not valid YAML: {' '.join(str(error).split())[:120]}") from None
    if not isinstance(data, dict):
        raise FormatError(f"{file}: must say `train`, `val` and `names`")
    return data


def _root(file: Path, data: dict[str, Any]) -> Path:
    path = data.get("path")
    root = file.parent / path if isinstance(path, str) else file.parent
    return root if root.is_dir() else file.parent


def _classes(file: Path, data: dict[str, Any]) -> dict[int, str]:
    names = data.get("names")
    if isinstance(names, list):
        names = dict(enumerate(names))
    numbers = (
        [str(key) if isinstance(key, str | int) else "" for key in names] if isinstance(names, dict) else [""]
    )
    if not all(key.isascii() and key.isdigit() and len(key) < 10 for key in numbers):
        raise FormatError(f"{file}: names: {short(names)} are no names of classes by their numbers")
    # Not lists: a YAML file can say a list of lists in a few bytes that is larger than any memory as text.
    if not all(isinstance(name, str | int | float) for name in names.values()):
        raise FormatError(f"{file}: names: {short(names)} hold something that is no name of a class")
    names = {int(key): str(name) for key, name in zip(numbers, names.values(), strict=True)}
    if not any(map(is_person, names.values())):
        raise FormatError(f"{file}: names: none of {short(list(names.values()))} is person")
    return names


def _keypoint_width(file: Path, data: dict[str, Any]) -> int:
    """Numbers per keypoint, 2 or 3; 0 where there are none."""
    shape = data.get("kpt_shape")
    if shape is None:
        return 0
    if not isinstance(shape, list) or shape not in ([len(KEYPOINTS), 2], [len(KEYPOINTS), 3]):
        raise FormatError(
            f"{file}: kpt_shape: {short(shape)} is not that of COCO's keypoints, [17, 3] or [17, 2]"
        )
    return shape[1]


def _photos(file: Path, data: dict[str, Any], root: Path) -> Iterator[Path]:
    """The photos of all parts of a data set, each once."""
    known: set[Path] = set()
    for split in SPLITS:
        entries = data.get(split)
        for entry in entries if isinstance(entries, list) else [entries]:
            if entry is None:
                continue
            if not isinstance(entry, str) or "\0" in entry:
                raise FormatError(f"{file}: {split}: {short(entry)} is no path")
            place = root / entry
            # Some tools write paths for a folder beside the one that they mean.
            if not place.exists() and (root / entry.removeprefix("../")).exists():
                place = root / entry.removeprefix("../")
            if place.is_dir():
                found = find_photos(place)
            elif place.is_file():
                lines = place.read_text("utf-8-sig", "replace").splitlines()
                found = [place.parent / line.strip() for line in lines if line.strip()]
            else:
                raise FormatError(f"{file}: {split}: there is no {place}")
            fresh = [photo for photo in found if photo not in known]
            known.update(fresh)
            yield from fresh


def _people(labels: Path, photo: Path, names: dict[int, str], width: int) -> People:
    try:
        size = photo_size(photo)
    except PhotoError as error:
        raise FormatError(f"its photo {photo}: {error}") from None
    shapes, others = ImageShapes(*size), {}
    for place, line in enumerate(labels.read_text("utf-8-sig", "replace").splitlines(), 1):
        if line.strip():
            with naming(f"line {place}"):
                _add(shapes, line, names, width, others)
    return People(size=size, people=shapes.people(), other_classes=others)


def _add(shapes: ImageShapes, line: str, names: dict[int, str], width: int, others: dict[str, int]) -> None:
    try:
        numbers = np.array(line.split(), np.float64)
    except ValueError:
        raise FormatError("holds something that is no number") from None
    label = names.get(int(numbers[0])) if np.isfinite(numbers[0]) and numbers[0] % 1 == 0 else None
    if label is None:
        raise FormatError(f"class: data.yaml has no class {numbers[0]:g}")
    if not is_person(label):
        others[label] = others.get(label, 0) + 1
        return
    values = numbers[1:]
    keypoints = (
        values[4:].reshape(-1, width)
        if width and len(values) == 4 + width * len(KEYPOINTS)
        else np.zeros((0, 2))
    )
    is_polygon = not len(keypoints) and len(values) > 5
    if len(values) < 4 or (is_polygon and len(values) % 2) or len(values) == 5:
        raise FormatError(
            f"has {len(values)} numbers after the class: neither a box, nor a pose, nor a polygon"
        )
    places = keypoints[:, :2]
    if width == 2:
        # Without visibility, ultralytics marks those that are missing by negative numbers.
        places = np.where((places < 0).any(axis=1, keepdims=True), 0, places)
    places = np.r_[values if is_polygon else values[:4], places.ravel()]
    if not ((places >= -SLACK) & (places <= 1 + SLACK)).all():
        raise FormatError("numbers that are not shares 0..1 of the photo's width and height")
    person = shapes.group(None)
    if is_polygon:
        person.add_polygon(values.reshape(-1, 2) * shapes.size)
        return
    x, y, w, h = values[:4] * (*shapes.size, *shapes.size)
    person.add_box(x - w / 2, y - h / 2, w, h)
    for index, point in enumerate(keypoints):
        seen = 2 * bool((point >= 0).all() and point.any()) if width == 2 else point[2]
        if seen not in (0, 1, 2):
            raise FormatError(f"visibility of {KEYPOINTS[index]} is {seen:g}, not 0, 1 or 2")
        person.add_keypoint(index, *(point[:2] * shapes.size), int(seen))
