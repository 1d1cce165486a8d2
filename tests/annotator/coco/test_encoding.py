"""From a person to an annotation and back, and which source fields survive an edit."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from annotator.coco.encoding import annotation, image_record
from annotator.coco.parsing import read_person
from annotator.coco.surface_points import PointSampling
from annotator.labels.label_space import CHART_TO_PART
from annotator.labels.people import UNSURE_KEYPOINT, People, Person, Provenance
from tests.annotator.people_samples import dense_person, record

SIZE = (64, 48)


SEEDS = st.integers(0, 10_000)


def read(fields: dict) -> Person:
    return read_person(json.loads(json.dumps(fields)), SIZE, "labels.json")


BLANK = {
    "mask": np.ones((30, 30), bool),
    "parts": np.ones((30, 30), np.uint8),
    "charts": np.full((30, 30), 2, np.uint8),
    "u": np.zeros((30, 30), np.float16),
    "v": np.zeros((30, 30), np.float16),
}


@given(SEEDS)
def test_a_person_comes_back(seed):
    person = dense_person(seed, id=3)
    back = read(annotation(person, SIZE))
    assert (back.box, back.id, back.score, back.crowd) == (person.box, 3, person.score, False)
    assert (back.quality, back.provenance) == (person.quality, person.provenance)
    assert np.array_equal(back.mask, person.mask)
    assert np.array_equal(back.parts, person.parts)
    assert np.array_equal(back.visibility, person.visibility)
    # Coordinates have 2 decimals, confidences 4.
    assert np.allclose(back.keypoints, person.keypoints, rtol=0, atol=0.0051)


@given(SEEDS, st.sampled_from(["even", "random"]))
def test_points_say_what_their_pixel_says(seed, method):
    person = dense_person(seed)
    points = read(annotation(person, SIZE, PointSampling(5, method))).points
    x, y = points[:, 0] - person.box[0], points[:, 1] - person.box[1]
    # Pixel centres, in whole image pixels + 0.5.
    assert np.allclose(x % 1, 0.5, atol=1e-3)
    assert np.allclose(y % 1, 0.5, atol=1e-3)
    at = np.floor(y).astype(int), np.floor(x).astype(int)
    assert np.array_equal(points[:, 2], person.charts[at])
    assert np.allclose(points[:, 3], person.u[at], atol=1e-5)
    assert np.allclose(points[:, 4], person.v[at], atol=1e-5)
    assert np.bincount(person.parts[at]).max() <= 5


def test_corrections_are_points_beside_the_sampled_ones():
    given = np.array([[20.25, 30.5, 2, 0.25, 0.75]], np.float32)
    person = dense_person(1, box=(10, 10, 30, 30), corrections=given, **BLANK)
    points = read(annotation(person, SIZE, PointSampling(5))).points
    assert np.allclose(points[0], given[0], atol=0.01)
    assert len(points) == 1 + 5


@given(SEEDS)
def test_what_was_read_is_written_again(seed):
    first = annotation(dense_person(seed, id=3), SIZE)
    assert annotation(read(first), SIZE) == first


def test_fields_of_a_new_annotation():
    fields = annotation(dense_person(1, id=3), SIZE)
    assert " ".join(fields) == (
        "id category_id bbox area segmentation iscrowd keypoints num_keypoints dp_keypoint_scores "
        "dp_unsure_keypoints "
        "score dp_masks dp_I dp_U dp_V dp_x dp_y dp_quality dp_provenance"
    )
    assert isinstance(fields["segmentation"]["counts"], str)
    assert fields["area"] == coco_mask.area(fields["segmentation"])
    assert len(fields["keypoints"]) == 51
    assert fields["num_keypoints"] == sum(v > 0 for v in fields["keypoints"][2::3])
    assert len(fields["dp_masks"]) == 14


def test_only_a_box():
    fields = annotation(Person((1, 2, 3, 4)), SIZE)
    assert fields == {
        "category_id": 1, "bbox": [1, 2, 3, 4], "area": 12, "segmentation": [], "iscrowd": 0, "score": 1.0
    }  # fmt: skip
    back = read(fields)
    assert back.mask is back.parts is back.keypoints is back.points is None


def test_parts_follow_from_charts():
    person = dense_person(2)
    assert annotation(person, SIZE) == annotation(replace(person, parts=None), SIZE)


def test_visibility_follows_from_confidence():
    fields = annotation(dense_person(3, visibility=None), SIZE)
    confidence = dense_person(3).keypoints[:, 2]
    assert fields["keypoints"][2::3] == np.where(confidence >= UNSURE_KEYPOINT, 2, 0).tolist()


def test_an_unsure_keypoint_is_unlabelled_for_other_tools_and_comes_back():
    keypoints = np.zeros((17, 3), np.float32)
    keypoints[[3, 5]] = (32, 12, 0.5), (33.25, 15.5, 0.125)
    visibility = np.zeros(17, np.uint8)
    visibility[[3, 5]] = 2, 1
    person = Person((1, 2, 30, 40), keypoints=keypoints, visibility=visibility)
    fields = annotation(person, SIZE)
    assert (fields["num_keypoints"], fields["keypoints"][9:18]) == (1, [32, 12, 2] + [0] * 6)
    assert fields["dp_unsure_keypoints"] == [0] * 15 + [33.25, 15.5, 1] + [0] * 33
    assert fields["dp_keypoint_scores"][5] == 0.125
    back = read(fields)
    np.testing.assert_array_equal(back.keypoints, keypoints)
    np.testing.assert_array_equal(back.visibility, visibility)
    assert annotation(back, SIZE) == fields
    assert back.labelled().nonzero()[0].tolist() == [3]
    # What another tool has labelled since counts; what a human has moved is sure.
    fields["keypoints"][15:18] = 10, 11, 2
    assert read(fields).keypoints[5].tolist() == [10, 11, 1]
    back.keypoints[5] = 34, 15, 1
    assert "dp_unsure_keypoints" not in annotation(back, SIZE)


def test_shares_are_written_as_the_reader_takes_them():
    person = Person((1, 2, 3, 4), score=np.float32(1.0000001), quality={"mask": np.float64(-1e-9)})
    back = read(annotation(person, SIZE))
    assert (back.score, back.quality) == (1.0, {"mask": 0.0})


def test_original_annotation_is_kept_to_the_letter():
    fields = record(extra={"any": [1, 2.5, None]}, caption="walks")
    person = read(fields)
    assert {"image_id": 1} | annotation(person, SIZE) == fields
    assert person.box == (10, 4, 31, 41)
    assert person.points[:, :2].tolist() == [[10.5, 24.5], [40.5, pytest.approx(4.25 + 40.5 * 10 / 255)]]
    assert person.points[:, 2].tolist() == [1, 2]
    assert person.keypoints[:2].tolist() == [[20.25, 12.5, 1], [24, 11, 1]]
    assert person.visibility[:3].tolist() == [2, 1, 0]
    assert np.array_equal(person.parts, person.mask.astype(np.uint8))


FIELDS_OF = {
    "mask": {"segmentation", "area"},
    "parts": {"dp_masks"},
    "keypoints": {"keypoints", "num_keypoints", "dp_keypoint_scores", "dp_unsure_keypoints"},
    "points": {"dp_I", "dp_U", "dp_V", "dp_x", "dp_y"},
    "score": {"score"},
    "crowd": {"iscrowd"},
    "quality": {"dp_quality"},
    "provenance": {"dp_provenance"},
}


def edited(person: Person, label: str) -> Person:
    changes = {
        "mask": lambda: np.roll(person.mask, 3, axis=0),
        "parts": lambda: np.where(person.parts > 0, 2, 0).astype(np.uint8),
        "keypoints": lambda: person.keypoints + np.float32([1, 0, 0]) * (person.keypoints[:, 2:] > 0),
        "points": lambda: person.points[:1],
        "score": lambda: 0.5,
        "crowd": lambda: True,
        "quality": lambda: {"mask": 0.5},
        "provenance": lambda: Provenance(state="approved"),
    }
    return replace(person, **{label: changes[label]()})


@pytest.mark.parametrize("label", FIELDS_OF)
def test_an_edit_changes_its_own_fields_only(label):
    fields = record(segmentation={"size": [48, 64], "counts": [500, 1000, 64 * 48 - 1500]}, caption="walks")
    person = read(fields)
    now = annotation(edited(person, label), SIZE)
    changed = {name for name in now if now[name] != fields.get(name)}
    assert changed <= FIELDS_OF[label]
    assert changed
    again = read(now)
    assert np.array_equal(getattr(again, label), getattr(edited(person, label), label))


def flagged(person: Person, **changes) -> list[int]:
    """Which keypoints are still a teacher's in what is written."""
    now = annotation(replace(person, **changes), SIZE)
    return np.flatnonzero(now["keypoints_pseudo"]).tolist()


