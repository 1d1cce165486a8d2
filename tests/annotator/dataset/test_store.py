"""The sample of a real database that nobody overwrites unseen."""

import bson
import numpy as np
import pytest

from annotator.dataset.fields import Fields, declare_fields
from annotator.dataset.store import StoredSample, StoreError, saved_at

FIELDS = Fields()


@pytest.fixture
def sample(dataset):
    """A sample with two people of four pixels each, one with attributes that this package does not know."""
    import fiftyone as fo

    declare_fields(dataset, FIELDS)
    sample = fo.Sample(filepath="/photo.png", weather="rain")
    dataset.add_sample(sample)
    people = [
        fo.Detection(label="person", bounding_box=[0.1 * i, 0, 0.5, 0.5], mask=np.eye(2, dtype=bool))
        for i in range(2)
    ]
    people[0]["shoe_size"] = 43
    people[0]["owner"] = bson.ObjectId()
    sample[FIELDS.people] = fo.Detections(detections=people)
    sample.save()
    return sample


def in_database(sample) -> bytes:
    document = sample.dataset._sample_collection.find_one({"_id": bson.ObjectId(sample.id)})
    return bson.encode({name: document[name] for name in sorted(document) if name != "last_modified_at"})


def test_what_is_not_changed_is_written_as_it_was(sample):
    before = in_database(sample)
    stored = StoredSample.load(sample.dataset, sample.id, FIELDS)
    saved = stored.save(sample.dataset, FIELDS, [])
    assert in_database(sample) == before
    assert saved.time > stored.time
    assert saved.time == saved_at(sample.dataset, sample.id)


def test_a_changed_label_is_written_and_seen_by_those_who_hold_the_sample(sample):
    stored = StoredSample.load(sample.dataset, sample.id, FIELDS)
    first, second = stored.sample[FIELDS.people].detections
    first.mask = np.ones((2, 2), bool)
    second.mask = np.ones((2, 2), bool)
    saved = stored.save(sample.dataset, FIELDS, [first.id])
    people = sample[FIELDS.people].detections
    assert [person.mask.sum() for person in people] == [4, 2]
    assert people[0]["shoe_size"] == 43
    again = StoredSample.load(sample.dataset, sample.id, FIELDS)
    assert bson.encode(again.document) == bson.encode(saved.document)


def test_of_two_who_read_the_same_the_first_saves(sample):
    first, second = (StoredSample.load(sample.dataset, sample.id, FIELDS) for _ in range(2))
    first.sample[FIELDS.issue_score] = 0.25
    second.sample[FIELDS.issue_score] = 0.75
    assert first.save(sample.dataset, FIELDS, []) is not None
    assert second.save(sample.dataset, FIELDS, []) is None
    sample.reload(hard=True)
    assert sample[FIELDS.issue_score] == 0.25


@pytest.mark.parametrize("sample_id", ["0" * 24, "x"])
def test_there_is_no_such_sample(sample, sample_id):
    assert saved_at(sample.dataset, sample_id) is None
    assert StoredSample.load(sample.dataset, sample_id, FIELDS) is None


@pytest.mark.parametrize("megabytes", [16.5, 60])
def test_more_than_the_database_keeps_is_refused_whole(sample, megabytes):
    before = in_database(sample)
    stored = StoredSample.load(sample.dataset, sample.id, FIELDS)
    people = stored.sample[FIELDS.people].detections
    people[0]["comment"] = "x" * int(megabytes * 2**20)
    with pytest.raises(StoreError, match=r"photo\.png: .*16 MB"):
        stored.save(sample.dataset, FIELDS, [people[0].id])
    assert in_database(sample) == before
