"""Review on a real database: every edit is saved at once, and nobody's work is lost."""

import base64
import json
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace

import bson
import cv2
import numpy as np
import pytest
from pymongo.errors import AutoReconnect

from annotator.dataset.fields import FieldError, Fields, declare_fields
from annotator.dataset.sample_people import read_people, replace_predictions
from annotator.dataset.store import StoredSample, StoreError
from annotator.examples import EXAMPLES
from annotator.labels.people import People, Provenance
from annotator.photos.finding import find_photos
from annotator.review import undo as history
from annotator.review.edits import EditError
from annotator.review.panel_data import person_data, version_of
from annotator.review.queue import Filter, approve_below, queue, spot_check, take_back
from annotator.review.score_table import SCORES, score_table
from annotator.review.session import _CACHE, Review, ReviewError
from annotator.runs.dataset import annotate_samples, export_samples
from tests.annotator.people_samples import SIZE, block

FIELDS = Fields()
NAME, OTHER_NAME = "0123456789abcdef", "fedcba9876543210"
"""Of edits and approvals."""


@pytest.fixture
def review(dataset, sample, tmp_path):
    return Review(dataset, author="Ada", maps_dir=tmp_path / "maps")


def versions(opened: dict) -> dict[str, str]:
    return {person["key"]: person["version"] for person in opened["people"]}


def saved(sample) -> list:
    """People in the database, read afresh."""
    sample.reload(hard=True)
    return read_people(sample, FIELDS).people


def nose(key: str, x: float) -> dict:
    return {"kind": "set_keypoint", "person": key, "keypoint": 0, "visibility": 2, "x": x, "y": 12}


def planes(person: dict) -> np.ndarray:
    """(4, h, w): part and mask, chart, U, V."""
    w, h = person["box"][2:]
    data = np.frombuffer(zlib.decompress(base64.b64decode(person["planes"])), np.uint8)
    layers = np.zeros((4, h, w), np.uint8)
    layers[:2] = data[: 2 * w * h].reshape(2, h, w)
    layers[2:, layers[1] > 0] = data[2 * w * h :].reshape(2, -1)
    return layers


def test_the_panel_gets_what_the_database_has(review, sample):
    opened = review.open(sample.id)
    assert opened["size"] == list(SIZE)
    first, ground_truth = opened["people"][0], saved(sample)[0]
    assert first["box"] == list(ground_truth.box)
    parts, charts, u, _ = planes(first)
    np.testing.assert_array_equal(parts & 127, ground_truth.parts)
    np.testing.assert_array_equal(parts >= 128, ground_truth.mask)
    np.testing.assert_array_equal(charts, ground_truth.charts)
    np.testing.assert_allclose(u / 255, ground_truth.u, atol=0.003)
    assert first["keypoints"][0] == pytest.approx([20, 14, 0.8, 2], abs=0.01)
    json.dumps(opened)


def test_an_edit_is_saved_with_its_author_and_model(review, sample):
    opened = review.open(sample.id)
    key, other = versions(opened)
    before = saved(sample)[1]
    result = review.edit(sample.id, nose(key, 21), versions(opened))
    assert [person["key"] for person in result["people"]] == [key]
    person, untouched = saved(sample)
    assert person.keypoints[0, :2] == pytest.approx([21, 12], abs=0.01)
    assert (person.provenance.state, person.provenance.author) == ("edited", "Ada")
    assert person.provenance.model == "lite"
    assert person.provenance.time > "2026-01-02"
    np.testing.assert_array_equal(untouched.keypoints, before.keypoints)
    assert versions(review.open(sample.id))[key] == result["people"][0]["version"]
    assert versions(review.open(sample.id))[other] == versions(opened)[other]


def test_tags_and_attributes_outlive_an_edit(review, sample):
    def labels() -> list:
        """A person, its head and its keypoints."""
        head = next(part for part in sample[FIELDS.parts].detections if part.label == "head")
        return [sample[FIELDS.people].detections[0], head, sample[FIELDS.keypoints].keypoints[0]]

    for label in labels():
        label.tags.append("mine")
        label["note"] = "look"
    sample.save()
    opened = review.open(sample.id)
    review.edit(sample.id, nose(opened["people"][0]["key"], 21), versions(opened))
    sample.reload(hard=True)
    assert [(label.tags, label["note"]) for label in labels()] == [(["mine"], "look")] * 3


