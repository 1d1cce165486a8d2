import numpy as np
import pytest

from annotator.evaluation.similarity import (
    CHART_GROUPS,
    KAPPAS,
    gps,
    gpsm,
    keypoint_similarities,
    keypoints_right,
    mask_iou,
)
from annotator.labels.label_space import CHART_TO_PART, KEYPOINT_SIGMAS


def test_mask_iou_counts_valid_pixels_only():
    a = np.array([[1, 1, 0, 0]], bool)
    b = np.array([[0, 1, 1, 0]], bool)
    assert mask_iou(a, b) == pytest.approx(1 / 3)
    assert mask_iou(a, b, np.array([[0, 1, 1, 1]], bool)) == pytest.approx(1 / 2)
    assert mask_iou(a, b, np.array([[0, 0, 0, 1]], bool)) is None


def test_oks_is_that_of_pycocotools():
    from pycocotools.cocoeval import COCOeval

    rng = np.random.default_rng(3)
    true = rng.uniform(0, 100, (17, 2))
    points = true + rng.normal(0, 4, (17, 2))
    labelled = rng.random(17) < 0.6
    area = 2345.5
    coco = COCOeval(iouType="keypoints")
    coco.params.maxDets = [20]
    record = {"keypoints": np.column_stack([true, 2 * labelled]).ravel(), "area": area, "bbox": [0, 0, 1, 1]}
    coco._gts[1, 1] = [record]
    coco._dts[1, 1] = [{"keypoints": np.column_stack([points, np.ones(17)]).ravel(), "score": 1}]
    similarities = keypoint_similarities(points, np.ones(17, bool), true, labelled, area)
    assert similarities.shape == (labelled.sum(),)
    assert similarities.mean() == pytest.approx(coco.computeOks(1, 1)[0, 0], rel=1e-6)


def test_a_keypoint_at_one_deviation():
    # 2 · sigma · sqrt(area) pixels off: exp(−1/2).
    true = np.zeros((17, 2))
    points = np.column_stack([2 * KEYPOINT_SIGMAS * 30, np.zeros(17)])
    everything = np.ones(17, bool)
    assert keypoint_similarities(points, everything, true, everything, 900) == pytest.approx(np.exp(-0.5))


def test_keypoints_not_found_are_wrong_and_unlabelled_ones_do_not_count():
    true = np.full((17, 2), 50.0)
    points = true.copy()
    points[1] += 6, 8  # 10 pixels off
    found, labelled = np.ones(17, bool), np.zeros(17, bool)
    labelled[:3] = True
    found[2] = False
    assert keypoints_right(points, found, true, labelled, 100.0).tolist() == [True, False, False]
    assert keypoints_right(points, found, true, labelled, 101.0).tolist() == [True, True, False]
    assert keypoint_similarities(points, found, true, labelled, 1e9).round(3).tolist() == [1, 1, 0]


def test_gps_by_hand():
    # Torso at its kappa, right hand at twice its kappa, the head exact, a foot not found.
    distances = np.array([0.351, 2 * 0.107, 0, np.inf])
    charts = np.array([1, 3, 24, 5])
    assert gps(distances, charts) == pytest.approx((np.exp(-0.5) + np.exp(-2) + 1 + 0) / 4)
    assert gpsm(0.25, 0.64) == pytest.approx(0.4)
    assert gpsm(0.0, 0.64) == 0


def test_charts_of_one_group_lie_on_the_same_kind_of_part():
    kinds = [0, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8]  # of parts: left and right are one kind
    assert [kinds[part] for part in CHART_TO_PART] == CHART_GROUPS.tolist()
    assert len(KAPPAS) == CHART_GROUPS.max() + 1
