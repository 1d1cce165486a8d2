"""Datasets annotated, exported and imported: with a real MongoDB, ONNX Runtime and pycocotools."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from annotator.coco.reader import CocoError
from annotator.dataset.fields import FieldError
from annotator.examples import EXAMPLES
from annotator.inference.network import DEFAULT_MODEL
from annotator.inference.settings import Settings
from annotator.photos.finding import find_photos
from annotator.runs import dataset as collections
from annotator.runs.dataset import (
    Annotation,
    Export,
    annotate_samples,
    export_samples,
    import_labels,
)
from tests.annotator.conftest import draw_photo
from tests.annotator.people_samples import image, record

ROOT = Path(__file__).resolve().parents[3]
PHOTOS = find_photos(EXAMPLES)[:3]
SETTINGS = Settings(confidence=0.05)


@pytest.fixture
def photos(tmp_path) -> list[Path]:
    """Copies of three example images."""
    folder = tmp_path / "photos" / "deep"
    folder.mkdir(parents=True)
    return [Path(shutil.copy(path, folder)) for path in PHOTOS]


def add(dataset, paths) -> None:
    import fiftyone as fo

    dataset.add_samples([fo.Sample(filepath=str(path)) for path in paths])


def people(dataset, prefix="dp") -> list:
    return [d for labels in dataset.values(f"{prefix}_people.detections") for d in labels or []]


def test_photos_are_annotated_and_bad_ones_listed(dataset, photos, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"")
    add(dataset, [photos[0], bad, *photos[1:]])
    run = Annotation(dataset, settings=SETTINGS)
    assert (len(run), list(run)) == (4, [1, 2, 3, 4])
    summary = run.summary
    assert summary.samples == 3
    assert summary.people == len(people(dataset)) > 0
    assert summary.failures == {str(bad): "the file is empty"}
    failed = dataset.match({"dp_failure": {"$ne": None}})
    assert failed.values("filepath") == [str(bad)]
    assert failed.first().dp_people is None
    for person in people(dataset):
        assert person.review == "predicted"
        assert person.model
        assert person.time
        assert 0 <= person.quality_mask <= 1


def test_a_view_restricts_the_run(dataset, photos):
    add(dataset, photos)
    summary = annotate_samples(dataset[:1], settings=SETTINGS)
    assert summary.samples == 1
    assert len(dataset.exists("dp_people")) == 1


def test_photos_with_labels_are_skipped(dataset, photos):
    add(dataset, photos)
    annotate_samples(dataset[:2], settings=SETTINGS)
    ids = [person.id for person in people(dataset)]
    summary = annotate_samples(dataset, settings=SETTINGS)
    assert (summary.samples, summary.skipped) == (1, 2)
    assert ids == [person.id for person in people(dataset)][: len(ids)]


def test_replacing_leaves_the_people_of_humans(dataset, photos):
    add(dataset, photos)
    annotate_samples(dataset, settings=SETTINGS)
    sample = dataset.first()
    touched = max(sample.dp_people.detections, key=lambda d: d.bounding_box[2] * d.bounding_box[3])
    touched.mask = np.ones_like(touched.mask)
    sample.save()
    untouched = {d.id for d in people(dataset)} - {touched.id}
    summary = annotate_samples(dataset, settings=SETTINGS, overwrite="replace")
    assert summary.kept == 1
    assert summary.dropped >= 1
    after = {d.id: d for d in people(dataset)}
    assert after[touched.id].mask.all()
    assert after[touched.id].review == "edited"
    assert not untouched & set(after)


def approve_elsewhere(dataset, sample_id: str, index: int = 0) -> str:
    """Approve a person as another process does, unseen by samples that this one holds; the label's id."""
    import bson

    document = dataset._sample_collection.find_one({"_id": bson.ObjectId(sample_id)})
    later = document["last_modified_at"] + timedelta(seconds=1)
    change = {f"dp_people.detections.{index}.review": "approved", "last_modified_at": later}
    dataset._sample_collection.update_one({"_id": document["_id"]}, {"$set": change})
    return str(document["dp_people"]["detections"][index]["_id"])


