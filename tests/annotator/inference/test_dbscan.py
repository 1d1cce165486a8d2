"""Clustering head vectors in cells finds the people that clustering them one by one finds."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.cluster import DBSCAN
from sklearn.metrics import adjusted_rand_score

from annotator.examples import EXAMPLES
from annotator.geometry.letterbox import Letterbox
from annotator.inference.dbscan import NOISE, cluster, group_by_dbscan
from annotator.inference.network import Network
from annotator.inference.settings import DbscanSettings
from annotator.photos.finding import find_photos
from annotator.photos.reading import read_photo

SETTINGS = DbscanSettings()
SIDE = 128
"""Of maps at stride 2 of a 256×256 input: a pixel counts as 4 samples."""


def plain(points: np.ndarray, eps: float = 0.01, min_samples: int = 25) -> DBSCAN:
    """Of every point by itself, as the thesis does it."""
    return DBSCAN(eps=eps, min_samples=min_samples).fit(np.asarray(points, np.float64))


def blobs(centres, deviation: float, count: int = 400, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.concatenate([np.array(centre) + rng.normal(0, deviation, (count, 2)) for centre in centres])


def scene(*heads: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Mask and head vectors of people side by side, 20×90 pixels each and 4 apart."""
    mask, head_vectors = np.zeros((SIDE, SIDE), bool), np.full((SIDE, SIDE, 2), 9, np.float32)
    for i, head in enumerate(heads):
        box = np.s_[20:110, 4 + 24 * i : 24 + 24 * i]
        mask[box], head_vectors[box] = True, head
    return mask, head_vectors


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("eps", [0.0001, 0.005, 0.01, 0.03])
def test_well_separated_people_are_those_of_plain_dbscan(seed, eps):
    centres = [(-0.3, -0.2), (-0.2, -0.25), (0.1, 0.0), (0.4, -0.4)]
    points = blobs(centres, eps / 4, seed=seed)
    found = cluster(points, DbscanSettings(eps, 25))
    assert (found == plain(points, eps).labels_).all()
    assert found.max() == 3


@pytest.mark.parametrize("seed", range(5))
def test_noisy_people_are_those_of_plain_dbscan_but_for_border_pixels(seed):
    rng = np.random.default_rng(seed)
    stray = rng.uniform(-0.5, 0.5, (400, 2))
    # Wide tails, in which DBSCAN finds border and noise.
    points = np.concatenate([blobs([(-0.3, 0.0), (0.0, 0.0), (0.3, 0.1)], 0.012, seed=seed), stray])
    expected = plain(points)
    core = np.zeros(len(points), bool)
    core[expected.core_sample_indices_] = True
    found = cluster(points, DbscanSettings(min_samples=25))
    assert expected.labels_.max() == found.max() == 2
    assert (expected.labels_ == NOISE).sum() > 300
    assert adjusted_rand_score(expected.labels_[core], found[core]) > 0.99
    assert (expected.labels_ != found).mean() < 0.02


@pytest.mark.parametrize("photo", find_photos(EXAMPLES), ids=lambda path: path.stem)
def test_people_on_photos_are_those_of_plain_dbscan(photo):
    network = Network()
    image = read_photo(photo)
    maps = network.run(Letterbox(image.shape[1::-1], network.side).apply(image)[None])[0]
    points = maps.head_vectors[maps.person >= 0.5][:, :2]
    expected = plain(points).labels_
    found = cluster(points, SETTINGS, weight=4)
    assert found.max() == expected.max() >= 0
    assert adjusted_rand_score(expected, found) > 0.99


def test_a_pixel_counts_as_the_pixels_of_a_256_input_that_it_stands_for():
    # 4 × 4 = 16 pixels of a map of 128: 64 of the input.
    mask = np.zeros((SIDE, SIDE), bool)
    mask[10:14, 10:14] = True
    for side, samples in ((128, 64), (64, 256), (256, 16)):
        small, head_vectors = mask[:side, :side], np.zeros((side, side, 2), np.float32)
        if side > SIDE:
            small = np.pad(mask, (0, side - SIDE))
        assert group_by_dbscan(small, head_vectors, DbscanSettings(min_samples=samples)).max() == 1
        assert group_by_dbscan(small, head_vectors, DbscanSettings(min_samples=samples + 1)).max() == 0
    # The longer side is that of the input.
    wide = np.pad(mask[:64], ((0, 0), (0, 128)))
    assert (
        group_by_dbscan(wide, np.zeros((64, 256, 2), np.float32), DbscanSettings(min_samples=17)).max() == 0
    )


def test_only_the_head_counts():
    mask, head_vectors = scene((-0.2, 0.0), (0.2, 0.0))
    pelvises = np.random.default_rng(0).normal(0, 0.3, head_vectors.shape).astype(np.float32)
    alone = group_by_dbscan(mask, head_vectors, SETTINGS)
    assert alone.max() == 2
    assert (group_by_dbscan(mask, np.dstack([head_vectors, pelvises]), SETTINGS) == alone).all()


def test_noise_goes_to_the_nearest_person():
    mask, head_vectors = scene((-0.2, 0.0), (0.2, 0.0))
    mask[60:64, 24:28] = True  # somebody's arm on the other's shoulder: one region
    head_vectors[60:64, 24:26], head_vectors[60:64, 26:28] = (-0.1, 0.0), (0.1, 0.0)
    labels = group_by_dbscan(mask, head_vectors, SETTINGS)
    assert ((labels > 0) == mask).all()
    assert (labels[60:64, 24:26] == labels[50, 10]).all()
    assert (labels[60:64, 26:28] == labels[50, 30]).all()
    assert labels[50, 10] != labels[50, 30]


def test_noise_is_nobody_where_most_of_a_region_is_noise():
    mask, head_vectors = scene((-0.2, 0.0), (0.2, 0.0))
    head_vectors[:, 28:48] = np.random.default_rng(0).uniform(0.3, 0.8, (SIDE, 20, 2))
    head_vectors[20:24, 28:48] = (-0.2, 0.0)
    labels = group_by_dbscan(mask, head_vectors, SETTINGS)
    assert labels.max() == 1
    assert labels[50, 10] == 1
    assert (labels[20:24, 28:48] == 1).all()
    assert not labels[24:, 28:48].any()
    only_noise = mask & (np.arange(SIDE) >= 28) & (np.arange(SIDE)[:, None] >= 24)
    assert not group_by_dbscan(only_noise, head_vectors, SETTINGS).any()


def test_nothing_in_nothing_out():
    labels = group_by_dbscan(np.zeros((8, 8), bool), np.zeros((8, 8, 2), np.float32), SETTINGS)
    assert labels.shape == (8, 8)
    assert not labels.any()


def test_scikit_learn_is_imported_only_when_it_clusters():
    code = (
        "import sys, annotator.inference.pipeline, annotator.inference.box_prompt\n"
        "print('sklearn' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
