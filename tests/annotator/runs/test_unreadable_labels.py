"""Labels of another tool that cannot be read: each is a failure of its photo, which names it, and harms no other."""

import json
import math
from dataclasses import dataclass

import bson
import cv2
import numpy as np
import pytest
from bson import ObjectId

from annotator.coco.surface_points import PointSampling
from annotator.dataset.fields import Fields
from annotator.dataset.label_checks import LabelError
from annotator.dataset.sample_people import replace_predictions
from annotator.dataset.stats import dataset_stats
from annotator.labels.people import People
from annotator.retraining.corrections import reviewed_samples
from annotator.review.approvals import approve_below, spot_check, take_back
from annotator.review.queue import Filter, queue
from annotator.review.score_table import score_table
from annotator.review.session import Review
from annotator.runs.dataset_annotation import Annotation
from annotator.runs.dataset_export import export_samples
from annotator.runs.dataset_import import import_labels
from annotator.runs.tidy import superseded_maps
from tests.annotator.people_samples import SIZE, block
from tests.annotator.runs.conftest import VOTES, read

FIELDS = Fields()
PERSON, PART = "dp_people.detections.0.", "dp_parts.detections.0."
KEYPOINTS = "dp_keypoints.keypoints.0."
NAN = math.nan
NAME = "0123456789abcdef"


def mask(*shape: int):
    """A mask as the database has it."""
    from fiftyone.core.utils import serialize_numpy_array

    return bson.Binary(serialize_numpy_array(np.zeros(shape, np.uint8)))


def record(**values):
    """A record of the first person in the source field."""
    return lambda document, folder: {
        f"dp_source.people.{document['dp_people']['detections'][0]['_id']}.{name}": value
        for name, value in values.items()
    }


def file(path: str, name: str, **more):
    """The path of a file among the photos."""
    return lambda document, folder: {path: str(folder / name), **more}