def test_an_edit_is_kept_that_a_sample_in_memory_does_not_know(dataset, sample, tiny_model, tmp_path):
    approved = approve_elsewhere(dataset, sample.id)
    assert sample.dp_people.detections[0].review == "predicted"
    summary = annotate_samples(dataset, tiny_model, overwrite="replace", maps_dir=tmp_path / "maps")
    assert summary.kept == 1
    assert [(person.id, person.review) for person in people(dataset)] == [(approved, "approved")]


def test_an_edit_is_kept_that_is_saved_while_people_are_replaced(
    dataset, sample, tiny_model, tmp_path, monkeypatch
):
    replace_predictions, approved = collections.replace_predictions, []

    def replace_slowly(*args):
        replaced = replace_predictions(*args)
        if not approved:
            approved.append(approve_elsewhere(dataset, sample.id))
        return replaced

    monkeypatch.setattr(collections, "replace_predictions", replace_slowly)
    summary = annotate_samples(dataset, tiny_model, overwrite="replace", maps_dir=tmp_path / "maps")
    assert (summary.samples, summary.kept) == (1, 1)
    assert [(person.id, person.review) for person in people(dataset)] == [(approved[0], "approved")]


def test_what_is_wrong_with_one_image_stops_no_other(dataset, sample, tiny_model, tmp_path):
    approve_elsewhere(dataset, sample.id)
    (lost,) = dataset.values("dp_u.map_path")
    Path(lost).unlink()
    good, gone = (draw_photo(tmp_path / f"{name}.png", [(30, 20, 40, 50, 100)]) for name in ("good", "gone"))
    add(dataset, [gone, good])
    before = dataset.values("dp_people.detections.id")[0]
    run = Annotation(dataset, tiny_model, overwrite="replace", maps_dir=tmp_path / "maps")
    dataset.delete_samples(dataset.match({"filepath": str(gone)}))
    assert list(run) == [1, 2, 3]
    assert run.summary.samples == 1
    assert list(run.summary.failures) == [sample.filepath, str(gone)]
    reason = run.summary.failures[sample.filepath]
    assert reason.startswith(f"{lost}: missing")
    assert run.summary.failures[str(gone)] == "the sample was deleted meanwhile"
    assert dataset.values("dp_failure") == [reason, None]
    now = dataset.values("dp_people.detections.id")
    assert now[0] == before
    assert len(now[1]) == 1
    assert dataset.last().metadata.width == 128


def test_two_prefixes_do_not_meet(dataset, photos):
    add(dataset, photos[:1])
    for prefix in ("dp", "other"):
        annotate_samples(dataset, settings=SETTINGS, prefix=prefix)
    assert len(people(dataset)) == len(people(dataset, "other")) > 0
    sample = dataset.first()
    assert Path(sample.dp_charts.mask_path).parent != Path(sample.other_charts.mask_path).parent


