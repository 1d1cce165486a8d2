"""Files of other tools that cannot be used: one line says what is wrong and where."""

from pathlib import Path

import pytest

from annotator.formats.cvat import read_cvat
from annotator.formats.densepose_dump import read_densepose_dump
from annotator.formats.label_studio import read_label_studio
from annotator.formats.labelme import read_labelme
from annotator.formats.values import FormatError
from annotator.formats.yolo import read_yolo
from tests.annotator.formats.test_foreign_files import (
    CVAT_MASK,
    cvat,
    dump,
    label_studio,
    labelme,
    region,
    shape,
    yolo,
)
from tests.annotator.formats.test_round_trips import photos

CHARTS = {"labels": [[1]], "uv": [[[0]], [[0]]]}
POSE = " ".join(["0.5 0.5 2"] * 17)
PERSON = 'points="1,1;9,1;9,9" label="person"'
BOMB = (
    "a: &a [x, x, x]\n"
    + "".join(
        f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefghij", "bcdefghijk", strict=True)
    )
    + "names: {0: *k}\n"
)
"""A gigabyte, were it written as text."""

BAD = {
    "cvat, no XML": (
        read_cvat,
        lambda p: _write(p / "a.xml", "<annotations><image"),
        "not valid XML, or cut off",
    ),
    "cvat, DTD": (
        read_cvat,
        lambda p: _write(p / "a.xml", '<!DOCTYPE a [<!ENTITY x "y">]><annotations/>'),
        "has a document type definition",
    ),
    "cvat, another file": (
        read_cvat,
        lambda p: _write(p / "a.xml", "<annotation/>"),
        "the outermost element is 'annotation'",
    ),
    "cvat, video": (
        read_cvat,
        lambda p: _write(p / "a.xml", "<annotations><track/></annotations>"),
        "CVAT for video",
    ),
    "cvat, size": (
        read_cvat,
        lambda p: cvat(p, "", 'name="a.jpg" width="x" height="1"'),
        "width: 'x' is not a number",
    ),
    "cvat, huge": (
        read_cvat,
        lambda p: cvat(p, "", 'name="a.jpg" width="65000" height="65000"'),
        "are more than",
    ),
    "cvat, mask": (
        read_cvat,
        lambda p: cvat(p, CVAT_MASK.format("1, 2", "")),
        "mask number 0: rle: does not fill",
    ),
    "cvat, negative run": (read_cvat, lambda p: cvat(p, CVAT_MASK.format("9, -1", "")), "rle: does not fill"),
    "cvat, corner": (
        read_cvat,
        lambda p: cvat(p, '<polygon label="person" points="1,1;2,nan;3,3"/>'),
        "polygon number 0: points: nan is not in",
    ),
    "cvat, two corners": (
        read_cvat,
        lambda p: cvat(p, '<polygon label="person" points="1,1;2,2"/>'),
        "less than 3 corners",
    ),
    "cvat, outside": (
        read_cvat,
        lambda p: cvat(p, '<box label="person" xtl="500" ytl="1" xbr="600" ybr="9"/>'),
        "lie outside the image of 160 × 120",
    ),
    "cvat, state": (
        read_cvat,
        lambda p: cvat(p, f'<polygon {PERSON}><attribute name="review">fine</attribute></polygon>'),
        "review: 'fine' is not one of predicted, edited, approved, rejected",
    ),
    "label studio, JSON-MIN": (
        read_label_studio,
        lambda p: _write(p / "a.json", '[{"data": {"image": "a.jpg"}, "label": []}]'),
        "export it from Label Studio as JSON, not as JSON-MIN",
    ),
    "label studio, no list": (
        read_label_studio,
        lambda p: _write(p / "a.json", "{}"),
        "must be a list of tasks",
    ),
    "label studio, cut off": (
        read_label_studio,
        lambda p: _write(p / "a.json", '[{"data'),
        "not valid JSON, or cut off",
    ),
    "label studio, brush": (
        read_label_studio,
        lambda p: label_studio(p, [region("brushlabels", "b", "person", format="rle", rle=[0, 0, 1])]),
        "task 5: result number 0: rle: stops before",
    ),
    "label studio, circle": (
        read_label_studio,
        lambda p: label_studio(
            p,
            [region("rectanglelabels", k, "person", q, x=1, y=1, width=1, height=1) for k, q in ("ab", "ba")],
        ),
        "parentID: regions are each other's parents",
    ),
    "labelme, another file": (
        read_labelme,
        lambda p: _write(p / "a.json", "[]"),
        "shapes: missing; is it a file of labelme?",
    ),
    "labelme, mask": (
        read_labelme,
        lambda p: labelme(p / "a.json", [shape("mask", "person", [[1, 1], [2, 2]], mask="xyz")]),
        "shape number 0: mask: no PNG in base64",
    ),
    "labelme, kind": (
        read_labelme,
        lambda p: labelme(p / "a.json", [shape("circle", "person", [[1, 1], [2, 2]])]),
        "shape_type: 'circle' of a person is not read",
    ),
    "yolo, no person": (
        read_yolo,
        lambda p: yolo(p, "", names=["dog"]),
        "names: none of \\['dog'\\] is person",
    ),
    "yolo, list of lists": (
        read_yolo,
        lambda p: _write(p / "data.yaml", BOMB),
        "names: .* hold something that is no name of a class",
    ),
    "yolo, python": (
        read_yolo,
        lambda p: _write(p / "data.yaml", "!!python/object/apply:os.getcwd []"),
        "not valid YAML",
    ),
    "yolo, keypoints": (
        read_yolo,
        lambda p: yolo(p, "", kpt_shape=[4, 3]),
        "kpt_shape: \\[4, 3\\] is not that of COCO",
    ),
    "yolo, pixels": (
        read_yolo,
        lambda p: yolo(p, "1 80 60 20 20"),
        "line 1: numbers that are not shares 0..1",
    ),
    "yolo, numbers": (
        read_yolo,
        lambda p: yolo(p, f"1 0.5 0.5 0.1 0.1 {POSE} 1 1"),
        "neither a box, nor a pose, nor a polygon",
    ),
    "yolo, class": (read_yolo, lambda p: yolo(p, "7 0.5 0.5 0.1 0.1"), "class: data.yaml has no class 7"),
    "dump, box": (
        read_densepose_dump,
        lambda p: dump(p, CHARTS, [1, 1, 9, 9]),
        "labels: 1 × 1 pixels do not fit the box of 8.0 × 8.0",
    ),
    "dump, chart": (
        read_densepose_dump,
        lambda p: dump(p, CHARTS | {"labels": [[25]]}, [1, 1, 2, 2]),
        "person number 0: labels: hold a number that is no chart 0..24",
    ),
    "dump, uv": (
        read_densepose_dump,
        lambda p: dump(p, {"labels": [[1]], "uv": [[[7]], [[0]]]}, [1, 1, 2, 2]),
        "uv: holds a number",
    ),
    "dump, photo": (
        read_densepose_dump,
        lambda p: dump(p, CHARTS, [1, 1, 2, 2], file_name="b.jpg"),
        "cannot be read",
    ),
    "dump, people": (
        read_densepose_dump,
        lambda p: dump(p, CHARTS, [1, 1, 2, 2], scores=[]),
        "are not of the 1 people",
    ),
}


def _write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said_in_one_line(case, tmp_path):
    read, make, words = BAD[case]
    folder = photos(tmp_path / "photos", "a.jpg")
    with pytest.raises(FormatError, match=words) as refused:
        list(read(make(tmp_path), folder))
    assert str(refused.value).startswith(str(tmp_path))
    assert len(str(refused.value).splitlines()) == 1


def test_failures_are_noted_and_the_others_are_read(tmp_path):
    photos(tmp_path, "a.jpg", "b.jpg")
    labelme(tmp_path / "a.json", [shape("line", "person", [[1, 1], [2, 2]])])
    labelme(tmp_path / "b.json", [], imagePath="b.jpg")
    failures = {}
    (people,) = read_labelme(tmp_path, tmp_path, failures)
    assert people.file_name == "b.jpg"
    assert list(failures) == [str(tmp_path / "a.json")]
