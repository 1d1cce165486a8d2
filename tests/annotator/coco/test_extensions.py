"""Fields beside COCO's: training and evaluation take and refuse the same."""

from pathlib import Path

import numpy as np
import pytest

from annotator.coco.extensions import has_dense
from annotator.coco.reader import CocoError
from annotator.coco.rle import encode_mask
from annotator.evaluation.ground_truth import DataSet, check_data_set, read_ground_truth
from model.sources import DataError, Source, read_source
from tests.annotator.labelled_photos import SIZE, figure_at, write_data

BAG = encode_mask(np.ones((20, 20), bool), (30, 40, 20, 20), SIZE)
NECK = [30.5, 20, 2]


def in_training(data: DataSet) -> Source:
    return Source(str(data.annotations), str(data.images), iuv=str(data.iuv) if data.iuv.is_dir() else "")


@pytest.mark.parametrize(
    ("image", "person", "words"),
    [
        ({"complete": "false"}, {}, "image 0: complete: 'false' is neither true nor false"),
        ({"complete": 0}, {}, "image 0: complete: 0 is neither"),
        ({}, {"flaw": True}, "annotation 1: flaw: True is not text"),
        ({}, {"dense": "no"}, "annotation 1: dense: 'no' is not true or false"),
        ({}, {"group": "yes"}, "annotation 1: group: 'yes' is not true or false"),
        ({}, {"carried": "x"}, "annotation 1: carried: an RLE must be an object"),
        ({}, {"carried": {"size": [5, 5], "counts": "1"}}, "annotation 1: carried: RLE size"),
        ({}, {"keypoints_pseudo": [1, 2]}, "annotation 1: keypoints_pseudo: .* is not a list of 17 zeros"),
        ({}, {"keypoints_pseudo": [2] * 17}, "annotation 1: keypoints_pseudo: .* is not a list"),
        ({}, {"keypoints_pseudo": 3}, "annotation 1: keypoints_pseudo: 3 is not a list"),
        ({}, {"head_points": [NECK, NECK]}, "annotation 1: head_points: .* is not an object of neck and"),
        ({}, {"head_points": {"nose": NECK}}, "annotation 1: head_points: .* is not an object"),
        ({}, {"head_points": {"neck": NECK[:2]}}, "annotation 1: head_points: .* is not .* each .x, y"),
        ({}, {"head_points": {"neck": [30, "20", 2]}}, "annotation 1: head_points: .* is not"),
        ({}, {"head_points": {"neck": [30, 20, 3]}}, "annotation 1: head_points: .* is not"),
    ],
)
def test_a_bad_field_is_named_with_its_file(tmp_path: Path, image: dict, person: dict, words: str):
    data = write_data(tmp_path, [[figure_at(10, 20)]], image=image, people=[person])
    with pytest.raises(CocoError, match=rf"annotations\.json: {words}"):
        check_data_set(data)
    with pytest.raises(DataError, match=rf"annotations\.json: {words}"):
        read_source(in_training(data))


@pytest.mark.parametrize(
    ("image", "person", "complete"),
    [
        ({"complete": False}, {"flaw": "hole", "carried": BAG, "group": True, "dense": False}, False),
        ({"complete": True}, {"head_points": {"neck": NECK, "head_top": [0, 0, 0]}}, True),
        ({}, {"head_points": {"neck": NECK}, "keypoints_pseudo": [0, 1] * 8 + [0], "group": 1}, True),
        (
            {"complete": None},
            dict.fromkeys(("flaw", "carried", "group", "head_points", "keypoints_pseudo")),
            True,
        ),
        ({}, {"flaw": "", "carried": [], "group": 0, "head_points": {}, "keypoints_pseudo": []}, True),
    ],
)
def test_good_fields(tmp_path: Path, image: dict, person: dict, complete: bool):
    data = write_data(tmp_path, [[figure_at(10, 20)]], image=image, people=[person])
    (ground_truth,), (record,) = read_ground_truth(data), read_source(in_training(data))
    assert ground_truth.complete == record.complete == complete


@pytest.mark.parametrize(
    ("value", "has"),
    [(True, True), (1, True), (None, True), ("", True), ([], True), (False, False), (0, False)],
)
def test_who_says_nothing_has_dense_labels(value: object, has: bool):
    assert has_dense({"dense": value}) is has
    assert has_dense({})