def test_a_killed_run_goes_on_where_it_stopped(dataset, photos):
    dataset.persistent = True
    add(dataset, photos)
    code = (
        "import sys, fiftyone as fo\n"
        "from annotator.runs.dataset import Annotation\n"
        "from annotator.inference.decoding import Settings\n"
        f"run = Annotation(fo.load_dataset({dataset.name!r}), settings=Settings(confidence=0.05))\n"
        "for done in run:\n"
        "    print(done, flush=True)\n"
        "    sys.stdin.readline()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    # FiftyOne may print notices of its own first.
    while (line := child.stdout.readline()) and line.strip() != "1":
        pass
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdin.close()
    child.stdout.close()
    dataset.reload()
    assert len(dataset.exists("dp_people")) == 1
    before = dataset.exists("dp_people").first().to_dict()["dp_people"]
    summary = annotate_samples(dataset, settings=SETTINGS)
    assert (summary.samples, summary.skipped) == (2, 1)
    assert dataset.first().to_dict()["dp_people"] == before


def test_the_export_is_valid_coco(dataset, photos, tmp_path):
    add(dataset, photos)
    annotate_samples(dataset[:2], settings=SETTINGS)
    path = tmp_path / "labels.json"
    summary = export_samples(dataset, path)
    assert (summary.samples, summary.skipped) == (2, 1)
    coco = COCO(path)
    assert [i["file_name"] for i in coco.dataset["images"]] == [p.name for p in photos[:2]]
    assert summary.people == len(coco.anns) > 0
    for annotation in coco.anns.values():
        mask = coco.annToMask(annotation)
        assert mask.sum() == annotation["area"]
        assert len(annotation["dp_masks"]) == 14
        assert len(annotation["dp_I"]) == len(annotation["dp_x"]) > 0
        assert len(annotation["keypoints"]) == 51
        assert annotation["dp_provenance"]["state"] == "predicted"


def test_ids_stay_when_more_is_annotated(dataset, photos, tmp_path):
    add(dataset, photos)
    annotate_samples(dataset[1:2], settings=SETTINGS)
    export_samples(dataset, tmp_path / "first.json")
    annotate_samples(dataset, settings=SETTINGS)
    export_samples(dataset, tmp_path / "second.json", images_dir=tmp_path)
    first, second = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("first", "second"))
    later = {record["id"]: record for record in second["annotations"]}
    assert [later[record["id"]] for record in first["annotations"]] == first["annotations"]
    assert len(later) > len(first["annotations"]) > 0
    names = {record["id"]: record["file_name"] for record in second["images"]}
    assert names[first["images"][0]["id"]] == f"photos/deep/{photos[1].name}"


def test_rejected_people_are_left_out(dataset, photos, tmp_path):
    add(dataset, photos[:1])
    annotate_samples(dataset, settings=SETTINGS)
    sample = dataset.first()
    count = len(sample.dp_people.detections)
    sample.dp_people.detections[0].review = "rejected"
    sample.save()
    summary = export_samples(dataset, tmp_path / "labels.json")
    assert (summary.people, summary.dropped) == (count - 1, 1)
    assert export_samples(dataset, tmp_path / "labels.json", rejected=True).people == count


def test_masks_as_polygons_hold_the_same_people(dataset, photos, tmp_path):
    add(dataset, photos[:1])
    annotate_samples(dataset, settings=SETTINGS)
    export_samples(dataset, tmp_path / "exact.json")
    export_samples(dataset, tmp_path / "polygons.json", polygons=True)
    exact, polygons = (COCO(tmp_path / f"{name}.json") for name in ("exact", "polygons"))
    assert exact.getAnnIds() == polygons.getAnnIds() != []
    pixels = kept = 0
    for number in exact.getAnnIds():
        (was,), (now,) = exact.loadAnns([number]), polygons.loadAnns([number])
        assert isinstance(now["segmentation"], list)
        a, b = exact.annToMask(was) > 0, polygons.annToMask(now) > 0
        pixels, kept = pixels + a.sum(), kept + (a & b).sum()
        assert now["dp_I"] == was["dp_I"]
    assert kept / pixels > 0.95


def read(path) -> dict:
    return json.loads(path.read_text())


def heads(dataset):
    """A view of no part but the heads."""
    from fiftyone import ViewField

    return dataset.filter_labels("dp_parts", ViewField("label") == "head")


@pytest.mark.parametrize(
    "view",
    [
        heads,
        lambda dataset: dataset.select_fields("dp_people"),
        lambda dataset: dataset.exclude_fields(["dp_people", "dp_source"]),
    ],
)
def test_a_view_does_not_change_the_people_whom_it_shows(dataset, sample, tmp_path, view):
    export_samples(dataset, tmp_path / "whole.json")
    export_samples(view(dataset), tmp_path / "view.json")
    assert read(tmp_path / "view.json") == read(tmp_path / "whole.json")
    assert len(read(tmp_path / "whole.json")["annotations"]) == 2


