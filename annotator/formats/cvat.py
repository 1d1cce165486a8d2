"""CVAT for images 1.1: one XML file of masks, polygons, boxes and skeletons.

The shapes of one person have one ``group_id``; one without is a person by itself. A person is written as a ``mask``, or a
``box`` where it has none, labelled ``person``, and a ``skeleton`` labelled ``person skeleton`` with 17 ``points``. Coordinates
are image pixels as in this package; masks are exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

import numpy as np

from annotator.formats.class_names import (
    KEYPOINT_LABELS,
    PERSON,
    SKELETON,
    find_keypoint,
    is_person,
)
from annotator.formats.photo_names import Photos
from annotator.formats.shapes import ImageShapes, facts
from annotator.formats.values import FormatError, naming, number, refuse, text, whole
from annotator.formats.writer import FileWriter
from annotator.labels.messages import short
from annotator.labels.people import STATES, People, Person

SHAPES = ("mask", "polygon", "box", "skeleton", "points")
MAX_DEPTH = 16
"""Of elements in each other."""
BLOCK = 1 << 16
MAX_ATTRIBUTE = 1 << 20
"""Characters of an attribute's text."""


def read_cvat(
    path: str | Path, images_dir: str | Path | None = None, failures: dict[str, str] | None = None
) -> Iterator[People]:
    """The people of each image of a file of the format *CVAT for images 1.1*.

    Args:
        path: of the XML file.
        images_dir: the folder of the photos, which are found there by the ends of their names; default: names stay as they are.
        failures: why the labels of images cannot be read, by the image's name, is noted here; without it the first such
            error is raised.

    Raises:
        FormatError: no XML, XML with a DTD, or another format.
        OSError: no such file.
    """
    path, photos = Path(path), None if images_dir is None else Photos(images_dir)
    for place, element in enumerate(_images(path)):
        name = element.get("name") or f"image {place}"
        try:
            with naming(f"{path}: image {short(name)}"):
                people = _people(element)
                people.file_name = (photos and photos.find(people.file_name)) or people.file_name
        except FormatError as error:
            refuse(failures, name, error)
            continue
        yield people


class CvatWriter(FileWriter):
    """Writer of *CVAT for images 1.1*; see :mod:`annotator.formats.writer`."""

    holds: ClassVar = frozenset({"mask", "keypoints", "review"})

    def _start(self) -> None:
        self._count = 0
        self.file.write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n')
        self.file.write(_META)

    def _write(self, people: People) -> None:
        width, height = people.size
        head = _attributes(id=self._count, name=people.file_name, width=width, height=height)
        shapes = [line for group, person in enumerate(people.people, 1) for line in _shapes(person, group)]
        self.file.write("\n".join([f"  <image {head}>", *shapes, "  </image>\n"]))
        self._count += 1

    def _finish(self) -> None:
        self.file.write("</annotations>\n")


def decode_rle(runs: str, width: int, height: int) -> np.ndarray:
    """The (height, width) bool mask of CVAT's run lengths, row by row, background first.

    Raises:
        FormatError: they do not fill the mask.
    """
    try:
        lengths = np.array(runs.split(","), np.float64) if runs.strip() else np.zeros(0)
    except ValueError:
        raise FormatError("rle: holds something that is no number") from None
    if not ((lengths >= 0) & (lengths % 1 == 0)).all() or lengths.sum() != width * height:
        raise FormatError(f"rle: does not fill the {width} × {height} pixels of the mask: damaged or cut off")
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths.astype(np.int64)).reshape(height, width)


def encode_rle(mask: np.ndarray) -> str:
    """CVAT's run lengths of a (h, w) bool mask."""
    flat = mask.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths = np.diff(np.r_[0, edges, flat.size])
    return ", ".join(map(str, ([0] if flat[0] else []) + lengths.tolist()))


