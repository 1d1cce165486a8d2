"""The losses are low where mask and surface are right, and nothing is learnt of pixels that are not known."""

import keras
import numpy as np
import pytest

from annotator.labels.label_space import CHART_TO_PART
from model.pose.losses import DICE_WEIGHT, PART_WEIGHT, UV_UNIT, UV_WEIGHT, mask_losses, surface_losses
from model.pose.surface_labels import CHARTS_OF, PART_LABEL

MASK = np.zeros((2, 16, 16), np.float32)
MASK[:, 2:14, 4:12] = 1
ALL = np.ones_like(MASK)


def losses(logits: np.ndarray, known: np.ndarray = ALL, mask: np.ndarray = MASK) -> tuple[float, float]:
    terms = mask_losses({"mask": mask, "known": known}, np.float32(logits)[..., None])
    return float(terms["cross_entropy"]), float(terms["dice"])


def test_they_are_those_of_their_names():
    assert losses(0 * MASK)[0] == pytest.approx(np.log(2), rel=1e-5)
    assert losses(40 * MASK - 20) == pytest.approx((0, 0), abs=1e-4)
    # 96 pixels of 256, 128 found: (96 + 40) / (96 + 128 + 40)
    assert losses(0 * MASK)[1] == pytest.approx(DICE_WEIGHT * (1 - 136 / 264), rel=1e-5)


def test_what_is_not_known_does_not_count():
    known = ALL.copy()
    known[:, :, 10:] = 0
    wrong = np.where(known > 0, 40 * MASK - 20, 20 - 40 * MASK)
    assert losses(wrong, known) == pytest.approx((0, 0), abs=1e-4)
    assert losses(wrong)[0] > 1


def test_of_a_batch_of_which_nothing_is_known_they_are_nothing():
    assert losses(5 + MASK, 0 * ALL) == (0, 0)


def test_a_share_of_a_pixel_is_what_it_should_be():
    half = np.full_like(MASK, 0.5)
    gradients = [losses(np.full_like(MASK, at), mask=half)[0] for at in (-0.2, 0.0, 0.2)]
    assert gradients[1] == min(gradients)
    assert keras.ops.is_tensor(mask_losses({"mask": MASK, "known": ALL}, MASK[..., None])["dice"])


def test_a_label_is_a_chart_or_all_charts_of_a_part():
    assert not CHARTS_OF[0].any()
    np.testing.assert_array_equal(CHARTS_OF[1 : PART_LABEL + 1], np.eye(24, dtype=bool))
    for part in range(1, 15):
        np.testing.assert_array_equal(CHARTS_OF[PART_LABEL + part], CHART_TO_PART[1:] == part)


def surface(label: int, charts: np.ndarray, uv_chart: int = 0, uv=(0, 0), found=(0.0, 0.0)) -> dict:
    """The terms where all pixels have one label, logits (24,), and U, V ``found`` on all charts; labels 0..255."""
    labels = {
        "surface": np.full((1, 8, 8), label, np.uint8),
        "uv_charts": np.full((1, 4, 4), uv_chart, np.uint8),
        "uv": np.full((1, 4, 4, 2), uv, np.uint8),
    }
    logits = {
        "charts": np.broadcast_to(np.float32(charts), (1, 8, 8, 24)),
        "uv": np.broadcast_to(np.repeat(np.float32(found), 24), (1, 4, 4, 48)),
    }
    return {name: float(value) for name, value in surface_losses(labels, logits).items()}


def test_a_chart_is_to_be_the_most_probable_and_of_a_part_any():
    sure = np.where(np.arange(24) == 6, 20.0, 0.0)  # chart 7, the back of the right upper leg
    assert surface(7, sure)["charts"] == pytest.approx(0, abs=1e-4)
    assert surface(8, sure)["charts"] == pytest.approx(20, abs=0.1)
    assert surface(8, np.zeros(24))["charts"] == pytest.approx(np.log(24), rel=1e-4)
    either = np.where(CHARTS_OF[PART_LABEL + 6], 20.0, 0.0)
    assert surface(PART_LABEL + 6, either)["parts"] == pytest.approx(0, abs=1e-4)
    assert surface(PART_LABEL + 6, np.zeros(24))["parts"] == pytest.approx(PART_WEIGHT * np.log(12), rel=1e-4)
    assert surface(PART_LABEL + 6, sure)["charts"] == surface(7, sure)["parts"] == 0
    assert set(surface(0, sure).values()) == {0}


def test_u_and_v_are_those_of_the_known_chart():
    right, wrong = ((0.2, 0.6), (0.6, 0.2))
    labelled = (51, 153)
    assert surface(0, np.zeros(24), 3, labelled, right)["uv"] == pytest.approx(0, abs=1e-4)
    far = 2 * UV_WEIGHT * (0.4 / UV_UNIT - np.log(2))
    assert surface(0, np.zeros(24), 3, labelled, wrong)["uv"] == pytest.approx(far, rel=1e-3)
    assert surface(3, np.zeros(24), 0, labelled, wrong)["uv"] == 0
