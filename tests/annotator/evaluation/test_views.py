from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from annotator.coco.rle import encode_mask
from annotator.labels.label_space import CHART_MIRROR, PART_MIRROR
from annotator.labels.people import Person
from annotator.surface.geodesic import Surface
from tests.annotator.evaluation.conftest import LEFT, RIGHT, measure, measure_people, value
from tests.annotator.labelled_photos import SIZE, figure_at, write_data

LOW = ("points.uv_error", "dense.uv_error", "points.median_distance", "dense.median_distance")
SHARES = (
    "mask.iou", "mask.median_iou", "parts.person", "parts.mean", "parts.head", "points.accuracy",
    "dense.accuracy", "points.within_5cm", "dense.within_10cm", "keypoints.oks",
    "keypoints.well_labelled_oks", "keypoints.pck",
)  # fmt: skip
SCENE_SHARES = (
    "precision.mask",
    "precision.gps",
    "precision.gpsm_50",
    "precision.keypoints",
    "counting.right",
)


@pytest.mark.parametrize("dense", [False, True])
def test_the_ground_truth_itself_is_perfect(tmp_path: Path, surface: Surface, dense: bool):
    images = [[LEFT], [LEFT, RIGHT], []]
    source = write_data(tmp_path, images, dense=dense)
    scene = measure(source, images, surface)
    person = measure_people(source, [LEFT, LEFT, RIGHT], surface)
    known = [name for name in SHARES if dense or not name.startswith("dense")]
    for report, names in ((scene, [*known, *SCENE_SHARES]), (person, known)):
        assert {name: value(report, name) for name in names} == dict.fromkeys(names, pytest.approx(1.0))
        for name in LOW:
            assert dense or not name.startswith("points") or value(report, name) == pytest.approx(0, abs=1e-3)
    assert value(scene, "mask.false_area") == value(scene, "counting.error") == 0
    assert scene["mask"]["iou"]["images"] == 2
    assert person["mask"]["iou"]["people"] == 3
    assert scene["parts"]["person"]["pixels"] == person["parts"]["person"]["pixels"] == 3 * 1800
    assert scene["points"]["accuracy"]["points"] == person["points"]["accuracy"]["points"] > 0
    assert scene["counting"]["found_per_true"]["2"] == {**dict.fromkeys("01345", 0), "2": 1, "6 or more": 0}
    if not dense:
        assert value(scene, "dense.accuracy") is None
        assert value(person, "dense.within_5cm") is None


@pytest.mark.parametrize(
    ("wrong", "lowered"),
    [
        (replace(LEFT, mask=LEFT.mask & (np.arange(30) < 15)), {"mask.iou": 0.5, "parts.person": 0.5}),
        (
            replace(LEFT, parts=PART_MIRROR[LEFT.parts]),
            {"parts.left hand": 0, "parts.torso": 1, "mask.iou": 1},
        ),
        (
            replace(LEFT, charts=CHART_MIRROR[LEFT.charts]),
            {"points.charts.left hand": 0, "points.charts.torso back": 1},
        ),
        (replace(LEFT, keypoints=LEFT.keypoints[::-1]), {"keypoints.pck": 1 / 17, "points.accuracy": 1}),
        (
            replace(LEFT, visibility=np.zeros(17, np.uint8)),
            {"keypoints.oks": 0, "keypoints.pck": 0, "mask.iou": 1},
        ),
        (
            replace(LEFT, u=np.where(LEFT.u < 0.5, LEFT.u + 0.25, LEFT.u - 0.25)),
            {"points.u_error": 0.25, "points.v_error": 0},
        ),
    ],
    ids=["mask", "parts", "charts", "keypoints", "visibility", "u"],
)
def test_a_wrong_label_lowers_its_own_metric(
    tmp_path: Path, surface: Surface, wrong: Person, lowered: dict[str, float]
):
    source = write_data(tmp_path, [[LEFT]])
    for report in (measure(source, [[wrong]], surface), measure_people(source, [wrong], surface)):
        for path, expected in lowered.items():
            assert value(report, path) == pytest.approx(expected, abs=0.01), path


