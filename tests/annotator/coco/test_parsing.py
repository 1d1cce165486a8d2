"""What an annotation may hold, and what is wrong with one."""

import pytest

from annotator.coco.encoding import annotation
from annotator.coco.parsing import CocoError, read_person
from tests.annotator.coco.test_encoding import SIZE, read
from tests.annotator.people_samples import record


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bbox": None}, "bbox: missing"),
        ({"bbox": 5}, "bbox: must be a list"),
        ({"bbox": [1, 2, 3]}, "bbox: has 3 numbers, not 4"),
        ({"bbox": [1, 2, -3, 4]}, "bbox: width -3 and height 4"),
        ({"bbox": [1, 2, float("nan"), 4]}, "bbox: number 2 is nan"),
        ({"bbox": [1, 2, "3", 4]}, "bbox: number 2 is '3'"),
        ({"bbox": [1, 2, True, 4]}, "bbox: number 2 is True"),
        ({"bbox": [1, 2, None, 4]}, "bbox: number 2 is None"),
        ({"bbox": [1, 2, 10**400, 4]}, "bbox: holds a number that is not in -1e"),
        ({"area": 10**400}, "area: 1000.* is not a number"),
        ({"segmentation": {"size": [48, 64], "counts": [10**400]}}, "segmentation: .* of impossible length"),
        ({"bbox": [64, 2, 3, 4]}, "bbox: .* outside the image of 64 × 48"),
        ({"bbox": [1, -9, 3, 4]}, "bbox: .* outside"),
        ({"bbox": [1, 2, 0, 4], "segmentation": []}, "bbox: has no area, while dp_masks"),
        ({"bbox": [1, 2, 0, 4], "segmentation": [], "dp_masks": []}, "bbox: has no area, while dp_x"),
        ({"category_id": "person"}, "category_id: 'person' is not a whole number"),
        ({"area": -1}, "area: -1 is not in 0..inf"),
        ({"area": "big"}, "area: 'big' is not a number"),
        ({"area": float("inf")}, "area: inf is not a number"),
        ({"iscrowd": 2}, "iscrowd: 2 is not 0 or 1"),
        ({"iscrowd": "no"}, "iscrowd: 'no'"),
        ({"segmentation": "mask"}, "segmentation: an RLE must be an object"),
        ({"segmentation": {"counts": "04"}}, "segmentation: an RLE must be an object with `size`"),
        (
            {"segmentation": {"size": [64, 48], "counts": "0"}},
            r"segmentation: RLE size \[64, 48\] is not .*48, 64",
        ),
        ({"segmentation": {"size": [48, 64], "counts": "PPP"}}, "segmentation: .* cut off"),
        ({"segmentation": {"size": [48, 64], "counts": [10, 10]}}, "segmentation: .* cover 20 of 3072"),
        ({"segmentation": [5, 6]}, "segmentation: polygon 0 is not a list of numbers: 5"),
        ({"segmentation": [[1, 2, 3, 4]]}, "segmentation: polygon 0 has 4 numbers"),
        (
            {"segmentation": [[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6, 7]]},
            "segmentation: polygon 1 has 7 numbers",
        ),
        ({"segmentation": [[1, 2, 3, 4, 5, None]]}, "segmentation: polygon 0 is not a list of numbers"),
        ({"bbox": [45, 30, 10, 10]}, r"segmentation: no pixel of it lies in the bbox \[45, 30, 10, 10\]"),
        (
            {"bbox": [0.1, 0.1, 0.4, 0.6], "segmentation": [[0.1, 0.1, 0.5, 0.1, 0.5, 0.7]]},
            r"bbox: \[0.1, 0.1, 0.4, 0.6\] are shares of an image of 64 × 48 pixels: give all coordinates in pixels",
        ),
        ({"bbox": [0, 0, 1, 1], "segmentation": []}, r"bbox: \[0, 0, 1, 1\] are shares of an image"),
        ({"segmentation": [[1, 2, 3, 4, 5, 1e9]]}, "segmentation: polygon 0 reaches far out"),
        ({"keypoints": [1, 2, 2]}, "keypoints: has 3 numbers, not 51"),
        ({"keypoints": [1, 2, 3] + [0] * 48}, "keypoints: visibility of nose is 3"),
        ({"keypoints": ["a"] + [0] * 50}, "keypoints: number 0 is 'a'"),
        ({"dp_unsure_keypoints": [1, 2]}, "dp_unsure_keypoints: has 2 numbers, not 51"),
        ({"dp_unsure_keypoints": [1, 2, 3] + [0] * 48}, "dp_unsure_keypoints: visibility of nose is 3"),
        ({"keypoints": {"nose": [1, 2]}}, "keypoints: must be a list"),
        ({"num_keypoints": 18}, "num_keypoints: 18 is not a whole number in 0..17"),
        ({"num_keypoints": 2.5}, "num_keypoints: 2.5"),
        ({"dp_keypoint_scores": [1] * 16}, "dp_keypoint_scores: has 16 numbers"),
        ({"dp_keypoint_scores": [2] * 17}, "dp_keypoint_scores: number 0 is 2, not in 0..1"),
        ({"score": 87}, "score: 87 is not in 0..1"),
        ({"score": "high"}, "score: 'high' is not a number"),
        ({"dp_masks": [[]] * 13}, "dp_masks: must be a list of 14 masks"),
        ({"dp_masks": "none"}, "dp_masks: must be a list of 14 masks"),
        ({"dp_masks": [[]] * 13 + [7]}, "dp_masks: entry 13: an RLE must be"),
        (
            {"dp_masks": [{"size": [48, 64], "counts": "0"}] + [[]] * 13},
            "dp_masks: entry 0: RLE size",
        ),
        (
            {"dp_masks": [{"size": [256, 256], "counts": "0"}] + [[]] * 13},
            "dp_masks: entry 0: .* cover 0 of 65536",
        ),
        ({"dp_I": None}, "dp_I: missing, while dp_U is there"),
        ({"dp_y": None}, "dp_y: missing, while dp_I is there"),
        ({"dp_U": [0.5]}, "dp_U: has 1 numbers, not 2 as dp_I"),
        ({"dp_x": [1.0, 2.0, 3.0]}, "dp_x: has 3 numbers, not 2 as dp_I"),
        ({"dp_I": [0.0, 1.0]}, "dp_I: number 0 is 0, not a chart"),
        ({"dp_I": [1.0, 25.0]}, "dp_I: number 1 is 25, not a chart"),
        ({"dp_I": [1.0, 2.5]}, "dp_I: number 1 is 2.5, not a chart"),
        ({"dp_V": [0.5, 1.5]}, "dp_V: number 1 is 1.5, not in -0.01..1.01"),
        ({"dp_x": [0, 300]}, "dp_x: number 1 is 300, not in 0..256"),
        ({"dp_y": [-1, 0]}, "dp_y: number 0 is -1"),
        ({"dp_quality": 0.5}, "dp_quality: must be an object"),
        ({"dp_quality": {"a\0": 0.5}}, r"dp_quality: 'a\\x00' is no name"),
        ({"dp_quality": {"mask": 2}}, "dp_quality: 'mask' is 2"),
        ({"dp_provenance": {"state": "fine"}}, "dp_provenance: state 'fine' is not one of predicted"),
        ({"dp_provenance": {"by": "me"}}, "dp_provenance: must be an object with"),
        ({"dp_provenance": {"model": 3}}, "dp_provenance: must be an object with"),
    ],
)
def test_broken_fields(changes, message):
    with pytest.raises(CocoError, match=f"^labels.json: annotation 7: {message}"):
        read_person(record(**changes), SIZE, "labels.json")