CASES = {
    "a box of NaN": ({PERSON + "bounding_box": [NAN, 0.1, 0.2, 0.3]}, "bounding_box is [nan, 0.1, 0.2, 0.3]"),
    "an infinite box": ({PERSON + "bounding_box": [0.1, 0.1, math.inf, 0.3]}, "bounding_box is [0.1, 0.1, inf"),
    "no box": ({PERSON + "bounding_box": None}, "bounding_box is None, not four finite numbers"),
    "a short box": ({PERSON + "bounding_box": [0.1, 0.2]}, "bounding_box is [0.1, 0.2]"),
    "a box of words": ({PERSON + "bounding_box": ["a", "b", "c", "d"]}, "bounding_box is ['a', "),
    "a box of a part": ({PART + "bounding_box": None}, "dp_parts, label {part}: bounding_box is None"),
    "an empty mask": (lambda *_: {PERSON + "mask": mask(0, 5)}, "mask has the shape (0, 5)"),
    "a mask of three channels": (lambda *_: {PERSON + "mask": mask(5, 5, 3)}, "mask has the shape (5, 5, 3)"),
    "a damaged mask": (lambda *_: {PERSON + "mask": bson.Binary(b"garbage")}, "cannot be read (Error -3"),
    "a mask that is none": ({PERSON + "mask": 3}, "mask is 3, not a mask"),
    "a mask file that is gone": (
        {PERSON + "mask": None, PERSON + "mask_path": "/none/x.png"},
        "mask_path /none/x.png: missing or not an image",
    ),
    "a mask file that is no image": (
        file(PERSON + "mask_path", "no_image.png", **{PERSON + "mask": None}),
        "no_image.png: missing or not an image",
    ),
    "few confidences": ({KEYPOINTS + "confidence": [1.0]}, "confidence has 1 values for 17 points"),
    "few visibilities": ({KEYPOINTS + "visibility": [1, 2]}, "visibility has 2 values for 17 points"),
    "negative visibilities": ({KEYPOINTS + "visibility": [-1] * 17}, "visibility is [-1, "),
    "keypoints of words": ({KEYPOINTS + "points": [["a", "b"]]}, "dp_keypoints, label {keypoints}: points is"),
    "infinite keypoints": ({KEYPOINTS + "points": [[math.inf, 0.5]]}, "points is [[inf, 0.5]], not"),
    "keypoints far away": ({KEYPOINTS + "points": [[1e300, 0.5]] * 17}, "points is [[1e+300, 0.5], "),
    "no keypoints": ({KEYPOINTS + "points": None}, "points is None, not a list of x, y"),
    "an index that is no number": ({PERSON + "index": "abc"}, "index is 'abc', not a whole number"),
    "an index beyond 16 bits": ({PERSON + "index": 70_000}, "index is 70000, not a whole number from 0"),
    "an index twice": ({PERSON + "index": 2}, "index 2 is that of label"),
    "a confidence of NaN": ({PERSON + "confidence": NAN}, "confidence is nan, not a finite number"),
    "an issue score of words": ({PERSON + "issue_score": "abc"}, "issue_score is 'abc'"),
    "a quality of NaN": ({PERSON + "quality_mask": NAN}, "quality_mask is nan"),
    "an unknown state": ({PERSON + "review": "good"}, "review is 'good', not one of predicted, "),
    "an id of words": ({PERSON + "annotation_id": "abc"}, "annotation_id is 'abc', not a whole number"),
    "a mark of an edit that is a list": ({PERSON + "edited": [1]}, "edited is [1], not true or false"),
    "a class of nobody's": (
        {PERSON + "instance": {"_id": ObjectId(), "_cls": "Nope"}},
        "cannot be read (Could not locate document class 'Nope'.): correct or delete it",
    ),
    "a person twice": (
        lambda document, _: {PERSON + "_id": document["dp_people"]["detections"][1]["_id"]},
        "is there twice: delete one of the two",
    ),
    "people that are no list": ({"dp_people.detections": 5}, "dp_people: holds no Detections: delete the value"),
    "possible people that are no list": (
        {"dp_possible": {"_cls": "Detections", "detections": {"a": 1}}},
        "dp_possible: holds no Detections: delete the value",
    ),
    "people as a bare list": ({"dp_people": []}, "dp_people: holds no Detections"),
    "a label that is none": ({"dp_people.detections.0": None}, "dp_people: label 1 of 2 is no Detection"),
    "people that are none": ({"dp_people": "x"}, "dp_people: holds no Detections"),
    "no source": ({"dp_source": None}, "dp_source: is missing, and says whose the charts in dp_charts are"),
    "an odd source": ({"dp_source": "x"}, "dp_source: is no dict of this plugin"),
    "an odd size": ({"dp_source.size": [NAN, 3]}, "dp_source: size is [nan, 3], not a width and a height"),
    "an odd file name": ({"dp_source.file_name": 3}, "dp_source: file_name is 3, not a text"),
    "a possible person without a state": (
        {"dp_source.possible": {"0" * 24: {"box": [0.1] * 4, "score": 0.5}}},
        "state is None, not accepted or dismissed",
    ),
    "a record without a digest": (record(digest=None), "digest is None, not a digest"),
    "an odd record": (record(points="x"), "points is 'x', not rows of x, y, chart 1..24, U and V"),
    "a chart that is none": (record(points=[[20, 20, 99, 0.5, 0.5]]), "99, 0.5, 0.5]], not rows of x, y, chart 1..24"),
    "an unsure keypoint that is none": (record(unsure=[[17, 0.5, 0.5]]), "rows of a keypoint's number 0..16, x and y"),
    "an unsure keypoint of words": (record(unsure=[[1, "a", 0.5]]), "unsure is [[1, 'a', 0.5]], not rows of"),
    "a map that is no image": (
        file("dp_charts.mask_path", "no_image.png"),
        "no_image.png: missing or not an image",
    ),
    "a map of another size": (file("dp_u.map_path", "small.png"), "dp_u: {folder}/small.png is no map of 80 × 60"),
    "a possible person": (
        {
            "dp_possible": {
                "_cls": "Detections",
                "detections": [{"_cls": "Detection", "_id": ObjectId(), "bounding_box": [0.1] * 4, "confidence": "x"}],
            }
        },
        "dp_possible, label",
    ),
}  # fmt: skip


@pytest.fixture
def two_photos(dataset, tmp_path):
    """Two photos of two people each, one of whom somebody has approved; the samples' ids."""
    import fiftyone as fo

    from annotator.dataset.fields import declare_fields

    declare_fields(dataset, FIELDS)
    (tmp_path / "no_image.png").write_bytes(b"x")
    cv2.imwrite(str(tmp_path / "small.png"), np.ones((5, 5), np.uint8))
    samples = []
    for name in ("bad", "good"):
        path = tmp_path / f"{name}.png"
        cv2.imwrite(str(path), np.zeros((*SIZE[::-1], 3), np.uint8))
        sample = fo.Sample(filepath=str(path))
        dataset.add_sample(sample)
        people = [block(10, issues={"two_people": 0.2}), block(40, issues={"two_people": 0.2})]
        replace_predictions(sample, People(SIZE, people), FIELDS, tmp_path / "maps")
        sample[FIELDS.people].detections[1].review = "approved"
        sample.save()
        samples.append(sample)
    # FiftyOne has them in memory, as an App has that shows them.
    return [sample.id for sample in samples]


