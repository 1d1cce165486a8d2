"""Samples read without FiftyOne's objects: the same people, or none, so that FiftyOne has to read them."""

import cv2
import numpy as np
import pytest
from bson import Binary, ObjectId

from annotator.coco.encoding import annotation
from annotator.dataset.fields import Fields
from annotator.dataset.plain_sample import NotPlain, PlainSample
from annotator.dataset.sample_people import read_people, review_of
from annotator.dataset.store import AT_ONCE, StoredSample, find_documents
from annotator.runs.dataset_export import export_samples
from tests.annotator.runs.conftest import read

FIELDS = Fields()
PERSON, KEYPOINTS = "dp_people.detections.0", "dp_keypoints.keypoints.0"


def serialized(mask: np.ndarray) -> Binary:
    from fiftyone.core.utils import serialize_numpy_array

    return Binary(serialize_numpy_array(mask))


def change(dataset, sample, values) -> dict:
    values = {path: value() if callable(value) else value for path, value in values.items()}
    dataset._sample_collection.update_one({"_id": ObjectId(sample.id)}, {"$set": values})
    ((_, document),) = find_documents(dataset, [sample.id], FIELDS)
    return document


@pytest.mark.parametrize(
    "values",
    [
        {},
        {f"{PERSON}.review": "approved", f"{PERSON}.tags": ["b", "a"]},
        {f"{PERSON}.bounding_box": [0, 0, 1, 1], f"{PERSON}.confidence": 1},
        {f"{PERSON}.mask": lambda: serialized(np.eye(7, dtype=np.uint8))},
        {f"{PERSON}.mask": lambda: serialized(np.asfortranarray(np.tri(9, 5)))},
        {f"{PERSON}.mask": None},
        {f"{PERSON}.instance": None, f"{PERSON}.index": 1.0},
        {f"{PERSON}.mine": [1, 2], f"{PERSON}.attributes": {}},
        {
            f"{KEYPOINTS}.points": [[float("nan"), 0.5], [0, 1]],
            f"{KEYPOINTS}.confidence": None,
            f"{KEYPOINTS}.visibility": None,
        },
        {"dp_charts": None},
        {"dp_people.detections": [], "dp_source.nobody": {"author": "Ada"}},
        {"dp_possible": {"_cls": "Detections", "detections": []}},
    ],
)
def test_the_people_are_those_of_fiftyone(dataset, sample, values):
    document = change(dataset, sample, values)
    plain, real = PlainSample(document, FIELDS), StoredSample.load(dataset, sample.id, FIELDS).sample
    assert review_of(plain, FIELDS) == review_of(real, FIELDS)
    (found, wanted) = (read_people(of, FIELDS) for of in (plain, real))
    assert (found.size, found.nobody, found.extra) == (wanted.size, wanted.nobody, wanted.extra)
    records = [[annotation(person, of.size) for person in of.people] for of in (found, wanted)]
    assert records[0] == records[1]


@pytest.mark.parametrize(
    "values",
    [
        {f"{PERSON}.mask": None, f"{PERSON}.mask_path": "mask.png"},
        {f"{PERSON}.mask": Binary(b"garbage")},
        {f"{PERSON}.instance": {"_cls": "Nope", "_id": ObjectId()}},
        {f"{PERSON}.attributes": {"a": {"_cls": "Attribute", "value": 1}}},
        {f"{PERSON}.mine": [{"_cls": "Nope"}]},
        {f"{PERSON}.get_mask": 1},
        {f"{PERSON}.tags": None},
        {"dp_source.mine": {"_cls": "Nope"}},
        {"dp_source.size": None},
    ],
)
def test_what_only_fiftyone_knows_is_left_to_it(dataset, sample, values):
    with pytest.raises(NotPlain):
        PlainSample(change(dataset, sample, values), FIELDS)


def test_masks_in_files_are_exported(dataset, sample, tmp_path):
    cv2.imwrite(str(tmp_path / "mask.png"), np.full((4, 4), 255, np.uint8))
    change(dataset, sample, {f"{PERSON}.mask": None, f"{PERSON}.mask_path": str(tmp_path / "mask.png")})
    assert export_samples(dataset, tmp_path / "labels.json").failures == {}
    assert len(read(tmp_path / "labels.json")["annotations"]) == 2


def test_photos_are_read_a_few_at_a_time_and_written_in_their_order(dataset, sample, tmp_path):
    (document,) = dataset._sample_collection.find()
    copies = [
        document | {"_id": ObjectId(), "filepath": str(tmp_path / f"{i:03}.png")} for i in range(2 * AT_ONCE)
    ]
    dataset._sample_collection.insert_many(copies[::-1])
    keys = [str(copy["_id"]) for copy in copies]
    dataset._sample_collection.delete_one({"_id": copies[AT_ONCE]["_id"]})
    found = list(find_documents(dataset, keys, FIELDS))
    assert [key for key, _ in found] == keys
    assert [document is None for _, document in found].index(True) == AT_ONCE

    summary = export_samples(dataset, tmp_path / "labels.json")
    names = [image["file_name"] for image in read(tmp_path / "labels.json")["images"]]
    # Of a whole dataset in that of the samples' ids, of a view in its own.
    assert names == [path.rsplit("/", 1)[1] for path in dataset.sort_by("id").values("filepath")]
    export_samples(dataset.sort_by("filepath"), tmp_path / "view.json")
    names = [image["file_name"] for image in read(tmp_path / "view.json")["images"]]
    assert names == [path.rsplit("/", 1)[1] for path in sorted(dataset.values("filepath"))]
    assert (summary.samples, summary.people) == (2 * AT_ONCE, 4 * AT_ONCE)