EDITS = [
    {"kind": "set_keypoint", "keypoint": 3, "visibility": 1, "x": 12.3, "y": 44.4},
    {"kind": "paint", "layer": "mask", "points": [[28, 30], [42, 30]], "radius": 4},
    {"kind": "paint", "layer": "mask", "erase": True, "points": [[10, 10]], "radius": 8},
    {"kind": "paint", "layer": "part", "part": 14, "points": [[20, 25]], "radius": 4},
    {"kind": "fill", "layer": "part", "part": 1, "points": [[5, 5], [15, 5], [15, 15]]},
    {"kind": "fill_area", "x": 20, "y": 12, "part": 1},
    {"kind": "split_by_line", "points": [[18, 0], [22, 60]]},
    {"kind": "split_by_heads", "points": [[15, 12], [25, 45]]},
    {"kind": "delete"},
    {"kind": "correct_surface", "corrections": [[20, 27, 2, 0.25, 0.75]]},
    {"kind": "swap_sides"},
    {"kind": "swap_depth"},
    {"kind": "decide", "state": "approved", "comment": "good"},
    {"kind": "add_empty", "box": [2, 3, 20, 30]},
]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit["kind"])
def test_an_edit_asked_for_twice_is_done_once(review, sample, edit):
    before = review.open(sample.id)
    edit = {"person": before["people"][0]["key"], **edit}
    first = review.edit(sample.id, edit, versions(before), NAME)
    after = versions(review.open(sample.id))
    again = review.edit(sample.id, edit, versions(before), NAME)
    assert versions(review.open(sample.id)) == after
    assert "conflict" not in again
    assert again["undo"] == first["undo"]
    assert {p["key"]: p["version"] for p in again["people"]} == {
        p["key"]: p["version"] for p in first["people"]
    }
    assert again["removed"] == first["removed"]
    undone = [review.restore(sample.id, first["undo"], {}, OTHER_NAME) for _ in range(2)]
    assert undone[0]["undo"] == undone[1]["undo"]
    assert versions(review.open(sample.id)) == versions(before)


def test_an_edit_that_was_never_saved_is_not_taken_for_done(review, sample, dataset, tmp_path):
    """What was before it is on disk, as a server leaves it that is killed there, and somebody else goes on."""
    opened = review.open(sample.id)
    key = opened["people"][0]["key"]
    history.remember(history.history_folder(review.folder) / sample.id, {key: saved(sample)[0]}, NAME)
    other = Review(dataset, author="Bob", maps_dir=tmp_path / "maps")
    other.edit(sample.id, {"kind": "decide", "person": key, "state": "approved"}, versions(opened))
    assert review.edit(sample.id, nose(key, 21), versions(opened), NAME)["conflict"] == [key]
    again = versions(review.open(sample.id))
    assert "conflict" not in review.edit(sample.id, nose(key, 21), again, OTHER_NAME)
    assert saved(sample)[0].keypoints[0, 0] == pytest.approx(21, abs=0.01)


def test_of_an_edit_too_old_to_be_undone_it_is_known_that_it_was_done(review, sample):
    opened = review.open(sample.id)
    key = opened["people"][0]["key"]
    done = review.edit(sample.id, nose(key, 21), versions(opened), NAME)
    history.forget(history.history_folder(review.folder) / sample.id, done["undo"])
    again = review.edit(sample.id, nose(key, 21), versions(opened), NAME)
    assert (again["undo"], versions(again)) == (None, versions(review.open(sample.id)))


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit["kind"])
def test_every_edit_is_undone_and_done_again(review, sample, edit):
    before = review.open(sample.id)
    key = before["people"][0]["key"]
    done = review.edit(sample.id, {"person": key, **edit}, versions(before))
    after = review.open(sample.id)
    assert versions(after) != versions(before)
    assert {p["key"]: p["version"] for p in done["people"]}.items() <= versions(after).items()
    undone = review.restore(sample.id, done["undo"], {})
    assert versions(review.open(sample.id)) == versions(before)
    review.restore(sample.id, undone["undo"], {})
    assert versions(review.open(sample.id)) == versions(after)


def assert_kept_is_saved(sample) -> None:
    """The people in memory are those of the database, to the last bit."""
    (kept,) = _CACHE.values()
    fresh = StoredSample.load(sample.dataset, sample.id, FIELDS)
    assert bson.encode(kept.stored.document) == bson.encode(fresh.document)
    sample.reload(hard=True)
    people = read_people(sample, FIELDS).people
    keys = [label.id for label in sample[FIELDS.people].detections]
    assert list(kept.people) == list(kept.data) == keys
    for key, person in zip(keys, people, strict=True):
        assert version_of(kept.people[key]) == version_of(person)
        np.testing.assert_equal(asdict(kept.people[key]), asdict(person))
        assert kept.data[key] == person_data(key, person)


@pytest.mark.parametrize(
    "edit",
    [*EDITS, {"kind": "merge"}, {"kind": "add_empty", "box": [3, 4, 30, 20]}],
    ids=lambda edit: edit["kind"],
)
def test_what_is_kept_in_memory_is_what_was_saved(review, sample, edit):
    _CACHE.clear()
    people = list(versions(review.open(sample.id)))
    done = review.edit(sample.id, {"person": people[0], "people": people, **edit}, {})
    assert_kept_is_saved(sample)
    undone = review.restore(sample.id, done["undo"], {})
    assert_kept_is_saved(sample)
    review.restore(sample.id, undone["undo"], {})
    assert_kept_is_saved(sample)