def test_keypoints_of_a_teacher_that_a_human_changed_are_the_humans():
    """Nose and left eye are labelled."""
    person = read(record(keypoints_pseudo=[1] * 17))
    moved, added = person.keypoints.copy(), person.keypoints.copy()
    moved[0, :2] += 1
    added[2] = 30, 12, 1
    hidden = person.visibility.copy()
    hidden[0] = 1
    gone = person.visibility.copy()
    gone[1] = 0
    assert flagged(person) == flagged(person, keypoints=person.keypoints + np.float32(1e-4)) == [*range(17)]
    assert flagged(person, keypoints=moved) == [*range(1, 17)]
    assert flagged(person, keypoints=added, visibility=None) == [0, *range(3, 17)]
    assert flagged(person, visibility=hidden) == [*range(1, 17)]
    assert flagged(person, visibility=gone) == [0, *range(2, 17)]
    assert flagged(person, keypoints=None, visibility=None) == [*range(2, 17)]
    assert flagged(read(record(keypoints_pseudo=[0, 1] + [0] * 15)), keypoints=moved) == [1]


@pytest.mark.parametrize("flags", [None, [], [1], "all"])
def test_flags_that_say_nothing_stay(flags):
    person = read(record(keypoints_pseudo=flags))
    person.keypoints[0, 0] += 1
    assert annotation(person, SIZE)["keypoints_pseudo"] == flags


