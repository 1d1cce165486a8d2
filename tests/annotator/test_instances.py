"""People come apart as DBSCAN says, at a fraction of its cost."""

import numpy as np
import pytest
from sklearn.cluster import DBSCAN
from sklearn.metrics import adjusted_rand_score

from annotator.images import Letterbox, find_photos, read_photo
from annotator.instances import Split, cluster, split_people
from annotator.network import Network

THESIS = Split(merge=0.0)


def scene(centres, noise: float = 0.002, seed: int = 0):
    """Mask and embeddings (128×128, stride 2) of people side by side whose heads are at ``centres``."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((128, 128), bool)
    heads = rng.normal(0, 0.3, (128, 128, 2)).astype(np.float32)
    truth = np.zeros((128, 128), int)
    for i, centre in enumerate(centres):
        x = 4 + i * 124 // len(centres)
        box = np.s_[20:110, x : x + 16]
        mask[box] = True
        truth[box] = i + 1
        heads[box] = np.array(centre) + rng.normal(0, noise, (90, 16, 2))
    return mask, heads, truth


def same_partition(a: np.ndarray, b: np.ndarray) -> bool:
    return adjusted_rand_score(a.ravel(), b.ravel()) > 0.999


@pytest.mark.parametrize("count", [1, 2, 5])
def test_people_come_apart(count):
    mask, heads, truth = scene([(-0.4 + 0.2 * i, -0.3) for i in range(count)])
    labels = split_people(mask, heads, THESIS, 2)
    assert labels.max() == count
    assert same_partition(labels, truth)


def test_touching_people_come_apart_where_embeddings_do():
    mask, heads, _ = scene([(0.0, 0.0)])
    heads[20:110, 12:20] += 0.2
    labels = split_people(mask, heads, Split(), 2)
    assert labels.max() == 2
    assert labels[50, 5] != labels[50, 18]


def test_noise_joins_its_person_and_no_hole_stays():
    mask, heads, truth = scene([(-0.2, 0.0), (0.2, 0.0)])
    heads[60, 4:20] = (-0.1, 0.05)
    labels = split_people(mask, heads, Split(), 2)
    assert ((labels > 0) == mask).all()
    assert same_partition(labels, truth)


def test_blurred_embeddings_do_not_shatter_a_person():
    mask, heads, _ = scene([(0.0, 0.0)], noise=0.001)
    # Three clumps a few pixels apart, as an unsure network gives them at head, body and legs.
    for rows, shift in ((slice(20, 40), -0.025), (slice(40, 90), 0), (slice(90, 110), 0.025)):
        heads[rows, 4:20, 1] += shift
    assert split_people(mask, heads, THESIS, 2).max() == 3
    assert split_people(mask, heads, Split(), 2).max() == 1


def test_region_of_nothing_but_noise_is_a_person_if_large():
    mask, heads, _ = scene([(0.0, 0.0)], noise=0.3)
    assert split_people(mask, heads, Split(), 2).max() == 1
    small = np.zeros_like(mask)
    small[20:23, 4:8] = True
    assert split_people(small, heads, Split(), 2).max() == 0


def test_nothing_in_nothing_out():
    labels = split_people(np.zeros((8, 8), bool), np.zeros((8, 8, 2), np.float32), Split(), 2)
    assert labels.shape == (8, 8)
    assert not labels.any()


@pytest.mark.parametrize("noise", [0.001, 0.003, 0.006])
@pytest.mark.parametrize("seed", range(4))
def test_grid_gives_the_clusters_of_plain_dbscan(noise, seed):
    mask, heads, _ = scene([(-0.3, 0.1), (0.0, 0.0), (0.05, 0.0), (0.4, -0.2)], noise, seed)
    compare_with_dbscan(heads[mask])


def compare_with_dbscan(embeddings: np.ndarray) -> None:
    embeddings = embeddings.astype(np.float64)
    plain = DBSCAN(eps=0.01, min_samples=25).fit(embeddings)
    fast = cluster(embeddings, 0.01, 25)
    core = np.zeros(len(embeddings), bool)
    core[plain.core_sample_indices_] = True
    if core.any():
        assert adjusted_rand_score(plain.labels_[core], fast[core]) >= 0.99
    assert len(np.unique(plain.labels_[core])) == len(np.unique(fast[core]))


def test_grid_gives_the_clusters_of_plain_dbscan_on_real_maps(shared):
    network = Network()
    checked = 0
    for source in ("ccp", "pennfudan", "tiny_coco"):
        for path in find_photos(shared / "data" / "real" / source / "images")[:3]:
            photo = read_photo(path)
            letterbox = Letterbox((photo.shape[1], photo.shape[0]), network.side)
            maps = network.run(letterbox.apply(photo)[None])
            mask = maps.person[0] > 0.5
            if mask.sum() > 100:
                compare_with_dbscan(maps.heads[0][mask][:, :2])
                checked += 1
    assert checked >= 6


def test_a_second_vote_tells_people_with_near_heads_apart():
    mask, heads, truth = scene([(0.0, 0.0), (0.01, 0.0)])
    _, pelvises, _ = scene([(-0.2, 0.3), (0.2, 0.3)])
    assert split_people(mask, heads, Split(), 2).max() == 1
    labels = split_people(mask, np.dstack([heads, pelvises]), Split(), 2)
    assert labels.max() == 2
    assert adjusted_rand_score(truth[mask], labels[mask]) > 0.99
    # Where the second votes agree, or agree on nothing, the first ones decide.
    _, same, _ = scene([(0.0, 0.3), (0.0, 0.3)])
    _, scattered, _ = scene([(0.0, 0.3), (0.0, 0.3)], noise=0.3)
    for second in (same, scattered):
        assert split_people(mask, np.dstack([heads, second]), Split(), 2).max() == 1
