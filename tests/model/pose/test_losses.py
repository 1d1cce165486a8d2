"""The mask's losses: low where it is right, and nothing is learnt of pixels that are not known."""

import keras
import numpy as np
import pytest

from model.pose.losses import DICE_WEIGHT, mask_losses

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