@pytest.mark.parametrize(
    "changes",
    [
        {"segmentation": []},
        {"segmentation": None},
        {"iscrowd": None},
        {"iscrowd": True},
        {"keypoints": []},
        {"dp_masks": []},
        {"area": None, "num_keypoints": None, "score": None},
        {"dp_I": None, "dp_U": None, "dp_V": None, "dp_x": None, "dp_y": None},
        {"dp_I": [], "dp_U": [], "dp_V": [], "dp_x": [], "dp_y": []},
        {"bbox": [63.5, 47.5, 20, 20], "segmentation": []},
        {"bbox": [-5, -5, 100, 100]},
        {
            "bbox": [5.5, 5.5, 0, 3],
            "segmentation": [],
            "dp_masks": None,
            **dict.fromkeys(("dp_I", "dp_U", "dp_V", "dp_x", "dp_y")),
        },
        # Outlines that hold the middle of no pixel, and only that of one beside the box.
        {"segmentation": [[20.1, 20.1, 20.2, 20.1, 20.2, 20.2]]},
        {"bbox": [10.0, 4.0, 5.0, 5.0], "segmentation": [[15.1, 4, 16.9, 4, 16.9, 6, 15.1, 6]]},
        {"segmentation": {"size": [48, 64], "counts": [48 * 64]}},
        {"bbox": [0, 0, 1, 1], "segmentation": {"size": [48, 64], "counts": [0, 1, 48 * 64 - 1]}},
        {"dp_U": [-0.004, 1.004]},
        {"dp_x": [0, 256]},
    ],
)
def test_what_real_files_hold_is_taken_and_kept(changes):
    fields = record(**changes)
    person = read(fields)
    assert {"image_id": 1} | annotation(person, SIZE) == fields
    x, y, w, h = person.box
    assert 0 <= x < x + w <= 64
    assert 0 <= y < y + h <= 48
    if person.points is not None:
        assert ((person.points[:, 3:] >= 0) & (person.points[:, 3:] <= 1)).all()


@pytest.mark.parametrize(
    ("bbox", "box"),
    [
        ([10.0, 20.0, 5.0, 6.0], (10, 20, 5, 6)),
        ([10.2, 20.7, 5.0, 6.0], (10, 20, 6, 7)),
        ([0.1, 0.2, 0.2 + 0.1, 1.8], (0, 0, 1, 2)),
        ([10.00001, 20.0, 4.99999, 6.00001], (10, 20, 5, 6)),
    ],
)
def test_the_box_covers_the_bbox(bbox, box):
    assert read(record(bbox=bbox, segmentation=[])).box == box


@pytest.mark.parametrize(
    "outline", [[20.1, 20.1, 20.2, 20.1, 20.2, 20.2], [41.6, 4, 42.4, 4, 42.4, 6, 41.6, 6]]
)
def test_a_mask_without_pixels_is_none(outline):
    assert read(record(segmentation=[outline])).mask is None
