"""Predictions on the mirror image are those on the image, and so is the mean of both."""

import dataclasses

import numpy as np
import pytest

from annotator.examples import EXAMPLES
from annotator.geometry.letterbox import Letterbox
from annotator.inference.flip_augmentation import average, mirror, predict
from annotator.inference.network import Network
from annotator.labels.label_space import CHART_TO_PART
from annotator.labels.maps import Maps
from annotator.photos.finding import find_photos
from annotator.photos.reading import read_photo


def maps(seed: int) -> Maps:
    """Random maps of two images of 32×32 with two votes."""
    rng = np.random.default_rng(seed)
    shape = (2, 16, 16)
    charts = rng.integers(1, 25, shape).astype(np.uint8)
    person, part, chart, u, v = rng.random((5, *shape), np.float32)
    head_vectors = rng.normal(0, 1, (*shape, 4)).astype(np.float32)
    keypoints = rng.random((2, 8, 8, 17), np.float32)
    return Maps(person, CHART_TO_PART[charts], part, charts, chart, u, v, head_vectors, keypoints)


def test_mirroring_twice_changes_nothing():
    plain = maps(0)
    twice = mirror(mirror(plain))
    for field in dataclasses.fields(Maps):
        np.testing.assert_allclose(getattr(twice, field.name), getattr(plain, field.name), atol=1e-6)
    assert (CHART_TO_PART[mirror(plain).charts] == mirror(plain).parts).all()


def test_a_mirrored_person_has_the_other_side(tmp_path):
    plain = maps(1)
    plain.parts[0, 3, 2], plain.charts[0, 3, 2] = 2, 3  # a right hand at the left of the image
    plain.u[0, 3, 2], plain.v[0, 3, 2] = 0.1, 0.7
    plain.head_vectors[0, 3, 2] = 0.5, -0.25, 0.125, 1.0
    plain.keypoints[0, 4, 1, 9] = 2.0  # the left wrist
    flipped = mirror(plain)
    assert (flipped.parts[0, 3, 13], flipped.charts[0, 3, 13]) == (3, 4)
    assert (flipped.u[0, 3, 13], flipped.v[0, 3, 13]) == pytest.approx((0.9, 0.7))
    np.testing.assert_allclose(flipped.head_vectors[0, 3, 13], [-0.5, -0.25, -0.125, 1.0])
    assert flipped.keypoints[0, 4, 6, 10] == 2.0


def test_where_both_predictions_disagree_the_more_certain_one_counts():
    a, b = maps(2), maps(3)
    both = average(a, b)
    sure = a.chart_confidence > b.chart_confidence
    assert (both.charts == np.where(sure, a.charts, b.charts)).all()
    differ = a.charts != b.charts
    assert (both.u[differ] == np.where(sure, a.u, b.u)[differ]).all()
    np.testing.assert_allclose(both.u[~differ], ((a.u + b.u) / 2)[~differ])
    halved = np.maximum(a.chart_confidence, b.chart_confidence) / 2
    np.testing.assert_allclose(both.chart_confidence[differ], halved[differ])
    for field in dataclasses.fields(Maps):
        np.testing.assert_array_equal(getattr(average(a, a), field.name), getattr(a, field.name))
        assert getattr(both, field.name).dtype == getattr(a, field.name).dtype


def test_a_mirrored_photo_gets_mirrored_labels():
    network = Network()
    photo = read_photo(find_photos(EXAMPLES)[0])
    square = Letterbox((photo.shape[1], photo.shape[0]), network.side).apply(photo)[None]
    plain = predict(network, square, flip_augment=True)
    other = mirror(predict(network, np.ascontiguousarray(square[:, :, ::-1]), flip_augment=True))
    np.testing.assert_allclose(plain.person, other.person, atol=1e-5)
    np.testing.assert_allclose(plain.keypoints, other.keypoints, atol=1e-5)
    np.testing.assert_allclose(plain.head_vectors, other.head_vectors, atol=1e-4)
    people = plain.person > 0.5
    assert (plain.charts == other.charts)[people].mean() > 0.999
    assert np.abs(predict(network, square, flip_augment=False).person - plain.person).max() > 0.01
