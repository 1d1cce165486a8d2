"""The summaries of a dataset's photos: true after every write, whoever made it."""

from collections import Counter
from datetime import timedelta
from threading import Thread

import fiftyone as fo
import numpy as np
import pytest
from bson import ObjectId

from annotator.dataset import photo_index
from annotator.dataset.fields import Fields, declare_fields
from annotator.dataset.photo_index import PhotoIndex, Summaries, remove_orphans
from annotator.dataset.sample_people import replace_predictions
from annotator.labels.people import People
from tests.annotator.people_samples import SIZE, block

FIELDS = Fields()


@pytest.fixture
def samples(dataset, tmp_path) -> list:
    """Twenty photos with one person each, of issue scores 0, 0.05, …"""
    declare_fields(dataset, FIELDS)
    added = [fo.Sample(filepath=f"/photos/frame{i}.jpg") for i in range(20)]
    dataset.add_samples(added)
    for i, sample in enumerate(added):
        people = People(SIZE, [block(10, issues={"two_people": i / 20})])
        replace_predictions(sample, people, FIELDS, tmp_path / "maps")
        sample.save()
    return added


def made_anew(dataset) -> tuple[list, Counter]:
    """The summaries and counts that nothing was kept of."""
    view = Summaries(dataset.match({"filepath": {"$ne": None}}), FIELDS)
    assert not view.are_indexed
    rows = [{**row, "made": None} for row in view.aggregate([{"$sort": {"_id": 1}}])]
    return rows, view.counts()


def check(dataset) -> Counter:
    """What is kept is what would be made anew."""
    kept = Summaries(dataset, FIELDS)
    assert kept.are_indexed
    rows = [{**row, "made": None} for row in kept.aggregate([{"$sort": {"_id": 1}}])]
    counts = kept.counts()
    assert (rows, counts) == made_anew(dataset)
    return counts


def test_every_write_of_any_tool_counts(dataset, samples, tmp_path):
    counts = check(dataset)
    assert (counts["images:"], counts["open:"], counts["bin:0"]) == (20, 20, 1)
    dataset.set_values(f"{FIELDS.people}.detections.review", [["approved"]] * 5 + [["predicted"]] * 15)
    assert check(dataset)["done:"] == 5
    samples[7].reload(hard=True)
    samples[7][FIELDS.people].detections[0]["reasons"] = ["two people in one", "left and right"]
    samples[7].save()
    assert check(dataset)["reason:left and right"] == 1
    dataset.match({"filepath": samples[8].filepath}).set_field(
        f"{FIELDS.people}.detections.review", "rejected"
    ).save()
    assert check(dataset)["state:rejected"] == 1
    new = fo.Sample(filepath="/photos/new.jpg")
    dataset.add_sample(new)
    assert check(dataset)["images:"] == 20
    replace_predictions(new, People(SIZE, []), FIELDS, tmp_path / "maps")
    new.save()
    assert check(dataset)["images:"] == 21
    dataset.delete_samples([samples[0], samples[1]])
    assert check(dataset)["images:"] == 19
    samples[2].reload(hard=True)
    samples[2][FIELDS.people] = None
    samples[2].save()
    assert check(dataset)["images:"] == 18


def test_an_edit_makes_one_summary_anew(dataset, samples):
    check(dataset)
    index = PhotoIndex(dataset, FIELDS)
    before = {row["_id"]: row["made"] for row in index.photos.find()}
    samples[3].reload(hard=True)
    samples[3][FIELDS.people].detections[0]["review"] = "approved"
    samples[3].save()
    time = index.refresh()
    after = {row["_id"]: row["made"] for row in index.photos.find()}
    assert [str(key) for key in after if after[key] != before[key]] == [samples[3].id]
    assert index._buckets.count_documents({"dirty": {"$exists": True}}) == 1
    assert index.changed_since(time, 10) == [ObjectId(samples[3].id)]


def test_a_write_that_looks_old_is_found_by_the_next_full_check(dataset, samples, monkeypatch):
    check(dataset)
    old = samples[4]._doc.last_modified_at.replace(year=2020)
    change = {f"{FIELDS.people}.detections.0.review": "approved", "last_modified_at": old}
    dataset._sample_collection.update_one({"_id": ObjectId(samples[4].id)}, {"$set": change})
    monkeypatch.setattr(photo_index, "CHECK_EVERY", 0)
    # A summary of a later time would stay: this is what a clock that goes wrong leads to.
    PhotoIndex(dataset, FIELDS).photos.update_one({"_id": ObjectId(samples[4].id)}, {"$set": {"at": None}})
    assert check(dataset)["state:approved"] == 1