def test_the_export_has_edits_that_a_sample_in_memory_does_not_know(dataset, sample, tmp_path):
    approve_elsewhere(dataset, sample.id)
    export_samples(dataset, tmp_path / "labels.json")
    states = [a["dp_provenance"]["state"] for a in read(tmp_path / "labels.json")["annotations"]]
    assert states == ["approved", "predicted"]


def test_people_whom_a_view_filters_out_are_not_written(dataset, sample, tmp_path):
    from fiftyone import ViewField

    export_samples(dataset, tmp_path / "whole.json")
    summary = export_samples(
        dataset.filter_labels("dp_people", ViewField("confidence") > 0.75), tmp_path / "view.json"
    )
    assert (summary.people, summary.dropped) == (1, 0)
    whole = read(tmp_path / "whole.json")["annotations"]
    assert read(tmp_path / "view.json")["annotations"] == [a for a in whole if a["score"] > 0.75]


def test_a_sample_that_is_deleted_during_the_export_is_left_out(dataset, sample, tmp_path):
    run = Export(dataset, tmp_path / "labels.json")
    dataset.delete_samples([sample.id])
    assert list(run) == [1]
    assert (run.summary.samples, run.summary.skipped) == (0, 1)
    assert read(tmp_path / "labels.json")["images"] == []


def test_photos_without_their_maps_are_named_before_anything_is_written(dataset, sample, tmp_path):
    (tmp_path / "labels.json").write_text("old")
    (lost,) = dataset.values("dp_v.map_path")
    Path(lost).unlink()
    with pytest.raises(FileNotFoundError, match=rf"missing, of {sample.filepath} \({lost}\): bring"):
        export_samples(dataset, tmp_path / "labels.json")
    assert (tmp_path / "labels.json").read_text() == "old"


def test_one_photo_of_two_samples_is_refused(dataset, sample, tmp_path):
    import fiftyone as fo

    dataset.add_sample(fo.Sample(filepath=sample.filepath, dp_people=fo.Detections()))
    with pytest.raises(CocoError, match=f"{sample.filepath} is the photo of several samples"):
        export_samples(dataset, tmp_path / "labels.json")


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


def test_imported_people_have_doubts(dataset, labels, tmp_path):
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


def import_one(dataset, folder: Path, name: str, **sections) -> None:
    path = folder / "one.json"
    path.write_text(json.dumps({"images": [image(file_name=name)], "annotations": [record()]} | sections))
    import_labels(dataset, path, folder)


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
    annotate_samples(dataset, tiny_model, maps_dir=tmp_path / "maps")
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


def test_errors_name_what_is_wrong(dataset, photos, tmp_path):
    add(dataset, photos)
    with pytest.raises(FieldError, match="no field 'dp_people'"):
        export_samples(dataset, tmp_path / "labels.json")
    with pytest.raises(ValueError, match="overwrite: 'all'"):
        annotate_samples(dataset, overwrite="all")
    with pytest.raises(FileNotFoundError, match=r"none\.json: no such file"):
        import_labels(dataset, tmp_path / "none.json", tmp_path)
    assert "dp_people" not in dataset.get_field_schema()


def test_a_run_can_be_stopped_and_says_how_long_it_is(dataset, photos):
    add(dataset, photos)
    run = Annotation(dataset, DEFAULT_MODEL, settings=SETTINGS)
    assert len(run) == 3
    steps = iter(run)
    next(steps)
    start = time.monotonic()
    steps.close()
    assert time.monotonic() - start < 10
    assert len(dataset.exists("dp_people")) == 1


def test_people_added_in_review_are_labelled_by_the_model_that_labelled_the_rest(
    dataset, photos, tiny_model, tmp_path
):
    from annotator.inference.network import DEFAULT_MODEL
    from annotator.review.session import Review

    mine = Path(shutil.copy(tiny_model, tmp_path / "mine.onnx"))
    add(dataset, photos)
    annotate_samples(dataset, mine, maps_dir=tmp_path / "maps")
    assert Review(dataset).model == mine
    assert Review(dataset, model=tiny_model).model == tiny_model
    mine.unlink()
    assert Review(dataset).model == DEFAULT_MODEL