def test_a_part_that_comes_to_another_person_is_kept_so(review, sample):
    """Parts that the App's own tools draw belong to the person whose box holds most of them."""
    import fiftyone as fo

    box = [35 / SIZE[0], 20 / SIZE[1], 10 / SIZE[0], 10 / SIZE[1]]
    sample[FIELDS.parts].detections.append(fo.Detection(label="left foot", bounding_box=box))
    sample.save()
    _CACHE.clear()
    near, far = versions(review.open(sample.id))
    paint = {"kind": "paint", "layer": "mask", "points": [[28, 5], [50, 5]], "radius": 3, "person": near}
    result = review.edit(sample.id, paint, {})
    assert {person["key"] for person in result["people"]} == {near, far}
    assert_kept_is_saved(sample)


def test_surface_that_a_smaller_mask_hid_does_not_come_back(review, sample):
    person = sample[FIELDS.people].detections[0]
    mask = person.mask.copy()
    mask[:5] = False
    person.mask = mask
    sample.save()
    _CACHE.clear()
    key = next(iter(versions(review.open(sample.id))))
    # A part that the person has nowhere else has no surface to be continued.
    paint = {"kind": "paint", "layer": "part", "part": 3, "points": [[20, 12]], "radius": 2.5, "person": key}
    review.edit(sample.id, paint, {})
    person = saved(sample)[0]
    assert (person.parts[:5] == 3).any()
    assert not person.charts[:5].any()
    assert_kept_is_saved(sample)


def test_an_edit_of_a_moved_dataset_leaves_the_surface_of_others(review, sample, tmp_path):
    """The file that says which pixel is whose does not travel with a dataset."""
    for path in tmp_path.rglob("*-owners.png"):
        path.unlink()
    _CACHE.clear()
    before = saved(sample)[1]
    key = next(iter(versions(review.open(sample.id))))
    review.edit(sample.id, {"kind": "swap_sides", "person": key}, {})
    assert before.charts.all()
    np.testing.assert_array_equal(saved(sample)[1].charts, before.charts)
    assert_kept_is_saved(sample)


def test_a_save_by_somebody_else_in_between_is_not_lost(review, sample):
    key = review.open(sample.id)["people"][0]["key"]
    tries = []

    def change(known):
        if not tries:
            sample.tags.append("seen")
            sample[FIELDS.people].detections[1]["review"] = "approved"
            sample.save()
        tries.append(known)
        return {key: replace(known.people[key], crowd=True)}

    review._change(sample.id, {}, change)
    assert len(tries) == 2
    first, second = saved(sample)
    assert (first.crowd, second.provenance.state, sample.tags) == (True, "approved", ["seen"])


def test_a_named_edit_is_not_done_where_somebody_else_was_faster(review, sample):
    opened = versions(review.open(sample.id))
    key = next(iter(opened))

    def change(known):
        sample[FIELDS.people].detections[0]["review"] = "approved"
        sample.save()
        return {key: replace(known.people[key], crowd=True)}

    for _ in range(2):
        assert review._change(sample.id, opened, change, NAME)["conflict"] == [key]
    person = saved(sample)[0]
    assert (person.crowd, person.provenance.state) == (False, "approved")


def test_what_could_not_be_saved_is_not_kept(review, sample):
    _CACHE.clear()
    (key, version), (other, _) = versions(review.open(sample.id)).items()
    too_long = {"kind": "decide", "person": key, "state": "approved", "comment": "x" * 2**24}
    with pytest.raises(StoreError, match="16 MB"):
        review.edit(sample.id, too_long, {key: version})
    review.edit(sample.id, {"kind": "delete", "person": other}, {})
    assert versions(review.open(sample.id)) == {key: version}
    assert_kept_is_saved(sample)
    # Of the edit that was done there is what was before, of the other one nothing.
    assert len(list((history.history_folder(review.folder) / sample.id).iterdir())) == 1
    # The one who was not approved is still to be looked at.
    assert sample[FIELDS.issue_score] == 0.25


def test_an_edit_that_was_saved_without_an_answer_can_be_undone(review, sample, monkeypatch):
    opened = review.open(sample.id)
    key = opened["people"][0]["key"]
    save = StoredSample.save

    def save_and_lose_the_answer(*args):
        save(*args)
        raise AutoReconnect("connection closed")

    with monkeypatch.context() as patch:
        patch.setattr(StoredSample, "save", save_and_lose_the_answer)
        with pytest.raises(AutoReconnect):
            review.edit(sample.id, nose(key, 21), versions(opened), NAME)
    again = review.edit(sample.id, nose(key, 21), versions(opened), NAME)
    review.restore(sample.id, again["undo"], {})
    assert versions(review.open(sample.id)) == versions(opened)


def test_merge(review, sample):
    opened = review.open(sample.id)
    first, second = versions(opened)
    result = review.edit(sample.id, {"kind": "merge", "people": [first, second]}, versions(opened))
    assert result["removed"] == [second]
    (person,) = saved(sample)
    assert person.box == (10, 10, 50, 40)


