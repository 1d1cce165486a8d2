"""Import of COCO-DensePose files into real datasets, and what an export makes of it."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from annotator.coco.parsing import MAX_ID
from annotator.coco.reader import CocoError, read_coco
from annotator.dataset.fields import FieldError, Fields
from annotator.dataset.info import last_settings
from annotator.dataset.photo_index import PhotoIndex
from annotator.runs import dataset_run
from annotator.runs.dataset_annotation import annotate_samples
from annotator.runs.dataset_export import export_samples
from annotator.runs.dataset_import import Import, import_labels
from annotator.runs.dataset_run import Summary
from tests.annotator.conftest import draw_photo
from tests.annotator.people_samples import image, record
from tests.annotator.runs.conftest import SETTINGS, VOTES, add, people, read


@pytest.fixture
def labels(tmp_path) -> Path:
    """A file about the photos a.jpg, b.jpg of 64 × 48 pixels, which are there, and c.jpg, which is not."""
    for name, size in (("a", (64, 48)), ("b", (64, 48)), ("d", (32, 32))):
        cv2.imwrite(str(tmp_path / f"{name}.jpg"), np.zeros((*size[::-1], 3), np.uint8))
    images = [
        image(id=id, file_name=f"{name}.jpg", coco_url=f"http://{name}") for id, name in enumerate("abcd", 10)
    ]
    annotations = [record(id=5, image_id=11, mood="good"), record(id=3, image_id=11, iscrowd=1)]
    sections = {"info": {"year": 2018}, "licenses": [{"id": 3}], "categories": [{"id": 1, "name": "person"}]}
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(sections | {"images": images, "annotations": annotations, "extra": [1]}))
    return path


def test_what_is_imported_is_exported_again(dataset, labels, tmp_path):
    add(dataset, [tmp_path / "a.jpg"])
    summary = import_labels(dataset, labels, tmp_path)
    assert (summary.samples, summary.people) == (2, 2)
    assert summary.failures == {
        str(tmp_path / "c.jpg"): "no such photo",
        str(tmp_path / "d.jpg"): "the photo has 32 × 32 pixels, the labels are for 64 × 48",
    }
    assert len(dataset) == 2
    export_samples(dataset, tmp_path / "again.json")
    was, now = (json.loads(path.read_text()) for path in (labels, tmp_path / "again.json"))
    del was["images"][2:]
    assert now == was


def test_photos_are_summarized_for_the_review_while_they_are_imported(labels, tmp_path, monkeypatch):
    monkeypatch.setattr(dataset_run, "SUMMARIZE_EVERY", 1)
    content = json.loads(labels.read_text())
    content["images"] = content["images"][::-1]  # those that fail come first
    labels.write_text(json.dumps(content))
    run = Import("summarized", labels, tmp_path)
    run.run()
    assert PhotoIndex(run.dataset, Fields()).photos.count_documents({}) == run.summary.samples == 2
    run.dataset.delete()


def test_the_folder_of_maps_is_remembered_for_the_next_model(dataset, labels, tmp_path):
    import_labels(dataset, labels, tmp_path, maps_dir=tmp_path / "maps")
    assert last_settings(dataset, "dp") == ({}, tmp_path / "maps")


def test_imported_people_have_issues(dataset, labels, tmp_path):
    """A nose in the lower corner of the box is outside of its part."""
    parts = [[]] * 14
    parts[13] = {"size": [256, 256], "counts": [0, 256 * 40, 256 * 216]}
    x, y, w, h = record()["bbox"]
    nose = [x + w - 1, y + h - 1, 2] + [0, 0, 0] * 16
    data = json.loads(labels.read_text())
    whole = {"segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]]}
    person = record(id=5, image_id=11, keypoints=nose, num_keypoints=1, dp_masks=parts, **whole)
    data["annotations"] = [person, {"id": 6, "image_id": 10, "category_id": 1, "bbox": person["bbox"]}]
    labels.write_text(json.dumps(data))
    import_labels(dataset, labels, tmp_path)
    bare, doubtful = (found for (found,) in dataset.values("dp_people.detections"))
    assert doubtful["issue_score"] == pytest.approx(doubtful["issue_keypoint_outside"], abs=1e-6)
    assert doubtful["issue_score"] > 0.3
    assert doubtful["reasons"] == ["keypoint outside its part"]
    assert bare.has_field("issue_score") is False or bare["issue_score"] is None


@pytest.fixture
def folders(dataset, tmp_path) -> Path:
    """A folder ``photos`` with a/1.jpg, imported by the name that is given to :func:`import_one`, and a/2.jpg."""
    draw_photo(tmp_path / "photos" / "a" / "1.jpg", [], (64, 48))
    add(dataset, [draw_photo(tmp_path / "photos" / "a" / "2.jpg", [], (64, 48))])
    return tmp_path / "photos"


def import_images(dataset, folder: Path, images: list, annotations: list, **sections) -> Summary:
    path = folder / "some.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations} | sections))
    return import_labels(dataset, path, folder)


def import_one(dataset, folder: Path, name: str, **sections) -> None:
    sections = {"annotations": [record()]} | sections
    import_images(dataset, folder, [image(file_name=name)], **sections)


def names_in(dataset, path: Path, **changes) -> list[str]:
    """All file names of an export."""
    from fiftyone import Detections

    dataset.set_values("dp_people", [Detections() if p is None else p for p in dataset.values("dp_people")])
    export_samples(dataset, path, **changes)
    return sorted(image["file_name"] for image in read(path)["images"])


def test_all_file_names_are_relative_to_the_folder_of_the_imported_ones(dataset, folders, tmp_path):
    import_one(dataset, folders, "./a/1.jpg")
    assert names_in(dataset, tmp_path / "out.json") == ["./a/1.jpg", "a/2.jpg"]
    names = names_in(dataset, tmp_path / "out.json", images_dir=tmp_path)
    assert names == ["photos/a/1.jpg", "photos/a/2.jpg"]
    # It does not hold all photos any more.
    add(dataset, [draw_photo(tmp_path / "more" / "1.jpg", [], (64, 48))])
    names = names_in(dataset, tmp_path / "out.json")
    assert names == ["more/1.jpg", "photos/a/1.jpg", "photos/a/2.jpg"]


def test_file_names_of_two_imported_folders_differ(dataset, folders, tmp_path):
    draw_photo(folders / "b" / "1.jpg", [], (64, 48))
    for name in "ab":
        import_one(dataset, folders / name, "1.jpg")
    assert names_in(dataset, tmp_path / "out.json") == ["a/1.jpg", "a/2.jpg", "b/1.jpg"]


def test_new_people_are_of_the_category_that_is_a_person_in_the_imported_file(
    dataset, folders, tiny_model, tmp_path
):
    categories = [{"id": 1, "name": "bicycle"}, {"id": 5, "name": "person"}]
    import_one(dataset, folders, "a/1.jpg", annotations=[record(category_id=5)], categories=categories)
    add(dataset, [draw_photo(folders / "a" / "3.png", [(30, 20, 40, 50, 100)])])
    annotate_samples(dataset, tiny_model, settings=VOTES, maps_dir=tmp_path / "maps")
    export_samples(dataset, tmp_path / "out.json")
    coco = COCO(tmp_path / "out.json")
    assert coco.dataset["categories"] == categories
    assert len(coco.getAnnIds(catIds=coco.getCatIds(catNms=["person"]))) == len(coco.anns) == 2


def test_photos_are_found_through_a_link_to_their_folder(dataset, folders, tmp_path):
    (tmp_path / "link").symlink_to(folders)
    import_one(dataset, tmp_path / "link", "a/2.jpg")
    assert dataset.values("filepath") == [str(folders / "a" / "2.jpg")]
    assert len(people(dataset)) == 1


def test_imported_people_are_never_overwritten(dataset, labels, tmp_path):
    import_labels(dataset, labels, tmp_path)
    before = dataset.last().to_dict()["dp_people"]
    for _ in range(2):
        summary = import_labels(dataset, labels, tmp_path)
        assert (summary.people, summary.kept, summary.dropped) == (0, 2, 2)
    annotate_samples(dataset, settings=SETTINGS, overwrite="replace")
    assert dataset.last().to_dict()["dp_people"]["detections"][:2] == before["detections"]
    assert import_labels(dataset, labels, tmp_path, overwrite="skip").skipped == 2


def test_a_file_becomes_a_new_dataset(database, labels, tmp_path):
    import fiftyone as fo

    name = f"imported {tmp_path}"
    assert import_labels(name, labels, tmp_path).people == 2
    dataset = fo.load_dataset(name)
    try:
        assert dataset.persistent
        assert len(people(dataset)) == 2
        with pytest.raises(FieldError, match="already"):
            import_labels(name, labels, tmp_path)
    finally:
        dataset.delete()


def test_an_import_that_fails_leaves_no_empty_dataset(database, labels, tmp_path):
    import fiftyone as fo

    name, good = f"failed {tmp_path}", read(labels)
    # Before the image with people there are only two that cannot be imported.
    images, annotations = good["images"][::-1], [record(image_id=11, bbox=None)]
    labels.write_text(json.dumps(good | {"images": images, "annotations": annotations}))
    with pytest.raises(CocoError, match="bbox"):
        import_labels(name, labels, tmp_path)
    assert not fo.dataset_exists(name)
    labels.write_text(json.dumps(good))
    assert import_labels(name, labels, tmp_path).people == 2
    fo.delete_dataset(name)


def test_an_import_that_fails_keeps_what_it_has_read(database, labels, tmp_path):
    import fiftyone as fo

    name, broken = f"half {tmp_path}", read(labels)
    broken["annotations"].append(record(id=9, image_id=12, bbox=None))
    labels.write_text(json.dumps(broken))
    with pytest.raises(CocoError, match="bbox"):
        import_labels(name, labels, tmp_path)
    assert len(people(fo.load_dataset(name))) == 2
    fo.delete_dataset(name)


def test_ids_used_twice_are_told_apart(dataset, labels, tmp_path):
    import_labels(dataset, labels, tmp_path)
    (tmp_path / "more").mkdir()
    shutil.copy(tmp_path / "b.jpg", tmp_path / "more" / "b.jpg")
    import_labels(dataset, labels, tmp_path / "more")
    export_samples(dataset, tmp_path / "both.json", images_dir=tmp_path)
    coco = COCO(tmp_path / "both.json")
    assert sorted(coco.anns) == [3, 5, 6, 7]
    assert len(coco.imgs) == 3


def test_an_import_that_is_not_started_writes_nothing(dataset, labels, tmp_path):
    import fiftyone as fo

    names = fo.list_datasets()
    Import(dataset, labels, tmp_path)
    Import(f"new {tmp_path}", labels, tmp_path)
    dataset.reload()
    assert "dp_people" not in dataset.get_field_schema()
    assert fo.list_datasets() == names


def test_a_file_that_is_not_coco_leaves_no_trace(dataset, labels, tmp_path):
    labels.write_text(labels.read_text()[:-40])
    with pytest.raises(CocoError, match="not valid JSON"):
        import_labels(dataset, labels, tmp_path)
    dataset.reload()
    assert "dp_people" not in dataset.get_field_schema()


@pytest.fixture
def predicted(dataset, tmp_path, tiny_model) -> Path:
    """Three photos in a folder and in the dataset, each with a predicted person."""
    paths = [
        draw_photo(tmp_path / "photos" / f"{name}.png", [(8, 4, 30, 40, 100)], (64, 48)) for name in "abc"
    ]
    add(dataset, paths)
    annotate_samples(dataset, tiny_model, settings=VOTES, maps_dir=tmp_path / "maps")
    assert len(people(dataset)) == 3
    return tmp_path / "photos"


def test_people_of_an_unknown_category_delete_nobody(dataset, predicted):
    images = [image(file_name="a.png")]
    with pytest.raises(
        CocoError, match=r"annotation 7: category_id: there is no category 1; .* 2 \(person\)"
    ):
        import_images(dataset, predicted, images, [record()], categories=[{"id": 2, "name": "person"}])
    assert len(people(dataset)) == 3


def test_annotations_of_other_categories_delete_nobody(dataset, predicted):
    """An image without annotations says that nobody is there, one of a dog and a cat says nothing about people."""
    images = [image(id=id, file_name=f"{name}.png") for id, name in enumerate("abc", 1)]
    animals = [record(id=id, image_id=1, category_id=8 + id % 2) for id in range(1, 4)]
    categories = [{"id": 1, "name": "person"}, {"id": 8, "name": "dog"}, {"id": 9, "name": "cat"}]
    annotations = [*animals, record(id=5, image_id=3), record(id=6, image_id=3, category_id=8)]
    summary = import_images(dataset, predicted, images, annotations, categories=categories)
    assert [len(found) for found in dataset.values("dp_people.detections")] == [1, 0, 1]
    assert (summary.samples, summary.skipped, summary.people, summary.removed) == (2, 1, 1, 2)
    assert summary.other_classes == {"cat": 2, "dog": 2}
    assert summary.to_dict()["other_classes"] == {"cat": 2, "dog": 2}


def test_a_photo_of_two_images_is_left_as_it_is(dataset, predicted):
    (predicted / "d.png").symlink_to("b.png")
    names = {1: "a.png", 2: "./a.png", 3: "b.png", 4: "d.png", 5: "c.png"}
    images = [image(id=id, file_name=name) for id, name in names.items()]
    before = [found.detections for found in dataset.values("dp_people")]
    annotations = [record(id=id, image_id=id) for id in names]
    summary = import_images(dataset, predicted, images, annotations)
    text = "the photo of the images {}: give it one image with all of its people"
    assert summary.failures == {
        str(predicted / "a.png"): text.format("1, 2"),
        str(predicted / "b.png"): text.format("3, 4"),
        str(predicted / "d.png"): text.format("3, 4"),
    }
    assert (summary.samples, len(dataset)) == (1, 3)
    assert [found.detections for found in dataset.values("dp_people")][:2] == before[:2]
    assert dataset.values("dp_people.detections.annotation_id") == [[None], [None], [5]]


def test_a_sample_of_another_spelling_is_the_same_photo(dataset, folders, tmp_path):
    """A link to a photo is the photo; where both are samples, people go to the one that the file names."""
    (folders / "a" / "link.jpg").symlink_to("2.jpg")
    import_one(dataset, folders, "a/link.jpg")
    assert dataset.values("filepath") == [str(folders / "a" / "2.jpg")]
    assert len(people(dataset)) == 1
    add(dataset, [folders / "a" / "link.jpg"])
    import_one(
        dataset,
        folders,
        "a/link.jpg",
        annotations=[record(), record(id=8, bbox=[0, 0, 5, 5], segmentation=[])],
    )
    assert [len(found or []) for found in dataset.values("dp_people.detections")] == [1, 2]
    with pytest.raises(CocoError, match="is the photo of several samples"):
        export_samples(dataset, tmp_path / "out.json")


def test_after_the_highest_id_the_lowest_are_given(dataset, folders, tiny_model, tmp_path):
    images = [image(id=MAX_ID, file_name="a/1.jpg")]
    annotations = [record(id=id, image_id=MAX_ID, bbox=[x, 4, 20, 40]) for id, x in ((MAX_ID, 10), (1, 40))]
    import_images(dataset, folders, images, annotations)
    add(dataset, [draw_photo(folders / "a" / "3.png", [(30, 20, 40, 50, 100)])])
    annotate_samples(dataset, tiny_model, settings=VOTES, maps_dir=tmp_path / "maps")
    export_samples(dataset, tmp_path / "out.json")
    assert sorted(COCO(tmp_path / "out.json").anns) == [1, 2, MAX_ID]
    assert [people.id for people in read_coco(tmp_path / "out.json")][::2] == [1, 2]


def test_an_import_that_adds_no_photo_makes_no_dataset(database, folders, tmp_path):
    """Its result would be an empty dataset that takes the name."""
    import fiftyone as fo

    name, path = f"none {tmp_path}", folders / "some.json"
    reason = r"'a\\\\1\.jpg': no such photo: the file was written on Windows, its file names need / for \\"
    for images, message in (
        ([image(file_name=r"a\1.jpg")], f"none of its 1 photos could be imported, not {reason}"),
        ([], "there are no images"),
    ):
        path.write_text(json.dumps({"images": images, "annotations": []}))
        with pytest.raises(CocoError, match=f"^{path}: no new dataset: {message}$"):
            import_labels(name, path, folders)
        assert not fo.dataset_exists(name)
    import_labels_again = [image(file_name="a/1.jpg")]
    path.write_text(json.dumps({"images": import_labels_again, "annotations": []}))
    assert import_labels(name, path, folders).samples == 1
    fo.delete_dataset(name)


def test_sections_that_the_database_cannot_hold_are_refused_first(dataset, predicted, monkeypatch):
    images = [image(file_name="a.png")]
    with pytest.raises(CocoError, match=r"some\.json: 'notes' takes 17\.0 MB, .*: remove the section"):
        import_images(dataset, predicted, images, [], notes="x" * (17 << 20))
    assert len(people(dataset)) == 3
    monkeypatch.setattr("annotator.dataset.info.MAX_INFO", 1 << 20)
    # Each prefix has its own sections; a new import of the same prefix takes the place of the old one.
    for _ in range(2):
        import_images(dataset, predicted, images, [record()], notes="x" * (600 << 10))
    path = predicted / "some.json"
    with pytest.raises(CocoError, match=r"'notes' takes 0\.6 MB"):
        import_labels(dataset, path, predicted, prefix="other")
    export_samples(dataset, predicted / "out.json")
    assert read(predicted / "out.json")["notes"] == read(path)["notes"]


def test_sections_that_mongodb_would_refuse_come_back(dataset, predicted):
    deep: list = []
    for _ in range(95):
        deep = [deep]
    odd = {"a.b": {"$set": 1, "": 2, "nul\0": "nul\0"}, "deep": deep}
    import_images(dataset, predicted, [image(file_name="a.png")], [record()], **odd)
    export_samples(dataset, predicted / "out.json")
    written = read(predicted / "out.json")
    assert {name: written[name] for name in odd} == odd


def test_people_without_pixels_are_imported_once(dataset, tmp_path):
    """Boxes that a reviewer has drawn and not painted yet."""
    draw_photo(tmp_path / "a.jpg", [], (64, 48))
    empty = {"size": [48, 64], "counts": [48 * 64]}
    annotations = [
        {
            "id": number,
            "image_id": 1,
            "category_id": 1,
            "bbox": [4 + 30 * number, 4, 20, 30],
            "segmentation": empty,
        }
        for number in (0, 1)
    ]
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({"images": [image()], "annotations": annotations}))
    assert import_labels(dataset, path, tmp_path).people == 2
    assert import_labels(dataset, path, tmp_path).dropped == 2
    assert len(people(dataset)) == 2
