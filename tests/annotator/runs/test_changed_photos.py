"""Photos whose file is another than the one that was labelled: in no run do labels get into the wrong frame, and what humans did stays."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from bson import ObjectId

from annotator.dataset.fields import FieldError, Fields
from annotator.dataset.sample_people import read_people
from annotator.retraining.corrections import read_left_out, write_corrections
from annotator.review.approvals import approve_below
from annotator.review.session import Review, ReviewError
from annotator.runs.dataset_annotation import Annotation
from annotator.runs.dataset_export import export_samples
from annotator.runs.dataset_import import import_labels
from tests.annotator.conftest import draw_photo
from tests.annotator.runs.conftest import VOTES, add, people, read

FIELDS = Fields()
PERSON = (30, 20, 40, 50, 100)
OTHER = (60, 10, 30, 70, 200)
NAME = "0123456789abcdef"
THEN_AND_NOW = "128 × 96 pixels then, 96 × 128 now"


@pytest.fixture
def photo(dataset, tmp_path) -> Path:
    path = draw_photo(tmp_path / "photo.png", [PERSON])
    add(dataset, [path])
    return path


@pytest.fixture
def annotate(dataset, tiny_model, tmp_path):
    def run(**options):
        run = Annotation(dataset, tiny_model, settings=VOTES, maps_dir=tmp_path / "maps", **options)
        steps = list(run)
        assert steps == sorted(set(steps))
        assert not steps or steps[-1] == len(run)
        return run.summary

    return run


def turn(path: Path) -> None:
    """Turn the photo by a quarter, as an editor does."""
    cv2.imwrite(str(path), cv2.rotate(cv2.imread(str(path)), cv2.ROTATE_90_CLOCKWISE))
    touch(path)


def redraw(path: Path) -> None:
    draw_photo(path, [OTHER])
    touch(path)


def touch(path: Path) -> None:
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 10**9))


def review_of(dataset, tmp_path) -> Review:
    return Review(dataset, author="Ada", maps_dir=tmp_path / "maps")


def edit(dataset, tmp_path, kind: str, **values) -> None:
    """An edit of the first person."""
    review, key = review_of(dataset, tmp_path), dataset.first().id
    opened = review.open(key)["people"]
    if "state" in values or kind == "delete":
        values["person"] = opened[0]["key"]
    versions = {person["key"]: person["version"] for person in opened}
    review.edit(key, {"kind": kind, **values}, versions)


def document(dataset) -> dict:
    return dataset._sample_collection.find_one()


def forget_photo(dataset) -> None:
    """As it was before there was a digest."""
    dataset._sample_collection.update_many({}, {"$unset": {"dp_source.photo": ""}})


@pytest.mark.parametrize("overwrite", ["skip", "replace"])
@pytest.mark.parametrize("change", [turn, redraw])
def test_a_changed_photo_that_only_a_model_has_labelled_is_labelled_anew(
    dataset, photo, annotate, overwrite, change
):
    assert annotate().people == 1
    before = people(dataset)
    assert (annotate().skipped, people(dataset)) == (1, before)
    change(photo)
    summary = annotate(overwrite=overwrite)
    assert (summary.samples, summary.skipped, summary.changed) == (1, 0, [str(photo)])
    (person,) = people(dataset)
    assert person.id != before[0].id
    sample = dataset.first()
    size = cv2.imread(str(photo)).shape[1::-1]
    assert sample.dp_source["size"] == list(size) == [sample.metadata.width, sample.metadata.height]
    assert cv2.imread(sample.dp_charts.mask_path, -1).shape == size[::-1]
    assert read_people(sample, FIELDS).people[0].charts.any()
    assert annotate().skipped == 1


HUMAN_WORK = {
    "an approval": ("decide", {"state": "approved"}),
    "a deletion": ("delete", {}),
    "an addition": ("add_empty", {"box": [2, 3, 20, 30]}),
}


@pytest.mark.parametrize(("kind", "values"), HUMAN_WORK.values(), ids=HUMAN_WORK.keys())
@pytest.mark.parametrize("overwrite", ["skip", "replace"])
def test_what_a_human_did_on_a_photo_that_changes_stays(
    dataset, photo, annotate, tmp_path, kind, values, overwrite
):
    annotate()
    edit(dataset, tmp_path, kind, **values)
    turn(photo)
    before = document(dataset)
    summary = annotate(overwrite=overwrite)
    assert (summary.samples, summary.changed) == (0, [])
    reason = summary.failures[str(photo)]
    assert reason == (
        f"the photo has changed since it was labelled: {THEN_AND_NOW}; look at it in the review panel, or have it labelled "
        "anew, which deletes what humans did there"
    )
    after = document(dataset)
    assert after.pop("dp_failure") == reason
    for name in ("last_modified_at", "dp_failure"):
        before.pop(name, None), after.pop(name, None)
    assert after == before


def test_that_nobody_is_there_is_said_of_that_photo(dataset, photo, annotate, tmp_path):
    draw_photo(photo, [])
    annotate()
    review_of(dataset, tmp_path).edit(dataset.first().id, {"kind": "nobody", "nobody": True}, {})
    redraw(photo)
    assert "another file of the same 128 × 96 pixels" in annotate().failures[str(photo)]
    assert people(dataset) == []


def test_a_changed_photo_is_labelled_anew_where_that_is_asked_for(dataset, photo, annotate, tmp_path):
    annotate()
    review, key = review_of(dataset, tmp_path), dataset.first().id
    opened = review.open(key)["people"]
    versions = {person["key"]: person["version"] for person in opened}
    deletion = review.edit(key, {"kind": "delete", "person": opened[0]["key"]}, versions)
    turn(photo)
    summary = annotate(changed="relabel")
    assert (summary.samples, summary.people, summary.kept, summary.changed) == (1, 1, 0, [str(photo)])
    source = dataset.first().dp_source
    assert (source["size"], len(source["people"]), source["possible"]) == ([96, 128], 1, {})
    with pytest.raises(ReviewError, match="the photo was labelled anew"):
        review.restore(key, deletion["undo"], {})
    assert annotate(changed="relabel").skipped == 1
    with pytest.raises(ValueError, match="changed: 'all' is neither"):
        annotate(changed="all")


def test_a_copy_of_the_photo_is_the_same_photo(dataset, photo, annotate, tmp_path):
    annotate()
    edit(dataset, tmp_path, "decide", state="approved")
    before = document(dataset)["dp_source"]["photo"]
    touch(photo)
    assert annotate().skipped == 1
    after = document(dataset)["dp_source"]["photo"]
    assert after["hash"] == before["hash"]
    assert after["mtime_ns"] == photo.stat().st_mtime_ns
    summary = export_samples(dataset, tmp_path / "labels.json")
    assert (summary.samples, summary.changed, summary.failures) == (1, [], {})


def test_labels_from_before_there_was_a_digest_are_told_by_the_size(dataset, photo, annotate, tmp_path):
    annotate()
    forget_photo(dataset)
    redraw(photo)
    assert annotate().skipped == 1
    assert review_of(dataset, tmp_path).open(dataset.first().id)["changed"] is None
    edit(dataset, tmp_path, "decide", state="approved")
    assert document(dataset)["dp_source"]["photo"]["mtime_ns"] == photo.stat().st_mtime_ns
    forget_photo(dataset)
    turn(photo)
    assert THEN_AND_NOW in annotate().failures[str(photo)]


def test_a_photo_that_changes_while_it_is_labelled_is_not_labelled(dataset, photo, annotate, monkeypatch):
    from annotator.inference import pipeline

    annotate_photos = pipeline.annotate

    def annotate_slowly(*args):
        for result in annotate_photos(*args):
            turn(photo)
            yield result

    monkeypatch.setattr(pipeline, "annotate", annotate_slowly)
    assert "changed while it was labelled" in annotate().failures[str(photo)]
    assert people(dataset) == []


def test_an_export_leaves_out_photos_of_another_size_and_names_other_files(dataset, annotate, tmp_path):
    paths = [draw_photo(tmp_path / f"{name}.png", [PERSON]) for name in ("same", "turned", "other", "gone")]
    add(dataset, paths)
    annotate()
    turn(paths[1])
    redraw(paths[2])
    paths[3].unlink()
    summary = export_samples(dataset, tmp_path / "labels.json")
    assert list(summary.failures) == [str(paths[1])]
    assert THEN_AND_NOW in summary.failures[str(paths[1])]
    assert summary.changed == [str(paths[2])]
    assert summary.to_dict()["changed_photos"] == [str(paths[2])]
    names = [image["file_name"] for image in read(tmp_path / "labels.json")["images"]]
    assert names == ["same.png", "other.png", "gone.png"]


def test_an_import_onto_a_changed_photo(dataset, photo, annotate, tmp_path):
    annotate()
    export_samples(dataset, tmp_path / "labels.json")
    redraw(photo)
    summary = import_labels(dataset, tmp_path / "labels.json", tmp_path, maps_dir=tmp_path / "maps")
    assert (summary.samples, summary.changed) == (1, [str(photo)])
    assert document(dataset)["dp_source"]["photo"]["mtime_ns"] == photo.stat().st_mtime_ns
    edit(dataset, tmp_path, "decide", state="approved")
    draw_photo(photo, [PERSON, OTHER])
    before = document(dataset)["dp_people"]
    summary = import_labels(dataset, tmp_path / "labels.json", tmp_path, maps_dir=tmp_path / "maps")
    assert "another file of the same 128 × 96 pixels; look at it" in summary.failures[str(photo)]
    assert document(dataset)["dp_people"] == before


def test_nobody_on_a_changed_photo_is_approved_with_the_rest(dataset, photo, annotate, tmp_path):
    add(dataset, [draw_photo(tmp_path / "good.png", [PERSON])])
    annotate()
    turn(photo)
    failures = {}
    assert list(approve_below(dataset, FIELDS, 1.0, "Ada", tmp_path / "maps", NAME, failures)) == [0, 1]
    assert list(failures) == [str(photo)]
    assert [person.review for person in people(dataset)] == ["predicted", "approved"]


def test_nobody_learns_from_a_changed_photo(dataset, annotate, tmp_path):
    paths = [draw_photo(tmp_path / f"{i}.png", [PERSON]) for i in range(4)]
    add(dataset, paths)
    annotate()
    assert sum(approve_below(dataset, FIELDS, 1.0, "Ada", tmp_path / "maps", NAME)) == 4
    redraw(paths[0])
    write_corrections(dataset, tmp_path / "out")
    assert list(read_left_out(tmp_path / "out")) == [str(paths[0])]
    turn(paths[1])
    with pytest.raises(FieldError, match=f"there are 2; .*{THEN_AND_NOW}"):
        write_corrections(dataset, tmp_path / "again")


def test_the_review_of_a_changed_photo(dataset, photo, annotate, tmp_path):
    annotate()
    review, key = review_of(dataset, tmp_path), dataset.first().id
    opened = review.open(key)
    person, version = (opened["people"][0][name] for name in ("key", "version"))
    assert opened["changed"] is None
    done = review.edit(key, {"kind": "decide", "person": person, "state": "approved"}, {person: version})
    redraw(photo)
    changed = review.open(key)["changed"]
    assert changed["fits"]
    assert "another file of the same 128 × 96 pixels" in changed["reason"]
    before = document(dataset)
    calls = [
        lambda: review.edit(key, {"kind": "add_empty", "box": [2, 3, 20, 30]}, {}),
        lambda: review.edit(key, {"kind": "decide", "person": person, "state": "rejected"}, {}),
        lambda: review.restore(key, done["undo"], {}),
    ]
    for call in calls:
        with pytest.raises(ReviewError, match="another file of the same"):
            call()
    assert document(dataset) == before
    assert review.keep_labels(key)["changed"] is None
    assert [one["state"] for one in review.restore(key, done["undo"], {})["people"]] == ["predicted"]
    turn(photo)
    opened = review.open(key)
    assert (opened["changed"]["fits"], opened["size"]) == (False, [128, 96])
    with pytest.raises(ReviewError, match=THEN_AND_NOW):
        review.keep_labels(key)
    for call in calls:
        with pytest.raises(ReviewError, match=THEN_AND_NOW):
            call()


def test_nothing_is_saved_on_a_photo_that_is_gone_or_cannot_be_read(dataset, photo, annotate, tmp_path):
    annotate()
    review, key = review_of(dataset, tmp_path), dataset.first().id
    add_person = {"kind": "add_empty", "box": [2, 3, 20, 30]}
    before = document(dataset)
    content = photo.read_bytes()
    photo.unlink()
    assert review.open(key)["changed"] == {
        "reason": "the photo cannot be read: No such file or directory",
        "fits": False,
    }
    with pytest.raises(ReviewError, match="the photo cannot be read: No such file"):
        review.edit(key, add_person, {})
    photo.write_bytes(b"x")
    with pytest.raises(ReviewError, match="changed since it was labelled: not an image"):
        review.edit(key, add_person, {})
    assert document(dataset) == before
    photo.write_bytes(content)
    review.edit(key, add_person, {})
    assert len(people(dataset)) == 2


def test_a_person_who_is_drawn_first_remembers_the_photo(dataset, photo, tmp_path):
    """Of labels of another tool, of which nothing is known."""
    import fiftyone as fo

    from annotator.dataset.fields import declare_fields

    declare_fields(dataset, FIELDS)
    sample = dataset.first()
    sample.dp_people = fo.Detections(
        detections=[
            fo.Detection(label="person", bounding_box=[0.1, 0.1, 0.5, 0.5], mask=np.ones((9, 9), bool))
        ]
    )
    sample.save()
    edit(dataset, tmp_path, "add_empty", box=[2, 3, 20, 30])
    source = dataset._sample_collection.find_one({"_id": ObjectId(sample.id)})["dp_source"]
    assert source["size"] == [128, 96]
    turn(photo)
    assert THEN_AND_NOW in review_of(dataset, tmp_path).open(sample.id)["changed"]["reason"]