@pytest.mark.parametrize(("change", "reason"), CASES.values(), ids=CASES.keys())
def test_labels_that_cannot_be_read_are_a_failure_of_their_photo(
    dataset, two_photos, tiny_model, tmp_path, change, reason
):
    bad, good = two_photos
    documents = dataset._sample_collection
    document = documents.find_one({"_id": ObjectId(bad)})
    values = change(document, tmp_path) if callable(change) else change
    documents.update_one({"_id": document["_id"]}, {"$set": values})
    ids = {"part": document["dp_parts"]["detections"][0]["_id"], "folder": tmp_path}
    reason = reason.format(keypoints=document["dp_keypoints"]["keypoints"][0]["_id"], **ids)
    path = str(tmp_path / "bad.png")

    summary = export_samples(dataset, tmp_path / "labels.json")
    assert list(summary.failures) == [path]
    assert reason in summary.failures[path]
    assert "\n" not in summary.failures[path]
    assert [image["file_name"] for image in read(tmp_path / "labels.json")["images"]] == ["good.png"]

    assert len(queue(dataset, FIELDS, Filter())["items"]) == 2
    assert score_table(dataset, FIELDS)["people"] in (1, 2, 3)
    assert spot_check(dataset, FIELDS, 1.0, 1.0, seed=1)["images"] in (1, 2)
    assert dataset_stats(dataset)["photos"]["labelled"] == 2
    assert good in reviewed_samples(dataset, FIELDS)
    superseded_maps(tmp_path / "maps")

    review = Review(dataset, maps_dir=tmp_path / "maps")
    with pytest.raises((LabelError, FileNotFoundError)) as error:
        review.open(bad)
    assert reason in str(error.value)
    assert len(review.open(good)["people"]) == 2

    failures = {}
    approved = sum(approve_below(dataset, FIELDS, 1.0, "Ada", tmp_path / "maps", NAME, failures))
    assert approved + len(failures) in (1, 2)
    assert review.open(good)["people"][0]["state"] == "approved"

    run = Annotation(dataset, tiny_model, settings=VOTES, overwrite="replace", maps_dir=tmp_path / "maps")
    assert list(run) == [1, 2]
    assert reason in run.summary.failures[path]
    assert (len(run.summary.failures), run.summary.kept) == (1, 2)
    assert reason in documents.find_one({"_id": document["_id"]})["dp_failure"]

    summary = import_labels(dataset, tmp_path / "labels.json", tmp_path)
    assert (summary.samples, summary.failures) == (1, {})
    after = documents.find_one({"_id": document["_id"]})
    for name in ("dp_parts", "dp_keypoints"):
        if not any(place.startswith(name) for place in values):
            assert bson.encode(after[name]) == bson.encode(document[name])


@dataclass(frozen=True)
class FailingSampling(PointSampling):
    """Fails on people who are 21 pixels wide."""

    def pick(self, charts):
        if charts.shape[1] == 21:
            raise MemoryError
        return super().pick(charts)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (record(extra='{"note": NaN}'), "annotation 1 cannot be written as JSON: "),
        ({"dp_source.extra": '{"file_name": ""}'}, "file_name: must say where below the images' folder "),
        (
            {PERSON + "bounding_box": [10 / 80, 10 / 60, 21 / 80, 40 / 60]},
            "its labels cannot be written (MemoryError()): correct or delete them",
        ),
    ],
)
def test_labels_that_cannot_be_written_are_a_failure_of_their_photo(
    dataset, two_photos, tmp_path, change, reason
):
    documents = dataset._sample_collection
    document = documents.find_one({"_id": ObjectId(two_photos[0])})
    values = change(document, tmp_path) if callable(change) else change
    documents.update_one({"_id": document["_id"]}, {"$set": values})
    summary = export_samples(dataset, tmp_path / "labels.json", sampling=FailingSampling())
    assert list(summary.failures) == [str(tmp_path / "bad.png")]
    assert summary.failures[str(tmp_path / "bad.png")].startswith(reason)
    assert (summary.samples, summary.people) == (1, 2)
    written = read(tmp_path / "labels.json")
    assert [image["file_name"] for image in written["images"]] == ["good.png"]
    assert len(written["annotations"]) == 2