def test_the_second_to_save_is_told_and_nothing_is_lost(review, dataset, sample, tmp_path):
    other = Review(dataset, author="Bob", maps_dir=tmp_path / "maps")
    opened = review.open(sample.id)
    key = opened["people"][0]["key"]
    review.edit(sample.id, nose(key, 21), versions(opened))
    told = other.edit(sample.id, nose(key, 25), versions(opened))
    assert told["conflict"] == [key]
    assert told["people"][0]["author"] == "Ada"
    assert told["people"][0]["keypoints"][0][0] == pytest.approx(21, abs=0.01)
    assert saved(sample)[0].provenance.author == "Ada"
    # With what they were told they can have their way.
    other.edit(sample.id, nose(key, 25), {key: told["people"][0]["version"]})
    assert saved(sample)[0].keypoints[0, 0] == pytest.approx(25, abs=0.01)


def test_edits_of_different_people_do_not_disturb_each_other(review, dataset, sample, tmp_path):
    other = Review(dataset, author="Bob", maps_dir=tmp_path / "maps")
    opened = review.open(sample.id)
    (first, a), (second, b) = versions(opened).items()
    assert "conflict" not in review.edit(sample.id, nose(first, 21), {first: a})
    assert "conflict" not in other.edit(sample.id, nose(second, 51), {second: b})
    assert [p.provenance.author for p in saved(sample)] == ["Ada", "Bob"]


def test_of_edits_at_once_one_is_done_and_the_others_are_told(review, dataset, sample, tmp_path):
    opened = review.open(sample.id)
    key, version = next(iter(versions(opened).items()))
    start = threading.Barrier(4)

    def work(index):
        start.wait()
        return review.edit(sample.id, nose(key, 12 + index), {key: version})

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(work, range(4)))
    done = [i for i, result in enumerate(results) if "conflict" not in result]
    assert len(done) == 1
    assert saved(sample)[0].keypoints[0, 0] == pytest.approx(12 + done[0], abs=0.01)


def test_a_change_by_the_apps_own_tools_counts(review, sample):
    opened = review.open(sample.id)
    key = opened["people"][0]["key"]
    sample.reload(hard=True)
    person = sample.dp_people.detections[0]
    mask = person.mask.copy()
    mask[:5] = False
    person.mask = mask
    sample.save()
    assert review.edit(sample.id, nose(key, 21), versions(opened))["conflict"] == [key]
    assert not saved(sample)[0].mask[:5].any()


def test_what_others_know_of_a_person_stays(review, sample):
    sample.dp_people.detections[0].tags.append("hat")
    sample.dp_people.detections[0]["shoe_size"] = 43
    sample.save()
    opened = review.open(sample.id)
    key = opened["people"][0]["key"]
    review.edit(sample.id, {"kind": "swap_sides", "person": key}, versions(opened))
    sample.reload(hard=True)
    label = sample.dp_people.detections[0]
    assert (label.id, label.tags, label["shoe_size"]) == (key, ["hat"], 43)


def test_what_others_know_of_a_part_comes_back_with_it(review, sample):
    def heads() -> list:
        return [part for part in sample[FIELDS.parts].detections if part.label == "head"]

    heads()[0].tags.append("hard")
    heads()[0]["pose"] = "sitting"
    sample.save()
    _CACHE.clear()
    opened = review.open(sample.id)
    edit = {"kind": "fill_area", "person": opened["people"][0]["key"], "x": 20, "y": 12, "part": 1}
    done = review.edit(sample.id, edit, versions(opened))
    sample.reload(hard=True)
    assert [label.tags for label in heads()] == [[]]
    review.restore(sample.id, done["undo"], {})
    sample.reload(hard=True)
    assert [(label.tags, label.has_field("pose") and label["pose"]) for label in heads()] == [
        (["hard"], "sitting"),
        ([], False),
    ]
    assert_kept_is_saved(sample)


def test_undo_keeps_the_number_that_an_export_gave(review, dataset, sample, tmp_path):
    opened = review.open(sample.id)
    done = review.edit(sample.id, nose(opened["people"][0]["key"], 21), versions(opened))
    export_samples(dataset, tmp_path / "labels.json")
    ids = [person.id for person in saved(sample)]
    assert None not in ids
    redo = review.restore(sample.id, done["undo"], {})
    assert [person.id for person in saved(sample)] == ids
    review.restore(sample.id, redo["undo"], {})
    assert [person.id for person in saved(sample)] == ids