def test_samples_just_saved_are_compared_again_only_if_one_has_changed(dataset, samples, monkeypatch):
    check(dataset)
    chunks, compare = [], PhotoIndex._compare_chunk
    monkeypatch.setattr(
        PhotoIndex, "_compare_chunk", lambda self, rows: (chunks.append(len(rows)), compare(self, rows))
    )
    check(dataset)
    assert chunks == []
    # By a machine whose clock is behind.
    before = samples[4]._doc.last_modified_at.replace(tzinfo=None)
    values = {f"{FIELDS.people}.detections.0.review": "approved"}
    values["last_modified_at"] = before + timedelta(milliseconds=1)
    dataset._sample_collection.update_one({"_id": ObjectId(samples[4].id)}, {"$set": values})
    assert check(dataset)["state:approved"] == 1
    assert chunks == [20]


def test_it_says_how_far_it_is(dataset, samples, monkeypatch):
    monkeypatch.setattr(photo_index, "CHUNK", 2)
    monkeypatch.setattr(photo_index, "WORKERS", 3)
    index, said = PhotoIndex(dataset, FIELDS), []
    compare = PhotoIndex._compare_chunk
    monkeypatch.setattr(
        PhotoIndex, "_compare_chunk", lambda self, rows: (said.append(index.progress()), compare(self, rows))
    )
    assert index.progress() is None
    index.refresh()
    assert said[:9] == [(0, 20)] * 3 + [(6, 20)] * 3 + [(12, 20)] * 3
    assert index.progress() is None
    check(dataset)


@pytest.mark.parametrize("version", [photo_index.VERSION, 0])
def test_a_beginning_that_was_interrupted_and_another_version_are_made_good(
    dataset, samples, monkeypatch, version
):
    index = PhotoIndex(dataset, FIELDS)
    index.refresh()
    if version:
        index._buckets.delete_one({"_id": "state"})
        index.photos.delete_one({"_id": ObjectId(samples[3].id)})
        dataset.delete_samples([samples[4]])
    else:
        index.photos.update_many({}, {"$set": {"doubt": 100}})
        index._buckets.update_one({"_id": "state"}, {"$set": {"version": version}})
    check(dataset)


def test_readers_at_once_count_the_same(dataset, samples):
    found = []

    def read(number: int) -> None:
        for _ in range(3):
            view = dataset.select(samples[number].id)
            view.set_field(f"{FIELDS.people}.detections.review", "approved").save()
            found.append(Summaries(dataset, FIELDS).counts()["state:approved"])

    threads = [Thread(target=read, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 12
    assert check(dataset)["state:approved"] == 4


@pytest.mark.parametrize(
    "junk",
    [
        {"": 3},
        {"": {"_cls": "Detections", "detections": 7}},
        {".detections": [3, None, "x", {}, {"review": 5, "reasons": "x", "issue_score": "bad"}]},
        {".detections.0.issue_score": float("nan"), ".detections.0.reasons": [None, 5, "why"]},
        {".detections.0.issue_score": float("inf"), ".detections.0.review": ["approved"]},
    ],
)
def test_what_cannot_be_read_counts_as_not_set(dataset, samples, junk):
    check(dataset)
    values = {FIELDS.people + path: value for path, value in junk.items()}
    change = {"$set": values, "$currentDate": {"last_modified_at": True}}
    dataset._sample_collection.update_one({"_id": ObjectId(samples[0].id)}, change)
    counts = check(dataset)
    assert counts["images:"] == 20
    assert np.isfinite([row["doubt"] for row in Summaries(dataset, FIELDS).aggregate([])]).all()


def test_summaries_go_with_their_dataset(dataset, samples):
    from fiftyone.core.odm import get_db_conn

    other = dataset.clone()
    check(other)
    check(dataset)
    names = {PhotoIndex(of, FIELDS).photos.name for of in (dataset, other)}
    other.delete()
    remove_orphans()
    assert names & set(get_db_conn().list_collection_names()) == {PhotoIndex(dataset, FIELDS).photos.name}