def _images(path: Path) -> Iterator[Element]:
    """The ``image`` elements, one at a time.

    Raises:
        FormatError: as :func:`read_cvat`.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    open_names: list[str] = []
    found: list[Element] = []
    builder: TreeBuilder | None = None

    def refuse_dtd(*_: object) -> None:
        raise FormatError(
            f"{path}: has a document type definition, which CVAT does not write and which is refused"
        )

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal builder
        if not open_names and name != "annotations":
            raise FormatError(
                f"{path}: is not CVAT's: the outermost element is {short(name)}, not 'annotations'"
            )
        if len(open_names) == 1 and name == "track":
            raise FormatError(f"{path}: is of the format CVAT for video: export it as CVAT for images 1.1")
        if len(open_names) == 1 and name == "image":
            builder = TreeBuilder()
        open_names.append(name)
        if len(open_names) > MAX_DEPTH:
            raise FormatError(f"{path}: elements in elements, more than {MAX_DEPTH} deep")
        if builder:
            builder.start(name, attributes)

    def end(name: str) -> None:
        nonlocal builder
        open_names.pop()
        if builder:
            builder.end(name)
            if len(open_names) == 1:
                found.append(builder.close())
                builder = None

    def data(characters: str) -> None:
        if builder:
            builder.data(characters)

    parser.StartDoctypeDeclHandler = refuse_dtd
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, data
    with path.open("rb") as file:
        while True:
            block = file.read(BLOCK)
            try:
                parser.Parse(block, not block)
            except expat.ExpatError as error:
                raise FormatError(f"{path}: not valid XML, or cut off: {error}") from None
            yield from found
            found.clear()
            if not block:
                return


def _people(image: Element) -> People:
    name = text(image.get("name"), "name")
    shapes = ImageShapes(image.get("width"), image.get("height"))
    others: dict[str, int] = {}
    for place, element in enumerate(image):
        label = element.get("label") or ""
        with naming(f"{element.tag} number {place}"):
            if element.tag in SHAPES and _is_of_person(element, label):
                _add(shapes, element, label)
            elif label:
                others[label] = others.get(label, 0) + 1
    return People(size=shapes.size, people=shapes.people(), file_name=name, other_classes=others)


def _is_of_person(element: Element, label: str) -> bool:
    if element.tag == "points":
        return find_keypoint(label) is not None
    return is_person(label) or (
        element.tag == "skeleton"
        and all(find_keypoint(point.get("label") or "") is not None for point in element.iter("points"))
    )


def _add(shapes: ImageShapes, element: Element, label: str) -> None:
    group = whole(element.get("group_id", 0), "group_id", 0, 2**53)
    if element.tag == "points":
        x, y, visibility = _keypoint(element)
        if group:
            shapes.group(group).add_keypoint(find_keypoint(label), x, y, visibility)
        else:
            shapes.add_loose_keypoint(find_keypoint(label), x, y, visibility)
        return
    person = shapes.group(group or None)
    if element.tag == "mask":
        x, y = (whole(element.get(side), side) for side in ("left", "top"))
        w, h = (whole(element.get(side), side, 1) for side in ("width", "height"))
        if x + w > shapes.size[0] or y + h > shapes.size[1]:
            raise FormatError(f"left {x}, top {y}, width {w}, height {h} reach out of the image")
        person.add_mask(decode_rle(element.get("rle") or "", w, h), (x, y, w, h))
    elif element.tag == "polygon":
        corners = np.array(_corners(element))
        with naming("points"):
            person.add_polygon(corners)
    elif element.tag == "box":
        if number(element.get("rotation", 0), "rotation") % 360:
            raise FormatError("rotation: a rotated box of a person is not read: draw it upright")
        left, top, right, bottom = (number(element.get(side), side) for side in ("xtl", "ytl", "xbr", "ybr"))
        person.add_box(left, top, right - left, bottom - top)
    else:
        for point in element.iter("points"):
            index = find_keypoint(point.get("label") or "")
            if index is not None:
                person.add_keypoint(index, *_keypoint(point))
    for attribute in element.findall("attribute"):
        person.set_fact(attribute.get("name") or "", (attribute.text or "")[:MAX_ATTRIBUTE])


def _keypoint(element: Element) -> tuple[float, float, int]:
    """x, y and COCO's visibility."""
    if element.get("outside") == "1":
        return 0, 0, 0
    corners = _corners(element)
    if len(corners) != 1:
        raise FormatError(f"points: {len(corners)} for one keypoint")
    return *corners[0], 1 if element.get("occluded") == "1" else 2