@pytest.mark.parametrize("kind", ["delete", "merge"])
def test_what_others_know_of_a_person_comes_back_with_it(review, sample, kind):
    def labels() -> list:
        """The second person, its head and its keypoints."""
        person = sample[FIELDS.people].detections[1]
        heads = [part for part in sample[FIELDS.parts].detections if part.label == "head"]
        return [person, heads[1], sample[FIELDS.keypoints].keypoints[1]]

    for label in labels():
        label.tags.append("hard")
        label["pose"] = "sitting"
    sample.save()
    _CACHE.clear()
    keys = list(versions(review.open(sample.id)))
    edit = {"kind": kind, "person": keys[1], "people": keys}
    for _ in range(2):
        done = review.edit(sample.id, edit, {})
        assert len(saved(sample)) == 1
        review.restore(sample.id, done["undo"], {})
        sample.reload(hard=True)
        assert [(label.tags, label["pose"]) for label in labels()] == [(["hard"], "sitting")] * 3
    assert_kept_is_saved(sample)


@pytest.mark.parametrize(
    "edit",
    [
        {"kind": "add_empty", "box": [25, 10, 12, 40]},
        {"kind": "split_by_line", "points": [[20, 0], [20, 60]]},
    ],
    ids=lambda edit: edit["kind"],
)
def test_an_undone_edit_deletes_nobody(review, sample, tmp_path, edit):
    key = next(iter(versions(review.open(sample.id))))
    undo = review.edit(sample.id, {"person": key, **edit}, {})["undo"]
    redo = review.restore(sample.id, undo, {})["undo"]
    undo = review.restore(sample.id, redo, {})["undo"]
    review.restore(sample.id, undo, {})
    sample.reload(hard=True)
    people = [block(10, 10), block(20, 10), block(25, 12), block(40)]
    assert replace_predictions(sample, People(SIZE, people), FIELDS, tmp_path / "maps").dropped == 0


@pytest.mark.parametrize("edit", [{"kind": "delete"}, {"kind": "merge"}])
def test_who_is_put_back_has_the_same_place_and_number(review, sample, edit):
    first, second = versions(review.open(sample.id))
    indices = [person.index for person in sample[FIELDS.people].detections]
    edit |= {"people": [second, first]} if edit["kind"] == "merge" else {"person": first}
    done = review.edit(sample.id, edit, {})
    assert done["order"] == [second]
    assert review.restore(sample.id, done["undo"], {})["order"] == [first, second]
    assert list(versions(review.open(sample.id))) == [first, second]
    saved(sample)
    assert [person.index for person in sample[FIELDS.people].detections] == indices


def test_who_is_opened_again_is_what_it_was(review, sample, tmp_path):
    first, second = versions(review.open(sample.id))
    review.edit(sample.id, nose(first, 21), {})
    for key in (first, second):
        review.edit(sample.id, {"kind": "decide", "person": key, "state": "approved"}, {})
    assert [person["edited"] for person in review.open(sample.id)["people"]] == [True, False]
    for key, state in ((first, "edited"), (second, "predicted")):
        review.edit(sample.id, {"kind": "decide", "person": key, "state": state}, {})
    assert [person.provenance.state for person in saved(sample)] == ["edited", "predicted"]
    replaced = replace_predictions(sample, People(SIZE, [block(40)]), FIELDS, tmp_path / "maps")
    assert (replaced.kept, replaced.added) == (1, 1)


def test_nobody_without_pixels_is_approved(review, sample):
    key = next(iter(versions(review.open(sample.id))))
    stroke = {"kind": "paint", "points": [[0, 30], [80, 30]], "radius": 60, "layer": "mask", "erase": True}
    review.edit(sample.id, {"person": key, **stroke}, {})
    assert not saved(sample)[0].mask.any()
    with pytest.raises(EditError, match="has no pixels"):
        review.edit(sample.id, {"kind": "decide", "person": key, "state": "approved"}, {})


def test_that_nobody_is_there_is_said_and_taken_back(review, dataset, sample, tmp_path):
    keys = list(versions(review.open(sample.id)))
    with pytest.raises(ReviewError, match="somebody is labelled"):
        review.edit(sample.id, {"kind": "nobody", "nobody": True}, {})
    for key in keys:
        review.edit(sample.id, {"kind": "delete", "person": key}, {})

    def progress() -> tuple[int, int]:
        found = queue(dataset, FIELDS, Filter())
        return found["items"][0]["open"], found["done"]

    assert progress() == (1, 0)
    review.edit(sample.id, {"kind": "nobody", "nobody": True}, {})
    assert progress() == (0, 1)
    sample.reload(hard=True)
    replace_predictions(sample, People(SIZE, []), FIELDS, tmp_path / "maps")
    sample.save()
    assert progress() == (0, 1)
    review.edit(sample.id, {"kind": "nobody", "nobody": False}, {})
    assert progress() == (1, 0)


def test_who_was_deleted_again_stays_deleted(review, sample, tmp_path):
    key = next(iter(versions(review.open(sample.id))))
    undo = review.edit(sample.id, {"kind": "delete", "person": key}, {})["undo"]
    redo = review.restore(sample.id, undo, {})["undo"]
    review.restore(sample.id, redo, {})
    sample.reload(hard=True)
    people = People(SIZE, [block(10), block(40)])
    assert replace_predictions(sample, people, FIELDS, tmp_path / "maps").dropped == 1


