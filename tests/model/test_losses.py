"""Each loss counts where a label exists, and nowhere else."""

import numpy as np
import pytest
from keras import ops

from model.label_values import IGNORE, KEYPOINT_PEAK, SOME
from model.losses import (
    Term,
    head_vector_loss,
    keypoint_loss,
    label_loss,
    log_cosh,
    losses,
    person_loss,
    uv_loss,
)


def value(tensor) -> float:
    return float(ops.convert_to_numpy(tensor))


def test_log_cosh_is_exact_and_does_not_overflow():
    x = np.array([-2.0, -0.1, 0.0, 0.3, 5.0], np.float32)
    np.testing.assert_allclose(ops.convert_to_numpy(log_cosh(x)), np.log(np.cosh(x)), atol=1e-6)
    assert value(log_cosh(np.float32(1e4))) == pytest.approx(1e4 - np.log(2), rel=1e-6)


def test_person_loss_is_binary_cross_entropy():
    label = np.array([[[1, 0]]])
    logit = np.array([[[[0.7], [0.7]]]], np.float32)
    p = 1 / (1 + np.exp(-0.7))
    assert value(person_loss(label, logit)) == pytest.approx(-(np.log(p) + np.log(1 - p)) / 2, rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "label", "prediction"),
    [
        (person_loss, np.array([[[1, IGNORE]]]), np.zeros((1, 1, 2, 1))),
        (label_loss, np.array([[[3, IGNORE]]]), np.zeros((1, 1, 2, 15))),
        (keypoint_loss, np.stack([np.array([[[KEYPOINT_PEAK, IGNORE]]])] * 17, -1), np.zeros((1, 1, 2, 17))),
        (head_vector_loss, np.array([[[[0.1, 0.2, 1], [9, 9, 0]]]]), np.zeros((1, 1, 2, 2))),
    ],
)
def test_ignored_pixels_change_nothing(loss, label, prediction):
    prediction = prediction.astype(np.float32)
    before = value(loss(label, prediction))
    prediction[0, 0, 1] = 50.0
    assert value(loss(label, prediction)) == before > 0
    prediction[0, 0, 0] = 50.0
    assert value(loss(label, prediction)) != before


def test_some_wants_anything_but_background():
    label = np.array([[[SOME]]])
    logits = np.zeros((1, 1, 1, 15), np.float32)
    assert value(label_loss(label, logits)) == pytest.approx(-np.log(14 / 15), rel=1e-5)
    logits[..., 7] = 20
    assert value(label_loss(label, logits)) == pytest.approx(0, abs=1e-5)
    logits[..., 7] = 0
    logits[..., 0] = 20
    assert value(label_loss(label, logits)) > 15


def test_background_weight_of_charts():
    label = np.array([[[0, 5]]])
    logits = np.zeros((1, 1, 2, 25), np.float32)
    logits[0, 0, 0, 9] = 4
    full, light = (value(label_loss(label, logits, "all", weight)) for weight in (1.0, 0.0))
    assert light == pytest.approx(np.log(25) / 2, rel=1e-5)
    assert full > light


def test_uv_counts_the_true_chart_only():
    charts = np.array([[[4, 0, SOME, IGNORE]]])
    uv = np.full((1, 1, 4, 2), 255)
    prediction = np.zeros((1, 1, 4, 48), np.float32)
    prediction[0, 0, 0, 3] = 1.0  # U of chart 4
    expected = np.log(np.cosh(1.0))  # V of chart 4 is 0, should be 1
    assert value(uv_loss(charts, uv, prediction)) == pytest.approx(expected, rel=1e-5)
    prediction[0, 0, :, 10:20] = 7
    prediction[0, 0, 1:] = 9
    assert value(uv_loss(charts, uv, prediction)) == pytest.approx(expected, rel=1e-5)


def test_mean_over_all_pixels_is_smaller_by_the_share_that_counts():
    label = np.array([[[1, IGNORE, IGNORE, IGNORE]]])
    logit = np.zeros((1, 1, 4, 1), np.float32)
    assert value(person_loss(label, logit, "all")) == pytest.approx(value(person_loss(label, logit)) / 4)


def test_no_label_at_all_is_no_loss():
    label = np.full((1, 2, 2), IGNORE)
    assert value(label_loss(label, np.ones((1, 2, 2, 15), np.float32))) == 0


def test_only_terms_of_existing_outputs():
    labels = {"person": np.ones((1, 1, 1), np.uint8), "charts": np.ones((1, 1, 1), np.uint8)}
    maps = {"person": np.zeros((1, 1, 1, 1), np.float32)}
    terms = {"person": Term(2.0), "charts": Term(1.0)}
    result = losses(labels, maps, terms)
    assert list(result) == ["person"]
    assert value(result["person"]) == pytest.approx(2 * np.log(2), rel=1e-5)


def test_balance_makes_rare_classes_count():
    label = np.zeros((1, 10, 10), np.uint8)
    label[0, 0, 0] = 2
    logits = np.zeros((1, 10, 10, 4), np.float32)
    logits[..., 2] = 3.0  # right on one pixel, wrong on 99
    plain, balanced = (value(label_loss(label, logits, balance=b)) for b in (0.0, 0.5))
    right, wrong = (np.log(np.exp([0, 0, 3, 0]).sum()) - x for x in (3, 0))
    assert plain == pytest.approx((right + 99 * wrong) / 100, rel=1e-5)
    # Two classes are there: shares 0.02 and 1.98 of an even one.
    weights = np.array([0.02, 1.98]) ** -0.5
    expected = (weights[0] * right + 99 * weights[1] * wrong) / (weights[0] + 99 * weights[1])
    assert balanced == pytest.approx(expected, rel=1e-5)
    label[0, 5:] = IGNORE
    assert value(label_loss(label, logits, balance=0.5)) != pytest.approx(balanced)


def test_unit_is_where_errors_count_by_their_size():
    label = np.array([[[[0.0, 0.0, 1.0]]]], np.float32)
    for error in (0.02, 0.5):
        prediction = np.array([[[[error, 0.0]]]], np.float32)
        expected = np.log(np.cosh(error / 0.1))
        assert value(head_vector_loss(label, prediction, unit=0.1)) == pytest.approx(expected, rel=1e-4)