def _corners(element: Element) -> list[tuple[float, float]]:
    corners = []
    for pair in text(element.get("points"), "points").split(";"):
        x, _, y = pair.partition(",")
        corners.append((number(x.strip(), "points"), number(y.strip(), "points")))
    return corners


def _shapes(person: Person, group: int) -> Iterator[str]:
    """Lines of a person's elements."""
    common = {"source": "auto" if person.provenance.state == "predicted" else "manual", "occluded": 0}
    said = [
        f"      <attribute name={quoteattr(name)}>{_escaped(value)}</attribute>"
        for name, value in facts(person).items()
    ]
    x, y, w, h = person.box
    if person.mask is not None and person.mask.any():
        head = _attributes(
            label=PERSON,
            **common,
            rle=encode_rle(person.mask),
            left=x,
            top=y,
            width=w,
            height=h,
            z_order=0,
            group_id=group,
        )
        yield from (f"    <mask {head}>", *said, "    </mask>")
    else:
        head = _attributes(
            label=PERSON,
            **common,
            xtl=f"{x:.2f}",
            ytl=f"{y:.2f}",
            xbr=f"{x + w:.2f}",
            ybr=f"{y + h:.2f}",
            z_order=0,
            group_id=group,
        )
        yield from (f"    <box {head}>", *said, "    </box>")
    seen = person.labelled()
    if seen.any():
        yield f"    <skeleton {_attributes(label=SKELETON, **common, z_order=0, group_id=group)}>"
        for label, (x, y, _), visibility in zip(
            KEYPOINT_LABELS, person.keypoints.tolist(), seen.tolist(), strict=True
        ):
            states = {"occluded": int(visibility == 1), "outside": int(visibility == 0)}
            head = _attributes(label=label, source=common["source"], **states, points=f"{x:.2f},{y:.2f}")
            yield f"      <points {head}></points>"
        yield "    </skeleton>"


def _attributes(**values: object) -> str:
    return " ".join(f"{name}={quoteattr(_allowed(str(value)))}" for name, value in values.items())


def _escaped(value: str) -> str:
    return _allowed(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _allowed(value: str) -> str:
    """Text without the characters that XML cannot hold."""
    return "".join(
        c
        for c in value
        if c in "\t\n\r" or c.isprintable() or (ord(c) > 0x9F and not 0xD800 <= ord(c) < 0xE000)
    )


def _label(name: str, kind: str, attributes: Iterable[str] = (), parent: str = "") -> str:
    inside = "".join(attributes)
    tail = f"<parent>{parent}</parent>" if parent else ""
    return f"      <label><name>{name}</name><type>{kind}</type><attributes>{inside}</attributes>{tail}</label>\n"


def _attribute(name: str, kind: str, values: Iterable[str] = ()) -> str:
    listed = "\n".join(values)
    default = listed.partition("\n")[0]
    return (
        f"<attribute><name>{name}</name><mutable>False</mutable><input_type>{kind}</input_type>"
        f"<default_value>{default}</default_value><values>{listed}</values></attribute>"
    )


_META = "".join(
    [
        "  <meta>\n    <task><labels>\n",
        _label(
            PERSON,
            "any",
            [_attribute("review", "select", STATES)]
            + [_attribute(name, "text") for name in ("score", "author", "comment")]
            + [_attribute(name, "checkbox", ["false"]) for name in ("edited", "crowd")],
        ),
        _label(SKELETON, "skeleton"),
        *(_label(name, "points", parent=SKELETON) for name in KEYPOINT_LABELS),
        "    </labels></task>\n  </meta>\n",
    ]
)
"""The labels that a task needs for these shapes, in CVAT's own words."""