def test_a_wrong_edit_changes_nothing(review, sample):
    opened = review.open(sample.id)
    with pytest.raises(ValueError, match="keypoint: must be one of"):
        review.edit(sample.id, nose(opened["people"][0]["key"], 21) | {"keypoint": 99}, versions(opened))
    assert versions(review.open(sample.id)) == versions(opened)


def test_a_clone_without_some_of_the_fields_gets_them(dataset, sample, tmp_path):
    clone = dataset.exclude_fields([FIELDS.issue_score, FIELDS.failure]).clone()
    try:
        review = Review(clone, maps_dir=tmp_path / "maps")
        key = review.open(clone.first().id)["people"][0]["key"]
        review.edit(clone.first().id, {"kind": "decide", "person": key, "state": "approved"}, {})
        assert clone.first()[FIELDS.issue_score] == 0.25
    finally:
        clone.delete()


def test_unknown_samples_tokens_and_prefixes_are_refused(review, dataset, sample):
    with pytest.raises(ReviewError, match="no sample"):
        review.open("0" * 24)
    with pytest.raises(ReviewError, match="nothing to undo"):
        review.restore(sample.id, "x", {})
    with pytest.raises(FieldError, match="annotate it first"):
        Review(dataset, "other")


def test_a_box_is_labelled_by_the_network_and_exported(dataset, tmp_path):
    import fiftyone as fo

    photo = find_photos(EXAMPLES)[0]
    dataset.add_sample(fo.Sample(filepath=str(photo)))
    annotate_samples(dataset, maps_dir=tmp_path / "maps")
    sample = dataset.first()
    review = Review(dataset, author="Ada", maps_dir=tmp_path / "maps")
    opened = review.open(sample.id)
    found = opened["people"][0]
    review.edit(sample.id, {"kind": "delete", "person": found["key"]}, versions(opened))
    result = review.edit(sample.id, {"kind": "add", "box": found["box"]}, {})
    (added,) = result["people"]
    assert added["state"] == "edited"
    assert np.count_nonzero(planes(added)[0] >= 128) > 0.3 * np.count_nonzero(planes(found)[0] >= 128)
    export_samples(dataset, tmp_path / "out.json")
    annotations = json.loads((tmp_path / "out.json").read_text())["annotations"]
    assert any(a["dp_provenance"]["author"] == "Ada" for a in annotations)
    # The network does not overwrite what a human has added, nor bring back what they deleted.
    annotate_samples(dataset, overwrite="replace", maps_dir=tmp_path / "maps")
    keys = [person["key"] for person in review.open(sample.id)["people"]]
    assert added["key"] in keys
    assert found["key"] not in keys


@pytest.fixture
def collection(dataset, tmp_path):
    """Four photos with one person each, of issues 0, 0.2, 0.5 and 0.9, and one without people."""
    import fiftyone as fo

    declare_fields(dataset, FIELDS)
    for number, issue_score in enumerate((0.5, 0.0, 0.9, 0.2, None)):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), np.zeros((*SIZE[::-1], 3), np.uint8))
        sample = fo.Sample(filepath=str(path))
        dataset.add_sample(sample)
        people = [] if issue_score is None else [block(10, issues={"two_people": issue_score})]
        replace_predictions(sample, People(SIZE, people), FIELDS, tmp_path / "maps")
        sample.save()
    return dataset


def names(found: dict) -> list[str]:
    return [item["filepath"][-5] for item in found["items"]]


def test_the_queue_begins_with_the_most_doubtful(collection):
    found = queue(collection, FIELDS, Filter())
    assert names(found) == ["2", "0", "3", "1", "4"]
    assert found["states"] == {"predicted": 4, "edited": 0, "approved": 0, "rejected": 0}
    assert found["reasons"] == {"two people in one": 2}
    assert (found["images"], found["done"], sum(found["histogram"])) == (5, 0, 4)
    assert names(queue(collection, FIELDS, Filter(order="file"))) == ["0", "1", "2", "3", "4"]


def test_many_doubtful_people_come_before_one_who_is_a_little_more_so(collection, tmp_path):
    sample = collection.last()
    people = [block(x, issues={"two_people": 0.7}) for x in (10, 40)]
    replace_predictions(sample, People(SIZE, people), FIELDS, tmp_path / "maps")
    sample.save()
    assert sample[FIELDS.issue_score] == pytest.approx(0.91)
    assert names(queue(collection, FIELDS, Filter())) == ["4", "2", "0", "3", "1"]


def test_doubts_of_people_who_are_decided_count_where_they_are_asked_for(collection, tmp_path):
    sample = collection.last()
    people = [
        block(10, issues={"two_people": 0.95}, provenance=Provenance("lite", state="approved")),
        block(40, issues={"two_people": 0.1}),
    ]
    replace_predictions(sample, People(SIZE, people), FIELDS, tmp_path / "maps")
    sample.save()
    found = queue(collection, FIELDS, Filter())
    assert names(found) == ["2", "0", "3", "4", "1"]
    assert found["items"][3]["issue_score"] == pytest.approx(sample[FIELDS.issue_score]) == pytest.approx(0.1)
    assert names(queue(collection, FIELDS, Filter(reasons=("two people in one",)))) == ["2", "0", "4"]
    both = queue(collection, FIELDS, Filter(states=("approved", "predicted")))
    assert names(both) == ["4", "2", "0", "3", "1"]


