"""Every edit of a real database is undone and done again, and nobody's work is lost by it."""

import pytest
from pymongo.errors import AutoReconnect

from annotator.dataset.sample_people import replace_predictions
from annotator.dataset.store import StoredSample
from annotator.labels.people import People
from annotator.review import undo
from annotator.review.loaded_image import IMAGES
from annotator.runs.dataset_export import export_samples
from tests.annotator.people_samples import SIZE, block
from tests.annotator.review.conftest import (
    EDITS,
    FIELDS,
    NAME,
    assert_kept_is_saved,
    named,
    nose,
    saved,
    versions,
)


def test_of_an_edit_too_old_to_be_undone_it_is_known_that_it_was_done(review, sample):
    opened = review.open(sample.id)
    key = opened["people"][0]["key"]
    done = review.edit(sample.id, nose(key, 21), versions(opened), NAME)
    undo.remove(undo.history_folder(review.folder) / sample.id, done["undo"])
    again = review.edit(sample.id, nose(key, 21), versions(opened), NAME)
    assert (again["undo"], versions(again)) == (None, versions(review.open(sample.id)))


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit["kind"])
def test_every_edit_is_undone_and_done_again(review, sample, edit):
    before = review.open(sample.id)
    done = review.edit(sample.id, named(edit, versions(before)), versions(before))
    after = review.open(sample.id)
    assert versions(after) != versions(before)
    assert {p["key"]: p["version"] for p in done["people"]}.items() <= versions(after).items()
    undone = review.restore(sample.id, done["undo"], {})
    assert versions(review.open(sample.id)) == versions(before)
    review.restore(sample.id, undone["undo"], {})
    assert versions(review.open(sample.id)) == versions(after)


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


def test_what_others_know_of_a_part_comes_back_with_it(review, sample):
    def heads() -> list:
        return [part for part in sample[FIELDS.parts].detections if part.label == "head"]

    heads()[0].tags.append("hard")
    heads()[0]["pose"] = "sitting"
    sample.save()
    IMAGES.images.clear()
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
    IMAGES.images.clear()
    keys = list(versions(review.open(sample.id)))
    edit = named({"kind": kind}, keys if kind == "merge" else keys[1:])
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
    token = review.edit(sample.id, named(edit, versions(review.open(sample.id))), {})["undo"]
    redo = review.restore(sample.id, token, {})["undo"]
    token = review.restore(sample.id, redo, {})["undo"]
    review.restore(sample.id, token, {})
    sample.reload(hard=True)
    people = [block(10, 10), block(20, 10), block(25, 12), block(40)]
    assert replace_predictions(sample, People(SIZE, people), FIELDS, tmp_path / "maps").dropped == 0


@pytest.mark.parametrize("edit", [{"kind": "delete"}, {"kind": "merge"}])
def test_who_is_put_back_has_the_same_place_and_number(review, sample, edit):
    first, second = versions(review.open(sample.id))
    indices = [person.index for person in sample[FIELDS.people].detections]
    keys = [second, first] if edit["kind"] == "merge" else [first]
    done = review.edit(sample.id, named(edit, keys), {})
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


def test_who_was_deleted_again_stays_deleted(review, sample, tmp_path):
    key = next(iter(versions(review.open(sample.id))))
    token = review.edit(sample.id, {"kind": "delete", "person": key}, {})["undo"]
    redo = review.restore(sample.id, token, {})["undo"]
    review.restore(sample.id, redo, {})
    sample.reload(hard=True)
    people = People(SIZE, [block(10), block(40)])
    assert replace_predictions(sample, people, FIELDS, tmp_path / "maps").dropped == 1
