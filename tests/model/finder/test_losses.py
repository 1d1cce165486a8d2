"""Which places answer for which person, and what they pay."""

import keras
import numpy as np
import pytest

from model.finder.losses import CANDIDATES, assign, finder_losses, iou
from model.finder.network import places
from model.finder.samples import IGNORED, PERSON

SIDE, BINS = 64, 11
CENTRES, STRIDES = (np.float32(values) for values in places(SIDE, SIDE))
COUNT = len(CENTRES)


def table(*rows: tuple[float, ...]) -> np.ndarray:
    """Labels [1, 8, 5] of rows; the rest is padding."""
    labels = np.zeros((1, 8, 5), np.float32)
    for index, row in enumerate(rows):
        labels[0, index] = row
    return labels


def assigned(labels: np.ndarray, boxes: np.ndarray, scores: np.ndarray | None = None) -> list[np.ndarray]:
    """Target, box and counts of the places that predict these boxes."""
    scores = np.full((1, COUNT), 0.5, np.float32) if scores is None else scores
    return [np.array(x)[0] for x in assign(scores, boxes.astype("float32"), labels, CENTRES, STRIDES)]


def everywhere(*box: float) -> np.ndarray:
    """[1, A, 4]: every place predicts this box."""
    return np.broadcast_to(np.float32(box), (1, COUNT, 4))


def inside(box: tuple[float, ...]) -> np.ndarray:
    x0, y0, x1, y1 = box[:4]
    return ((CENTRES - (x0, y0) > 0) & (CENTRES - (x1, y1) < 0)).all(axis=1)


@pytest.mark.parametrize(
    ("a", "b", "plain", "generalized"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1, 1),
        ((0, 0, 10, 10), (5, 0, 15, 10), 1 / 3, 1 / 3),
        ((0, 0, 10, 10), (20, 0, 30, 10), 0, -1 / 3),
        ((0, 0, 10, 10), (0, 0, 0, 0), 0, 0),
    ],
)
def test_iou(a, b, plain, generalized):
    a, b = np.float32(a), np.float32(b)
    assert float(iou(a, b)) == pytest.approx(plain, abs=1e-5)
    assert float(iou(a, b, generalized=True)) == pytest.approx(generalized, abs=1e-5)


def test_the_best_places_of_a_person_answer_for_it():
    person = (8, 8, 56, 56)
    target, box, counts = assigned(table((*person, PERSON)), everywhere(*person))
    mine = target > 0
    assert mine.sum() >= CANDIDATES
    assert not (mine & ~inside(person)).any()
    np.testing.assert_allclose(target[mine], 1, atol=1e-4)
    np.testing.assert_array_equal(box[mine], np.broadcast_to(person, (mine.sum(), 4)))
    assert counts.all()


def test_the_target_falls_with_the_fit():
    """The best place should score its IoU, and others by how much less they fit."""
    person = (8, 8, 56, 56)
    scores = np.full((1, COUNT), 0.1, np.float32)
    first, second = np.flatnonzero(inside(person))[:2]
    scores[0, first], scores[0, second] = 0.8, 0.4
    target, *_ = assigned(table((*person, PERSON)), everywhere(8, 8, 56, 32), scores)
    assert target.argmax() == first
    assert target[first] == pytest.approx(0.5, abs=1e-3)
    assert target[second] == pytest.approx(0.25, abs=1e-2)


def test_a_place_that_fits_two_people_answers_for_the_better():
    left, right = (0, 0, 40, 64), (16, 0, 64, 64)
    target, box, _ = assigned(table((*left, PERSON), (*right, PERSON)), everywhere(18, 0, 64, 64))
    both = inside(left) & inside(right) & (target > 0)
    assert both.any()
    np.testing.assert_array_equal(box[both], np.broadcast_to(right, (both.sum(), 4)))


def test_a_person_smaller_than_the_distance_of_places_has_one():
    person = (5, 5, 7, 7)
    assert not inside(person).any()
    target, *_ = assigned(table((*person, PERSON)), everywhere(4, 4, 8, 8))
    assert (target > 0).any()
    distances = np.abs(CENTRES - 6).max(axis=-1)
    assert (distances < 0.75 * STRIDES)[target > 0].all()


def test_nobody():
    target, _, counts = assigned(table(), everywhere(0, 0, 32, 32))
    assert not target.any()
    assert counts.all()


def test_ignored_regions_do_not_count_but_people_in_them_do():
    region, person = (0, 0, 64, 40), (8, 8, 24, 32)
    target, _, counts = assigned(table((*region, IGNORED), (*person, PERSON)), everywhere(*person))
    assert (target[inside(person)] > 0).any()
    assert counts[target > 0].all()
    np.testing.assert_array_equal(counts[target == 0] > 0, ~inside(region)[target == 0])


def losses(labels: np.ndarray, found: np.ndarray) -> dict[str, float]:
    terms = finder_losses(labels, found.astype("float32"), CENTRES, STRIDES, BINS)
    return {name: float(value) for name, value in terms.items()}


def predicted(logit: float) -> np.ndarray:
    """[1, A, 1 + 4·bins]: the same everywhere; boxes reach two strides each way."""
    found = np.zeros((1, COUNT, 1 + 4 * BINS), np.float32)
    found[..., 0] = logit
    boxes = np.full((COUNT, 4, BINS), -20, np.float32)
    boxes[:, :, 2] = 20
    found[0, :, 1:] = boxes.reshape(COUNT, -1)
    return found


def test_ignored_regions_cost_nothing():
    everything = table((-8, -8, 72, 72, IGNORED))
    assert losses(everything, predicted(5.0)) == {"score": 0, "box": 0, "bins": 0}
    assert losses(table(), predicted(5.0))["score"] > 1
    assert losses(table(), predicted(-12.0))["score"] == pytest.approx(0, abs=1e-6)


def test_what_is_predicted_right_costs_little():
    """A place of stride 16 whose box reaches two strides each way."""
    at = int(np.flatnonzero((STRIDES == 16) & (CENTRES == (24, 24)).all(axis=1))[0])
    x, y = CENTRES[at]
    labels = table((x - 32, y - 32, x + 32, y + 32, PERSON))
    right, wrong = predicted(-8.0), predicted(-8.0)
    right[0, at, 0] = 8
    cost = losses(labels, right)
    assert cost["box"] < 0.1
    assert cost["bins"] < 0.1
    assert cost["score"] < 0.1
    assert losses(labels, wrong)["score"] > 10 * cost["score"]
    wrong[0, :, 1:] = np.roll(wrong[0, :, 1:].reshape(COUNT, 4, BINS), 6, axis=-1).reshape(COUNT, -1)
    assert losses(labels, wrong)["box"] > 3 * cost["box"] + 0.1


def test_gradients_are_finite():
    import tensorflow as tf

    labels = np.concatenate([table(), table((4, 4, 5, 60, PERSON), (0, 0, 64, 64, IGNORED))])
    found = tf.Variable(keras.random.normal((2, COUNT, 1 + 4 * BINS), seed=1))
    with tf.GradientTape() as tape:
        total = sum(finder_losses(labels, found, CENTRES, STRIDES, BINS).values())
    gradient = tape.gradient(total, found).numpy()
    assert np.isfinite(gradient).all()
    assert gradient[0].any()