def test_the_queue_is_filtered(collection, tmp_path):
    assert names(queue(collection, FIELDS, Filter(reasons=("two people in one",)))) == ["2", "0"]
    assert names(queue(collection, FIELDS, Filter(states=("approved",)))) == []
    sample = collection.first()
    review = Review(collection, maps_dir=tmp_path / "maps")
    key = review.open(sample.id)["people"][0]["key"]
    review.edit(sample.id, {"kind": "decide", "person": key, "state": "approved"}, {})
    found = queue(collection, FIELDS, Filter(states=("approved",)))
    assert names(found) == ["0"]
    assert found["done"] == 1
    # Nobody is left to be decided on the last.
    assert names(queue(collection, FIELDS, Filter())) == ["2", "3", "1", "4", "0"]
    assert names(queue(collection, FIELDS, Filter(states=("predicted",)))) == ["2", "3", "1"]
    sample.reload()
    assert sample[FIELDS.issue_score] == 0
    with pytest.raises(ValueError, match="'done' is none of"):
        Filter(states=("done",))


def test_the_table_of_scores_begins_with_the_worst(collection, tmp_path):
    sample = collection.last()
    people = [block(x, quality={"charts": sure}, issues={}) for x, sure in ((10, 0.9), (40, 0.3))]
    replace_predictions(sample, People(SIZE, people), FIELDS, tmp_path / "maps")
    sample.save()
    table = score_table(collection, FIELDS)
    assert [column["name"] for column in table["columns"]] == list(SCORES)
    issue_score, charts = (list(SCORES).index(name) for name in ("issue_score", "quality_charts"))
    assert [row["scores"][issue_score] for row in table["rows"]] == [0.9, 0.5, 0.2, 0, None, None]
    assert (table["people"], sum(table["columns"][issue_score]["histogram"])) == (6, 4)
    table = score_table(collection, FIELDS, "quality_charts")
    assert [row["scores"][charts] for row in table["rows"]] == [0.3, 0.9, None, None, None, None]
    assert [(row["sample"], row["number"]) for row in table["rows"][:2]] == [(sample.id, 2), (sample.id, 1)]
    assert sum(table["columns"][charts]["histogram"]) == 2
    key = table["rows"][0]["key"]
    review = Review(collection, maps_dir=tmp_path / "maps")
    review.edit(sample.id, {"kind": "decide", "person": key, "state": "rejected"}, {})
    assert score_table(collection, FIELDS)["people"] == 5
    with pytest.raises(ValueError, match="'size' is none of"):
        score_table(collection, FIELDS, "size")


@pytest.fixture
def approve(collection, tmp_path):
    """Approve with the rest up to an issue score, and how many on each image."""

    def approve(issue_score: float, samples=collection, name=NAME) -> list[int]:
        return list(approve_below(samples, FIELDS, issue_score, "Ada", tmp_path / "maps", name))

    return approve


def test_all_below_a_doubt_are_approved(collection, approve):
    drawn = spot_check(collection, FIELDS, 0.5, 0.5, seed=1)
    assert (drawn["images"], drawn["people"], len(drawn["check"])) == (3, 3, 2)
    assert drawn == spot_check(collection, FIELDS, 0.5, 0.5, seed=1)
    listed = queue(collection, FIELDS, Filter(samples=tuple(drawn["check"])))
    assert {item["id"] for item in listed["items"]} == set(drawn["check"])
    assert listed["images"] == 5
    assert approve(0.2) == [1, 1]
    found = queue(collection, FIELDS, Filter(states=("approved",)))
    assert sorted(names(found)) == ["1", "3"]
    sample = collection[found["items"][0]["id"]]
    assert sample.dp_people.detections[0].author == "Ada"


def test_what_was_approved_with_the_rest_is_taken_back(collection, approve, tmp_path):
    paths = [f"{FIELDS.people}.detections.{name}" for name in ("review", "author", "time")]
    untouched = collection.values([*paths, FIELDS.issue_score])
    first = collection.first()
    assert approve(0.5) == [1, 1, 1]
    assert first[FIELDS.people].detections[0].review == "approved"
    assert collection.values(FIELDS.issue_score) == [0, 0, pytest.approx(0.9), 0, 0]
    with pytest.raises(ValueError, match="16 hexadecimal digits"):
        next(take_back(collection, FIELDS, tmp_path / "maps", "../etc"))
    # One that never reached the server.
    assert list(take_back(collection, FIELDS, tmp_path / "maps", OTHER_NAME)) == []
    assert sum(take_back(collection, FIELDS, tmp_path / "maps", NAME)) == 3
    assert collection.values([*paths, FIELDS.issue_score]) == untouched
    # Who was changed since stays approved.
    assert approve(0.5, name=OTHER_NAME) == [1, 1, 1]
    sample = collection.first()
    review = Review(collection, author="Ada", maps_dir=tmp_path / "maps")
    key = review.open(sample.id)["people"][0]["key"]
    review.edit(sample.id, {"kind": "decide", "person": key, "state": "approved", "comment": "sure"}, {})
    assert list(take_back(collection, FIELDS, tmp_path / "maps", OTHER_NAME)) == [0, 1, 1]
    assert queue(collection, FIELDS, Filter())["states"]["approved"] == 1


