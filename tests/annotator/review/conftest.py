"""A review of a photo with two people, edits of it, and a collection to review."""

from dataclasses import asdict, replace

import bson
import cv2
import numpy as np
import pytest

from annotator.dataset.fields import Fields, declare_fields
from annotator.dataset.sample_people import read_people, replace_predictions
from annotator.dataset.store import StoredSample
from annotator.labels.people import People, Person
from annotator.review.edits import Scene, apply_edit, parse_edit
from annotator.review.loaded_image import IMAGES
from annotator.review.panel_data import person_data, version_of
from annotator.review.session import Review
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


def named(edit: dict, keys) -> dict:
    """An edit of the first of these people, or of all of them together."""
    if edit["kind"] == "add_empty":
        return edit
    return edit | ({"people": list(keys)} if edit["kind"] == "merge" else {"person": next(iter(keys))})


def assert_kept_is_saved(sample) -> None:
    """The people in memory are those of the database, to the last bit."""
    (kept,) = IMAGES.images.values()
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


@pytest.fixture
def scene() -> Scene:
    return Scene(SIZE, {"a": block(10), "b": block(40)})


def edit(scene: Scene, kind: str, **values) -> dict[str, Person | None]:
    before = {key: replace(person) for key, person in scene.people.items()}
    arrays = {k: {n: getattr(p, n).copy() for n in ("mask", "parts", "charts", "keypoints") if getattr(p, n) is not None}
              for k, p in scene.people.items()}  # fmt: skip
    changes = apply_edit(scene, parse_edit({"kind": kind, **values}))
    for key, person in scene.people.items():
        assert person.box == before[key].box
        for name, array in arrays[key].items():
            np.testing.assert_array_equal(getattr(person, name), array)
    return changes


def full_mask(person: Person) -> np.ndarray:
    mask = np.zeros(SIZE[::-1], bool)
    x, y, w, h = person.box
    mask[y : y + h, x : x + w] = person.mask
    return mask


def assert_whole(person: Person) -> None:
    """Arrays fit the box, and nothing is labelled off the mask."""
    for name in ("mask", "parts", "charts", "u", "v"):
        assert getattr(person, name).shape == person.box[3:1:-1]
    assert not person.parts[~person.mask].any()
    assert not person.charts[~person.mask].any()
