"""What the reader of training data refuses; what it makes of good data is in test_samples."""

import json
import math

import cv2
import numpy as np
import pytest

from model.sources import DataError, Source, read_source
from tests.model.conftest import HEIGHT, WIDTH


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["images"].append(d["images"][0]), "image 1: id: used by two images"),
        (
            lambda d: d["images"].append(d["images"][0] | {"id": 99}),
            "image 1: file_name: the photo of the images 1, 99:",
        ),
        (lambda d: d["images"][0].update(file_name=r"images\a.png"), "image 1: file_name: .* on Windows"),
        (lambda d: d["images"].insert(0, "x"), r"images\[0\]: must be an object"),
        (lambda d: d["images"][0].update(id=[1]), r"image \[1\]: id: \[1\] cannot be used"),
        (lambda d: d["images"][0].update(width=math.nan), "image 1: width: nan is not a number of pixels"),
        (
            lambda d: d["images"][0].update(height=10**400),
            "image 1: height: 1000.* is not a number of pixels",
        ),
        (lambda d: d["images"][0].update(file_name=None), "image 1: file_name: None cannot be used"),
        (lambda d: d["annotations"].insert(2, None), r"annotations\[2\]: must be an object"),
        (lambda d: d["annotations"][0].pop("image_id"), "annotation 1: no field `image_id`"),
        (lambda d: d["annotations"][0].pop("bbox"), "annotation 1: no field `bbox`"),
        (
            lambda d: d["annotations"][0].update(category_id=9),
            "annotation 1: category_id: there is no category 9",
        ),
        (
            lambda d: d["annotations"][0].update(category_id="1"),
            "annotation 1: category_id: '1' is not a whole",
        ),
        (lambda d: d["annotations"][0].update(bbox=3), "annotation 1: bbox: 3 cannot be used"),
        (lambda d: d["annotations"][0].update(bbox=[1, 2, 3]), r"annotation 1: bbox: \[1, 2, 3\] is not"),
        (lambda d: d["annotations"][0].update(bbox=[1, 2, 3, "4"]), r"annotation 1: bbox: .* is not"),
        (lambda d: d["annotations"][0].update(bbox=[1, 2, math.nan, 4]), r"annotation 1: bbox: .* is not"),
        (lambda d: d["images"][0].update(file_name="a" * 5000), "image 1: file_name: .* no such photo"),
        (
            lambda d: d["images"][0].update(file_name="."),
            "image 1: file_name: '.' in .*: a folder, not a file",
        ),
    ],
)
def test_broken_entries_name_file_entry_and_field(figures, tmp_path, change, message):
    data = json.loads(figures.read_text())
    change(data)
    (tmp_path / "broken.json").write_text(json.dumps(data))
    with pytest.raises(DataError, match=r"broken\.json: " + message):
        read_source(Source(str(tmp_path / "broken.json"), str(figures.parent / "images")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"images": [], "images": []}', "an object has 'images' twice"),
        (
            '{"images": [], "annotations": [{"id": 5, "bbox": [1], "bbox": [2]}]}',
            "an object has 'bbox' twice; .*'id': 5",
        ),
        ("[" * 200_000, "not a COCO file: objects or lists are nested too deeply"),
        ("[" + "9" * 5000 + "]", "not a JSON file: "),
        ("{", "not a JSON file: "),
    ],
)
def test_files_that_cannot_be_read(tmp_path, text, message):
    path = tmp_path / "broken.json"
    path.write_text(text)
    with pytest.raises(DataError, match=f"^{path}: {message}"):
        read_source(Source(str(path), str(tmp_path)))


def test_a_byte_order_mark(figures, tmp_path):
    (tmp_path / "a.json").write_text(figures.read_text(), encoding="utf-8-sig")
    assert len(read_source(Source(str(tmp_path / "a.json"), str(figures.parent / "images")))) == 8


def test_other_categories_may_lack_what_people_need(figures, tmp_path):
    data = json.loads(figures.read_text())
    data["categories"].append({"id": 18, "name": "dog"})
    data["annotations"].append({"id": 99, "image_id": 1, "category_id": 18})
    (tmp_path / "dog.json").write_text(json.dumps(data))
    records = read_source(Source(str(tmp_path / "dog.json"), str(figures.parent / "images")))
    assert [len(record.annotations) for record in records] == [1, 2] * 4


def test_keypoints_are_put_in_the_order_of_coco(figures, tmp_path):
    data = json.loads(figures.read_text())
    data["categories"][0]["keypoints"] = ["right_ankle", "nose"]
    for annotation in data["annotations"]:
        annotation["keypoints"] = [5, 6, 2, 7, 8, 1]
    (tmp_path / "two.json").write_text(json.dumps(data))
    record, *_ = read_source(Source(str(tmp_path / "two.json"), str(figures.parent / "images")))
    assert record.annotations[0]["keypoints"] == [7, 8, 1] + [0] * 45 + [5, 6, 2]


def test_two_photos_cannot_share_a_dense_label(tmp_path):
    photo = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for path in ("images/a/1.png", "images/b/1.png", "iuv/1.png"):
        (tmp_path / path).parent.mkdir(parents=True)
        cv2.imwrite(str(tmp_path / path), photo.astype(np.uint16 if "iuv" in path else np.uint8))
    size = {"width": WIDTH, "height": HEIGHT}
    images = [{"id": i, "file_name": f"{name}/1.png", **size} for i, name in enumerate("ab", 1)]
    path = tmp_path / "train.json"
    source = Source(str(path), str(tmp_path / "images"), iuv=str(tmp_path / "iuv"))
    path.write_text(json.dumps({"images": images[:1], "annotations": []}))
    assert [record.iuv for record in read_source(source)] == [tmp_path / "iuv" / "1.png"]
    path.write_text(json.dumps({"images": images, "annotations": []}))
    with pytest.raises(DataError, match=r"image 2: file_name: .*iuv/1\.png is the dense label of .*a/1\.png"):
        read_source(source)
