"""Files as other tools write them, made by hand from the tools' documentation."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from annotator.formats.brush_rle import decode_brush, encode_brush
from annotator.formats.cvat import decode_rle, encode_rle, read_cvat
from annotator.formats.densepose_dump import read_densepose_dump
from annotator.formats.label_studio import read_label_studio
from annotator.formats.labelme import read_labelme
from annotator.formats.yolo import label_path, read_yolo
from annotator.labels.label_space import CHART_TO_PART
from annotator.labels.people import Person
from tests.annotator.formats.test_round_trips import SIZE, photos


def one(found) -> list[Person]:
    """The people of the only image."""
    (people,) = found
    return people.people


def cvat(tmp_path: Path, shapes: str, image: str = 'id="0" name="a.jpg" width="160" height="120"') -> Path:
    path = tmp_path / "annotations.xml"
    path.write_text(
        f'<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version><meta><job/></meta>'
        f"<image {image}>{shapes}</image></annotations>"
    )
    return path


CVAT_MASK = '<mask label="person" source="manual" occluded="0" rle="{}" left="10" top="20" width="4" height="2" z_order="0"{}></mask>'


def test_cvat_ties_the_shapes_of_a_group(tmp_path):
    points = "".join(
        f'<points label="{label}" source="manual" occluded="{occluded}" outside="{outside}" points="{x},30.50"></points>'
        for label, x, occluded, outside in (
            ("nose", "12.25", 0, 0),
            ("left_eye", "13.00", 1, 0),
            ("right_eye", "0.00", 0, 1),
        )
    )
    path = cvat(
        tmp_path,
        CVAT_MASK.format("1, 2, 1, 4", ' group_id="7"')
        + f'<skeleton label="human" source="manual" z_order="0" group_id="7">{points}</skeleton>'
        + '<polygon label="Person" source="manual" occluded="0" points="50.00,50.00;60.00,50.00;60.00,60.00;50.00,60.00"></polygon>'
        + '<box label="person" source="manual" occluded="0" xtl="100.00" ytl="100.00" xbr="110.50" ybr="120.00">'
        + '<attribute name="review">approved</attribute><attribute name="mood">glad</attribute></box>'
        + '<box label="dog" source="manual" occluded="0" xtl="1.00" ytl="1.00" xbr="2.00" ybr="2.00"></box>',
    )
    (people,) = read_cvat(path)
    assert (people.size, people.file_name, people.other_classes) == (SIZE, "a.jpg", {"dog": 1})
    group, polygon, box = people.people
    assert group.box == (10, 20, 4, 2)
    assert group.mask.astype(int).tolist() == [[0, 1, 1, 0], [1, 1, 1, 1]]
    assert group.visibility[:3].tolist() == [2, 1, 0]
    assert group.keypoints[:2, :2].tolist() == [[12.25, 30.5], [13, 30.5]]
    assert (polygon.box, polygon.mask.all()) == ((50, 50, 10, 10), True)
    assert (box.box, box.mask, box.provenance.state) == ((100, 100, 11, 20), None, "approved")


def test_cvat_points_belong_to_the_smallest_box_around_them(tmp_path):
    boxes = '<box label="person" xtl="0" ytl="0" xbr="100" ybr="100"/><box label="person" xtl="10" ytl="10" xbr="40" ybr="40"/>'
    nose = '<points label="nose" occluded="0" points="20,20"></points>'
    outer, inner = one(read_cvat(cvat(tmp_path, boxes + nose)))
    assert (outer.keypoints, inner.visibility[0]) == (None, 2)


@pytest.mark.parametrize("first", [False, True])
def test_run_lengths_of_cvat_start_with_the_background(first):
    mask = np.array([[first, True], [False, True]])
    assert encode_rle(mask) == ("0, 2, 1, 1" if first else "1, 1, 1, 1")
    np.testing.assert_array_equal(decode_rle(encode_rle(mask), 2, 2), mask)


def label_studio(tmp_path: Path, result: list, **task) -> Path:
    path = tmp_path / "tasks.json"
    size = {"original_width": 160, "original_height": 120, "image_rotation": 0, "to_name": "image"}
    annotation = {"id": 1, "was_cancelled": False, "result": [size | region for region in result]}
    path.write_text(
        json.dumps(
            [
                {"id": 5, "data": {"image": "/data/upload/1/0a1b2c3d-a.jpg"}, "annotations": [annotation]}
                | task
            ]
        )
    )
    return path


def region(kind: str, key: str, label: str, parent: str | None = None, **value) -> dict:
    return {"id": key, "type": kind, "from_name": "x", "value": value | {kind: [label]}} | (
        {"parentID": parent} if parent else {}
    )


def test_label_studio_counts_in_percent_and_ties_by_parents(tmp_path):
    folder = photos(tmp_path / "photos", "set/a.jpg")
    rectangle = {"x": 25, "y": 50, "width": 25, "height": 25, "rotation": 0}
    points = [[50, 0], [75, 0], [75, 50], [50, 50]]
    path = label_studio(
        tmp_path,
        [
            region("rectanglelabels", "r", "person", **rectangle),
            region("keypointlabels", "k", "left_wrist", "r", x=30, y=60, width=0.5),
            region("polygonlabels", "p", "person", points=points, closed=True),
            region("rectanglelabels", "d", "dog", **rectangle),
            {"id": "p", "type": "choices", "from_name": "review", "value": {"choices": ["rejected"]}},
            {"type": "relation", "from_id": "r", "to_id": "p"},
        ],
    )
    (people,) = read_label_studio(path, folder)
    assert (people.file_name, people.other_classes) == ("set/a.jpg", {"dog": 1})
    rectangle, polygon = people.people
    assert rectangle.box == (40, 60, 40, 30)
    assert rectangle.keypoints[9].tolist() == [48, 72, 1]
    assert (polygon.box, polygon.mask.all(), polygon.provenance.state) == ((80, 0, 40, 60), True, "rejected")


def test_of_several_annotations_of_label_studio_the_last_that_was_not_cancelled_counts(tmp_path):
    folder = photos(tmp_path / "photos", "a.jpg")
    size = {"original_width": 160, "original_height": 120}
    results = [
        [size | region("rectanglelabels", "r", "person", x=x, y=0, width=50, height=50)]
        for x in (0, 10, 20, 50)
    ]
    annotations = [
        {"result": results[0]},
        {"result": results[1]},
        {"result": results[2], "was_cancelled": True},
    ]
    predictions = [{"result": results[3]}]
    path = label_studio(tmp_path, [], annotations=annotations, predictions=predictions)
    assert one(read_label_studio(path, folder))[0].box[0] == 16
    path = label_studio(tmp_path, [], annotations=[annotations[0] | {"ground_truth": True}, annotations[1]])
    assert one(read_label_studio(path, folder))[0].box[0] == 0
    path = label_studio(tmp_path, [], annotations=[], predictions=predictions)
    assert one(read_label_studio(path, folder))[0].box[0] == 80


def test_brush_strokes_of_label_studio_may_have_single_values():
    """As its editor writes soft borders: blocks of values one by one, of which alpha counts."""
    values = [255, 0, 0, 0, 255, 0, 0, 7, 255, 0, 0, 0, 9, 9, 9, 9]
    bits = f"{16:032b}{7:05b}" + "".join(f"{length - 1:04b}" for length in (3, 4, 8, 16))
    bits += "001" + f"{11:04b}" + "".join(f"{value:08b}" for value in values[:12])
    bits += "100" + f"{3:03b}" + f"{9:08b}"
    bits += "0" * (-len(bits) % 8)
    codes = [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]
    assert decode_brush(codes, (2, 2)).tolist() == [[False, True], [False, True]]


def test_brush_masks_larger_than_the_longest_length():
    mask = np.zeros((300, 400), bool)
    mask[1:-1] = True
    np.testing.assert_array_equal(decode_brush(encode_brush(mask), (400, 300)), mask)


def labelme(path: Path, shapes: list, **changes) -> Path:
    record = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": "a.jpg", "imageData": None}
    path.write_text(json.dumps(record | {"imageHeight": 120, "imageWidth": 160} | changes))
    return path


def shape(kind: str, label: str, points: list, group: int | None = None, **more) -> dict:
    return {"label": label, "points": points, "group_id": group, "shape_type": kind, "flags": {}} | more


def test_labelme_ties_the_shapes_of_a_group(tmp_path):
    photos(tmp_path, "a.jpg")
    buffer = io.BytesIO()
    Image.fromarray(np.array([[False, True], [True, True]])).save(buffer, "PNG")
    mask = base64.b64encode(buffer.getvalue()).decode()
    labelme(
        tmp_path / "a.json",
        [
            shape("mask", "person", [[30, 40], [31, 41]], 1, mask=mask),
            shape("polygon", "person", [[33, 40], [35, 40], [35, 42], [33, 42]], 1),
            shape("point", "nose", [[31.5, 40.5]], 1, flags={"hidden": True}),
            shape("rectangle", "person", [[50.4, 60], [70, 20]]),
            shape("circle", "ball", [[1, 1], [2, 2]]),
        ],
    )
    (people,) = read_labelme(tmp_path)
    assert (people.file_name, people.size, people.other_classes) == ("a.jpg", SIZE, {"ball": 1})
    group, rectangle = people.people
    assert group.box == (30, 40, 5, 2)
    assert group.mask.astype(int).tolist() == [[0, 1, 0, 1, 1], [1, 1, 0, 1, 1]]
    assert (group.keypoints[0].tolist(), group.visibility[0]) == ([31.5, 40.5, 1], 1)
    assert rectangle.box == (50, 20, 20, 40)


def yolo(tmp_path: Path, line: str, **data) -> Path:
    photos(tmp_path / "images" / "train", "a.jpg")
    (tmp_path / "labels" / "train").mkdir(parents=True, exist_ok=True)
    (tmp_path / "labels" / "train" / "a.txt").write_text(line)
    path = tmp_path / "data.yaml"
    path.write_text(json.dumps({"train": "images/train", "names": {0: "dog", 1: "person"}} | data))
    return path


def test_yolo_polygons_joined_by_lines_have_pieces_and_holes(tmp_path):
    path = yolo(
        tmp_path,
        "0 0.5 0.5 0.1 0.1\n1 0 0 0.5 0 0.5 0.5 0.25 0.5 0.25 0.25 0.125 0.25 0.125 0.375 0.25 0.375 0.25 0.5 0 0.5\n",
    )
    (people,) = read_yolo(path)
    assert (people.file_name, people.other_classes) == ("images/train/a.jpg", {"dog": 1})
    (person,) = people.people
    assert person.box == (0, 0, 80, 60)
    assert person.mask[0, 0]
    assert not person.mask[30:45, 20:40].any()


def test_yolo_poses_without_visibility(tmp_path):
    points = " ".join(["0.25 0.5", "-1 -1", *["0 0"] * 15])
    (person,) = one(read_yolo(yolo(tmp_path, f"1 0.5 0.5 0.5 0.5 {points}", kpt_shape=[17, 2])))
    assert person.box == (40, 30, 80, 60)
    assert person.visibility.tolist() == [2] + 16 * [0]
    assert person.keypoints[0, :2].tolist() == [40, 60]


def test_a_photo_of_yolo_without_a_label_file_says_nothing(tmp_path):
    path = yolo(tmp_path, "")
    photos(tmp_path / "images" / "train", "b.jpg")
    (people,) = read_yolo(path)
    assert people.people == []


def test_lines_of_a_list_of_yolo_that_name_no_photo_are_passed_over(tmp_path):
    path = yolo(tmp_path, "")
    (tmp_path / "list.txt").write_text(f"/\n{'a' * 300}.jpg\n./images/train/a.jpg\n")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"train": "list.txt"}))
    assert len(list(read_yolo(path))) == 1


def test_labels_of_yolo_lie_beside_the_last_folder_of_images():
    assert label_path(Path("/images/x/images/a/b.jpg")) == Path("/images/x/labels/a/b.txt")


def dump(tmp_path: Path, result: dict, box: list, **entry) -> Path:
    path = tmp_path / "results.json"
    whole = {
        "file_name": "/there/photos/a.jpg",
        "scores": [0.9],
        "pred_boxes_XYXY": [box],
        "pred_densepose": [result],
    }
    path.write_text(json.dumps([whole | entry]))
    return path


def test_chart_results_lie_on_the_whole_pixels_of_the_box(tmp_path):
    """The corner and the sides of the box are cut to whole numbers, as detectron2 does."""
    folder = photos(tmp_path / "photos", "a.jpg")
    result = {"labels": [[0, 1, 24], [2, 2, 0]], "uv": [[[0, 0.5, 1], [1, 0, 0]], [[0, 0.25, 1], [1, 0, 0]]]}
    (person,) = one(read_densepose_dump(dump(tmp_path, result, [10.7, 20.9, 14.2, 23.1]), folder))
    assert (person.box, person.score) == ((10, 20, 3, 2), 0.9)
    assert person.charts.tolist() == result["labels"]
    np.testing.assert_array_equal(person.parts, CHART_TO_PART[person.charts])
    assert (person.u[0, 1], person.v[0, 1]) == (0.5, 0.25)
    assert person.provenance.model == "results.json"


def test_chart_results_are_cut_at_the_border_of_the_photo(tmp_path):
    folder = photos(tmp_path / "photos", "a.jpg")
    result = {"labels": [[1, 2, 3]], "uv": [[[0, 0, 0]], [[0, 0, 0]]]}
    (person,) = one(read_densepose_dump(dump(tmp_path, result, [158, 119, 161, 120]), folder))
    assert (person.box, person.charts.tolist()) == ((158, 119, 2, 1), [[1, 2]])