def test_values_as_other_tools_leave_them_are_read(dataset, two_photos, tiny_model, tmp_path):
    """Whole numbers as the database's shell writes them, and nothing where something else could be."""
    bad, _ = two_photos
    values = {
        PERSON + "annotation_id": 5.0,
        "dp_image_id": 7.0,
        "dp_source.size": None,
        "dp_source.edits": None,
    }
    dataset._sample_collection.update_one(
        {"_id": ObjectId(bad)}, {"$set": values | {"metadata": "none of FiftyOne's"}}
    )
    assert export_samples(dataset, tmp_path / "labels.json").failures == {}
    written = read(tmp_path / "labels.json")
    assert sorted(json.dumps(image["id"]) for image in written["images"]) == ["7", "8"]
    assert sorted(json.dumps(person["id"]) for person in written["annotations"]) == ["5", "6", "7", "8"]

    review = Review(dataset, maps_dir=tmp_path / "maps")
    person = review.open(bad)["people"][0]
    edit = {"kind": "decide", "person": person["key"], "state": "approved"}
    assert "conflict" not in review.edit(bad, edit, {person["key"]: person["version"]}, NAME)

    run = Annotation(dataset, tiny_model, settings=VOTES, overwrite="replace", maps_dir=tmp_path / "maps")
    assert run.run().failures == {}
    assert dataset[bad].metadata.width == SIZE[0]


def test_keypoints_of_nan_are_missing_keypoints(dataset, two_photos, tmp_path):
    bad, _ = two_photos
    dataset._sample_collection.update_one(
        {"_id": ObjectId(bad)}, {"$set": {KEYPOINTS + "points": [[NAN, NAN]] * 17}}
    )
    assert export_samples(dataset, tmp_path / "labels.json").failures == {}
    first, second = read(tmp_path / "labels.json")["annotations"][:2]
    assert first.get("num_keypoints", 0) == 0
    assert second["num_keypoints"] > 0


def test_nobody_on_a_photo_whose_labels_cannot_be_read_is_approved_with_the_rest(
    dataset, two_photos, tmp_path
):
    bad, _ = two_photos
    dataset._sample_collection.update_one(
        {"_id": ObjectId(bad)}, {"$set": {PERSON + "bounding_box": [NAN] * 4}}
    )
    failures = {}
    assert list(approve_below(dataset, FIELDS, 1.0, "Ada", tmp_path / "maps", NAME, failures)) == [0, 1]
    assert list(failures) == [str(tmp_path / "bad.png")]
    assert "bounding_box is [nan, nan, nan, nan]" in failures[str(tmp_path / "bad.png")]
    document = dataset._sample_collection.find_one({"_id": ObjectId(bad)})
    assert document["dp_people"]["detections"][0]["review"] == "predicted"


def test_what_was_approved_is_taken_back_though_labels_of_a_photo_cannot_be_read(
    dataset, two_photos, tmp_path
):
    bad, good = two_photos
    assert list(approve_below(dataset, FIELDS, 1.0, "Ada", tmp_path / "maps", NAME)) == [1, 1]
    dataset._sample_collection.update_one({"_id": ObjectId(bad)}, {"$set": {"dp_people.detections.1": None}})
    failures = {}
    assert list(take_back(dataset, FIELDS, tmp_path / "maps", NAME, failures)) == [0, 1]
    assert list(failures) == [str(tmp_path / "bad.png")]
    document = dataset._sample_collection.find_one({"_id": ObjectId(good)})
    assert document["dp_people"]["detections"][0]["review"] == "predicted"


def test_labels_that_were_copied_to_another_photo_get_ids_of_their_own(dataset, two_photos, tmp_path):
    """A script that augments photos copies the labels with their ids."""
    import fiftyone as fo

    first, _ = two_photos
    path = tmp_path / "copy.png"
    cv2.imwrite(str(path), np.ones((*SIZE[::-1], 3), np.uint8))
    dataset.add_sample(fo.Sample(filepath=str(path), dp_people=dataset[first].dp_people))
    assert export_samples(dataset, tmp_path / "labels.json").failures == {}
    people = read(tmp_path / "labels.json")["annotations"]
    assert sorted(person["id"] for person in people) == [1, 2, 3, 4, 5, 6]
    export_samples(dataset, tmp_path / "again.json")
    assert [person["id"] for person in read(tmp_path / "again.json")["annotations"]] == [
        p["id"] for p in people
    ]