def test_a_shift_lowers_masks_points_and_keypoints(tmp_path: Path, surface: Surface):
    source = write_data(tmp_path, [[LEFT]], dense=True)
    report = measure(source, [[replace(LEFT, box=(20, 20, 30, 60))]], surface)
    assert value(report, "mask.iou") == pytest.approx(0.5)
    # Rows are charts, so every point stays on its chart or falls off the person.
    assert value(report, "dense.accuracy") == pytest.approx(2 / 3)
    assert value(report, "dense.u_error") == pytest.approx(1 / 3, abs=1e-3)
    assert value(report, "dense.v_error") == pytest.approx(0, abs=1e-3)
    shifted = replace(LEFT, keypoints=LEFT.keypoints + np.float32([7, 0, 0]))
    moved = measure(source, [[shifted]], surface)
    assert value(moved, "keypoints.pck") == 0  # a tenth of 60 is 6
    assert 0 < value(moved, "keypoints.oks") < 0.7


def test_distances_and_gps_by_hand(tmp_path: Path, surface: Surface):
    # One point at a corner of chart 1, one of chart 2; the second is found a metre off, on chart 3.
    points = {"dp_I": [1, 2], "dp_U": [0, 1], "dp_V": [0, 0], "dp_x": [10, 10], "dp_y": [10, 245]}
    source = write_data(tmp_path, [[LEFT]], people=[points])
    charts = np.ones((60, 30), np.uint8)
    charts[30:] = 3
    still = np.zeros((60, 30), np.float16)
    found = replace(LEFT, charts=charts, u=still + 1, v=still)
    found.u[:30] = 0
    report = measure(source, [[found]], surface)
    assert value(report, "points.accuracy") == 0.5
    assert value(report, "points.within_10cm") == 0.5
    assert report["points"]["accuracy"]["points"] == 2
    # GPS (1 + exp(−1 / (2 · 0.351²))) / 2 = 0.509: right at the threshold 0.50 alone.
    assert value(report, "precision.gps") == pytest.approx(0.1)
    assert value(report, "precision.gps_50") == 1
    # The part masks cover the whole person, so GPSm = sqrt(0.509) = 0.713: five thresholds.
    assert value(report, "precision.gpsm") == pytest.approx(0.5)


def test_a_missed_person(tmp_path: Path, surface: Surface):
    source = write_data(tmp_path, [[LEFT, RIGHT]], dense=True)
    scene = measure(source, [[LEFT]], surface)
    for report in (scene, measure_people(source, [LEFT, None], surface)):
        for name in ("points.accuracy", "dense.within_10cm", "keypoints.oks", "keypoints.pck", "mask.iou"):
            assert value(report, name) == pytest.approx(0.5), name
    assert value(scene, "precision.mask") == pytest.approx(51 / 101)
    assert value(scene, "counting.right") == 0
    assert value(scene, "counting.error") == 1
    nobody = measure(source, [[]], surface)
    assert value(nobody, "points.median_distance") is None
    assert value(nobody, "mask.iou") == value(nobody, "precision.gps") == 0


def test_the_same_masks_measured_twice(tmp_path: Path):
    """One person an image: the union's IoU, the person's IoU and the IoU over all pixels are one number."""
    rng = np.random.default_rng(1)
    mask = rng.random((60, 30)) < 0.7
    source = write_data(tmp_path, [[LEFT]])
    found = replace(LEFT, mask=mask)
    scene, person = measure(source, [[found]]), measure_people(source, [found])
    expected = pytest.approx(mask.mean(), abs=1e-6)
    assert value(scene, "mask.iou") == value(person, "mask.iou") == expected
    assert value(scene, "parts.person") == value(person, "parts.person") == expected


def test_on_an_incomplete_image_what_lies_apart_is_ignored(tmp_path: Path):
    for complete, iou, right in ((True, 0.5, 0.0), (False, 1.0, None)):
        folder = tmp_path / str(complete)
        source = write_data(folder, [[LEFT]], image={"complete": complete})
        report = measure(source, [[LEFT, replace(RIGHT, score=1.0)]])
        assert value(report, "mask.iou") == iou
        assert value(report, "counting.right") == right
    one_too_many = [replace(RIGHT, score=1.0), replace(LEFT, score=0.9)]
    assert value(measure(source, [one_too_many]), "precision.mask") == 1
    assert value(measure(write_data(tmp_path / "x", [[LEFT]]), [one_too_many]), "precision.mask") == 0.5