def test_a_moved_box_takes_its_labels_along():
    person = read(record())
    x, y, w, h = person.box
    wider = [(2, 3), (1, 1)]
    moved = replace(
        person,
        box=(x - 1, y - 2, w + 2, h + 5),
        mask=np.pad(person.mask, wider),
        parts=np.pad(person.parts, wider),
    )
    fields = annotation(moved, SIZE)
    again = read(fields)
    assert fields["bbox"] == [9, 2, 33, 46]
    assert np.array_equal(again.mask, moved.mask)
    assert np.array_equal(again.parts, moved.parts)
    assert np.allclose(again.points, person.points, atol=1e-3)
    assert fields["keypoints"] == record()["keypoints"]


@pytest.mark.parametrize("label", ["parts", "corrections"])
def test_what_is_said_of_the_surface_needs_a_box_with_area(label):
    fields = {"id": 7, "category_id": 1, "bbox": [3, 4, 0, 0]}
    person = read(fields)
    assert annotation(person, SIZE) == fields
    said = {"parts": np.uint8([[2]]), "corrections": np.float32([[3.5, 4.5, 3, 0.5, 0.5]])}
    now = annotation(replace(person, **{label: said[label]}), SIZE)
    assert now["bbox"] == [3, 4, 1, 1]
    back = read(now)
    found = {"parts": back.parts, "corrections": back.points}
    assert np.allclose(found[label], said[label], atol=0.01)


def test_labels_that_were_taken_away_are_not_written():
    person = replace(read(record()), parts=None, points=None, keypoints=None, visibility=None)
    fields = annotation(person, SIZE)
    assert not fields.keys() & (FIELDS_OF["parts"] | FIELDS_OF["points"] | FIELDS_OF["keypoints"])


def test_dense_charts_replace_nothing_that_was_annotated():
    """A person with annotated points that gets charts keeps the points, and gets some on parts that had none."""
    person = read(record())
    known, other = CHART_TO_PART[np.array(record()["dp_I"], int)], 5
    assert CHART_TO_PART[other] not in known
    person.charts = np.full(person.mask.shape, other, np.uint8)
    person.charts[: len(person.charts) // 2] = record()["dp_I"][0]
    person.u = person.v = np.zeros(person.mask.shape, np.float16)
    written = annotation(person, SIZE, PointSampling(3))["dp_I"]
    assert written == [*record()["dp_I"], *[other] * 3]


def test_points_outside_of_the_box_are_left_out():
    person = read(record())
    x, y, w, _ = person.box
    outside = np.array([[x + w + 2, y + 1, 2, 0.5, 0.5]], np.float32)
    person = replace(person, points=np.concatenate([person.points, outside]))
    assert annotation(person, SIZE)["dp_I"] == record()["dp_I"]


def test_corrections_come_before_the_points_of_a_file():
    person = read(record())
    said = np.float32([[*person.points[1, :2], 7, 0.25, 0.75], [*np.add(person.box[:2], 0.5), 8, 0.5, 0.5]])
    written = annotation(replace(person, corrections=said), SIZE)
    assert written["dp_I"] == [7, 8, *np.delete(record()["dp_I"], 1)]


def test_another_image_size_makes_the_source_void():
    person = read(record(segmentation={"size": [48, 64], "counts": [500, 1000, 64 * 48 - 1500]}))
    fields = annotation(person, (100, 90))
    assert fields["segmentation"]["size"] == [90, 100]
    assert np.array_equal(read_person(fields, (100, 90), "labels.json").mask, person.mask)


def test_image_record():
    people = People((64, 48), file_name="a/b.jpg", id=4, extra={"complete": True})
    fields = {"id": 4, "file_name": "a/b.jpg", "width": 64, "height": 48, "complete": True}
    assert image_record(people) == fields
    assert "id" not in image_record(replace(people, id=None))
