"""The file that is written: ids, categories, and that there is all of it or the old one."""

import json
import os
from dataclasses import replace

import pytest
from pycocotools.coco import COCO

from annotator.coco.categories import PERSON_CATEGORY
from annotator.coco.encoding import annotation, image_record
from annotator.coco.parsing import MAX_ID
from annotator.coco.reader import CocoError, read_coco, read_sections
from annotator.coco.surface_points import PointSampling
from annotator.coco.writer import CocoWriter
from annotator.labels.people import People, Person
from tests.annotator.coco.test_reader import save
from tests.annotator.full_disk import full_disk
from tests.annotator.people_samples import dense_people, dense_person, image, record


def test_no_room_for_the_records(tmp_path):
    path = save(tmp_path / "a.json", images=[image()], annotations=[record(comment="x" * 100_000)])
    with full_disk(20_000), pytest.raises(OSError, match=rf"{path}.*TMPDIR"):
        list(read_coco(path))


@pytest.mark.parametrize("images", [3, 40])
def test_no_room_for_the_file(tmp_path, images):
    """Noticed while writing, or when the last buffer is written at the end: in either case nothing is left."""
    path = tmp_path / "a.json"
    path.write_text("old")
    with full_disk(3000), pytest.raises(OSError, match="File too large"), CocoWriter(path) as writer:  # noqa: PT012
        for seed in range(images):
            writer.add(dense_people(seed))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_ids_are_kept_and_missing_ones_given(tmp_path):
    known = People((64, 48), [dense_person(1, id=40), dense_person(2)], "a.jpg", id=7)
    with CocoWriter(tmp_path / "a.json") as writer:
        writer.add(dense_people(3, 1))
        writer.add(known)
        writer.add(dense_people(4, 1))
    back = [(people.id, [p.id for p in people.people]) for people in read_coco(tmp_path / "a.json")]
    assert back == [(1, [1]), (7, [40, 41]), (8, [42])]


@pytest.mark.parametrize(
    ("people", "message"),
    [
        (
            [People((64, 48), file_name="a", id=3), People((64, 48), file_name="b", id=3)],
            "image id 3 is used twice",
        ),
        (
            [People((64, 48), [Person((0, 0, 2, 2), id=5), Person((0, 0, 2, 2), id=5)], "a")],
            "annotation id 5 is used twice",
        ),
        (
            [People((64, 48), [Person((0, 0, 2, 2), id=5, extra={"a": {1, 2}})], "a")],
            "annotation 5 cannot be written",
        ),
        ([People((64, 48), [], "a", 5, {"a": float("nan")})], "image 5 cannot be written as JSON"),
        ([People((64, 48))], "file_name: must say"),
    ],
)
def test_what_cannot_be_written(tmp_path, people, message):
    with pytest.raises(CocoError, match=message), CocoWriter(tmp_path / "a.json") as writer:  # noqa: PT012
        for image_people in people:
            writer.add(image_people)
    assert list(tmp_path.iterdir()) == []


def test_journalled_records_give_the_same_file(tmp_path):
    """Records made earlier, without ids, are what a resumed run writes."""
    images = [dense_people(i) for i in range(3)]
    sampling = PointSampling(4, "random")
    with CocoWriter(tmp_path / "a.json", sampling=sampling) as writer:
        for people in images:
            writer.add(people)
    journal = [
        json.dumps([image_record(p), [annotation(person, p.size, sampling=sampling) for person in p.people]])
        for p in images
    ]
    with CocoWriter(tmp_path / "b.json") as writer:
        for line in journal:
            writer.add_records(*json.loads(line))
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_an_exception_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(RuntimeError), CocoWriter(path) as writer:  # noqa: PT012
        writer.add(dense_people(1))
        assert path.read_text() == "old"
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_replaced_at_the_end(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    with CocoWriter(path) as writer:
        writer.add(dense_people(1))
        assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    assert len(json.loads(path.read_text())["annotations"]) == 2
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_no_image_at_all(tmp_path):
    with CocoWriter(tmp_path / "a.json"):
        pass
    assert list(read_coco(tmp_path / "a.json")) == []
    assert COCO(tmp_path / "a.json").anns == {}


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError), CocoWriter(tmp_path / "none" / "a.json"):
        pass


@pytest.mark.parametrize(
    ("categories", "written", "ids"),
    [
        (None, [PERSON_CATEGORY], [1, 1]),
        ([], [PERSON_CATEGORY], [1, 1]),
        ([{"id": 5, "name": "Person"}], [{"id": 5, "name": "Person"}], [5, 5]),
        (
            [{"id": 1, "name": "bicycle"}, {"id": 7, "name": "person"}, {"id": 5, "name": "person"}],
            [{"id": 1, "name": "bicycle"}, {"id": 7, "name": "person"}, {"id": 5, "name": "person"}],
            [7, 5],
        ),
        (
            [{"id": 1, "name": "dog"}, {"id": 3, "name": "cat"}],
            [{"id": 1, "name": "dog"}, {"id": 3, "name": "cat"}, PERSON_CATEGORY | {"id": 4}],
            [4, 4],
        ),
    ],
)
def test_people_are_of_a_category_that_is_a_person(tmp_path, categories, written, ids):
    """A new person, and one who was read with category 5."""
    people = People((64, 48), [Person((1, 2, 3, 4)), Person((5, 6, 7, 8), extra={"category_id": 5})], "a.jpg")
    sections = {} if categories is None else {"categories": categories}
    with CocoWriter(tmp_path / "a.json", sections=sections) as writer:
        writer.add(people)
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["categories"] == written
    assert [a["category_id"] for a in found["annotations"]] == ids
    (back,) = read_coco(tmp_path / "a.json")
    assert len(back.people) == 2


def test_an_edit_survives_the_file(tmp_path):
    """Reading, changing one person and writing leaves every other annotation as it was."""
    source = save(tmp_path / "a.json", images=[image()], annotations=[record(id=1), record(id=2)])
    (people,) = read_coco(source)
    people.people[0] = replace(people.people[0], mask=~people.people[0].mask)
    with CocoWriter(tmp_path / "b.json", sections=read_sections(source)) as writer:
        writer.add(people)
    first, second = json.loads((tmp_path / "b.json").read_text())["annotations"]
    assert second == record(id=2)
    assert {key for key in first if first[key] != record(id=1)[key]} == {"area", "segmentation"}


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ([None, 9, None, None], [1, 9, 10, 11]),
        ([MAX_ID, None, None], [MAX_ID, 1, 2]),
        ([MAX_ID - 1, 2, None, None, None], [MAX_ID - 1, 2, MAX_ID, 1, 3]),
    ],
)
def test_no_id_is_above_the_highest(tmp_path, given, ids):
    categories = [{"id": MAX_ID, "name": "dog"}]
    with CocoWriter(tmp_path / "a.json", sections={"categories": categories}) as writer:
        for number in given:
            writer.add(People((64, 48), [Person((1, 1, 9, 9), id=number)], "a.jpg", number))
    written = json.loads((tmp_path / "a.json").read_text())
    assert [record["id"] for record in written["images"]] == ids
    assert [record["id"] for record in written["annotations"]] == ids
    assert [category["id"] for category in written["categories"]] == [MAX_ID, 1]
    assert len(list(read_coco(tmp_path / "a.json"))) == len(ids)