@pytest.mark.parametrize(
    ("changes", "fields"), [({"crowd": True}, {}), ({"mask": None}, {}), ({}, {"flaw": "x"})]
)
def test_who_is_not_one_labelled_person_is_no_mistake(tmp_path: Path, changes: dict, fields: dict):
    source = write_data(tmp_path, [[LEFT, figure_at(70, 20, **changes)]], people=[{}, fields])
    found = [replace(RIGHT, score=1.0), replace(LEFT, score=0.9)]
    report = measure(source, [found])
    assert value(report, "mask.iou") == 1
    assert value(report, "parts.person") == 1
    assert value(report, "precision.mask") == 1
    assert report["precision"]["mask"]["people"] == 1
    if changes.get("crowd"):
        assert value(report, "counting.right") == 1
    if fields.get("flaw"):
        assert report["counting"]["right"]["images"] == 0


def test_people_without_points_are_ignored_by_gps(tmp_path: Path, surface: Surface):
    unlabelled = figure_at(70, 20, charts=None)
    source = write_data(tmp_path, [[LEFT, unlabelled]])
    report = measure(source, [[replace(RIGHT, score=1.0), replace(LEFT, score=0.9)]], surface)
    assert report["precision"]["gps"] == {"value": 1.0, "people": 1, "images": 1}
    assert report["precision"]["mask"]["people"] == 2


def test_no_keypoints_and_no_surface_say_why(tmp_path: Path):
    person = figure_at(10, 20, keypoints=None, visibility=None)
    report = measure(write_data(tmp_path, [[person]]), [[LEFT]])
    assert report["keypoints"]["oks"]["reason"] == "nothing of it is labelled"
    assert report["precision"]["keypoints"] == {
        "value": None, "reason": "nothing of it is labelled", "people": 0, "images": 1
    }  # fmt: skip
    for name in ("points.within_5cm", "points.median_distance", "precision.gps", "precision.gpsm_50"):
        assert value(report, name) is None
    assert "--surface" in report["precision"]["gps"]["reason"]
    assert "--surface" in report["points"]["median_distance"]["reason"]
    assert value(report, "points.accuracy") == 1


def test_images_without_people(tmp_path: Path):
    report = measure(write_data(tmp_path, [[], []]), [[LEFT], []])
    assert value(report, "mask.false_area") == pytest.approx(1800 / (128 * 96) / 2, abs=1e-6)
    assert value(report, "mask.iou") is None
    assert value(report, "counting.right") is None
    assert value(report, "counting.error") == 0.5
    assert value(report, "precision.mask") is None


def test_parts_of_a_photo_without_part_labels_do_not_count(tmp_path: Path):
    bare = figure_at(10, 20, parts=None, charts=None)
    report = measure(write_data(tmp_path, [[bare]]), [[LEFT]])
    assert value(report, "parts.person") == 1
    assert value(report, "parts.mean") is None
    assert value(report, "parts.head") is None


def test_distances_on_the_real_body(shared: Path, tmp_path: Path):
    path = shared / "densepose" / "surface.npz"
    if not path.is_file():
        pytest.skip(f"needs the body surface {path}")
    body = Surface(path)
    source = write_data(tmp_path, [[LEFT]], dense=True)
    report = measure(source, [[LEFT]], body)
    assert value(report, "dense.median_distance") == 0
    swapped = replace(LEFT, charts=CHART_MIRROR[LEFT.charts])
    worse = measure(source, [[swapped]], body)
    assert value(worse, "dense.median_distance") > 0.1
    assert value(worse, "precision.gps") < 0.5


def test_a_bag_is_nobodys(tmp_path: Path):
    bag = encode_mask(np.ones((20, 15), bool), (10, 20, 15, 20), SIZE)
    source = write_data(tmp_path, [[LEFT]], people=[{"carried": bag}])
    without = replace(LEFT, mask=LEFT.mask.copy())
    without.mask[:20, :15] = False
    for report in (measure(source, [[without]]), measure_people(source, [without])):
        assert value(report, "mask.iou") == 1
