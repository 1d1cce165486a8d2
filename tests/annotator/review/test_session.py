"""Review on a real database: every edit is saved at once, and nobody's work is lost."""

import base64
import json
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from PIL import Image

from annotator.dataset.fields import FieldError
from annotator.dataset.sample_people import replace_predictions
from annotator.examples import EXAMPLES
from annotator.inference.network import InferenceError
from annotator.labels.people import People
from annotator.photos.finding import find_photos
from annotator.photos.reading import PhotoError, read_photo
from annotator.review import undo
from annotator.review.edits import EditError
from annotator.review.queue import Filter, queue
from annotator.review.session import Review, ReviewError
from annotator.runs.dataset_annotation import annotate_samples
from annotator.runs.dataset_export import export_samples
from annotator.team.edit_log import NO_WORK, Edited
from tests.annotator.inference.failing import write_failing
from tests.annotator.people_samples import SIZE
from tests.annotator.review.conftest import (
    EDITS,
    FIELDS,
    NAME,
    OTHER_NAME,
    named,
    nose,
    saved,
    versions,
)


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
    first, expected = opened["people"][0], saved(sample)[0]
    assert first["box"] == list(expected.box)
    parts, charts, u, _ = planes(first)
    np.testing.assert_array_equal(parts & 127, expected.parts)
    np.testing.assert_array_equal(parts >= 128, expected.mask)
    np.testing.assert_array_equal(charts, expected.charts)
    np.testing.assert_allclose(u / 255, expected.u, atol=0.003)
    assert first["keypoints"][0] == pytest.approx([20, 14, 0.8, 2], abs=0.01)
    json.dumps(opened)


def test_a_model_that_fails_is_one_sentence_and_nothing_is_saved(dataset, sample, tiny_model, tmp_path):
    model = write_failing(tiny_model, tmp_path / "m.onnx", largest_batch=0)
    review = Review(dataset, model=model, maps_dir=tmp_path / "maps")
    before = review.open(sample.id)
    with pytest.raises(InferenceError, match=r"^ONNX Runtime failed: [^\n]+$"):
        review.edit(sample.id, {"kind": "add", "box": [2, 3, 20, 30]}, {})
    assert review.open(sample.id) == before


def test_the_panel_gets_photos_that_browsers_cannot_read(review, dataset, sample, tmp_path):
    import fiftyone as fo

    pixels = np.zeros((40, 64, 3), np.uint8)
    pixels[:20, :32] = (220, 30, 30)
    lying = Image.fromarray(pixels).transpose(Image.Transpose.ROTATE_90)
    lying.save(tmp_path / "a.tif", tiffinfo={0x0112: 6})
    dataset.add_sample(fo.Sample(filepath=str(tmp_path / "a.tif")))
    (tmp_path / "a.jpg").write_bytes(review.photo(dataset.last().id))
    np.testing.assert_allclose(read_photo(tmp_path / "a.jpg")[5:15, 5:25], pixels[5:15, 5:25], atol=12)
    (tmp_path / "a.tif").write_bytes(b"no photo")
    with pytest.raises(PhotoError, match=r"a\.tif: not an image"):
        review.photo(dataset.last().id)
    with pytest.raises(ReviewError, match="no sample"):
        review.photo("none")


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


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit["kind"])
def test_an_edit_asked_for_twice_is_done_once(review, sample, edit):
    before = review.open(sample.id)
    edit = named(edit, versions(before))
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
    undo.save_people(undo.history_folder(review.folder) / sample.id, {key: saved(sample)[0]}, NAME)
    other = Review(dataset, author="Bob", maps_dir=tmp_path / "maps")
    other.edit(sample.id, {"kind": "decide", "person": key, "state": "approved"}, versions(opened))
    assert review.edit(sample.id, nose(key, 21), versions(opened), NAME)["conflict"] == [key]
    again = versions(review.open(sample.id))
    assert "conflict" not in review.edit(sample.id, nose(key, 21), again, OTHER_NAME)
    assert saved(sample)[0].keypoints[0, 0] == pytest.approx(21, abs=0.01)


def logged_as_decision(review: Review) -> Callable[[Edited], None]:
    return partial(review.saving.log.record_edit, {"kind": "decide", "person": "", "state": "edited"})


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

    review.saving.change(sample.id, {}, change, logged_as_decision(review), NO_WORK)
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
        assert review.saving.change(sample.id, opened, change, logged_as_decision(review), NO_WORK, NAME)[
            "conflict"
        ] == [key]
    person = saved(sample)[0]
    assert (person.crowd, person.provenance.state) == (False, "approved")


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


def test_nobody_without_pixels_is_approved(review, sample):
    key = next(iter(versions(review.open(sample.id))))
    stroke = {"kind": "paint", "points": [[0, 30], [80, 30]], "radius": 60, "layer": "mask", "erase": True}
    review.edit(sample.id, named(stroke, [key]), {})
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


def test_a_wrong_edit_changes_nothing(review, sample):
    opened = review.open(sample.id)
    with pytest.raises(ValueError, match="keypoint: must be less than or equal to 16, not 99"):
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