def test_an_approval_that_was_cut_short_is_taken_back_or_goes_on(collection, approve, tmp_path):
    next(approve_below(collection, FIELDS, 1.0, "Ada", tmp_path / "maps", NAME))
    assert queue(collection, FIELDS, Filter())["states"]["approved"] == 1
    assert approve(1.0) == [1, 1, 1, 1]
    assert queue(collection, FIELDS, Filter())["states"]["approved"] == 4
    assert list(take_back(collection, FIELDS, tmp_path / "maps", NAME)) == [1, 1, 1, 1]
    assert queue(collection, FIELDS, Filter())["states"]["predicted"] == 4


def test_approving_the_rest_leaves_everything_else(collection, approve):
    """Labels that no class of FiftyOne has read are written back as they were."""
    documents = collection._sample_collection
    before = list(documents.find())
    approve(1.0)
    for was, now in zip(before, documents.find(), strict=True):
        for document in (was, now):
            del document["last_modified_at"], document[FIELDS.issue_score]
            for person in document[FIELDS.people]["detections"]:
                for name in ("review", "author", "time"):
                    person.pop(name, None)
        assert bson.encode(was) == bson.encode(now)


def test_who_was_rejected_meanwhile_is_not_approved_with_the_rest(collection, tmp_path):
    approved = approve_below(collection, FIELDS, 1.0, "Ada", tmp_path / "maps", NAME)
    next(approved)
    sample = collection.skip(3).first()
    review = Review(collection, maps_dir=tmp_path / "maps")
    opened = review.open(sample.id)
    key = opened["people"][0]["key"]
    review.edit(sample.id, {"kind": "decide", "person": key, "state": "rejected"}, versions(opened))
    assert list(approved) == [1, 1, 0]
    assert [person.provenance.state for person in saved(sample)] == ["rejected"]
    opened = review.open(collection.first().id)
    assert [person["state"] for person in opened["people"]] == ["approved"]


def test_who_was_added_by_hand_is_not_approved_with_the_rest(collection, approve):
    import fiftyone as fo

    sample = collection.last()
    sample[FIELDS.people] = fo.Detections(
        detections=[fo.Detection(label="person", bounding_box=[0.1, 0.1, 0.4, 0.4])]
    )
    sample.save()
    assert approve(1.0) == [1, 1, 1, 1]
    sample.reload(hard=True)
    (person,) = sample[FIELDS.people].detections
    assert not person.has_field("review") or person.review is None


def test_who_is_hidden_by_a_view_is_not_approved_with_the_rest(dataset, sample, tmp_path):
    from fiftyone import ViewField

    view = dataset.filter_labels(FIELDS.people, ViewField("confidence") > 0.75)
    assert spot_check(view, FIELDS, 1.0, 1.0, seed=1)["people"] == 1
    assert list(approve_below(view, FIELDS, 1.0, "Ada", tmp_path, NAME)) == [1]
    assert [person.provenance.state for person in saved(sample)] == ["approved", "predicted"]


@pytest.mark.parametrize("shown", [[], ["dp_people"], ["dp_people.detections.issue score"]])
def test_fields_that_a_view_hides_are_read(collection, approve, shown):
    view = collection.limit(3).select_fields(shown)
    assert approve(0.5, view) == [1, 1]
    assert queue(view, FIELDS, Filter())["states"] == {
        "predicted": 1,
        "edited": 0,
        "approved": 2,
        "rejected": 0,
    }
    assert [row["scores"][0] for row in score_table(view, FIELDS)["rows"]] == [0.9]
    assert spot_check(view, FIELDS, 1.0, 1.0, seed=1)["people"] == 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda view, tmp_path: queue(view, FIELDS, Filter()),
        lambda view, tmp_path: score_table(view, FIELDS),
        lambda view, tmp_path: spot_check(view, FIELDS, 1.0, 1.0, seed=1),
        lambda view, tmp_path: next(approve_below(view, FIELDS, 1.0, "Ada", tmp_path, NAME)),
    ],
    ids=["queue", "scores", "spot check", "approval"],
)
def test_a_view_of_patches_is_refused(dataset, sample, tmp_path, ask):
    with pytest.raises(FieldError, match="whole images"):
        ask(dataset.to_patches(FIELDS.people), tmp_path)
