"""COCO-DensePose files: round trips, order, broken files, what pycocotools says of a written one."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools.coco import COCO

from annotator.coco.categories import PERSON_CATEGORY
from annotator.coco.reader import CocoError, read_coco, read_sections
from annotator.coco.writer import CocoWriter
from annotator.labels.label_space import KEYPOINT_MIRROR
from tests.annotator.people_samples import dense_people, image, record


def save(path, **sections):
    path.write_text(json.dumps(sections))
    return path


def copy(source, target, sampling=None):
    with CocoWriter(target, sections=read_sections(source), sampling=sampling) as writer:
        for people in read_coco(source):
            writer.add(people)
    return json.loads(target.read_text())


def exact(fields) -> str:
    """Text of a JSON value, which tells 1 from 1.0 and true."""
    return json.dumps(fields, sort_keys=True)


@given(st.integers(0, 1000), st.integers(0, 3))
def test_people_to_file_to_people_to_file(tmp_path_factory, seed, count):
    folder = tmp_path_factory.mktemp("coco")
    images = [dense_people(seed + i, count) for i in range(3)]
    with CocoWriter(folder / "a.json") as writer:
        for people in images:
            writer.add(people)
    back = list(read_coco(folder / "a.json"))
    assert [(p.id, p.size, p.file_name) for p in back] == [
        (i + 1, p.size, p.file_name) for i, p in enumerate(images)
    ]
    assert [p.id for people in back for p in people.people] == list(range(1, 3 * count + 1))
    for before, after in zip(images, back, strict=True):
        for a, b in zip(before.people, after.people, strict=True):
            assert a.box == b.box
            assert np.array_equal(a.mask, b.mask)
            assert np.array_equal(a.parts, b.parts)
    copy(folder / "a.json", folder / "b.json")
    assert (folder / "b.json").read_bytes() == (folder / "a.json").read_bytes()


def test_pycocotools_reads_every_mask(tmp_path):
    images = [dense_people(i, 3) for i in range(4)]
    with CocoWriter(tmp_path / "a.json", info={"year": 2026}) as writer:
        for people in images:
            writer.add(people)
    coco = COCO(tmp_path / "a.json")
    assert coco.dataset["info"] == {"year": 2026}
    assert coco.dataset["licenses"] == []
    assert coco.loadCats(coco.getCatIds(catNms=["person"])) == [PERSON_CATEGORY]
    assert len(coco.anns) == 12
    for index, people in enumerate(images, 1):
        for person, fields in zip(people.people, coco.loadAnns(coco.getAnnIds(imgIds=[index])), strict=True):
            x, y, w, h = person.box
            mask = coco.annToMask(fields)
            assert mask.shape == people.size[::-1]
            assert np.array_equal(mask[y : y + h, x : x + w], person.mask)
            assert mask.sum() == person.mask.sum() == fields["area"]


def test_original_file_comes_back_to_the_letter(tmp_path):
    source = save(
        tmp_path / "a.json",
        annotations=[
            record(id=70, image_id=5),
            {"id": 3, "image_id": 9, "category_id": 1, "bbox": [0, 0, 5.0, 5], "iscrowd": 1, "area": 25,
             "segmentation": {"size": [48, 64], "counts": [0, 5, 64 * 48 - 5]}},
            record(id=12, image_id=5, dp_masks=[], segmentation=[], mine={"deep": [1, 2.0, "x"]}),
        ],
        version=1.5,
        images=[image(id=9, complete=True, url="http://b"), image(id=5), image(id=0, file_name="none.jpg")],
        categories=[PERSON_CATEGORY | {"extra": None}],
        licenses=[{"id": 2}],
        info={"description": "é", "deep": {"a": [[], {}]}},
    )  # fmt: skip
    target = copy(source, tmp_path / "b.json")
    before = json.loads(source.read_text())
    annotations = target.pop("annotations"), before.pop("annotations")
    assert exact(target) == exact(before)
    # Annotations stand in the order of their images.
    assert [a["id"] for a in annotations[0]] == [3, 70, 12]
    assert exact(sorted(annotations[0], key=lambda a: a["id"])) == exact(
        sorted(annotations[1], key=lambda a: a["id"])
    )


def test_people_keep_the_order_of_the_file(tmp_path):
    text = {
        "images": json.dumps([image(id=2), image(id=1)]),
        "annotations": json.dumps([record(id=i, image_id=1 + i % 2) for i in (5, 4, 9, 1)]),
    }
    again = {
        "images": json.dumps([image(id=3)]),
        "annotations": json.dumps([record(id=2, image_id=3), record(id=6, image_id=2)]),
    }
    # The same section twice, as files glued together have it.
    parts = [f'"{name}": {part[name]}' for part in (again, text) for name in ("annotations", "images")]
    parts += ['"categories": [{"id": 1, "name": "person"}]'] * 2
    (tmp_path / "a.json").write_text("{" + ",".join(parts) + "}")
    found = [(people.id, [p.id for p in people.people]) for people in read_coco(tmp_path / "a.json")]
    assert found == [(3, [2]), (2, [6, 5, 9, 1]), (1, [4])]


def test_other_categories_are_passed_over(tmp_path):
    source = save(
        tmp_path / "a.json",
        images=[image()],
        annotations=[record(id=1, category_id=18, bbox="a dog's"), record(id=2, category_id=3)],
        categories=[{"id": 18, "name": "dog"}, {"id": 3, "name": "Person"}],
    )
    (people,) = read_coco(source)
    assert [p.id for p in people.people] == [2]
    assert people.other_classes == {"dog": 1}


def test_two_orders_of_keypoints_become_one(tmp_path):
    swapped = [PERSON_CATEGORY["keypoints"][index] for index in KEYPOINT_MIRROR]
    points = np.zeros((17, 3), int)
    points[5] = 20, 10, 2
    source = save(
        tmp_path / "a.json",
        images=[image()],
        annotations=[
            record(id=1, keypoints=points.ravel().tolist()),
            record(id=2, category_id=2, keypoints=points[KEYPOINT_MIRROR].ravel().tolist()),
            record(id=3, category_id=3, keypoints=[20, 10, 2], num_keypoints=1),
        ],
        categories=[
            PERSON_CATEGORY,
            {"id": 2, "name": "person", "keypoints": swapped},
            {"id": 3, "name": "person", "keypoints": ["LShoulder"]},
        ],
    )
    written = copy(source, tmp_path / "b.json")
    assert [np.reshape(a["keypoints"], (17, 3)).tolist() for a in written["annotations"]] == [
        points.tolist()
    ] * 3
    assert all(c["keypoints"] == PERSON_CATEGORY["keypoints"] for c in written["categories"])
    assert [a["category_id"] for a in written["annotations"]] == [1, 2, 3]


@pytest.mark.parametrize("name", ["tiny_coco", "ccp", "densepose_demo"])
def test_real_files_come_back_to_the_letter(shared, tmp_path, name):
    source = shared / "data" / "real" / name / "annotations.json"
    target = copy(source, tmp_path / "b.json")
    before = json.loads(source.read_text())
    assert target.keys() == before.keys()
    for section, value in before.items():
        if section == "annotations":
            assert len(value) == len(target[section]) > 0
            assert {a["id"]: exact(a) for a in value} == {a["id"]: exact(a) for a in target[section]}
        else:
            assert exact(value) == exact(target[section])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid JSON, or cut off, before the first annotation: .*premature EOF"),
        ("hello", "not valid JSON.*invalid char.*hello"),
        ("\x01\0{}", r"not valid JSON.*invalid char in json text\. near \?$"),
        ("[]", "must be an object with `images`"),
        ("7", "must be an object with `images`"),
        ("{}", "has no `images`"),
        ('{"images": []}', "has no `annotations`"),
        ('{"annotations": []}', "has no `images`"),
        ('{"images": {}, "annotations": []}', "`images` must be a list"),
        ('{"images": [], "annotations": null}', "`annotations` must be a list"),
        (
            '{"images": [], "annotations": [{"id": 5}, {"id": 6, "bbox',
            ".*after the id of annotation 6: .*premature EOF",
        ),
        ('{"images": [], "annotations": [{"id": 5, "bbox": [NaN]}]}', ".*after the id of annotation 5.*NaN"),
        (
            '{"images": [], "annotations": [{"id": 5, "area": 1e999}]}',
            ".*after the id of annotation 5.*overflow",
        ),
        ('{"images": [], "annotations": []} trailing', ".*trailing garbage"),
        (
            '{"images": [], "annotations": [{"id": 5}, {"id": 9223372036854775808}]}',
            "a number is too large, whole ones must fit in 64 bits, after the id of annotation 5: .*922337203685477580",
        ),
        (
            '{"images": [], "annotations": [{"id": 5, "id": 6}]}',
            "an object has 'id' twice, after the id of annotation 5$",
        ),
        (
            '{"images": [{"id": 1, "x": {"y": 1, "y": 2}}]}',
            "an object has 'y' twice, before the first annotation$",
        ),
        (
            '{"images": [], "annotations": [], "info": 1, "info": 2}',
            "has 'info' twice at its top level, with different",
        ),
        (
            f'{{"images": [], "info": {"[" * 5000}{"]" * 5000}, "annotations": []}}',
            "nested more than 100 levels deep",
        ),
        (
            f'{{"images": [], "annotations": [{{"id": 5, "x": {"[" * 10**6}',
            "nested more than 100 levels deep, after .* 5$",
        ),
    ],
)
def test_files_that_are_no_coco_files(tmp_path, text, message):
    path = tmp_path / "labels.json"
    path.write_text(text)
    with pytest.raises(CocoError, match=f"^{path}: {message}"):
        list(read_coco(path))


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "labels.json"
    path.write_bytes(b'{"images": [], "annotations": [], "info": "\xff"}')
    with pytest.raises(CocoError, match=r"labels.json: not valid JSON.*UTF8"):
        list(read_coco(path))


def test_half_a_surrogate_pair_is_no_text(tmp_path):
    path = tmp_path / "labels.json"
    path.write_text('{"images": [], "annotations": [], "info": "\\udcff"}')
    with pytest.raises(CocoError, match=r"labels.json: not valid JSON.*utf-8"):
        list(read_coco(path))


def test_a_byte_order_mark(tmp_path):
    path = save(tmp_path / "a.json", images=[image()], annotations=[record()])
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert [p.id for people in read_coco(path) for p in people.people] == [7]


def test_an_outline_without_corners_is_no_mask(tmp_path):
    path = save(tmp_path / "a.json", images=[image()], annotations=[record(segmentation=[[]])])
    assert [p.mask for people in read_coco(path) for p in people.people] == [None]


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.json"):
        list(read_coco(tmp_path / "none.json"))


def without(fields, name):
    return {key: value for key, value in fields.items() if key != name}


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"images": [1]}, "image number 0: must be an object"),
        ({"images": [without(image(), "id")]}, "image number 0: id: missing"),
        ({"images": [image(), image(id="2")]}, "image number 1: id: '2' is not a whole number"),
        ({"images": [image(), image()]}, "image 1: id: used by two images"),
        ({"images": [without(image(), "width")]}, "image 1: width: None is not a number of pixels"),
        ({"images": [image(height=0)]}, "image 1: height: 0 is not a number of pixels"),
        ({"images": [image(height=48.5)]}, "image 1: height: 48.5 is not"),
        ({"images": [image(height=10**6)]}, "image 1: height: 1000000 is not"),
        ({"images": [without(image(), "file_name")]}, "image 1: file_name: must be a path"),
        ({"images": [image(file_name="")]}, "image 1: file_name: must be a path"),
        ({"annotations": ["x"]}, "annotation number 0: must be an object"),
        ({"annotations": [record(), without(record(), "id")]}, "annotation number 1: id: missing"),
        ({"annotations": [record(id=7.5)]}, "annotation number 0: id: 7.5 is not a whole number"),
        ({"annotations": [record(), record()]}, "annotation 7: id: used by two annotations"),
        ({"annotations": [without(record(), "image_id")]}, "annotation 7: image_id: missing"),
        ({"annotations": [record(image_id="1")]}, "annotation 7: image_id: '1' is not a whole number"),
        ({"annotations": [record(category_id="1")]}, "annotation 7: category_id: '1' is not a whole number"),
        (
            {"annotations": [record(category_id=2)]},
            "annotation 7: category_id: there is no category 2; the file has",
        ),
        (
            {"categories": [PERSON_CATEGORY | {"keypoints": ["pelvis"]}]},
            "category 1: keypoints: 'pelvis' is none of COCO's",
        ),
        ({"annotations": [record(image_id=99)]}, "annotation 7: image_id: there is no image 99"),
        ({"annotations": [record(id=8), record(bbox=[1, 2, 3])]}, "annotation 7: bbox: has 3 numbers"),
        ({"categories": {"id": 1}}, "categories: must be a list"),
        ({"categories": ["person"]}, "categories: must be a list of objects"),
        ({"categories": [{"id": [1], "name": "person"}]}, r"categories: id: \[1\] is not a whole number"),
        ({"categories": [{"id": 1, "name": "dog"}]}, "categories: none is named person"),
    ],
)
def test_broken_records(tmp_path, sections, message):
    good = {"images": [image()], "annotations": [record()], "categories": [PERSON_CATEGORY]}
    path = save(tmp_path / "labels.json", **(good | sections))
    with pytest.raises(CocoError, match=f"^{path}: {message}"):
        list(read_coco(path))


@pytest.mark.parametrize("section", ["image", "annotation"])
@pytest.mark.parametrize("value", ["a" * 5000, list(range(5000)), {"k" * 5000: 1}, [["x" * 60] * 9] * 9])
def test_an_error_is_one_short_line_whatever_the_value(tmp_path, section, value):
    path, make = tmp_path / "labels.json", image if section == "image" else record
    good = {"images": [image()], "annotations": [record()]}
    # A file name may be long.
    for field in make().keys() - {"file_name"}:
        save(path, **(good | {f"{section}s": [make(**{field: value})]}))
        with pytest.raises(CocoError) as refused:
            list(read_coco(path))
        assert len(str(refused.value)) < 300 + len(str(path)), field
        assert "\n" not in str(refused.value)
